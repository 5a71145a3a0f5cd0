/*
 * attempt.h - stages 3 to 5: lane heads that are due are leased, carried out by
 * their target's step machine, and settled.
 *
 * Nothing leaves before its lease (and the target's progress) is committed; what
 * came back is applied only under that lease. A turn is one transaction: the effects
 * of what ended since the last turn, and the leases that it makes room for. The
 * requests that it allows go out after it.
 *
 *	poll(attempts_fd(t), courier_fd(...))
 *	attempts_collect(t)		take answers, ask the targets (target.h) what is next
 *	attempts_turn(t, true, false, e)	write all of it, lease what is due; send what follows
 */
#ifndef ATTEMPT_H
#define ATTEMPT_H

#include "sender.h"

struct attempts;

struct attempt_tally {			/* since the start */
	int64_t delivered, waiting, failed, held;
};

struct attempts *attempts_open(struct sender *s);
/* Flights still under way are left to the next sender: their outcome is unknown. */
void attempts_close(struct attempts *t);
size_t attempts_running(const struct attempts *t);
/* Those of the running that only wait for the next turn. */
size_t attempts_settled(const struct attempts *t);
const struct attempt_tally *attempts_tally(const struct attempts *t);

/* What may be leased now: for queue_next_due. */
const struct queue_door *attempts_door(const struct attempts *t);

/* Readable when a program has ended; -1: none was run yet. */
int attempts_fd(const struct attempts *t);
/* Take what the courier and programs have finished. Returns how many flights moved. */
int attempts_collect(struct attempts *t);
/* Is there something to commit? */
bool attempts_dirty(const struct attempts *t);
/* claim false: lease nothing more. -1: nothing was written; call again later, nothing is
   lost. */
int attempts_turn(struct attempts *t, bool claim, bool begun, struct err *e);

#endif
