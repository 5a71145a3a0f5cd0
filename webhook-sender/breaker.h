/*
 * breaker.h - the circuit breaker of a pipeline: when its receiver is down, ask it
 * with one delivery now and then, and keep the others. Pure; its state is in the
 * queue (struct breaker, queue.h), so that it outlives the sender.
 *
 *	closed	-> open		`breaker-failures` attempts in a row failed as a receiver
 *				fails that is down, and not all of one delivery: that one
 *				may be the reason, and its own schedule is enough
 *	open	-> open		a probe failed: the next after the back-off's wait, at
 *				most BREAKER_PROBE_US
 *	open	-> ramp		an answer: 2 may be under way, and one more for each answer
 *	ramp	-> closed	as many as the pipeline may have
 *	ramp	-> open		a failure
 *
 * Any answer closes it, also one that refuses (4xx): the receiver is there.
 */
#ifndef BREAKER_H
#define BREAKER_H

#include "message.h"
#include "queue.h"

#define BREAKER_PROBE_US (INT64_C(600) * 1000000)

enum breaker_news { BREAKER_SAME, BREAKER_OPENED, BREAKER_CLOSED };

struct breaker_input {
	enum outcome outcome;
	bool sent;			/* the receiver was asked at all */
	bool answered;			/* a status came: the receiver is there */
	int64_t delivery, began_us;	/* the attempt's */
	int64_t now_us;
	int64_t failures;		/* `breaker-failures`; 0: never open */
	int64_t limit;			/* slots of the pipeline */
	int64_t wait_us;		/* the back-off after one more failed probe */
};
enum breaker_news breaker_step(struct breaker *b, const struct breaker_input *in);

/* Nothing to remember: no failure, not open, no ramp. */
bool breaker_calm(const struct breaker *b);

/* room: what the pipeline could take without a breaker. */
struct queue_room breaker_room(const struct breaker *b, size_t limit, size_t running,
	struct queue_room room);

#endif
