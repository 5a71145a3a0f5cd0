/*
 * queue_heard.h - what was heard of each repository, by whomever: one row each, kept by
 * the sender as it takes changes in and judges them. For `refire status`.
 *
 * The rhythm of a repository is kept as the days it was heard on: bit n of days is the
 * n-th day before day, whose own bit is 0. Moves that fired nothing are counted from the
 * last one that fired something; what the pusher asked to skip, and what is fired by
 * hand, is no move in this sense.
 */
#ifndef QUEUE_HEARD_H
#define QUEUE_HEARD_H

#include "queue.h"

#define HEARD_DAYS 62			/* bits that count */

struct heard {
	const char *repository;
	int64_t time_us;		/* the newest change was taken in */
	enum source source;		/* of that one */
	int64_t hooked_us;		/* the newest of a hook; 0 never */
	int64_t day;			/* since 1970, of time_us */
	uint64_t days;
	int64_t moved_us;		/* the newest accepted move; 0 never */
	int64_t fired_us;		/* the newest that fired; 0 never */
	int64_t idle, idle_us;		/* moves since then that fired nothing; the first of them */
	const char *idle_oid;		/* where the newest of them led */
};

/* Inside queue_begin/commit: a change of the repository was taken in. */
int queue_heard_note(struct queue *q, const char *repository, enum source source,
	int64_t now_us, struct err *e);
/* Moves of its refs were judged: did any fire, and how many after that did not; oid is
   the last of these. */
struct heard_moves {
	const char *repository, *oid;
	bool fired;
	int64_t idle;
};
int queue_heard_moved(struct queue *q, const struct heard_moves *m, int64_t now_us,
	struct err *e);
/* In byte order of repository. */
int queue_heard(struct queue *q, int (*cb)(const struct heard *h, void *arg), void *arg,
	struct err *e);

#endif
