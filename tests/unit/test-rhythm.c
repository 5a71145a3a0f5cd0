/* test-rhythm.c - when is a silence out of rhythm? */
#include "rhythm.h"
#include "tap.h"

#define WEEKDAYS UINT64_C(0x1f3e7cf9f)	/* five weeks, the newest a Friday */

static const struct {
	const char *name;
	uint64_t days;
	int active, pause;
	int64_t first;			/* silence that is out of it; 0 never */
} cases[] = {
	{ "nothing", 0, 0, 0, 0 },
	{ "one day", 1, 1, 0, 0 },
	{ "two days", 3, 2, 1, 0 },
	{ "four are no rhythm", 0xf, 4, 1, 0 },
	{ "five days in a row", 0x1f, 5, 1, 3 },
	{ "weekdays", WEEKDAYS, 25, 3, 7 },
	{ "once a week", 1 | 1 << 7 | 1 << 14 | 1 << 21 | 1 << 28, 5, 7, 15 },
	{ "a long pause once", UINT64_C(0x1f) | UINT64_C(1) << 40, 6, 36, 73 },
	{ "all bits", UINT64_MAX, 64, 1, 3 },
};

int main(void)
{
	plan_none();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct rhythm r = rhythm_of(cases[i].days);
		int64_t silent = 0;

		is_int(r.active, cases[i].active, "%s: days", cases[i].name);
		is_int(r.pause, cases[i].pause, "%s: the longest pause", cases[i].name);
		while (silent < 200 && !rhythm_broken(&r, silent))
			silent++;
		is_int(silent, cases[i].first ? cases[i].first : 200, "%s: silent too long",
			cases[i].name);
	}
	return tap_done();
}
