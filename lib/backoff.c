/* backoff.c - see backoff.h. */
#include "backoff.h"
#include "clock.h"

static const int64_t steps_s[] = { 5, 30, 120, 600, 1800, 7200, 18000, 36000 };

#define STEPS ((int)(sizeof steps_s / sizeof *steps_s))

int64_t backoff_wait_us(int n, uint32_t random)
{
	int64_t step = steps_s[n < 1 ? 0 : n > STEPS ? STEPS - 1 : n - 1] * US_PER_S;
	/* 0.8 to 1.2 of the step: a fifth off, and up to two fifths on; 24 bits of
	   random keep the product below 2^63 */
	int64_t jitter = step / 5 * 2 * (int64_t)(random >> 8) / (int64_t)(UINT32_MAX >> 8);

	return step - step / 5 + jitter;
}

int64_t backoff_longest_us(void)
{
	return steps_s[STEPS - 1] * US_PER_S;
}

int64_t backoff_first_us(void)
{
	return steps_s[0] * US_PER_S;
}
