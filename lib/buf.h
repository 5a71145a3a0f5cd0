/*
 * buf.h - a growing byte buffer that is born with its limit.
 *
 *	struct buf b;
 *	buf_init(&b, LIMIT_BODY);
 *	buf_str(&b, "x=");
 *	buf_fmt(&b, "%d", 7);
 *	if (b.over) ...			the limit was hit: nothing after it was added
 *	use b.s, b.len			b.s is always NUL-terminated once init has run
 *	buf_release(&b);
 *
 * Exceeding the limit is sticky (over) and checked once at the end. Running out
 * of memory ends the process (mem.h).
 */
#ifndef BUF_H
#define BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *s;
	size_t len, cap, max;
	bool over;
};

void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b);
void buf_wipe(struct buf *b);			/* released, and what it held overwritten */
void buf_clear(struct buf *b);			/* empty again, memory kept */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, const char *s);
void buf_chr(struct buf *b, char c);
void buf_fmt(struct buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void buf_vfmt(struct buf *b, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));
void buf_hex(struct buf *b, const void *p, size_t n);
/* Room for n more bytes; fill b->s + b->len and add to b->len. NULL when over. */
char *buf_room(struct buf *b, size_t n);
/* Hand the bytes over (free() them); the buffer is empty afterwards. */
char *buf_take(struct buf *b, size_t *len);

#endif
