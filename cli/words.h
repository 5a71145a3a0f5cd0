/*
 * words.h - refs, times and numbers as a person reads them. Everything is
 * appended to a buffer; nothing is escaped here (the screen does that).
 */
#ifndef WORDS_H
#define WORDS_H

#include <stdint.h>

#include "args.h"
#include "buf.h"

#define WORDS_OID 8			/* digits of a short object id */
#define WORDS_ID 8			/* characters of a short delivery id */

/* "main" of refs/heads/main, "tag v1" of refs/tags/v1, else the ref. */
void words_ref(struct buf *out, const char *ref);
/* The first digits of an object id, "none" for zeros. */
void words_oid(struct buf *out, const char *oid);
/* "3a1b0c2d", "3a1b0c2d new" for a create, "deleted". */
void words_move(struct buf *out, const char *before, const char *after);
/* "in 4m", "12s ago". */
void words_when(struct buf *out, int64_t when_us, int64_t now_us);
/* "1,234,567" */
void words_count(struct buf *out, int64_t n);
/* "4.2 MiB" */
void words_bytes(struct buf *out, int64_t n);
/* "12.3 ms", "1.2 s" */
void words_span(struct buf *out, int64_t us);

/* Print --help on stdout. Returns the exit status, 0. */
int words_help(const struct args_usage *u);
/* The last thing a main() does: status, or 75 with a sentence when what was printed
   did not arrive (a full disk behind a redirection). */
int words_end(int status);

#endif
