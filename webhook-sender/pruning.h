/*
 * pruning.h - the sender forgets what was settled longer than `queue-keep` ago, a few
 * rows at a time between its turns: at most a tenth of its time goes there.
 *
 *	pruning_step(p, s, &e)		in each turn; does nothing unless it is due
 *	pruning_wait_us(p)		until the next, when one is under way
 *	pruning_finish(p, s, &e)	a one-shot sender's: before it leaves
 */
#ifndef PRUNING_H
#define PRUNING_H

#include "queue_prune.h"
#include "sender.h"

struct pruning {
	struct prune walk;
	bool under_way;
	int64_t look, next;		/* monotonic: whether it is due; its next step */
};

/* What fails for want of space or a lock is logged and begun anew later. */
int pruning_step(struct pruning *p, struct sender *s, struct err *e);
/* INT64_MAX: nothing is under way. */
int64_t pruning_wait_us(const struct pruning *p);
/* The clock was set: nothing is old by it for an hour. */
void pruning_postpone(struct pruning *p);
int pruning_finish(struct pruning *p, struct sender *s, struct err *e);

#endif
