/* backoff.c - see backoff.h. */
#include "backoff.h"
#include "clock.h"

#define S(n) ((n) * US_PER_S)
static const int64_t steps[] = {
	S(5), S(30), S(120), S(600), S(1800), S(7200), S(18000), S(36000)
};
static const struct backoff usual = { steps, sizeof steps / sizeof *steps };

static int64_t step(const struct backoff *b, int n)
{
	if (!b || !b->n)
		b = &usual;
	return b->us[n < 1 ? 0 : (size_t)n > b->n ? b->n - 1 : (size_t)n - 1];
}

int64_t backoff_wait_us(const struct backoff *b, int n, uint32_t random)
{
	int64_t us = step(b, n);
	/* 0.8 to 1.2 of the step: a fifth off, and up to two fifths on; 24 bits of
	   random keep the product below 2^63 */
	int64_t jitter = us / 5 * 2 * (int64_t)(random >> 8) / (int64_t)(UINT32_MAX >> 8);

	return us - us / 5 + jitter;
}

int64_t backoff_longest_us(const struct backoff *b)
{
	int64_t longest = 0;

	if (!b || !b->n)
		b = &usual;
	for (size_t i = 0; i < b->n; i++)
		longest = b->us[i] > longest ? b->us[i] : longest;
	return longest;
}

int64_t backoff_first_us(const struct backoff *b)
{
	return step(b, 1);
}
