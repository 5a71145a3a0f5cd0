/*
 * enrich_parts.h - what the two ways of computing an enrichment share. Private to
 * enrich.c (libgit2) and enrich_git.c (the git program).
 */
#ifndef ENRICH_PARTS_H
#define ENRICH_PARTS_H

#include "enrich.h"

/* Bytes of one update in memory: of messages, and of paths. */
#define ENRICH_TEXT (6 * MIB)
/* Bytes of a person's name or address. */
#define ENRICH_NAME 1024
/* Beyond this many commits the total is unknown. */
#define ENRICH_COUNT 1000000
/* Years 1970 to 9999: what RFC 3339 can say. */
#define ENRICH_TIME_MAX INT64_C(253402214400)

/* One update under way. */
struct enrich_work {
	struct repo *repo;
	struct arena *a;
	const char *ref, *before, *after;
	int64_t deadline_us;
	size_t text;			/* bytes of messages that may still be taken */
	size_t paths, path_bytes;	/* of the commits, that may still be taken */
	size_t git_from;		/* more commits than these are asked of git */
	struct enrichment *out;
};

/* What holds without a repository: everything empty, and forced where the ids say it. */
void enrich_begin(struct enrich_work *w);
/* Add a sentence to why_not. */
void enrich_lacks(struct enrich_work *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* n bytes of text, shortened to what is allowed (between characters). */
const char *enrich_text(struct enrich_work *w, const char *s, size_t n, bool *cut);
const char *enrich_name(struct arena *a, const char *s);
int64_t enrich_time(int64_t s);
bool enrich_late(const struct enrich_work *w);

/* By `git`. w has been begun. */
void enrich_by_git(struct enrich_work *w);

/* out's commits by one `git log`: the newest LIMIT_COMMITS that new has and hide (may be
   NULL) has not, oldest first. How many; 0 when git could not tell. */
size_t enrich_log(struct enrich_work *w, const char *new, const char *hide);

/* enrich_update that has git list the commits of a push of more than git_from: 0 always,
   SIZE_MAX never. For measurements and tests. */
void enrich_update_by(struct enrich *n, struct arena *a, const char *ref, const char *before,
	const char *after, int64_t deadline_us, size_t git_from, struct enrichment *out);

#endif
