/*
 * still.h - has a local repository moved at all since it was last read whole? By
 * stats only: HEAD, config, packed-refs, every directory under refs/ (writing
 * refs/heads/a/b leaves the times of refs/heads), reftable/tables.list.
 *
 * git writes a ref as a new file under its name, so its directory's time moves.
 * A time younger than STILL_YOUNG_US may stand for a second write as well and
 * is relied on by nobody. What was written into a ref's file in place, which git
 * never does, is found at the whole look of every STILL_WHOLE_US.
 *
 * The mark, kept with the poll's state, says how the repository and its accepted
 * refs stood at a look that found them equal. While both stand so still, there is
 * nothing to report.
 *
 *	still_take(git_dir, now_us, digest)	before the refs are read
 *	... nothing differs: still_mark(...)	to keep
 *	still_fits(mark, &version, now_us, digest), and still_take gives that digest
 *	again: nothing moved
 *
 * Of a remote, the digest is that of its answer, and the rest is the same.
 */
#ifndef STILL_H
#define STILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "queue.h"

#define STILL_YOUNG_US (2 * US_PER_S)
#define STILL_WHOLE_US (3600 * US_PER_S)
#define STILL_DIGEST 17		/* 16 hex digits and a NUL */
#define STILL_MARK 64

/* One more text, or number, into a sum. */
uint64_t still_add(uint64_t sum, const char *text);
uint64_t still_add_bytes(uint64_t sum, const char *s, size_t n);
uint64_t still_add_number(uint64_t sum, int64_t n);
/* git_dir: absolute. digest "": too young, or not to be read: look at it whole. */
void still_take(const char *git_dir, int64_t now_us, char digest[STILL_DIGEST]);
/* whole_us: when that look began. */
void still_mark(const struct queue_version *accepted, const char *digest, int64_t whole_us,
	char mark[STILL_MARK]);
/* Was the mark made while the accepted refs stood so, and not too long ago? Then
   digest is its digest. */
bool still_fits(const char *mark, const struct queue_version *accepted, int64_t now_us,
	char digest[STILL_DIGEST]);

#endif
