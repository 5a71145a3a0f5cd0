/* attempt.c - flights: one lease, one target's step machine, one verdict. */
#include "attempt.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "backoff.h"
#include "breaker.h"
#include "clock.h"
#include "describe.h"
#include "known.h"
#include "log.h"
#include "mirror.h"
#include "policy.h"
#include "redact.h"
#include "share.h"
#include "target.h"

enum phase {
	IN_AIR,			/* http has its request */
	TO_COMMIT,		/* rows (and progress) wait for the transaction */
};

struct flight {
	struct flight *next;		/* list of those that wait for a commit */
	struct arena arena;
	struct share *share;
	struct config *config;		/* held while we use its pipeline */
	const struct pipeline *pipeline;
	const struct target *target;
	struct claim claim;
	struct known *known;		/* NULL: could not be read, or not yet */
	struct render_input input;
	struct step step;
	struct answer answer;
	bool answered;
	int exchanges;
	enum phase phase;
	bool settled;			/* the target is done: s holds the outcome */
	struct verdict verdict;
	struct settlement s;
	int64_t expires_us;		/* HELD for approval, until then */
	struct journal_row *rows;	/* to be written */
	size_t nrows, rows_cap;
};

struct attempts {
	struct sender *sender;
	struct shares *shares;
	struct knowns *knowns;
	struct flight *commit, **commit_end;
	size_t running, settled;	/* settled: those of commit */
	struct attempt_tally tally;
};

struct attempts *attempts_open(struct sender *s)
{
	struct attempts *t = mem_alloc(sizeof(*t));

	t->sender = s;
	t->shares = shares_open(s);
	t->knowns = knowns_open();
	t->commit_end = &t->commit;
	return t;
}

static void flight_free(struct attempts *t, struct flight *f)
{
	shares_end(f->share);
	known_release(f->known);
	config_free(f->config);
	free(f->rows);
	arena_release(&f->arena);
	free(f);
	t->running--;
}

void attempts_close(struct attempts *t)
{
	struct flight *next;

	for (struct flight *f = t->commit; f; f = next) {
		next = f->next;
		flight_free(t, f);
	}
	shares_close(t->shares);
	knowns_close(t->knowns);
	free(t);
}

const struct queue_door *attempts_door(const struct attempts *t)
{
	return shares_door(t->shares);
}

size_t attempts_running(const struct attempts *t)
{
	return t->running;
}

size_t attempts_settled(const struct attempts *t)
{
	return t->settled;
}

const struct attempt_tally *attempts_tally(const struct attempts *t)
{
	return &t->tally;
}

bool attempts_dirty(const struct attempts *t)
{
	return t->commit != NULL;
}

static void to_commit(struct attempts *t, struct flight *f)
{
	f->phase = TO_COMMIT;
	f->next = NULL;
	t->settled += f->settled;
	*t->commit_end = f;
	t->commit_end = &f->next;
}

/* ---- the verdict ---- */

/* For the jitter; drawn many at once. */
static uint32_t draw(void)
{
	static uint32_t drawn[64];
	static size_t left;

	if (!left) {
		if (getrandom(drawn, sizeof(drawn), GRND_NONBLOCK) != sizeof(drawn))
			return (uint32_t)clock_mono_us();
		left = sizeof(drawn) / sizeof(*drawn);
	}
	return drawn[--left];
}

static struct journal_row *add_row(struct flight *f, enum journal_event event)
{
	struct journal_row *r;

	f->rows = mem_grow(f->rows, &f->rows_cap, f->nrows + 1, sizeof(*f->rows));
	r = &f->rows[f->nrows++];
	*r = (struct journal_row){ .time_us = clock_wall_us(), .event = event,
		.change = f->claim.d.change_seq, .delivery = f->claim.d.seq, .request = "",
		.response = "", .code = "", .message = "", .extra = "" };
	return r;
}

static void settle(struct flight *f, const struct verdict *v)
{
	int64_t now = clock_wall_us();
	const struct pipeline *p = f->pipeline;
	struct policy_step next = policy_step(&(struct policy_input){
		.attempts = f->claim.d.attempts, .first_us = f->claim.d.first_us,
		.paused_us = f->claim.paused_us, .now_us = now, .random = draw(),
		.give_up_us = p && p->give_up_us ? p->give_up_us : f->config->give_up_us,
		.rejected_tries = p ? p->rejected_tries : 1,
		.schedule = p ? &p->retry_schedule : NULL }, v);

	f->settled = true;
	f->verdict = *v;
	f->s = (struct settlement){ .delivery = f->claim.d.seq, .state = next.state,
		.due_us = next.due_us, .http_status = v->http_status, .code = v->code,
		.error = v->text, .unknown = v->unknown,
		.earliest_us = v->not_before_us ? now + v->not_before_us : 0 };
}

/* A record of its own where no exchange tells, and where a person should look. */
static void record_settling(struct flight *f)
{
	struct journal_row *r;
	struct buf b;

	if (f->exchanges && f->s.state != DELIVERY_FAILED && f->s.state != DELIVERY_HELD)
		return;
	buf_init(&b, LIMIT_RECORD_BIG);
	buf_fmt(&b, "{\"state\":\"%s\",\"attempts\":%lld}", delivery_word(f->s.state),
		(long long)f->claim.d.attempts);
	r = add_row(f, JOURNAL_SETTLE);
	r->response = arena_strdup(&f->arena, b.s);
	r->code = f->s.code;
	r->message = f->s.error;
	buf_release(&b);
}

static void record_exchange(struct flight *f)
{
	struct journal_row *r = add_row(f, JOURNAL_DELIVER);
	struct buf b;

	buf_init(&b, 8 * LIMIT_RECORD_BIG);
	describe_request(&b, f->pipeline, &f->step.request);
	r->request = arena_strdup(&f->arena, b.s);
	buf_clear(&b);
	describe_answer(&b, &f->answer);
	r->response = arena_strdup(&f->arena, b.s);
	buf_clear(&b);
	describe_extra(&b, &(struct describe_extra){ .attempt = f->claim.d.attempts,
		.exchange = f->exchanges, .duplicate = f->claim.unknown > 0, .answer = &f->answer,
		.verdict = f->settled ? &f->verdict : NULL, .next = f->s.state,
		.due_us = f->s.due_us });
	r->extra = arena_strdup(&f->arena, b.s);
	if (f->settled) {
		r->code = f->verdict.code;
		r->message = f->verdict.text;
	}
	buf_release(&b);
}

/* ---- the target's next step ---- */

static struct verdict verdict_of_err(struct flight *f, const struct err *e)
{
	return (struct verdict){ .outcome = e->code == ERR_TEMP || e->code == ERR_OS ?
			OUTCOME_RETRY : OUTCOME_HOLD,
		.code = e->code == ERR_TEMP || e->code == ERR_OS ? "NotReady" : "ConfigurationError",
		.text = arena_strdup(&f->arena, e->text) };
}

/* Ask the target; the exchange that led here is recorded with what follows from it. */
static void advance(struct attempts *t, struct flight *f)
{
	struct attempt a = { .input = &f->input, .config = f->config, .pipeline = f->pipeline,
		.arena = &f->arena, .attempt = f->claim.d.attempts, .now_us = clock_wall_us(),
		.progress = f->claim.progress, .progress_len = f->claim.progress_len,
		.answer = f->answered ? &f->answer : NULL };
	struct step next = { .event_source = "", .event_name = "" };
	struct verdict v;
	struct err e;

	if (f->target->next(&a, &next, &e)) {
		v = verdict_of_err(f, &e);
		settle(f, &v);
	} else if (next.kind == STEP_SETTLED) {
		settle(f, &next.verdict);
	}
	if (f->answered)
		record_exchange(f);
	if (f->settled)
		record_settling(f);
	f->step = next;
	f->answered = false;
	(void)t;
}

static bool progress_moved(const struct flight *f)
{
	return f->step.progress_len != f->claim.progress_len ||
		memcmp(f->step.progress, f->claim.progress, f->step.progress_len) != 0;
}

static void launch(struct attempts *t, struct flight *f)
{
	struct verdict v;
	struct err e;

	f->exchanges++;
	if (!http_start(t->sender->http, &f->step.request, f, &e)) {
		f->phase = IN_AIR;
		return;
	}
	v = verdict_of_err(f, &e);
	if (v.outcome == OUTCOME_HOLD)
		v.code = answer_code(ANSWER_REFUSED);
	settle(f, &v);
	record_settling(f);
	to_commit(t, f);
}

/* ---- claiming ---- */

static void hold(struct flight *f, const char *code, const char *text)
{
	struct verdict v = { .outcome = OUTCOME_HOLD, .code = code, .text = text };

	settle(f, &v);
	record_settling(f);
}

/* Nothing of a pipeline that asks for approval leaves without, however it became due:
   asked for since, retried, replayed. */
static void ask(struct flight *f)
{
	char text[APPROVAL_TEXT_SIZE];

	f->expires_us = clock_wall_us() + f->pipeline->approval_timeout_us;
	hold(f, APPROVAL_CODE, arena_strdup(&f->arena, queue_approval_text(f->expires_us, text)));
}

/* It reaches further back than its update: what it overtook belongs to it. */
static int make_enrichment(struct attempts *t, struct flight *f, struct err *e)
{
	struct queue *q = t->sender->queue;
	char git_dir[LIMIT_PATH];
	struct enrichment made;
	struct repo *r = NULL;
	struct buf b;
	int failed;

	if (mirror_objects(f->config, f->claim.d.repository, git_dir))
		git_dir[0] = 0;
	if (!*git_dir || repo_open(git_dir, &r, NULL))
		r = NULL;
	enrich_compute(r, &f->arena, f->claim.d.ref, f->claim.d.before, f->claim.d.after,
		clock_mono_us() + LIMIT_ENRICH_S * US_PER_S / 10, &made);
	enrich_blame_mirror(&f->arena, git_dir, &made);
	if (r)
		repo_close(r);
	buf_init(&b, LIMIT_ENRICHMENT * 2);
	enrich_encode(&made, &b);
	failed = queue_begin(q, e) || queue_enrichment_put(q, b.s, &f->claim.enrichment, e) ||
		queue_enrichment_link(q, f->claim.d.seq, f->claim.enrichment, e) ||
		queue_commit(q, e);
	if (failed)
		queue_rollback(q);
	buf_release(&b);
	return failed ? -1 : 0;
}

static int know(struct attempts *t, struct flight *f, struct err *e)
{
	f->known = known_get(t->knowns, t->sender->queue, f->config, f->claim.d.change_seq,
		f->claim.enrichment, e);
	return f->known ? 0 : -1;
}

/* After the commit of its lease: the first request. */
static void prepare(struct attempts *t, struct flight *f)
{
	struct err e;

	f->pipeline = config_pipeline(f->config, f->claim.d.pipeline);
	if (!f->pipeline) {
		hold(f, "PipelineGone", "no [pipeline] of this name is configured any more; put it back "
			"and `refire queue retry`, or drop it");
		return;
	}
	if (f->pipeline->approval == APPROVAL_REQUIRED && !f->claim.d.approved) {
		ask(f);
		return;
	}
	f->target = target_find(f->pipeline->target);
	if (!f->known && ((!f->claim.enrichment && make_enrichment(t, f, &e)) || know(t, f, &e))) {
		struct verdict v = verdict_of_err(f, &e);

		settle(f, &v);
		record_settling(f);
		return;
	}
	f->input = (struct render_input){ .config = f->config, .pipeline = f->pipeline,
		.repository = config_repository(f->config, f->claim.d.repository),
		.change = &f->known->change, .delivery = f->claim.d.id,
		.name = f->claim.d.repository,
		.ref = f->claim.d.ref, .before = f->claim.d.before, .after = f->claim.d.after,
		.coalesced = f->claim.coalesced, .enrichment = &f->known->enrichment,
		.detail = &f->known->detail, .parts = f->known->parts };
	advance(t, f);
}

/* Strings of the claim live in the claim's arena, which ends with the call: copy. */
static struct flight *flight_new(struct attempts *t, const struct claim *c)
{
	struct flight *f = mem_alloc(sizeof(*f));
	struct delivery *d = &f->claim.d;

	arena_init(&f->arena);
	f->claim = *c;
	d->pipeline = arena_strdup(&f->arena, c->d.pipeline);
	d->repository = arena_strdup(&f->arena, c->d.repository);
	d->ref = arena_strdup(&f->arena, c->d.ref);
	d->before = arena_strdup(&f->arena, c->d.before);
	d->after = arena_strdup(&f->arena, c->d.after);
	d->actor = arena_strdup(&f->arena, c->d.actor);
	d->code = d->error = "";
	f->claim.progress = arena_memdup(&f->arena, c->progress, c->progress_len);
	f->share = shares_begin(t->shares, d->pipeline);
	f->config = config_hold(t->sender->config);
	t->running++;
	return f;
}

int attempts_collect(struct attempts *t)
{
	struct flight *f;
	struct answer answer;
	struct arena a;
	void *tag;
	int n = 0;

	for (;; n++) {
		arena_init(&a);
		if (!http_next(t->sender->http, &a, &tag, &answer))
			break;
		f = tag;
		f->answer = answer;
		f->answered = true;
		/* The answer's strings join the flight's. */
		arena_adopt(&f->arena, &a);
		redact_answer(f->pipeline, &f->step.request, &f->answer, &f->arena);
		advance(t, f);
		to_commit(t, f);
	}
	arena_release(&a);
	return n;
}

/* ---- committing ---- */

/* The receiver says that it is gone: everything of the pipeline would hear the same. */
static int hold_pipeline(struct attempts *t, const struct flight *f, struct err *e)
{
	const struct gate_order o = { .pipeline = f->claim.d.pipeline, .code = f->verdict.code,
		.reason = f->verdict.text, .who = "", .now_us = clock_wall_us(),
		.change = f->claim.d.change_seq, .delivery = f->claim.d.seq };
	bool did;

	if (queue_gate_hold(t->sender->queue, &o, &did, e))
		return -1;
	if (did)
		log_warn("pipeline %s is held: %s", o.pipeline, o.reason);
	return 0;
}

/* What the attempt says about the receiver. Of a receiver that is well nothing is
   kept, and nothing is read. */
static int step_breaker(struct attempts *t, struct flight *f, struct err *e)
{
	bool *calm = share_calm(f->share);
	int64_t now = clock_wall_us();
	struct breaker_input in = { .outcome = f->verdict.outcome, .sent = f->exchanges > 0,
		.answered = f->verdict.http_status != 0, .delivery = f->claim.d.seq,
		.began_us = f->claim.began_us, .now_us = now,
		.failures = f->pipeline ? f->pipeline->breaker_failures : 0,
		.limit = (int64_t)share_limit(f->config, f->pipeline) };
	struct breaker b;
	struct gate g;
	enum breaker_news news;

	if (*calm && (!in.sent || in.outcome != OUTCOME_RETRY))
		return 0;
	if (queue_gate(t->sender->queue, &f->arena, f->claim.d.pipeline, &g, e) < 0)
		return -1;
	b = g.breaker;
	in.wait_us = backoff_wait_us(f->pipeline ? &f->pipeline->retry_schedule : NULL,
		(int)b.probes + 1, draw());
	news = breaker_step(&b, &in);
	*calm = breaker_calm(&b);
	if (queue_gate_breaker(t->sender->queue, &g, &b, now, e))
		return -1;
	if (news == BREAKER_OPENED)
		log_warn("pipeline %s: its receiver failed %lld times in a row, it is probed with one "
			"delivery at a time: %s", g.pipeline, (long long)b.failures, f->verdict.text);
	if (news == BREAKER_CLOSED)
		log_info("pipeline %s: its receiver is back", g.pipeline);
	return 0;
}

/* Each row gets its place in the journal. */
static int write_rows(struct queue *q, struct flight *f, struct err *e)
{
	for (size_t i = 0; i < f->nrows; i++) {
		if (queue_journal_add(q, &f->rows[i], e))
			return -1;
		f->rows[i].seq = queue_journal_last(q);
	}
	return 0;
}

static int write_flight(struct attempts *t, struct flight *f, struct err *e)
{
	struct queue *q = t->sender->queue;

	if (write_rows(q, f, e))
		return -1;
	if (f->settled && f->verdict.outcome == OUTCOME_GONE && hold_pipeline(t, f, e))
		return -1;
	if (f->settled && step_breaker(t, f, e))
		return -1;
	if (f->settled && queue_settle(q, t->sender->owner, &f->s, clock_wall_us(), e))
		return -1;
	if (f->settled)
		return f->expires_us && f->s.applied ?
			queue_approval_ask(q, f->claim.d.seq, f->expires_us, e) : 0;
	return queue_checkpoint(q, t->sender->owner, f->claim.d.seq, f->step.progress,
		f->step.progress_len, f->step.past, e);
}

static void count(struct attempt_tally *t, enum delivery_state s)
{
	switch (s) {
	case DELIVERY_DELIVERED:
		t->delivered++;
		break;
	case DELIVERY_WAITING:
		t->waiting++;
		break;
	case DELIVERY_HELD:
		t->held++;
		break;
	default:
		t->failed++;
	}
}

/* What is settled, or has progress to save, first goes through the transaction. */
static void go(struct attempts *t, struct flight *f)
{
	if (f->settled || f->nrows || progress_moved(f))
		to_commit(t, f);
	else
		launch(t, f);
}

static void after_commit(struct attempts *t, struct flight *f)
{
	for (size_t i = 0; i < f->nrows; i++)
		trail_take(t->sender->trail, &f->rows[i], f->known ? &f->known->change : NULL,
			&f->claim.d);
	f->nrows = 0;
	if (f->settled) {
		count(&t->tally, f->s.state);
		flight_free(t, f);
		return;
	}
	if (f->step.past)
		f->claim.unknown = 0;
	f->claim.progress = arena_memdup(&f->arena, f->step.progress, f->step.progress_len);
	f->claim.progress_len = f->step.progress_len;
	launch(t, f);
}

/* ---- a turn ---- */

struct turn {
	struct flight *ended;		/* since the last turn */
	struct claim *claims;
	size_t nclaims;
	struct flight **begun;
	struct arena arena;
};

/* What ended has left its slots to those that are leased in the same transaction;
   unless that fails. */
static void leave_slots(struct turn *n, bool leave)
{
	for (struct flight *f = n->ended; f; f = f->next)
		if (f->settled)
			share_leave(f->share, leave);
}

static int lease(struct attempts *t, struct turn *n, struct err *e)
{
	size_t most = (size_t)t->sender->config->concurrency, running = t->running - t->settled;
	int failed;

	if (running >= most)
		return 0;
	leave_slots(n, true);
	failed = queue_lease(t->sender->queue, &n->arena, t->sender->owner, clock_wall_us(),
		shares_door(t->shares), most - running, &n->claims, &n->nclaims, e);
	leave_slots(n, false);
	return failed;
}

/* What they need is read in the same transaction; what fails here fails again, and is
   judged, in prepare. */
static void begin_flights(struct attempts *t, struct turn *n)
{
	struct err unused;

	n->begun = arena_alloc(&n->arena, (n->nclaims + 1) * sizeof(*n->begun));
	for (size_t i = 0; i < n->nclaims; i++) {
		n->begun[i] = flight_new(t, &n->claims[i]);
		if (n->begun[i]->claim.enrichment)
			know(t, n->begun[i], &unused);
	}
}

static int write_turn(struct attempts *t, struct turn *n, bool claim, struct err *e)
{
	for (struct flight *f = n->ended; f; f = f->next)
		if (write_flight(t, f, e))
			return -1;
	if (claim && lease(t, n, e))
		return -1;
	begin_flights(t, n);
	if (!queue_commit(t->sender->queue, e))
		return 0;
	for (size_t i = 0; i < n->nclaims; i++)
		flight_free(t, n->begun[i]);
	return -1;
}

static void after_turn(struct attempts *t, struct turn *n)
{
	struct flight *next;

	t->commit = NULL;
	t->commit_end = &t->commit;
	t->settled = 0;
	for (struct flight *f = n->ended; f; f = next) {
		next = f->next;
		after_commit(t, f);
	}
	for (size_t i = 0; i < n->nclaims; i++) {
		prepare(t, n->begun[i]);
		go(t, n->begun[i]);
	}
}

int attempts_turn(struct attempts *t, bool claim, struct err *e)
{
	struct turn n = { .ended = t->commit };
	int failed;

	if (queue_begin(t->sender->queue, e))
		return -1;
	arena_init(&n.arena);
	failed = write_turn(t, &n, claim, e);
	if (failed)
		queue_rollback(t->sender->queue);
	else
		after_turn(t, &n);
	arena_release(&n.arena);
	return failed;
}
