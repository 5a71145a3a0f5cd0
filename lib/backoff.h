/*
 * backoff.h - when to try again: pure arithmetic.
 *
 * The default schedule rises from 5 s to 10 h (5 s, 30 s, 2 min, 10 min, 30 min,
 * 2 h, 5 h, 10 h, then 10 h again), each ± 20 %. random is a number the caller
 * draws, so that tests are exact.
 */
#ifndef BACKOFF_H
#define BACKOFF_H

#include <stdint.h>

/* Microseconds to wait after the n-th failed attempt (n from 1). */
int64_t backoff_wait_us(int n, uint32_t random);
/* The longest step without jitter: due times are clamped to now + this × 1.2. */
int64_t backoff_longest_us(void);
/* The first step without jitter. */
int64_t backoff_first_us(void);

#endif
