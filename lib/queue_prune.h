/*
 * queue_prune.h - forget what was settled long ago.
 *
 *	struct prune p = { .before_us = now - keep };
 *	while ((more = prune_step(q, &p, now, &e)) > 0)
 *		...wait a little, or do something else...
 *
 * Each table is walked by its own number, PRUNE_STEP rows at a time; a step is one
 * short transaction, so that no sender waits for it, and may be the last: what is left
 * is whole, and the next walk goes on. Kept whatever its age: what is open and what it
 * belongs to; the last move of each ref; what the trail has not got yet; and the newest
 * row of each table, whose number would be given away again. Of a change that is gone
 * its id is remembered for PRUNE_REMEMBER_US: a file of it that turns up late is known.
 * Freed pages are used again by what comes; the file does not shrink.
 */
#ifndef QUEUE_PRUNE_H
#define QUEUE_PRUNE_H

#include "queue.h"

#define PRUNE_STEP 200
#define PRUNE_LEAST_US (INT64_C(8) * 24 * 3600 * 1000000)	/* done/ keeps its files for 7 days */
#define PRUNE_EVERY_US (INT64_C(3600) * 1000000)
#define PRUNE_REMEMBER_US (INT64_C(400) * 24 * 3600 * 1000000)

enum prune_table { PRUNE_DELIVERIES, PRUNE_UPDATES, PRUNE_CHANGES, PRUNE_JOURNAL, PRUNE_IDS,
	PRUNE_TABLES };

struct prune {
	int64_t before_us;		/* settled and taken in before */
	int64_t rows[PRUNE_TABLES];	/* out: removed so far */
	int table;			/* how far it is */
	int64_t at;
};

/* 1 there is more, 0 that was all (and that is noted), -1 nothing was changed. */
int prune_step(struct queue *q, struct prune *p, int64_t now_us, struct err *e);
/* What it would remove, into p->rows: changes and deliveries only. Walks nothing. */
int prune_count(struct queue *q, struct prune *p, struct err *e);
/* When a walk last came to its end, and what it removed was settled before: 0 never. */
int prune_last(struct queue *q, int64_t *ran_us, int64_t *before_us, struct err *e);
/* Is it the id of a change that is gone? 1, 0, -1 */
int prune_gone(struct queue *q, const char *change, struct err *e);
/* Bytes of the file that nothing uses. */
int prune_free(struct queue *q, int64_t *bytes, struct err *e);

#endif
