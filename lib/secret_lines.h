/*
 * secret_lines.h - the text of a file of secrets, one a line, newest first. Pure.
 *
 *	NEW not-before=2026-12-01T00:00:00Z
 *	OLD not-after=2026-12-08T00:00:00Z
 *
 * A secret may hold any bytes but a line feed, blanks too; the times at a line's end
 * (RFC 3339, or a date) are no part of it, nor are a CR there and empty lines. Where
 * several are valid they overlap, so that receivers can change over; see
 * refire.conf(5), Secrets.
 */
#ifndef SECRET_LINES_H
#define SECRET_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define SECRET_LINES 16		/* in one file */
#define SECRET_ID 9

/* Secrets, the one to sign with first; bytes, not text. Never logged. */
struct secret {
	const char *s;
	size_t len;
};
struct secrets {
	struct secret *v;
	size_t n;
};

struct secret_line {
	struct secret key;		/* s points into the text, a NUL behind it */
	int64_t from_us, until_us;	/* valid from, and until before; 0 without that bound */
	int line;			/* in its file, from 1 */
	char id[SECRET_ID];		/* to tell which one: of a digest of its digest */
};
struct secret_lines {
	struct secret_line *v;
	size_t n;
};

/* v has SECRET_LINES elements; text has a byte behind its end, and is modified.
   ERR_DATA: names the line, never what is in it. */
int secret_lines_parse(char *text, size_t size, struct secret_line *v, size_t *n, struct err *e);
/* From when on is none valid? now_us: none is; 0: some line has no end. */
int64_t secret_lines_end(const struct secret_lines *l, int64_t now_us);
bool secret_line_valid(const struct secret_line *l, int64_t now_us);

#endif
