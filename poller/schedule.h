/*
 * schedule.h - when a repository is looked at next: pure arithmetic.
 *
 * Each repository has a phase of its own within its interval, from its name, so
 * that many do not fall due at once and a restart changes nothing; each turn is
 * up to a tenth of the interval early or late. After failures the waits double,
 * up to SCHEDULE_LONGEST_US or the interval.
 */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"

#define SCHEDULE_LONGEST_US (1800 * US_PER_S)
#define SCHEDULE_SETTLE_US (3 * US_PER_S)	/* until a report is judged */

/* After a look at now_us: failures in a row, 0 after a good one. The next turn is at
   least half an interval away, and less than one and three quarters. */
int64_t schedule_next(const char *name, int64_t interval_us, int64_t failures, int64_t now_us);

/* The server asks to be left alone for wait_us: what becomes of next_us. No longer than
   failures make us wait. */
int64_t schedule_asked(int64_t next_us, int64_t interval_us, int64_t wait_us, int64_t now_us);

struct schedule_state {
	int64_t last_us, next_us;	/* 0: never looked at */
	int64_t failures;
};
/* For a resident. A next_us further away than any schedule goes (the clock was set
   back) is due. */
bool schedule_due(const struct schedule_state *s, int64_t interval_us, int64_t now_us);
/* The repository's hook has just reported: the next look comes when that is judged, in
   place of the one that was due; but not ever later under ceaseless pushes. */
int64_t schedule_after_change(const struct schedule_state *s, int64_t interval_us,
	int64_t now_us);
/* For a pass that comes by every now and then: a turn that has all but come is
   taken now, so that a cron line as long as the interval polls each time. */
bool schedule_due_pass(const struct schedule_state *s, int64_t interval_us, int64_t now_us);

#endif
