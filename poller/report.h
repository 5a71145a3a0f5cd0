/*
 * report.h - what a good look found, into the spool: one change file with the
 * differences, or nothing.
 *
 *	report_make(l, paths, q, mark, &r, e)	what is there to report?
 *	report_put(paths, v, n)			of all that ended by now, those with a text
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
	char *text;			/* of a change file that is to be published, else NULL */
	size_t len;
	bool put;			/* it was published */
	bool lost;			/* it could not be: *e says why */
	struct err *e;
	bool waits;			/* the same findings wait to be judged already */
	char mark[REPORT_MARK];		/* to keep: this report's, or how all stands still; or "" */
};

/* mark: as it was kept. -1: q cannot be read. e is used until report_put. */
int report_make(struct look *l, const struct spool_paths *p, struct queue *q, const char *mark,
	struct report *out, struct err *e);
/* Publish the texts of v, and free them. Many at once, by threads: a file system makes
   what waits for its disk at the same time durable in one go. Each is put, or lost. */
void report_put(const struct spool_paths *p, struct report **v, size_t n);

#endif
