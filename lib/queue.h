/*
 * queue.h - the durable queue: changes, refs, deliveries and the journal.
 *
 * The only module that knows the tables (lib/queue*.c; docs/queue.md). One open
 * queue, one thread. Whoever opens it owns STATE; anyone else gets ERR_PERM.
 * Writers: the sender (which holds sender.lock), the poller (polls only) and an
 * operator's command. Every change of state writes its journal row in the same
 * transaction; the trail is rendered from those rows.
 *
 * Strings handed out live in the arena given, or until the callback returns.
 * Times are wall-clock microseconds. Object ids are hex; all zeros is "none".
 */
#ifndef QUEUE_H
#define QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "change.h"
#include "err.h"
#include "mem.h"

#define QUEUE_SCHEMA 7

struct queue;

enum queue_open { QUEUE_READ, QUEUE_WRITE };	/* WRITE makes it when absent */

/* ERR_NOENT: no queue yet (READ). ERR_PERM: not the owner. ERR_DATA: damaged; the
   sentence names `refire queue rebuild`. ERR_CONFIG: a newer schema. */
int queue_open(const char *path, enum queue_open mode, struct queue **out, struct err *e);
void queue_close(struct queue *q);
/* When the disk is full: give back what room can be given back (docs/queue.md). */
int queue_shrink(struct queue *q, struct err *e);
/* Is the file whole? 0 or ERR_DATA. */
int queue_check(struct queue *q, struct err *e);

/* ---- the nouns ---- */

#define DELIVERY_LIST(X) \
	X(READY)	/* goes as soon as it heads its lane */ \
	X(INFLIGHT)	/* leased: a request may be under way */ \
	X(WAITING)	/* tried; the next try is at `due` */ \
	X(HELD)		/* waits for a person; blocks its lane */ \
	X(DELIVERED) X(FAILED) X(SUPERSEDED) X(DROPPED)

enum delivery_state {
#define X(name) DELIVERY_##name,
	DELIVERY_LIST(X)
#undef X
	DELIVERY_COUNT
};
const char *delivery_word(enum delivery_state s);	/* "READY" ... */
int delivery_parse(const char *word);			/* any case; -1 */
bool delivery_settled(enum delivery_state s);

#define JOURNAL_LIST(X) \
	/* name, eventName, eventSource, readOnly */ \
	X(PUSH, "GitPush", "git.refire", false) \
	X(POLL, "PollRepository", "poller.refire", true) \
	X(RECONCILE, "ReconcileRefs", "poller.refire", false) \
	X(FIRE, "FireTrigger", "cli.refire", false) \
	X(LINK, "LinkUpdate", "webhook-sender.refire", false) \
	X(MATCH, "MatchPipelines", "webhook-sender.refire", false) \
	X(DELIVER, "DeliverWebhook", "webhook-sender.refire", false) \
	X(SETTLE, "SettleDelivery", "webhook-sender.refire", false) \
	X(RETRY, "RetryDelivery", "cli.refire", false) \
	X(DROP, "DropDelivery", "cli.refire", false) \
	X(APPROVE, "ApproveDelivery", "cli.refire", false) \
	X(REFUSE, "RefuseCommand", "webhook-sender.refire", false) \
	X(QUARANTINE, "QuarantineFile", "webhook-sender.refire", false) \
	X(REBUILD, "RebuildQueue", "cli.refire", false) \
	X(HOLD, "HoldPipeline", "webhook-sender.refire", false) \
	X(RESUME, "ResumePipeline", "cli.refire", false) \
	X(OPEN, "OpenBreaker", "webhook-sender.refire", false) \
	X(CLOSE, "CloseBreaker", "webhook-sender.refire", false) \
	X(REPLAY, "ReplayDelivery", "cli.refire", false) \
	X(REJECT, "RejectDelivery", "cli.refire", false) \
	X(HEAD, "UpdateDefaultBranch", "poller.refire", false) \
	X(RUN, "RunProgram", "webhook-sender.refire", false)

enum journal_event {
#define X(name, event, source, ro) JOURNAL_##name,
	JOURNAL_LIST(X)
#undef X
	JOURNAL_COUNT
};

/* A step of an attempt: a request, or a program that ran. */
bool journal_is_attempt(enum journal_event e);

struct journal_row {
	int64_t seq;			/* dense order; 0: to be assigned */
	int64_t time_us;
	enum journal_event event;
	int64_t change;			/* changes.seq, 0 none */
	int64_t delivery;		/* deliveries.seq, 0 none */
	const char *request;		/* JSON of requestParameters, "" for null */
	const char *response;		/* JSON of responseElements, "" for null */
	const char *code, *message;	/* errorCode, errorMessage; "" none */
	const char *extra;		/* JSON object merged into additionalEventData; "" */
	const char *actor;		/* who did it, where that is not who caused the change; NULL */
	int64_t uid;			/* theirs */
	const char *call;		/* "eventSource eventName" in place of the event's; NULL, "" */
};

struct change_row {			/* a change as stored */
	int64_t seq;
	char id[UUID_SIZE];
	enum source source;
	const char *repository, *path;
	int64_t time_us, taken_us;
	int64_t uid;
	const char *user, *actor, *address;
	bool skip;
	const char *detail;		/* JSON: {"options":[],"claims":{},"vars":{},"shortened":[]} */
};

struct delivery {			/* a row of `refire queue` */
	int64_t seq;
	char id[UUID_SIZE];
	int64_t change_seq;
	char change[UUID_SIZE];
	int64_t update;
	enum source source;
	const char *pipeline, *repository, *ref, *before, *after;
	const char *actor;
	enum delivery_state state;
	bool head;			/* heads its lane: may go when due */
	int64_t attempts;
	int64_t due_us;			/* READY and WAITING: not before */
	int64_t made_us, first_us, settled_us;	/* 0: not yet */
	int http_status;		/* of the last answer, 0 none */
	const char *code, *error;	/* why it is where it is; "" */
	bool approved;			/* by one of approvers */
	int64_t expires_us;		/* HELD: until when it waits for approval, 0: not for that */
};

/* ---- reading: listings, show, status, trail export ---- */

struct queue_filter {
	unsigned states;		/* bit per state; 0: all */
	const char *pipeline, *repository, *ref, *change, *code;	/* NULL: any */
	int64_t since_us, until_us;	/* made; 0: any */
	int64_t limit;			/* newest `limit`; 0: all */
};
/* cb returns non-zero to stop (that value is returned). Oldest first. */
int queue_list(struct queue *q, const struct queue_filter *f,
	int (*cb)(const struct delivery *d, void *arg), void *arg, struct err *e);
/* By full id or a unique beginning of at least 4 characters. 0 found, ERR_NOENT,
   ERR_USAGE when several match. */
int queue_find(struct queue *q, struct arena *a, const char *id, struct delivery *out,
	struct err *e);
int queue_change(struct queue *q, struct arena *a, int64_t seq, struct change_row *out,
	struct err *e);
/* By its sequence number. */
int queue_delivery(struct queue *q, struct arena *a, int64_t seq, struct delivery *out,
	struct err *e);
/* Journal rows after a sequence number, in order; delivery != 0: only its rows. */
int queue_journal(struct queue *q, int64_t after, int64_t delivery, int64_t limit,
	int (*cb)(const struct journal_row *r, void *arg), void *arg, struct err *e);

struct queue_counts {
	int64_t by_state[DELIVERY_COUNT];
	int64_t pending_updates;	/* taken in, not joined */
	int64_t oldest_open_us;		/* made time of the oldest unsettled; 0 none */
	int64_t next_due_us;		/* earliest due of a lane head; 0 none */
};
/* pipeline NULL: all. */
int queue_counts(struct queue *q, const char *pipeline, struct queue_counts *out, struct err *e);

struct queue_pipeline {			/* all of a pipeline's deliveries, in one look */
	const char *pipeline;
	int64_t by_state[DELIVERY_COUNT];
	int64_t oldest_open_us;		/* made time of its oldest unsettled; 0 none */
	int64_t delivered_us, failed_us;	/* when the last one was; 0 never */
};
/* In byte order of name. */
int queue_pipelines(struct queue *q, int (*cb)(const struct queue_pipeline *p, void *arg),
	void *arg, struct err *e);

/* ---- the poller's side ---- */

struct queue_ref {
	const char *ref, *oid;		/* zeros: gone */
	int64_t base;			/* sequence number, goes into `seen` */
	bool held;			/* a held disappearance waits for a person */
};
/* The accepted refs of a repository, in byte order of name. */
int queue_refs(struct queue *q, const char *repository,
	int (*cb)(const struct queue_ref *r, void *arg), void *arg, struct err *e);
struct queue_texts {
	const char **v;
	size_t n;
};
/* How the accepted refs of a repository stand: whatever changes them changes this. */
struct queue_version {
	int64_t refs, steps, held, spaces;	/* steps: the sum of all sequence numbers */
};
int queue_version(struct queue *q, const char *repository, struct queue_version *out,
	struct err *e);
/* Of all repositories that have any, each once, in byte order of name. */
int queue_versions(struct queue *q,
	int (*cb)(const char *repository, const struct queue_version *v, void *arg), void *arg,
	struct err *e);
/* A number that is another one when anybody else has written the queue since. */
int queue_stamp(struct queue *q, int64_t *stamp, struct err *e);
/* Ref prefixes of a repository that have a baseline. */
int queue_spaces(struct queue *q, struct arena *a, const char *repository,
	struct queue_texts *out, struct err *e);

/* Does any update of the change wait to be judged? 1, 0 (also: no such change), -1. */
int queue_change_pends(struct queue *q, const char *id, struct err *e);
/* Repositories whose hooks reported changes that were taken in after change *seq, each
   once; *seq becomes the newest. -1 in *seq: begin with now, and tell of none. */
int queue_hooked(struct queue *q, int64_t *seq, int (*cb)(const char *repository, void *arg),
	void *arg, struct err *e);

struct poll_row {
	const char *repository;
	const char *what;		/* path, or URL without user and query */
	int64_t last_us;		/* last look, successful or not */
	int64_t ok_us;			/* last complete answer */
	int64_t changed_us;		/* last time something was found */
	int64_t next_us;		/* due */
	int64_t failures;		/* in a row */
	const char *error;		/* of the last look; "" */
	int64_t refs;			/* in the last complete answer */
	const char *mark;		/* the poller's own note: a stat gate, a digest; "" */
	const char *head;		/* HEAD's symbolic target when it was last known; "" */
	int64_t speaks;			/* the poller's: what its server was found to speak */
	int64_t greet_us;		/* until then its server is greeted before it is asked */
	int64_t failures_stored;	/* as the row has it; what queue_polls found */
	const char *head_stored;	/* likewise */
	bool times_only;		/* last, ok and next alone are other than stored */
};
int queue_polls(struct queue *q, int (*cb)(const struct poll_row *r, void *arg), void *arg,
	struct err *e);
/* Store n rows in one transaction. A row that failed, or is the first success after
   failures, also writes its PollRepository journal row; one whose HEAD leads to another
   branch than the one stored, its UpdateDefaultBranch row. */
int queue_poll_done(struct queue *q, const struct poll_row *rows, size_t n, struct err *e);

/* What the servers of a host were found to speak: speaks is the poller's. */
int queue_hosts(struct queue *q, int (*cb)(const char *host, int64_t speaks, void *arg), void *arg,
	struct err *e);
int queue_host_learn(struct queue *q, const char *host, int64_t speaks, int64_t now_us,
	struct err *e);

/* ---- an operator's commands (owner; others spool them) ---- */

enum command_outcome {
	COMMAND_DONE,
	COMMAND_UNKNOWN,		/* no such delivery */
	COMMAND_STATE,			/* not in a state it applies to */
	COMMAND_DENIED,			/* approve, reject: not by this person */
};
struct queue_command {
	const char *delivery;		/* full id */
	enum command_outcome outcome;	/* out */
	enum delivery_state was;	/* out */
	char made[UUID_SIZE];		/* out, replay: the new one */
};
/* retry: FAILED, HELD, WAITING, DROPPED, SUPERSEDED become READY at the end of what
   is open in their lane's order; drop: anything unsettled and not INFLIGHT becomes
   DROPPED; replay: a DELIVERED one goes again under a new id, at the end of its lane.
   by: Unix name. verb "retry", "drop" or "replay". */
int queue_command(struct queue *q, const char *verb, const char *by, int64_t uid,
	const char *reason, int64_t now_us, struct queue_command *v, size_t n, struct err *e);

/* ---- approval: HELD with this code until a person decides, or nobody did ---- */

#define APPROVAL_CODE "ApprovalRequired"
#define APPROVAL_EXPIRED "ApprovalExpired"
#define APPROVAL_TEXT_SIZE 96
/* Why it is HELD, for a person. Returns out. */
const char *queue_approval_text(int64_t expires_us, char out[APPROVAL_TEXT_SIZE]);
/* Inside queue_begin/commit, after an attempt was settled as HELD because it may not
   leave unapproved. */
int queue_approval_ask(struct queue *q, int64_t delivery, int64_t expires_us, struct err *e);

struct queue_decision {
	bool approve;			/* READY now, in its place; else DROPPED */
	const char *by;			/* Unix name */
	int64_t uid;
	const char *summary;		/* "" */
	int64_t now_us;
	bool (*may)(const struct delivery *d, const char *by, void *arg);
	void *arg;
};
/* One transaction. Each says its outcome; delivery is a full id or its beginning. */
int queue_decide(struct queue *q, const struct queue_decision *o, struct queue_command *v,
	size_t n, struct err *e);
/* Has any waited too long? 1, 0, -1. Then, inside queue_begin/commit, those become
   FAILED, up to max: out has them as they are now. */
int queue_expired(struct queue *q, int64_t now_us, struct err *e);
int queue_expire(struct queue *q, struct arena *a, int64_t now_us, size_t max,
	struct delivery **out, size_t *n, struct err *e);

/* ---- pipelines that stand still: held, or with a receiver that is down ---- */

struct breaker {			/* stepped by webhook-sender/breaker.h */
	int64_t failures;		/* in a row */
	int64_t suspect;		/* the delivery that failed first of these */
	bool several;			/* and another one did */
	int64_t opened_us;		/* since when it is open, 0 closed */
	int64_t probe_us;		/* open: the next probe, not before */
	int64_t probes;			/* open: that failed */
	int64_t ramp;			/* closed: how many may be under way; 0 as always */
};
struct gate {
	const char *pipeline;
	int64_t held_us;		/* since when, 0 it is not */
	const char *code, *reason;	/* why; code "" where a person did it */
	const char *who;		/* the Unix name of that person, "" */
	int64_t since_us;		/* held or open: since when it stands still */
	int64_t stopped_us;		/* for how long in all, periods that are over */
	int64_t next_us;		/* with a rate: when the next attempt has its place */
	struct breaker breaker;
};
/* In byte order of name: those that had trouble at any time. */
int queue_gates(struct queue *q, int (*cb)(const struct gate *g, void *arg), void *arg,
	struct err *e);
/* 1, 0 it never was (out says so), -1 */
int queue_gate(struct queue *q, struct arena *a, const char *pipeline, struct gate *out,
	struct err *e);
/* How long it has stood still until now: the difference of two such values is what
   does not count towards giving up. */
int64_t queue_gate_stopped(const struct gate *g, int64_t now_us);

struct gate_order {
	const char *pipeline;
	const char *code, *reason;	/* "" where there is none */
	const char *who;		/* a person's Unix name, "": the sender */
	int64_t uid;
	int64_t now_us;
	int64_t change, delivery;	/* rows of what led to it, 0 none */
};
/* Inside queue_begin/commit. did: false when it was so already. released: deliveries
   HELD with the pipeline, by the same answer, that are READY now. resume also has an
   open breaker probe at once. */
int queue_gate_hold(struct queue *q, const struct gate_order *o, bool *did, struct err *e);
int queue_gate_resume(struct queue *q, const struct gate_order *o, bool *did,
	int64_t *released, struct err *e);
/* Inside queue_begin/commit: store a breaker. One that closes lets what waits for its
   back-off go, in order. */
int queue_gate_breaker(struct queue *q, const struct gate *was, const struct breaker *b,
	int64_t now_us, struct err *e);

/* ---- the sender's side: webhook-sender/ ---- */

enum intake_outcome { INTAKE_NEW, INTAKE_KNOWN };
struct queue_intake {
	const struct change *change;
	const char *repository;		/* configured name, "" when none has this path */
	bool baseline_fires;		/* the repository says baseline = fire */
	enum intake_outcome outcome;	/* out */
};
/* The JSON that becomes change_row.detail. */
const char *queue_change_detail(struct arena *a, const struct change *c);
/* One transaction: changes, their updates, journal rows. */
int queue_accept(struct queue *q, int64_t now_us, struct queue_intake *v, size_t n,
	struct err *e);

enum update_kind { UPDATE_EVENT, UPDATE_SEEN, UPDATE_FIRE, UPDATE_FILLED };
enum update_state {
	UPDATE_PENDING,
	UPDATE_ACCEPTED,		/* moved the accepted ref (or fired by hand) */
	UPDATE_COVERED,			/* on no walk: linked to what covered it, never fired */
	UPDATE_VOID,			/* an observation that no longer held */
	UPDATE_BASELINE,		/* observed first: recorded silently */
	UPDATE_HELD,			/* a mass disappearance: deliveries are HELD */
};

struct pending {			/* an update that waits for its join */
	int64_t seq, change;
	enum update_kind kind;
	enum source source;
	const char *repository, *ref, *old, *new;
	const char *pipeline;		/* fire */
	int64_t base;			/* seen */
	int64_t time_us, taken_us;
	int64_t wait_us;		/* deferred until then; 0 never */
	bool hold;			/* part of a mass disappearance */
	bool skip;
	bool ours;			/* of a change the sender made itself */
};
/* Pending updates of up to max refs, whole refs only, ordered by repository, ref,
   time; refs whose wait_until lies after now are left out. */
int queue_pending(struct queue *q, struct arena *a, int64_t now_us, size_t max,
	struct pending **out, size_t *n, int64_t *next_us, struct err *e);

struct accepted_ref {
	bool known;			/* there is a row */
	bool quiet;			/* by a baseline only, there or not: no event has
					   confirmed it */
	bool baselined;			/* the ref lies in a space that has a baseline */
	char oid[LIMIT_OID + 1];
	int64_t base;
	bool held;
	int64_t covered_us;		/* every move until then is accounted for: a coalesced
					   step, or the baseline, stands for it; 0 none is */
	int64_t told_us;		/* the hook's time of the last report that moved it */
	int64_t update;			/* that moved it; 0 none */
};
int queue_ref(struct queue *q, const char *repository, const char *ref,
	struct accepted_ref *out, struct err *e);

int queue_begin(struct queue *q, struct err *e);
/* Nothing is written until queue_rollback, and all that is read is of one moment. */
int queue_begin_reading(struct queue *q, struct err *e);
int queue_commit(struct queue *q, struct err *e);
void queue_rollback(struct queue *q);

/* Inside queue_begin/commit: */
int queue_update_settle(struct queue *q, int64_t update, enum update_state s,
	int64_t covered_by, int forced, bool coalesced, int64_t enrichment, struct err *e);
/* base: seen: the sequence number it is judged against. */
int queue_update_defer(struct queue *q, int64_t update, int64_t base, int64_t until_us,
	struct err *e);
/* A step nobody reported: old -> new, filled in; *seq is its new row. */
int queue_update_fill(struct queue *q, int64_t change, const char *repository, const char *ref,
	const char *old, const char *new, int64_t now_us, int64_t *seq, struct err *e);
struct ref_move {
	const char *repository, *ref, *oid;
	bool held;
	int64_t update;			/* that moves it */
	int64_t covered_us, told_us;	/* as in struct accepted_ref; 0: as it was */
};
int queue_ref_set(struct queue *q, const struct ref_move *m, int64_t now_us, struct err *e);
int queue_space_add(struct queue *q, const char *repository, const char *prefix, int64_t now_us,
	struct err *e);
int queue_enrichment_put(struct queue *q, const char *json, int64_t *seq, struct err *e);
int queue_enrichment(struct queue *q, struct arena *a, int64_t seq, char **json, struct err *e);
/* For a delivery whose claim has none: it must be computed again (a superseding one
   reaches further back than its update). */
int queue_enrichment_link(struct queue *q, int64_t delivery, int64_t enrichment,
	struct err *e);
struct new_delivery {
	int64_t update, change, enrichment;
	const char *change_id, *pipeline, *repository, *ref, *before, *after;
	bool held;
	const char *code, *error;	/* why it is HELD */
	int64_t expires_us;		/* HELD for approval: until when */
	bool parallel, supersede;
	int64_t hurry_us;		/* a waiting head that it comes behind is due at once, but not
					   sooner after its last attempt; 0: not before its time */
};
/* Makes the row (twice makes one) and puts it at the end of its lane. id is set. */
int queue_delivery_add(struct queue *q, const struct new_delivery *d, int64_t now_us,
	char id[UUID_SIZE], struct err *e);
/* A change the sender makes itself: source reconcile, for steps nobody reported. */
int queue_change_make(struct queue *q, const char *repository, int64_t now_us, int64_t *seq,
	char id[UUID_SIZE], struct err *e);
/* An observation of its own, to be judged at wait_us. */
int queue_observe(struct queue *q, int64_t change, const char *repository, const char *ref,
	const char *oid, int64_t base, int64_t now_us, int64_t wait_us, struct err *e);
/* A ref of a held mass disappearance is there again: its held deliveries are dropped. */
int queue_ref_unhold(struct queue *q, const char *repository, const char *ref, int64_t now_us,
	struct err *e);
int queue_journal_add(struct queue *q, const struct journal_row *r, struct err *e);
int64_t queue_journal_last(struct queue *q);	/* the sequence number it gave */

/* Attempts. owner: a random id of this process's run. */
int queue_owner_begin(struct queue *q, const char *owner, int64_t now_us, int64_t *recovered,
	struct err *e);
struct claim {
	struct delivery d;
	char *progress;			/* saved state of the target, progress_len bytes */
	size_t progress_len;
	int64_t began_us;		/* this attempt */
	int64_t paused_us;		/* while the give-up clock stood still */
	bool coalesced;			/* nobody reported the step */
	int64_t unknown;		/* attempts before whose request may have arrived */
	int64_t enrichment;		/* 0: to be computed, then queue_enrichment_link */
};
/* What a pipeline may take: asked for each that has a head waiting and is not held. */
struct queue_room {
	size_t most;			/* leases more, now */
	int64_t until_us;		/* not before; none and 0: when one under way has ended */
	bool early;			/* also what is not due yet: a breaker's probe */
	int64_t spacing_us;		/* a rate: from one to the next, on average; 0 none */
};
struct queue_door {
	struct queue_room (*room)(const struct gate *g, int64_t now_us, void *arg);
	void *arg;
};
#define QUEUE_BURST_US INT64_C(100000)	/* of a rate may go at once */
/* How many may go by a rate now, and when the first of the next may. */
size_t queue_paced(int64_t next_us, int64_t spacing_us, int64_t now_us, int64_t *until_us);
/* Lease up to max due lane heads, in equal parts among the pipelines that have some:
   INFLIGHT, attempts + 1, committed. door NULL: every pipeline takes what it finds. */
int queue_claim(struct queue *q, struct arena *a, const char *owner, int64_t now_us,
	const struct queue_door *door, size_t max, struct claim **out, size_t *n, struct err *e);
/* The same inside queue_begin/commit: nothing may leave before that commit. */
int queue_lease(struct queue *q, struct arena *a, const char *owner, int64_t now_us,
	const struct queue_door *door, size_t max, struct claim **out, size_t *n, struct err *e);
/* past: beyond the request whose outcome may be unknown: the next is no duplicate. */
int queue_checkpoint(struct queue *q, const char *owner, int64_t delivery,
	const void *progress, size_t len, bool past, struct err *e);
struct settlement {
	int64_t delivery;
	enum delivery_state state;	/* what settle_step said */
	int64_t due_us;
	int http_status;
	const char *code, *error;
	int64_t earliest_us;		/* the receiver wants nothing sooner (Retry-After), 0 */
	bool unknown;			/* the request may have arrived */
	bool applied;			/* out: false when the lease was lost */
};
/* Inside queue_begin/commit. Releases or advances the lane. */
int queue_settle(struct queue *q, const char *owner, struct settlement *s, int64_t now_us,
	struct err *e);
/* After a clock that jumped: no due time lies beyond latest_us, no probe beyond
   probe_us. */
int queue_clamp_due(struct queue *q, int64_t latest_us, int64_t probe_us, struct err *e);
/* The clock was seen to jump by so much (negative: back): whatever waits goes on waiting
   for as long as it had to, and the give-up clock has not moved. */
int queue_shift(struct queue *q, int64_t by_us, struct err *e);
/* It was set back while nobody saw it: what was tried in the future waits from now on. */
int queue_mend_future(struct queue *q, int64_t now_us, struct err *e);
struct queue_due {
	int64_t us;			/* 0 none */
	bool paced;			/* it is due, and waits for its pipeline's rate */
};
/* When does the next lane head fall due that the door lets through? */
int queue_next_due(struct queue *q, const struct queue_door *door, int64_t now_us,
	struct queue_due *out, struct err *e);

/* The trail's cursor: journal rows up to it are rendered. */
int queue_cursor(struct queue *q, int64_t *seq, struct err *e);
int queue_cursor_set(struct queue *q, int64_t seq, struct err *e);
/* Journal rows made from now on have sequence numbers above seq. */
int queue_journal_floor(struct queue *q, int64_t seq, struct err *e);

#endif
