/* secret_lines.c - see secret_lines.h. */
#include "secret_lines.h"

#include <string.h>

#include "clock.h"
#include "digest.h"

#define TIME_MAX 40

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* "2026-12-01T00:00:00Z" of n bytes; an age ("3d") is no time here. */
static int time_parse(const char *s, size_t n, int64_t *out)
{
	char copy[TIME_MAX];

	if (n < 10 || n >= sizeof copy || s[4] != '-')
		return -1;
	memcpy(copy, s, n);
	copy[n] = '\0';
	return clock_parse(copy, 0, out) || *out <= 0 ? -1 : 0;
}

/* Is the word of n bytes a bound? 1 and stored, 0, -1. */
static int bound_parse(const char *word, size_t n, struct secret_line *l, struct err *e)
{
	static const char *const names[] = { "not-before=", "not-after=" };
	int64_t *const bounds[] = { &l->from_us, &l->until_us };

	for (int i = 0; i < 2; i++) {
		size_t m = strlen(names[i]);

		if (n < m || memcmp(word, names[i], m) != 0)
			continue;
		if (*bounds[i])
			return err_set(e, ERR_DATA, "line %d has `%s` twice", l->line, names[i]);
		if (time_parse(word + m, n - m, bounds[i]))
			return err_set(e, ERR_DATA, "line %d: `%s` expects a time such as "
				"2026-12-01T00:00:00Z", l->line, names[i]);
		return 1;
	}
	return 0;
}

/* Takes the bounds off the end of the line; *n is what is left of it. */
static int bounds_take(const char *s, size_t *n, struct secret_line *l, struct err *e)
{
	for (;;) {
		size_t end = *n, word;
		int got;

		while (end && is_blank(s[end - 1]))
			end--;
		word = end;
		while (word && !is_blank(s[word - 1]))
			word--;
		got = bound_parse(s + word, end - word, l, e);
		if (got <= 0)
			return got;
		while (word && is_blank(s[word - 1]))
			word--;
		*n = word;
		if (word == 0)
			return err_set(e, ERR_DATA, "line %d has a time, and nothing before it", l->line);
	}
}

static void id_make(struct secret_line *l)
{
	unsigned char sum[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];

	digest_sha256(l->key.s, l->key.len, sum);
	digest_sha256_hex(sum, sizeof sum, hex);
	memcpy(l->id, hex, SECRET_ID - 1);
	l->id[SECRET_ID - 1] = '\0';
	explicit_bzero(sum, sizeof sum);
}

static int line_parse(char *s, size_t n, struct secret_line *l, struct err *e)
{
	if (bounds_take(s, &n, l, e))
		return -1;
	if (l->from_us && l->until_us && l->until_us <= l->from_us)
		return err_set(e, ERR_DATA, "line %d: `not-after=` must come after `not-before=`", l->line);
	s[n] = '\0';
	l->key = (struct secret){ s, n };
	id_make(l);
	return 0;
}

int secret_lines_parse(char *text, size_t size, struct secret_line *v, size_t *n, struct err *e)
{
	char *p = text, *end = text + size;

	*n = 0;
	for (int line = 1; p < end; line++) {
		char *nl = memchr(p, '\n', (size_t)(end - p)), *last = nl ? nl : end;

		while (last > p && last[-1] == '\r')
			last--;
		if (last > p && *n == SECRET_LINES)
			return err_set(e, ERR_DATA, "it has more than %d lines", SECRET_LINES);
		if (last > p) {
			v[*n] = (struct secret_line){ .line = line };
			if (line_parse(p, (size_t)(last - p), &v[*n], e))
				return -1;
			++*n;
		}
		p = nl ? nl + 1 : end;
	}
	return *n ? 0 : err_set(e, ERR_DATA, "it is empty");
}

bool secret_line_valid(const struct secret_line *l, int64_t now_us)
{
	return (!l->from_us || l->from_us <= now_us) && (!l->until_us || now_us < l->until_us);
}

int64_t secret_lines_end(const struct secret_lines *l, int64_t now_us)
{
	int64_t end = now_us, before;

	do {			/* each round reaches as far as a line that is valid then */
		before = end;
		for (size_t i = 0; i < l->n; i++) {
			if (!secret_line_valid(&l->v[i], before))
				continue;
			if (!l->v[i].until_us)
				return 0;
			end = l->v[i].until_us > end ? l->v[i].until_us : end;
		}
	} while (end > before);
	return end;
}
