/* xml.c - see xml.h. */
#include "aws/xml.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

#define DEPTH 32

struct name {
	const char *s;
	size_t n;
};

struct scan {
	const char *s, *end;		/* not read yet */
	struct name open[DEPTH];
	const char *inside[DEPTH];	/* where the element's text begins */
	size_t depth;
	bool ended;			/* the innermost ended: before `at` */
	const char *at;
};

static const char *find(const char *s, const char *end, const char *what)
{
	return memmem(s, (size_t)(end - s), what, strlen(what));
}

/* Past a comment, CDATA, declaration; NULL: it is a tag. */
static const char *past_other(const char *s, const char *end)
{
	static const char *const pairs[][2] = { { "<!--", "-->" }, { "<![CDATA[", "]]>" }, { "<?", "?>" },
		{ "<!", ">" } };

	for (size_t i = 0; i < 4; i++) {
		size_t n = strlen(pairs[i][0]);
		const char *close;

		if ((size_t)(end - s) < n || memcmp(s, pairs[i][0], n) != 0)
			continue;
		close = find(s + n, end, pairs[i][1]);
		return close ? close + strlen(pairs[i][1]) : end;
	}
	return NULL;
}

static struct name name_of(const char *s, const char *end)
{
	struct name n = { s, 0 };

	while (s + n.n < end && !strchr(" \t\r\n/>", s[n.n]))
		n.n++;
	for (size_t i = 0; i < n.n; i++)
		if (s[i] == ':') {
			n = (struct name){ s + i + 1, n.n - i - 1 };
			break;
		}
	return n;
}

/* One tag: true when an element was opened or ended by it. */
static bool scan_tag(struct scan *x, const char *tag, const char *close)
{
	bool end = tag[1] == '/', empty = close[-1] == '/';

	x->at = tag;
	if (end) {
		x->ended = x->depth > 0;
		return x->ended;
	}
	if (x->depth == DEPTH) {
		x->s = x->end;		/* nothing of AWS is that deep */
		return false;
	}
	x->inside[x->depth] = close + 1;
	x->open[x->depth++] = name_of(tag + 1, close);
	x->ended = empty;
	if (empty)
		x->at = close + 1;
	return true;
}

static bool scan_next(struct scan *x)
{
	if (x->ended)
		x->depth--;
	x->ended = false;
	while (x->s < x->end) {
		const char *tag = memchr(x->s, '<', (size_t)(x->end - x->s)), *other, *close;

		if (!tag || x->end - tag < 3)
			return false;
		other = past_other(tag, x->end);
		if (other) {
			x->s = other;
			continue;
		}
		close = memchr(tag, '>', (size_t)(x->end - tag));
		if (!close)
			return false;
		x->s = close + 1;
		if (scan_tag(x, tag, close))
			return true;
	}
	return false;
}

/* Do the names of what is open end like path? */
static bool scan_is(const struct scan *x, const char *path)
{
	const char *end = path + strlen(path);
	size_t depth = x->depth;

	while (end > path) {
		const char *s = memrchr(path, '/', (size_t)(end - path));
		const struct name *n;

		s = s ? s + 1 : path;
		if (depth == 0)
			return false;
		n = &x->open[--depth];
		if (n->n != (size_t)(end - s) || memcmp(n->s, s, n->n) != 0)
			return false;
		end = s > path ? s - 1 : path;
	}
	return true;
}

const char *xml_inside(const char *s, size_t n, const char *path, size_t nth, size_t *len)
{
	struct scan x = { .s = s, .end = s + n };

	while (scan_next(&x)) {
		if (!x.ended || !scan_is(&x, path) || nth--)
			continue;
		s = x.inside[x.depth - 1];
		*len = x.at > s ? (size_t)(x.at - s) : 0;
		return s;
	}
	return NULL;
}

/* ---- its text ---- */

static void put_code(struct buf *b, unsigned long c)
{
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
		buf_str(b, "\xef\xbf\xbd");
	} else if (c < 0x80) {
		buf_chr(b, (char)c);
	} else if (c < 0x800) {
		buf_chr(b, (char)(0xc0 | c >> 6));
		buf_chr(b, (char)(0x80 | (c & 63)));
	} else if (c < 0x10000) {
		buf_chr(b, (char)(0xe0 | c >> 12));
		buf_chr(b, (char)(0x80 | (c >> 6 & 63)));
		buf_chr(b, (char)(0x80 | (c & 63)));
	} else {
		buf_chr(b, (char)(0xf0 | c >> 18));
		buf_chr(b, (char)(0x80 | (c >> 12 & 63)));
		buf_chr(b, (char)(0x80 | (c >> 6 & 63)));
		buf_chr(b, (char)(0x80 | (c & 63)));
	}
}

/* An entity at s: how long it is; 0: none. */
static size_t put_entity(struct buf *b, const char *s, size_t n)
{
	static const struct { const char *name, *text; } known[] = { { "&amp;", "&" }, { "&lt;", "<" },
		{ "&gt;", ">" }, { "&quot;", "\"" }, { "&apos;", "'" } };
	const char *end = memchr(s, ';', n < 12 ? n : 12);
	char digits[16] = "";
	bool hex;

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (n >= strlen(known[i].name) && memcmp(s, known[i].name, strlen(known[i].name)) == 0) {
			buf_str(b, known[i].text);
			return strlen(known[i].name);
		}
	if (!end || end - s < 3 || s[1] != '#')
		return 0;
	hex = s[2] == 'x';
	memcpy(digits, s + 2 + hex, (size_t)(end - s) - 2 - hex);
	put_code(b, strtoul(digits, NULL, hex ? 16 : 10));
	return (size_t)(end - s) + 1;
}

/* What begins with < at s: how long it is. Only what CDATA holds is text. */
static size_t put_markup(struct buf *b, const char *s, size_t n)
{
	const char *end = past_other(s, s + n);

	if (end && n > 12 && memcmp(s, "<![CDATA[", 9) == 0)
		buf_add(b, s + 9, (size_t)(end - s) - 12);
	if (!end) {
		end = memchr(s, '>', n);
		end = end ? end + 1 : s + n;
	}
	return (size_t)(end - s);
}

const char *xml_text(struct arena *a, const char *s, size_t n, const char *path, size_t nth)
{
	const char *text;
	size_t len, used;
	struct buf b;

	s = xml_inside(s, n, path, nth, &len);
	if (!s)
		return NULL;
	buf_init(&b, len + 4);
	for (size_t i = 0; i < len; i += used) {
		used = s[i] == '<' ? put_markup(&b, s + i, len - i) :
			s[i] == '&' ? put_entity(&b, s + i, len - i) : 0;
		if (!used) {
			used = 1;
			buf_chr(&b, s[i]);
		}
	}
	text = arena_memdup(a, b.s, b.len);
	buf_release(&b);
	return text;
}

void xml_escape(struct buf *b, const char *text)
{
	for (; *text; text++)
		switch (*text) {
		case '&': buf_str(b, "&amp;"); break;
		case '<': buf_str(b, "&lt;"); break;
		case '>': buf_str(b, "&gt;"); break;
		case '"': buf_str(b, "&quot;"); break;
		default: buf_chr(b, *text);
		}
}
