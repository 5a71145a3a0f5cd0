/*
 * lookup.h - what is sought in the trail, and whether one record is it.
 *
 * A query is compiled into needles: texts that every matching line must hold (a
 * pipeline's name in quotes, an id). Only a line that holds every needle is
 * parsed as JSON and compared field by field: a needle never decides, it only
 * spares work. records.h seeks the first, narrowest one in whole blocks.
 *
 *	l = lookup_new(&query);
 *	if (lookup_match(l, line, n, &record) == 1) ...
 *	lookup_free(l);
 */
#ifndef LOOKUP_H
#define LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* The narrowest needle, NULL when there is none. */
const char *lookup_needle(const struct lookup *l, size_t *n);
/* An id, or the beginning of one, that every matching record has; NULL none. */
const char *lookup_id(const struct lookup *l);
/* Can a record of that time (from <= t < to) match? */
bool lookup_span(const struct lookup *l, int64_t from_us, int64_t to_us);

/* One line of n bytes, without its newline. 1 it matches, 0 not, -1 it is no record.
   On 1, *record is set; the caller json_decref()s it. */
int lookup_match(const struct lookup *l, const char *line, size_t n, struct json_t **record);

/* A text or number at a dotted path ("userIdentity.userName") of a record: "" when
   it is not there or of another kind. */
const char *lookup_text(const struct json_t *record, const char *path);
int64_t lookup_int(const struct json_t *record, const char *path);
const struct json_t *lookup_get(const struct json_t *record, const char *path);

#endif
