/*
 * pass_parts.h - the parts of a pass, for poller/pass*.c only.
 *
 * pass.c owns the loop. A round of it: pass_due.c puts into line who is due,
 * pass_begin.c begins looks while there are slots, pass_end.c takes what came back,
 * pass_settle.c reports it, pass_store.c keeps what is known of each. pass_roster.c says who is watched at all.
 * All of it runs in the one thread that holds poller.lock.
 */
#ifndef PASS_PARTS_H
#define PASS_PARTS_H

#include <stdatomic.h>
#include <sys/types.h>

#include "hints.h"
#include "pass.h"
#include "roster.h"
#include "say.h"
#include "smart.h"
#include "workers.h"

#define PATH_THREADS 4			/* local looks at once */
#define STREAM_THREADS 8		/* ssh and git:// ones */

struct pass {
	struct config **config;
	struct pass_options o;
	struct spool_paths paths;
	struct queue *queue;
	ino_t queue_ino;
	struct roster roster;
	struct hints hints;
	struct smart *smart;
	struct workers *local, *streams;
	struct workers *askers, *fetchers;	/* of credential helpers, of mirrors */
	struct credentials *credentials;
	struct say say;
	struct pass_tally tally;
	atomic_bool stop;
	bool reload;
	int signals, inotify;		/* inotify -1: only rescans */
	size_t total;			/* of this pass, for the progress */
	size_t ndirty, nwanted;
	struct ended *ended;		/* of this round, see pass_settle.c */
	struct look **spent;
	size_t nended, ended_cap, nspent, spent_cap;
	bool unstored;			/* storing failed last time */
	bool wake;			/* something was put, or waits: there must be a sender */
	int64_t hooked;			/* the newest change that hooked() knows of; -1 none */
	/* monotonic */
	int64_t flushed_us, hinted_us, synced_us, hooked_us;
	int64_t scan_us;		/* the next of all falls due; 0 now */
	int64_t stamp;			/* queue_stamp */
};

/* ---- pass_store.c ---- */
int pass_queue_open(struct pass *p, struct err *e);
/* `refire queue rebuild` may have put another file in its place. */
int pass_queue_check(struct pass *p, struct err *e);
/* The rows of what changed, and a sender where something was put. */
int pass_flush(struct pass *p, struct err *e);
int pass_flush_or_wait(struct pass *p, struct err *e);

/* ---- pass_due.c ---- */
void pass_enqueue_first(struct pass *p);
/* Microseconds until somebody else falls due. */
int64_t pass_enqueue_due(struct pass *p);
void pass_due_changed(struct pass *p, const struct watched *w);
void pass_want(struct pass *p, struct watched *w);
void pass_want_no_more(struct pass *p, struct watched *w);
void pass_take_hints(struct pass *p);
void pass_take_hooked(struct pass *p);

/* ---- pass_begin.c ---- */
int pass_start_due(struct pass *p, struct err *e);
int pass_take_stamp(struct pass *p, struct err *e);
/* Ask (again) over HTTP, with what is known of user and password. */
void pass_ask_server(struct pass *p, struct look *l);

/* ---- pass_end.c ---- */
void pass_collect(struct pass *p);

/* ---- pass_settle.c ---- */
/* It failed before it began. */
void pass_settle_failed(struct pass *p, struct watched *w, struct look *l);
/* It has ended: at the end of this round it is reported, w is free for another, and what
   was spent is freed. */
void pass_settle_later(struct pass *p, struct watched *w, struct look *l);
void pass_spend(struct pass *p, struct look *l);
void pass_settle_all(struct pass *p);

/* ---- pass_roster.c ---- */
int pass_sync(struct pass *p, struct err *e);
/* A file with an error leaves the old configuration in force. */
int pass_reload(struct pass *p, struct err *e);

/* ---- pass.c ---- */
bool pass_busy(const struct pass *p);

#endif
