/*
 * report.h - what a good look found, into the spool: one change file with the
 * differences, or nothing.
 *
 * Until a sender has taken the file in and judged it, seconds later, every look would
 * find the same again. The mark, kept with the poll's state, names the last report
 * (its change id and a digest): the same findings are not reported again while
 * that one waits, for a day at most. Once it was judged, they are: it may have been
 * found that they did not last.
 */
#ifndef REPORT_H
#define REPORT_H

#include "err.h"
#include "look.h"
#include "observe.h"
#include "spool.h"

#define REPORT_MARK STILL_MARK

struct report {
	struct observe_out seen;	/* in the look's arena */
	bool put;			/* a change file was published */
	bool waits;			/* the same findings wait to be judged already */
	char mark[REPORT_MARK];		/* to keep: this report's, or how all stands still; or "" */
};

/* mark: as it was kept. -1: it could not be made durable, or q cannot be read. */
int report_make(struct look *l, const struct spool_paths *p, struct queue *q, const char *mark,
	struct report *out, struct err *e);

#endif
