/*
 * follow.h - the trail as it grows: each record once, as soon as its line is
 * whole, over midnight's change of file.
 *
 * inotify wakes it; a look every two seconds is the safety net (network file
 * systems tell nobody). A file that is not the newest is read to its end before
 * the next one is begun.
 */
#ifndef FOLLOW_H
#define FOLLOW_H

#include "err.h"
#include "lookup.h"

struct follow {
	const struct lookup *lookup;
	/* Each match; a positive number ends it. */
	int (*each)(const char *line, size_t n, struct json_t *record, void *arg);
	void *arg;
};
/* Every record written to dir from now on. Returns what each ended it with, or -1. The
   directory need not be there yet. */
int follow_dir(const struct follow *f, const char *dir, struct err *e);

#endif
