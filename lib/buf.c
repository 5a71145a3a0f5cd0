/* buf.c - a growing byte buffer born with its limit. */
#include "buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

#define FIRST 256			/* bytes, when the first are added */

static char empty[1];

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .s = empty, .max = max };
}

void buf_release(struct buf *b)
{
	if (b->cap)
		free(b->s);
	buf_init(b, b->max);
}

void buf_wipe(struct buf *b)
{
	if (b->cap)
		explicit_bzero(b->s, b->cap);
	buf_release(b);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->over = false;
	if (b->cap)
		b->s[0] = 0;
}

char *buf_room(struct buf *b, size_t n)
{
	size_t want, cap;

	if (b->over || n > b->max - b->len) {
		b->over = true;
		return NULL;
	}
	want = b->len + n + 1;
	if (want > b->cap) {
		cap = b->cap ? b->cap : FIRST;
		while (cap < want)
			cap *= 2;
		b->s = mem_realloc(b->cap ? b->s : NULL, cap);
		b->cap = cap;
		b->s[b->len] = 0;
	}
	return b->s + b->len;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	char *to = buf_room(b, n);

	if (!to || !n)
		return;
	memcpy(to, p, n);
	to[n] = 0;
	b->len += n;
}

void buf_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_chr(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_vfmt(struct buf *b, const char *fmt, va_list ap)
{
	char shortly[256];		/* most are: then once is enough */
	va_list again;
	char *to;
	int n;

	va_copy(again, ap);
	n = vsnprintf(shortly, sizeof(shortly), fmt, again);
	va_end(again);
	if (n >= 0 && n < (int)sizeof(shortly)) {
		buf_add(b, shortly, (size_t)n);
		return;
	}
	if (n < 0 || !(to = buf_room(b, (size_t)n))) {
		b->over = true;
		return;
	}
	vsnprintf(to, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
}

void buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(b, fmt, ap);
	va_end(ap);
}

void buf_hex(struct buf *b, const void *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *s = p;
	char *to = buf_room(b, 2 * n);

	if (!to)
		return;
	for (size_t i = 0; i < n; i++) {
		*to++ = digits[s[i] >> 4];
		*to++ = digits[s[i] & 15];
	}
	*to = 0;
	b->len += 2 * n;
}

char *buf_take(struct buf *b, size_t *len)
{
	char *s = b->cap ? b->s : mem_strdup("");

	if (len)
		*len = b->len;
	buf_init(b, b->max);
	return s;
}
