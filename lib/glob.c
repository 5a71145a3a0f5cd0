/*
 * glob.c - see glob.h. The pattern becomes a row of tokens; a set of places in
 * that row moves along the text, as in Thompson's construction, so that no
 * pattern takes more than tokens * characters steps.
 *
 * What Java's documentation leaves open is done as its sun.nio.fs.Globs does:
 * ']' ends a set even as its first character (an empty set is refused here), '-'
 * first or last in a set is itself, '^' is an ordinary character, '[' and '\'
 * inside a set are literal, '/' inside a set is an error, '}' and ',' outside of
 * a group are literal, and alternatives may be empty.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "glob.h"
#include "limits.h"
#include "utf8.h"

enum glob_kind {
	GLOB_LITERAL,
	GLOB_ANY,	/* ? */
	GLOB_STAR,
	GLOB_DOUBLE,	/* ** */
	GLOB_SET,
	GLOB_OPEN,	/* { */
	GLOB_COMMA,	/* of a group */
	GLOB_CLOSE,
	GLOB_END,
};

struct glob_token {
	enum glob_kind kind;
	uint32_t c;			/* LITERAL */
	unsigned char from, to;		/* SET: bytes of the pattern between [ or [! and ] */
	bool negated;			/* SET */
	unsigned char close;		/* COMMA, OPEN: where the group ends */
};

struct glob_row {
	const char *pattern;
	size_t n;			/* bytes of the pattern */
	struct glob_token v[LIMIT_PATTERN + 1];
	size_t count;			/* END not counted */
};

_Static_assert(LIMIT_PATTERN <= 255, "places in a pattern are kept in bytes");

/* One character: a code point, or a byte that is not UTF-8 as a number of its own. */
static size_t glob_char(const char *s, size_t n, uint32_t *c)
{
	int k = utf8_next(s, n, c);

	if (k > 0)
		return (size_t)k;
	*c = 0x110000u | (unsigned char)*s;
	return 1;
}

__attribute__((format(printf, 4, 5)))
static int glob_bad(const struct glob_row *r, size_t at, struct err *e, const char *fmt, ...)
{
	char text[LIMIT_ERR / 2];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return err_set(e, ERR_CONFIG, "pattern `%s`, column %zu: %s", r->pattern, at + 1, text);
}

/* ---- sets ---- */

/* One element of a set at *i: a character or a range. */
static void glob_element(const char *p, size_t *i, size_t end, bool first, uint32_t *lo,
	uint32_t *hi)
{
	*i += glob_char(p + *i, end - *i, lo);
	*hi = *lo;
	if ((*lo == '-' && first) || *i + 1 >= end || p[*i] != '-')
		return;
	(*i)++;
	*i += glob_char(p + *i, end - *i, hi);
}

static bool glob_in_set(const struct glob_row *r, const struct glob_token *t, uint32_t c)
{
	bool in = false;
	size_t i = t->from;

	if (c == '/')
		return false;
	while (i < t->to && !in) {
		uint32_t lo, hi;

		glob_element(r->pattern, &i, t->to, i == t->from, &lo, &hi);
		in = c >= lo && c <= hi;
	}
	return in != t->negated;
}

/* As Java refuses them: a - that could be read in two ways, a backward range, a /. */
static int glob_check_set(const struct glob_row *r, const struct glob_token *t, size_t open,
	struct err *e)
{
	const char *p = r->pattern;
	bool single = false;	/* the element before was one character, but no leading - */
	size_t i = t->from;

	if (t->from == t->to)
		return glob_bad(r, open, e, "the set is empty");
	if (memchr(p + t->from, '/', (size_t)(t->to - t->from)))
		return glob_bad(r, open, e, "a set cannot have a / in it");
	if (!t->negated && p[i] == '^' && p[i + 1] == '-')
		return glob_bad(r, i, e, "`^-` in a set is unclear; negation is written [!");
	while (i < t->to) {
		size_t at = i;
		uint32_t lo, hi;

		if (p[i] == '-' && i > t->from && !single)
			return glob_bad(r, i, e, "this - is neither first, nor last, nor in a range");
		glob_element(p, &i, t->to, i == t->from, &lo, &hi);
		if (hi < lo)
			return glob_bad(r, at, e, "the range ends before it begins");
		single = i - at == glob_char(p + at, i - at, &lo) && p[at] != '-';
	}
	return 0;
}

/* The set whose [ is at *i - 1. */
static int glob_read_set(struct glob_row *r, struct glob_token *t, size_t *i, struct err *e)
{
	size_t open = *i - 1, from = *i + (r->pattern[*i] == '!');
	const char *end = strchr(r->pattern + from, ']');

	if (!end)
		return glob_bad(r, open, e, "the [ has no ]");
	t->kind = GLOB_SET;
	t->negated = from > *i;
	t->from = (unsigned char)from;
	t->to = (unsigned char)(end - r->pattern);
	*i = (size_t)t->to + 1;
	return glob_check_set(r, t, open, e);
}

/* ---- the pattern as tokens ---- */

static int glob_read_escape(const struct glob_row *r, struct glob_token *t, size_t *i,
	struct err *e)
{
	if (*i == r->n)
		return glob_bad(r, *i - 1, e, "the \\ at the end escapes nothing");
	*i += glob_char(r->pattern + *i, r->n - *i, &t->c);
	return 0;
}

static int glob_read_token(struct glob_row *r, struct glob_token *t, size_t *i, bool *group,
	struct err *e)
{
	size_t at = *i;

	*i += glob_char(r->pattern + at, r->n - at, &t->c);
	t->kind = GLOB_LITERAL;
	switch (t->c) {
	case '\\':
		return glob_read_escape(r, t, i, e);
	case '[':
		return glob_read_set(r, t, i, e);
	case '?':
		t->kind = GLOB_ANY;
		break;
	case '*':
		t->kind = r->pattern[*i] == '*' ? GLOB_DOUBLE : GLOB_STAR;
		*i += t->kind == GLOB_DOUBLE;
		break;
	case '{':
		if (*group)
			return glob_bad(r, at, e, "a { inside of { } cannot be");
		*group = true;
		t->kind = GLOB_OPEN;
		break;
	case ',':
		t->kind = *group ? GLOB_COMMA : GLOB_LITERAL;
		break;
	case '}':
		t->kind = *group ? GLOB_CLOSE : GLOB_LITERAL;
		*group = false;
		break;
	}
	return 0;
}

/* Tell each { and , where its group ends. */
static void glob_link(struct glob_row *r)
{
	size_t close = 0;

	for (size_t i = r->count; i-- > 0;) {
		if (r->v[i].kind == GLOB_CLOSE)
			close = i;
		r->v[i].close = (unsigned char)close;
	}
}

static int glob_read(const char *pattern, struct glob_row *r, struct err *e)
{
	bool group = false;
	size_t open = 0;

	r->pattern = pattern;
	r->n = strlen(pattern);
	r->count = 0;
	if (r->n == 0)
		return err_set(e, ERR_CONFIG, "a pattern is empty");
	if (r->n > LIMIT_PATTERN)
		return err_set(e, ERR_CONFIG, "pattern `%.40s...` is longer than %d bytes", pattern,
			LIMIT_PATTERN);
	for (size_t i = 0; i < r->n; r->count++) {
		if (!group)
			open = i;
		if (glob_read_token(r, &r->v[r->count], &i, &group, e))
			return -1;
	}
	if (group)
		return glob_bad(r, open, e, "the { has no }");
	r->v[r->count].kind = GLOB_END;
	glob_link(r);
	return 0;
}

int glob_check(const char *pattern, struct err *e)
{
	struct glob_row r;

	return glob_read(pattern, &r, e);
}

/* ---- matching ---- */

/* Every place that is reached without a character. All moves go forward, so one
   pass is enough. */
static void glob_spread(const struct glob_row *r, bool *at)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct glob_token *t = &r->v[i];

		if (!at[i])
			continue;
		if (t->kind == GLOB_STAR || t->kind == GLOB_DOUBLE || t->kind == GLOB_CLOSE) {
			at[i + 1] = true;
		} else if (t->kind == GLOB_COMMA) {
			at[t->close + 1] = true;
		} else if (t->kind == GLOB_OPEN) {
			at[i + 1] = true;
			for (size_t k = i; k < t->close; k++)
				if (r->v[k].kind == GLOB_COMMA)
					at[k + 1] = true;
		}
	}
}

/* Take one character; is there still a place to stand? */
static bool glob_step(const struct glob_row *r, const bool *at, bool *to, uint32_t c)
{
	bool any = false;

	memset(to, 0, (r->count + 1) * sizeof *to);
	for (size_t i = 0; i < r->count; i++) {
		const struct glob_token *t = &r->v[i];
		bool stays = t->kind == GLOB_DOUBLE || (t->kind == GLOB_STAR && c != '/');
		bool moves = (t->kind == GLOB_LITERAL && c == t->c) ||
			(t->kind == GLOB_ANY && c != '/') ||
			(t->kind == GLOB_SET && glob_in_set(r, t, c));

		if (at[i] && (stays || moves))
			to[stays ? i : i + 1] = any = true;
	}
	return any;
}

bool glob_match(const char *pattern, const char *text)
{
	bool places[2][LIMIT_PATTERN + 1];
	bool *at = places[0], *to = places[1];
	size_t n = strlen(text);
	struct glob_row r;

	if (glob_read(pattern, &r, NULL))
		return false;
	memset(at, 0, (r.count + 1) * sizeof *at);
	at[0] = true;
	glob_spread(&r, at);
	for (size_t i = 0; i < n;) {
		bool *swap = at;
		uint32_t c;

		i += glob_char(text + i, n - i, &c);
		if (!glob_step(&r, at, to, c))
			return false;
		glob_spread(&r, to);
		at = to;
		to = swap;
	}
	return at[r.count];
}
