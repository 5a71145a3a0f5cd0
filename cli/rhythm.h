/*
 * rhythm.h - how often something is heard of a repository, by the days on which it was:
 * pure.
 *
 * A pause is the number of days from one on which something was heard to the next, so
 * that daily work has pauses of 1 and work on weekdays of 3. A silence is out of rhythm
 * when it is more than twice as long as the longest pause that is known, and when at
 * least RHYTHM_DAYS days are known to tell by: fewer are no rhythm.
 */
#ifndef RHYTHM_H
#define RHYTHM_H

#include <stdbool.h>
#include <stdint.h>

#define RHYTHM_DAYS 5

struct rhythm {
	int active;			/* days on which something was heard */
	int pause;			/* the longest between two of them; 0: fewer than two */
};

/* days: bit n is the n-th day before the newest (queue_heard.h). */
struct rhythm rhythm_of(uint64_t days);
/* silent: days from the newest until now. */
bool rhythm_broken(const struct rhythm *r, int64_t silent);

#endif
