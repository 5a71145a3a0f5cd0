/*
 * utf8.h - UTF-8 one character at a time, strictly (RFC 3629): no overlong
 * forms, no surrogates, nothing above U+10FFFF. Header only.
 *
 *	while (i < n) {
 *		int k = utf8_next(s + i, n - i, &code);
 *		if (k == 0)	not UTF-8: the byte s[i] stands for itself, go on at i + 1
 *		...
 *	}
 */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The length of the character at s (n > 0 bytes are there), or 0. */
static inline int utf8_next(const char *s, size_t n, uint32_t *code)
{
	const unsigned char *u = (const unsigned char *)s;
	int len = u[0] < 0x80 ? 1 : u[0] < 0xc2 ? 0 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 :
		u[0] < 0xf5 ? 4 : 0;
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t c = len < 2 ? u[0] : u[0] & (0x7fu >> len);

	if (len == 0 || (size_t)len > n)
		return 0;
	for (int i = 1; i < len; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (u[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*code = c;
	return len;
}

/* Must not reach a terminal or a reader as it is: C0, DEL and C1 controls, line
   and paragraph separators, and what reorders text (UAX 9: ALM, LRM, RLM, the
   embeddings, overrides and isolates). */
static inline bool utf8_hostile(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c ||
		c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
		(c >= 0x2066 && c <= 0x2069);
}

#endif
