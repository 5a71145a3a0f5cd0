/*
 * backoff.h - when to try again: pure arithmetic.
 *
 * The default schedule rises from 5 s to 10 h (5 s, 30 s, 2 min, 10 min, 30 min,
 * 2 h, 5 h, 10 h, then 10 h again), each ± 20 %. random is a number the caller
 * draws, so that tests are exact.
 */
#ifndef BACKOFF_H
#define BACKOFF_H

#include <stddef.h>
#include <stdint.h>

struct backoff {			/* a schedule: the wait after each failed attempt; */
	const int64_t *us;		/* the last goes on for ever. n 0, or NULL for all of */
	size_t n;			/* it: the default. A step is at most a week. */
};

/* Microseconds to wait after the n-th failed attempt (n from 1). */
int64_t backoff_wait_us(const struct backoff *b, int n, uint32_t random);
/* The longest step without jitter: due times are clamped to now + this × 1.2. */
int64_t backoff_longest_us(const struct backoff *b);
/* The first step without jitter. */
int64_t backoff_first_us(const struct backoff *b);

#endif
