/*
 * queue_story.h - a change as a story: what it brought, what was decided about each
 * ref, and what became of it. Reading only; `refire explain` asks.
 *
 *	story_change(q, &arena, "01a2", &change, &e)	or story_last, or story_commit
 *	story_updates(q, change.seq, 20, each, arg, &e)
 *	story_deliveries(q, update.seq, each, arg, &e)
 *	story_journal(q, change.seq, each, arg, &e)	what was decided, and why
 *
 * Callbacks return non-zero to stop (that value is returned); strings live until
 * they return.
 */
#ifndef QUEUE_STORY_H
#define QUEUE_STORY_H

#include "queue.h"

struct story_update {
	int64_t seq, change;
	enum update_kind kind;
	enum update_state state;
	const char *repository, *ref, *old, *new;
	const char *pipeline;		/* fire */
	int64_t wait_us;		/* pending: not judged before; 0 */
	bool coalesced;			/* stands for steps that nobody reported */
	int forced;			/* 1, 0, -1 unknown */
	int64_t covered_by;		/* covered: the update that moved the ref; 0 none */
	int64_t enrichment;		/* 0 none */
};

/* By id, or its beginning of at least 4 characters. 1 found, 0 not, -1 (also ERR_USAGE:
   several begin so). */
int story_change(struct queue *q, struct arena *a, const char *id, struct change_row *out,
	struct err *e);
/* The newest that was more than a first look at what was there. 1, 0 none, -1. */
int story_last(struct queue *q, struct arena *a, struct change_row *out, struct err *e);

/* Newest first: updates to this commit (or its beginning, of at least 4 digits). */
int story_commit(struct queue *q, const char *oid,
	int (*cb)(const struct story_update *u, void *arg), void *arg, struct err *e);
/* Newest first: updates of one ref. */
int story_ref(struct queue *q, const char *repository, const char *ref, int64_t limit,
	int (*cb)(const struct story_update *u, void *arg), void *arg, struct err *e);
/* Those of a change, in its order; *total is how many there are. */
int story_updates(struct queue *q, int64_t change, int64_t limit, int64_t *total,
	int (*cb)(const struct story_update *u, void *arg), void *arg, struct err *e);
/* One. 1 found, 0 not, -1; strings in a. */
int story_update(struct queue *q, struct arena *a, int64_t seq, struct story_update *out,
	struct err *e);
/* What was made of an update, in order of pipeline as configured then. */
int story_deliveries(struct queue *q, int64_t update,
	int (*cb)(const struct delivery *d, void *arg), void *arg, struct err *e);
/* The head of a delivery's lane: what it waits for. 1, 0 none, -1 */
int story_ahead(struct queue *q, struct arena *a, int64_t delivery, struct delivery *out,
	struct err *e);
/* Journal rows of a change that are of no delivery, in order. */
int story_journal(struct queue *q, int64_t change,
	int (*cb)(const struct journal_row *r, void *arg), void *arg, struct err *e);
/* The JSON of webhook-sender/enrich.h; "" when there is none. */
int story_enrichment(struct queue *q, struct arena *a, int64_t seq, char **json, struct err *e);

#endif
