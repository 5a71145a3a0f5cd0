/*
 * lookup.h - find records in the trail's JSON lines, newest or oldest first, in
 * bounded memory and at the speed of memory search.
 *
 * A query is compiled into needles: texts that every matching line must hold (a
 * pipeline's name in quotes, an id). Files are read in blocks, from the end when
 * the newest come first; only lines that hold every needle are parsed as JSON
 * and compared field by field. So a needle never decides, it only spares work.
 *
 *	l = lookup_new(&query);
 *	w = (struct lookup_walk){ .lookup = l, .each = print };
 *	lookup_dir(&w, "/var/lib/refire/trail", &e);
 *	lookup_free(l);
 *
 * The first, narrowest needle is sought in whole blocks, not line by line.
 */
#ifndef LOOKUP_H
#define LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct json_t;				/* jansson's */

struct lookup_query {			/* NULL: any */
	const char *event_name, *event_source, *event_id;
	const char *username;		/* userIdentity.userName, or principalId "uid:1000" */
	const char *resource;		/* an ARN, or its last part */
	const char *change, *delivery;	/* ids, or their beginnings */
	const char *pipeline, *repository;
	const char *error_code;
	const char *text;		/* anywhere in the record, case counts */
	bool failed;			/* only records with an errorCode */
	int read_only;			/* -1 any, 0 no, 1 yes */
	int64_t since_us, until_us;	/* eventTime: since <= t < until; 0 any */
};

struct lookup;
struct lookup *lookup_new(const struct lookup_query *q);	/* copies what it keeps */
void lookup_free(struct lookup *l);

/* One line of n bytes, without its newline. 1 it matches, 0 not, -1 it is no record.
   On 1, *record is set; the caller json_decref()s it. */
int lookup_match(const struct lookup *l, const char *line, size_t n, struct json_t **record);

struct lookup_walk {
	const struct lookup *lookup;
	bool oldest_first;
	/* Each match; a positive number ends the walk. */
	int (*each)(const char *line, size_t n, struct json_t *record, void *arg);
	void *arg;
	/* results */
	int64_t unreadable;		/* lines that are not records */
	int64_t torn;			/* files that end inside a line: it was passed over */
};
/* Every record of DIR/YYYY-MM-DD.jsonl; days that cannot match are not opened. What
   each returned when it ended the walk (a positive number), 0 at the end, -1 on failure. No directory
   is no records. */
int lookup_dir(struct lookup_walk *w, const char *dir, struct err *e);
/* The same for one open file. */
int lookup_file(struct lookup_walk *w, int fd, const char *name, struct err *e);

/* The trail's files by name, oldest day first; free() v. */
struct lookup_files {
	struct lookup_name {
		char name[24];		/* "2026-11-23.jsonl" */
	} *v;
	size_t n, cap;
};
int lookup_files(const char *dir, struct lookup_files *out, struct err *e);

/* A text or number at a dotted path ("userIdentity.userName") of a record: "" when
   it is not there or of another kind. */
const char *lookup_text(const struct json_t *record, const char *path);
int64_t lookup_int(const struct json_t *record, const char *path);
const struct json_t *lookup_get(const struct json_t *record, const char *path);

#endif
