/*
 * records.h - walk the trail's files, newest or oldest record first, in bounded
 * memory and at the speed of memory search.
 *
 * Files are read in blocks, from the end when the newest come first. A line that
 * is torn, overlong or no record is counted and passed over.
 *
 *	w = (struct records){ .lookup = l, .each = print };
 *	records_dir(&w, "/var/lib/refire/trail", &e);
 */
#ifndef RECORDS_H
#define RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "lookup.h"
#include "trail_files.h"

struct records {
	const struct lookup *lookup;
	bool oldest_first;
	/* Each match; a positive number ends the walk. */
	int (*each)(const char *line, size_t n, struct json_t *record, void *arg);
	void *arg;
	/* Before each file, with how many are done; may be NULL. */
	void (*progress)(size_t done, size_t files, void *arg);
	/* results */
	int64_t unreadable;		/* lines that are not records */
	int64_t torn;			/* files that end inside a line: it was passed over */
};
/* Every record of live and sealed files; those that cannot match are not opened, and of
   a sealed one only the blocks its index names where an id is sought. What each returned when it ended the walk (a positive number), 0 at the end, -1 on failure. No directory
   is no records. */
int records_dir(struct records *w, const char *dir, struct err *e);
/* The same for one open file. */
int records_file(struct records *w, int fd, const char *name, struct err *e);

/* The live files by name, oldest first; free() v. */
struct records_days {
	struct records_day {
		char name[TRAIL_NAME];	/* "2026-11-23T14-0000000000000123.jsonl" */
	} *v;
	size_t n, cap;
};
int records_days(const char *dir, struct records_days *out, struct err *e);

#endif
