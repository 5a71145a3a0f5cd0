/* secret_lines.h: what a line of a file of secrets is. */
#include <stdlib.h>

#include "clock.h"
#include "secret_lines.h"
#include "tap.h"

#define DEC_1 (INT64_C(1796083200) * US_PER_S)	/* 2026-12-01 */
#define DEC_8 (INT64_C(1796688000) * US_PER_S)

static struct secret_line v[SECRET_LINES];
static struct err e;

static int parse(const char *text, size_t size, size_t *n)
{
	static char copy[4096];

	memcpy(copy, text, size);
	memset(&e, 0, sizeof e);
	return secret_lines_parse(copy, size, v, n, &e);
}

static void test_lines(void)
{
	static const struct {
		const char *text, *first;	/* NULL: refused */
		int64_t from, until;
		size_t n;
	} cases[] = {
		{ "a", "a", 0, 0, 1 }, { "a\n", "a", 0, 0, 1 }, { "a\r\nb\r\n", "a", 0, 0, 2 },
		{ "\n\n a b \n", " a b ", 0, 0, 1 },
		{ "a not-after=2026-12-08T00:00:00Z", "a", 0, DEC_8, 1 },
		{ "a\tnot-before=2026-12-01  not-after=2026-12-08 \n", "a", DEC_1, DEC_8, 1 },
		{ "a not-after=2026-12-08 not-before=2026-12-01", "a", DEC_1, DEC_8, 1 },
		{ "a b not-before=2026-12-01T01:00:00+01:00", "a b", DEC_1, 0, 1 },
		{ "not-before=x a", "not-before=x a", 0, 0, 1 }, { "anot-after=2", "anot-after=2", 0, 0, 1 },
		{ "a not-after = 2026-12-08", "a not-after = 2026-12-08", 0, 0, 1 },
		{ "a not-later=2026", "a not-later=2026", 0, 0, 1 },
		{ "a=not-after=2026-12-08", "a=not-after=2026-12-08", 0, 0, 1 },
		{ "a not-after=3d", NULL, 0, 0, 0 }, { "a not-after=", NULL, 0, 0, 0 },
		{ "a not-after=2026-13-08", NULL, 0, 0, 0 }, { "a not-after=2026-12-08T", NULL, 0, 0, 0 },
		{ "a not-after=2026-12-08 not-after=2026-12-08", NULL, 0, 0, 0 },
		{ "a not-before=2026-12-08 not-after=2026-12-08", NULL, 0, 0, 0 },
		{ "not-after=2026-12-08", NULL, 0, 0, 0 }, { " not-after=2026-12-08", NULL, 0, 0, 0 },
		{ "", NULL, 0, 0, 0 }, { "\r\n\n", NULL, 0, 0, 0 },
		{ "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16", "1", 0, 0, 16 },
		{ "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17", NULL, 0, 0, 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t n;
		int got = parse(cases[i].text, strlen(cases[i].text), &n);

		is_int(got, cases[i].first ? 0 : -1, "`%s`", cases[i].text);
		if (got) {
			ok(*e.text && !strstr(e.text, "17"), "refused: %s", e.text);
			continue;
		}
		is_str(v[0].key.s, cases[i].first, "the secret");
		is_int((int64_t)v[0].key.len, (int64_t)strlen(cases[i].first), "its length");
		ok(v[0].from_us == cases[i].from && v[0].until_us == cases[i].until, "its times");
		is_int((int64_t)n, (int64_t)cases[i].n, "how many");
	}
	parse("s3cret\n\nother s3cret not-after=no\n", 33, &(size_t){ 0 });
	ok(strstr(e.text, "line 3") && !strstr(e.text, "s3cret"), "names the line, not the secret: %s",
		e.text);
}

static void test_bytes(void)
{
	size_t n;

	is_int(parse("a\0b\n\xff\xfe\n", 7, &n), 0, "any bytes");
	is_int((int64_t)v[0].key.len, 3, "a zero byte, too");
	is_int(v[1].line, 2, "the line's number");
	ok(strcmp(v[0].id, v[1].id) != 0, "ids differ");
	is_int(parse("b\nxx\na\0b", 8, &n), 0, "the same elsewhere");
	ok(strcmp(v[0].id, v[2].id) != 0 && strlen(v[2].id) == 8, "has an id of its bytes, not its place");
}

static void test_valid(void)
{
	struct secret_line l = { .from_us = DEC_1, .until_us = DEC_8 };

	ok(!secret_line_valid(&l, DEC_1 - 1) && secret_line_valid(&l, DEC_1), "from, included");
	ok(secret_line_valid(&l, DEC_8 - 1) && !secret_line_valid(&l, DEC_8), "until, not included");
	ok(secret_line_valid(&(struct secret_line){ .line = 1 }, 0), "without bounds: always");
}

static void test_end(void)
{
	static const struct {
		const char *text;
		int64_t now, end;
	} cases[] = {
		{ "a", 1, 0 }, { "a not-after=2026-12-01", 1, DEC_1 },
		{ "a not-after=2026-12-01", DEC_1, DEC_1 },
		{ "b not-before=2026-12-01\na not-after=2026-12-01", 1, 0 },
		{ "b not-before=2026-12-01 not-after=2026-12-08\na not-after=2026-12-01", 1, DEC_8 },
		{ "b not-before=2026-12-08\na not-after=2026-12-01", 1, DEC_1 },
		{ "b not-before=2026-12-08", 1, 1 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t n;

		parse(cases[i].text, strlen(cases[i].text), &n);
		is_int(secret_lines_end(&(struct secret_lines){ v, n }, cases[i].now), cases[i].end,
			"`%s` ends", cases[i].text);
	}
}

int main(void)
{
	plan_none();
	test_lines();
	test_bytes();
	test_valid();
	test_end();
	return tap_done();
}
