/* profile.c - see profile.h. */
#include "aws/profile.h"

#include <stdbool.h>
#include <string.h>

#include "limits.h"

struct line {
	const char *s;
	size_t n;
};

struct reader {
	const char *label;
	int number;
	struct arena *a;
	struct profiles *out;
	const char *section, *key;	/* key: the last one at a line's start */
	bool open;			/* it had no value: indented lines are below it */
};

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct line trim(struct line l)
{
	while (l.n && blank(*l.s))
		l.s++, l.n--;
	while (l.n && blank(l.s[l.n - 1]))
		l.n--;
	return l;
}

static struct line uncomment(struct line l)
{
	for (size_t i = 1; i < l.n; i++)
		if ((l.s[i] == '#' || l.s[i] == ';') && blank(l.s[i - 1])) {
			l.n = i;
			break;
		}
	return trim(l);
}

static int bad(const struct reader *r, const char *what, struct err *e)
{
	return err_set(e, ERR_CONFIG, "%s:%d: %s", r->label, r->number, what);
}

static void put(struct reader *r, const char *key, const char *sub, struct line value)
{
	struct profiles *p = r->out;
	struct profile_item *v;

	if (p->n == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 16;
		v = arena_alloc(r->a, p->cap * sizeof *v);
		if (p->n)
			memcpy(v, p->v, p->n * sizeof *v);
		p->v = v;
	}
	p->v[p->n++] = (struct profile_item){ r->section, key, sub, arena_memdup(r->a, value.s, value.n) };
}

/* "[ profile  web ]" is section "profile web". */
static int read_section(struct reader *r, struct line l, struct err *e)
{
	const char *end = memchr(l.s, ']', l.n);
	struct line name, first;
	size_t n = 0;

	if (!end)
		return bad(r, "the closing ] is missing", e);
	name = trim((struct line){ l.s + 1, (size_t)(end - l.s) - 1 });
	while (n < name.n && !blank(name.s[n]))
		n++;
	first = (struct line){ name.s, n };
	name = trim((struct line){ name.s + n, name.n - n });
	if (name.n > 1 && name.s[0] == '"' && name.s[name.n - 1] == '"')
		name = (struct line){ name.s + 1, name.n - 2 };
	r->section = name.n ? arena_fmt(r->a, "%.*s %.*s", (int)first.n, first.s, (int)name.n, name.s) :
		arena_memdup(r->a, first.s, first.n);
	if (strcmp(r->section, "profile default") == 0)
		r->section = "default";
	r->key = NULL;
	put(r, "", "", (struct line){ "", 0 });		/* that it is there */
	return 0;
}

static int read_key(struct reader *r, struct line l, bool indented, struct err *e)
{
	const char *equals = memchr(l.s, '=', l.n), *key;
	struct line name, value;

	if (!equals)
		return indented && r->key && !r->open ? 0 : bad(r, "expected key = value, or [section]", e);
	name = trim((struct line){ l.s, (size_t)(equals - l.s) });
	value = uncomment((struct line){ equals, (size_t)(l.s + l.n - equals) });
	value = trim((struct line){ value.s + 1, value.n - 1 });
	if (!r->section)
		return bad(r, "a key before the first [section]", e);
	key = arena_memdup(r->a, name.s, name.n);
	if (indented && r->key && r->open) {
		put(r, r->key, key, value);
		return 0;
	}
	if (indented && r->key)
		return 0;		/* goes on a value of a tool that we do not read */
	r->key = key;
	r->open = value.n == 0;
	put(r, key, "", value);
	return 0;
}

int profile_parse(const char *label, const char *text, size_t n, struct arena *a,
	struct profiles *out, struct err *e)
{
	struct reader r = { .label = label, .a = a, .out = out };
	size_t len;

	if (memchr(text, 0, n))
		return err_set(e, ERR_CONFIG, "%s: a NUL byte: this is not a text file", label);
	for (size_t i = 0; i < n; i += len + 1) {
		const char *s = text + i, *end = memchr(s, '\n', n - i);
		struct line l;
		int failed;

		len = end ? (size_t)(end - s) : n - i;
		r.number++;
		l = trim((struct line){ s, len });
		if (l.n == 0 || *l.s == '#' || *l.s == ';')
			continue;
		failed = *l.s == '[' && !blank(*s) ? read_section(&r, l, e) :
			read_key(&r, l, blank(*s), e);
		if (failed)
			return -1;
	}
	return 0;
}

const char *profile_get(const struct profiles *p, const char *section, const char *key,
	const char *sub)
{
	for (size_t i = p ? p->n : 0; i-- > 0;)
		if (strcmp(p->v[i].section, section) == 0 && strcmp(p->v[i].key, key) == 0 &&
		    strcmp(p->v[i].sub, sub) == 0)
			return p->v[i].value;
	return NULL;
}

bool profile_has(const struct profiles *p, const char *section)
{
	return profile_get(p, section, "", "") != NULL;
}

const char *profile_section(struct arena *a, const char *profile)
{
	return strcmp(profile, "default") == 0 ? "default" : arena_fmt(a, "profile %s", profile);
}
