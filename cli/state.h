/*
 * state.h - how refire stands: what `refire status` looks at, gathered once, and
 * what of it needs a person.
 *
 *	state_gather(&st, &session, now, &e)	looks at files, locks and the queue
 *	state_judge(&st)			pure: fills findings, worst first
 *	state_release(&st)
 *
 * What cannot be read is a finding, not an end: only a missing configuration
 * stops status before it begins.
 */
#ifndef STATE_H
#define STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "mem.h"
#include "queue.h"
#include "queue_heard.h"
#include "rhythm.h"
#include "session.h"

#define STATE_STALE_US (INT64_C(24) * 3600 * US_PER_S)	/* nobody ran for this long */
#define STATE_SECRET_US (INT64_C(14) * 24 * 3600 * US_PER_S)	/* secrets that end so soon */
#define STATE_SET_ASIDE 50		/* files of quarantine/ that are named */

struct state_pipeline {
	struct queue_pipeline q;
	bool configured, enabled;
	struct gate gate;
	const char *code, *error;	/* of its newest delivery that is not well; "" */
	const char *delivery;		/* that one's id; "" */
};

enum state_trouble {			/* worst first */
	TROUBLE_FAILING,		/* its looks fail */
	TROUBLE_NEVER_FIRED,		/* refs moved and nothing fired */
	TROUBLE_SILENT,			/* for longer than its rhythm */
	TROUBLE_NONE
};

struct state_repository {
	const char *name;
	const char *what;		/* path, or URL without its secrets */
	bool remote;
	bool seen;			/* the poller has looked; poll holds what it found */
	struct poll_row poll;
	struct heard heard;		/* all 0: of it nothing was heard */
	struct rhythm rhythm;
	int64_t silent;			/* days since something was heard */
	enum state_trouble trouble;
	/* last seen, by whom: "hook", "reconcile", "poll"; "" never */
	int64_t seen_us;
	const char *by;
};

struct state_secret {			/* a file of secrets that needs somebody */
	const char *pipeline, *key;
	const char *error;		/* why it cannot be used; "" it can */
	int64_t until_us;		/* from then on none in it is valid */
};

struct state_file {
	const char *name, *reason;
};

struct state {
	const struct session *session;
	struct arena arena;
	const char *const *names;	/* only these repositories are asked for */
	size_t nnames;			/* 0: everything is */
	int64_t now_us;
	bool new;			/* nothing ran so far: state-dir is not there */
	/* sender and poller */
	bool sender_held, poller_held;	/* somebody holds the lock now */
	int64_t ran_us;			/* last run that no hook started; 0 never */
	const char *refire;		/* path of the front door, for a cron line */
	/* spool */
	int64_t waiting, oldest_us;	/* files nobody took in yet */
	int64_t unfinished;		/* files whose writer ended before it published them */
	struct state_file *aside;
	size_t naside;			/* named; total_aside in all */
	int64_t total_aside;
	/* disk */
	bool no_ballast;		/* it was given up, and is not laid again yet */
	int64_t ballast_size;
	/* queue */
	bool queue_there;
	const char *queue_error;	/* "" well */
	struct queue_counts counts;
	struct state_pipeline *pipelines;
	size_t npipelines, cap_pipelines;
	struct state_repository *repositories;
	size_t nrepositories, cap_repositories;
	struct state_secret *secrets;
	size_t nsecrets, cap_secrets;
	/* trail */
	int64_t trail_files, trail_bytes, trail_newest_us;
	const char *trail_error;
	/* findings */
	struct state_finding {
		bool grave;		/* exit status 1 */
		const char *text;
		const char *help;	/* what to do; "" */
	} *findings;
	size_t nfindings, cap_findings;
};

/* names: of repositories, or patterns over names: the state is then of these alone. */
int state_gather(struct state *st, const struct session *s, const char *const *names,
	size_t nnames, int64_t now_us, struct err *e);
void state_secrets_look(struct state *st);	/* state_secrets.c */
/* state_repositories.c: those of the configuration; what poller and sender know; and,
   last, who is in trouble, which come first. */
void state_repositories_configured(struct state *st);
int state_repositories_look(struct state *st, struct queue *q, struct err *e);
void state_repositories_sort(struct state *st);
void state_judge(struct state *st);
void state_judge_repositories(struct state *st);	/* judge_repositories.c */
/* One more; text and help are printf's. */
struct state_finding *state_find(struct state *st, bool grave, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Everything as one JSON object and a newline. */
void state_json(const struct state *st, struct buf *out);
void state_release(struct state *st);

#endif
