/* rhythm.c - see rhythm.h. */
#include "rhythm.h"

struct rhythm rhythm_of(uint64_t days)
{
	struct rhythm r = { 0, 0 };
	int last = -1;

	for (int n = 0; n < 64; n++) {
		if (!(days >> n & 1))
			continue;
		if (last >= 0 && n - last > r.pause)
			r.pause = n - last;
		last = n;
		r.active++;
	}
	return r;
}

bool rhythm_broken(const struct rhythm *r, int64_t silent)
{
	return r->active >= RHYTHM_DAYS && silent > 2 * r->pause;
}
