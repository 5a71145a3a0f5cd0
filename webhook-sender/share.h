/*
 * share.h - what each pipeline may take of the sender's slots: the door that
 * claims go through. A dead or slow target has its own `concurrency` at most under
 * way; the slots that this leaves are for the others.
 *
 * Slots of a pipeline are given out again when a quarter of them is free, or
 * nothing of it is under way: fewer, fuller transactions.
 *
 *	queue_claim(..., shares_door(s), ...)	asks how much each may take
 *	f->share = shares_begin(s, name)	one more is under way
 *	shares_end(f->share)			it is not any more
 */
#ifndef SHARE_H
#define SHARE_H

#include "sender.h"

struct shares;
struct share;

struct shares *shares_open(const struct sender *s);
void shares_close(struct shares *t);
/* Lives as long as the shares; goes by the sender's present configuration. */
const struct queue_door *shares_door(const struct shares *t);
struct share *shares_begin(struct shares *t, const char *pipeline);
void shares_end(struct share *s);
/* One that is under way gives its slot to the next for as long as it is asked to. */
void share_leave(struct share *s, bool leave);
/* Was its breaker's state empty when last seen? Whoever writes it says so. */
bool *share_calm(struct share *s);

/* `concurrency` of the pipeline; where it is not set, or the pipeline is gone, three
   quarters of what the sender has in all. At least 1. */
size_t share_limit(const struct config *c, const struct pipeline *p);
/* How many more may begin. */
size_t share_room(size_t limit, size_t running);

#endif
