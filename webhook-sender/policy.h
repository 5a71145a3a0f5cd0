/*
 * policy.h - the whole failure policy, pure and tabled.
 *
 * policy_judge: an answer to a verdict.
 *	2xx			OK
 *	3xx			FAIL: never followed
 *	408 425 429 5xx		RETRY, no sooner than Retry-After (1 s .. 24 h)
 *	410			GONE: the receiver says so; the pipeline is held
 *	other 4xx		REJECTED: rejected_tries in all, then FAILED
 *	resolve, connect, TLS, time-out, broken	RETRY
 *	an address that may not be connected to	RETRY: names change their addresses
 *
 * policy_judge_end: how a program ended to a verdict.
 *	0			OK
 *	75 (EX_TEMPFAIL)	RETRY
 *	could not be run	RETRY: a person mends the command, nothing is lost
 *	time-out		REJECTED: rejected_tries in all, then FAILED
 *	any other, a signal	FAIL
 *
 * policy_step: (state, verdict, now) to (state, due). One door for every change
 * of a delivery's state after an attempt.
 */
#ifndef POLICY_H
#define POLICY_H

#include <stdint.h>

#include "backoff.h"
#include "message.h"
#include "program.h"
#include "queue.h"

#define POLICY_RETRY_AFTER_MIN_US INT64_C(1000000)
#define POLICY_RETRY_AFTER_MAX_US (INT64_C(24) * 3600 * 1000000)

/* Strings of the verdict live in a. now_us reads an HTTP date in Retry-After. */
struct verdict policy_judge(const struct answer *answer, int64_t now_us, struct arena *a);

struct verdict policy_judge_end(const struct program_end *end, struct arena *a);

struct policy_input {
	int64_t attempts;	/* this one included */
	int64_t first_us;	/* when the first attempt began */
	int64_t paused_us;	/* while the give-up clock stood still */
	int64_t give_up_us;
	int64_t rejected_tries;
	const struct backoff *schedule;	/* NULL: the default */
	int64_t now_us;
	uint32_t random;	/* for the jitter */
};
struct policy_step {
	enum delivery_state state;
	int64_t due_us;
};
struct policy_step policy_step(const struct policy_input *in, const struct verdict *v);

/* "120" or an HTTP date (RFC 9110, 10.2.3) to a wait in microseconds; 0 none. */
int64_t policy_retry_after(const char *value, int64_t now_us);

#endif
