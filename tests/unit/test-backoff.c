/* test-backoff.c - the schedule, exact at the ends of its jitter. */
#include "backoff.h"
#include "clock.h"
#include "tap.h"

int main(void)
{
	static const int64_t steps[] = { 5, 30, 120, 600, 1800, 7200, 18000, 36000, 36000, 36000 };
	int outside = 0;

	plan_none();
	for (int n = 1; n <= 10; n++) {
		int64_t step = steps[n - 1] * US_PER_S;

		is_int(backoff_wait_us(NULL, n, 0), step / 10 * 8, "attempt %d: the shortest", n);
		is_int(backoff_wait_us(NULL, n, UINT32_MAX), step / 10 * 12, "attempt %d: the longest", n);
		is_int(backoff_wait_us(NULL, n, UINT32_MAX / 2) / (step / 1000), 999,
			"attempt %d: the middle", n);
		for (uint32_t r = 0; r < UINT32_MAX - 70000; r += 65537)
			outside += backoff_wait_us(NULL, n, r) < step / 10 * 8 ||
				backoff_wait_us(NULL, n, r) > step / 10 * 12;
	}
	is_int(outside, 0, "never outside of a fifth either way");
	is_int(backoff_wait_us(NULL, 0, 0), backoff_wait_us(NULL, 1, 0), "no attempt counts as the first");
	is_int(backoff_wait_us(NULL, -1, 0), backoff_wait_us(NULL, 1, 0), "neither does less than none");
	is_int(backoff_wait_us(NULL, INT32_MAX, 0), backoff_wait_us(NULL, 10, 0), "it does not grow for ever");
	is_int(backoff_first_us(NULL), 5 * US_PER_S, "the first step");
	is_int(backoff_longest_us(NULL), 36000 * US_PER_S, "the longest step");
	static const int64_t own[] = { 2 * US_PER_S, 60 * US_PER_S, 10 * US_PER_S };
	const struct backoff b = { own, 3 };
	is_int(backoff_wait_us(&b, 2, 0), 48 * US_PER_S, "a schedule of one's own: the second step");
	is_int(backoff_wait_us(&b, 9, 0), 8 * US_PER_S, "its last step goes on");
	is_int(backoff_longest_us(&b), 60 * US_PER_S, "its longest is not its last");
	is_int(backoff_first_us(&b), 2 * US_PER_S, "its first");
	return tap_done();
}
