/*
 * test-glob.c - CodePipeline's globs: a table against the documentation (AWS's
 * "Working with glob patterns in syntax", Java's FileSystem#getPathMatcher), a
 * slow matcher of another kind on random patterns, and a bound on time.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "buf.h"
#include "clock.h"
#include "glob.h"
#include "limits.h"
#include "tap.h"

static const struct {
	const char *pattern, *text;
	bool want;
} cases[] = {
	/* literals */
	{ "main", "main", true }, { "main", "Main", false }, { "main", "mai", false },
	{ "main", "main2", false }, { "main", "", false }, { "a.b", "axb", false },
	{ "a+b(c)|^$", "a+b(c)|^$", true },
	/* * stays within a component */
	{ "*", "main", true }, { "*", "", true }, { "*", "a/b", false }, { "*", "/", false },
	{ "main*", "main-2", true }, { "main*", "main", true }, { "main*", "main/x", false },
	{ "*.md", ".md", true }, { "*.md", "a/b.md", false }, { "a*b*c", "a1b2c", true },
	{ "a*b*c", "abcbc", true }, { "a*b*c", "acb", false }, { "feature/*", "feature/a", true },
	{ "feature/*", "feature/a/b", false }, { "feature/*", "feature/", true },
	{ "*/*", "a/b", true }, { "*/*", "a", false }, { "*/*", "a/b/c", false },
	{ ".*", ".git", true }, { "*", ".git", true },
	/* ** crosses components */
	{ "**", "", true }, { "**", "a/b/c", true }, { "src/**", "src/a/b.c", true },
	{ "src/**", "src/", true }, { "src/**", "src", false }, { "src/**", "srcs/a", false },
	{ "**/x", "a/x", true }, { "**/x", "a/b/x", true }, { "**/x", "x", false },
	{ "**/x", "/x", true }, { "**x", "x", true }, { "**.md", "a/b.md", true },
	{ "**/*.md", "a/b/c.md", true }, { "**/*.md", "c.md", false }, { "a/**/b", "a/b", false },
	{ "a/**/b", "a/x/b", true }, { "a/**/b", "a//b", true }, { "a**b", "ab", true },
	{ "a**b", "a/x/b", true }, { "***", "a/b", true }, { "a***b", "a/bxb", true },
	/* ? */
	{ "?", "a", true }, { "?", "", false }, { "?", "ab", false }, { "?", "/", false },
	{ "v?.?", "v1.2", true }, { "v?.?", "v1.23", false }, { "a?b", "a/b", false },
	/* one character is one UTF-8 sequence, or a stray byte */
	{ "?", "\xc3\xa9", true }, { "??", "\xc3\xa9", false }, { "?", "\xf0\x9f\x9a\x80", true },
	{ "?", "\xff", true }, { "??", "\xff\xfe", true }, { "?", "\xe2\x82", false },
	{ "caf\xc3\xa9", "caf\xc3\xa9", true }, { "\xff*", "\xff" "a", true },
	{ "\xff", "\xfe", false }, { "[\xc3\xa0-\xc3\xaf]", "\xc3\xa9", true },
	{ "[\xc3\xa0-\xc3\xaf]", "\xc3\xb0", false }, { "[\xc3\xa9]", "\xc3", false },
	{ "[!a]", "\xc3\xa9", true },
	/* sets */
	{ "[abc]", "b", true }, { "[abc]", "d", false }, { "[abc]", "", false },
	{ "[a-c]", "b", true }, { "[a-c]", "d", false }, { "[a-cx-z]", "y", true },
	{ "[a-cx]", "x", true }, { "[!a-c]", "d", true }, { "[!a-c]", "b", false },
	{ "[!a]", "/", false }, { "[!a]", "", false }, { "[+-9]", "/", false },
	{ "[!!]", "!", false }, { "[!!]", "a", true }, { "[a!]", "!", true },
	{ "[-a]", "-", true }, { "[a-]", "-", true }, { "[a-]", "a", true }, { "[-]", "-", true },
	{ "[!-]", "-", false }, { "[!-]", "a", true }, { "[!-a]", "b", true },
	{ "[*]", "*", true }, { "[*]", "a", false }, { "[?]", "?", true }, { "[?]", "a", false },
	{ "[\\]", "\\", true }, { "[\\]", "]", false }, { "[[]", "[", true },
	{ "[{,}]", "{", true }, { "[{,}]", ",", true }, { "[{,}]", "x", false },
	{ "[^a]", "^", true }, { "[^a]", "a", true }, { "[^a]", "b", false },
	{ "[&&a]", "&", true }, { "[0-9][0-9]", "42", true }, { "v[0-9]*", "v1.2", true },
	{ "a[b]c", "abc", true }, { "a]", "a]", true }, { "]", "]", true },
	/* groups */
	{ "{a,b}", "a", true }, { "{a,b}", "b", true }, { "{a,b}", "c", false },
	{ "{a,b}", "ab", false }, { "{a,b}", "a,b", false }, { "x{a,b}y", "xay", true },
	{ "x{a,b}y", "xy", false }, { "{main,release/*}", "release/1", true },
	{ "{main,release/*}", "release/1/2", false }, { "{main,release/**}", "release/1/2", true },
	{ "*.{md,txt}", "a.txt", true }, { "*.{md,txt}", "a.c", false },
	{ "{a,ab}c", "abc", true }, { "{ab,a}bc", "abc", true }, { "{a*,b}c", "axxc", true },
	{ "{a,}", "", true }, { "{a,}", "a", true }, { "{,a}b", "b", true }, { "{}", "", true },
	{ "{}a", "a", true }, { "{,}", "", true }, { "{a}", "a", true }, { "{[a,b],c}", ",", true },
	{ "{[a,b],c}", "c", true }, { "{a\\,b,c}", "a,b", true }, { "{a\\},b}", "a}", true },
	{ "{a,b}{c,d}", "bd", true }, { "{a,b}{c,d}", "ba", false }, { "{?,??}", "xy", true },
	{ "{?,??}", "xyz", false }, { "}", "}", true }, { "a,b", "a,b", true },
	{ "{a,b}}", "a}", true },
	/* escapes */
	{ "\\*", "*", true }, { "\\*", "a", false }, { "\\?", "?", true }, { "\\[a]", "[a]", true },
	{ "\\{a,b\\}", "{a,b}", true }, { "\\\\", "\\", true }, { "\\a", "a", true },
	{ "\\/", "/", true }, { "\\\xc3\xa9", "\xc3\xa9", true },
	/* the examples of the design and of AWS's page */
	{ "release/**", "release/2026/11", true }, { "release/old-*", "release/old-1", true },
	{ "v*", "v1.0", true }, { "v*", "v1/0", false }, { "**/*.md", "docs/x.md", true },
	{ "src/**/*.js", "src/a/b/c.js", true }, { "src/**/*.js", "src/c.js", false },
	{ "[!.]*", ".hidden", false }, { "[!.]*", "shown", true },
};

static void test_table(void)
{
	struct err e;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *p = cases[i].pattern, *t = cases[i].text;

		ok(glob_check(p, &e) == 0 && glob_match(p, t) == cases[i].want, "%s %s %s", p,
			cases[i].want ? "matches" : "does not match", t);
	}
}

static const struct {
	const char *pattern, *want;
} bad[] = {
	{ "", "a pattern is empty" },
	{ "[", "pattern `[`, column 1: the [ has no ]" },
	{ "a[b", "pattern `a[b`, column 2: the [ has no ]" },
	{ "[]", "pattern `[]`, column 1: the set is empty" },
	{ "[]]", "pattern `[]]`, column 1: the set is empty" },
	{ "x[!]", "pattern `x[!]`, column 2: the set is empty" },
	{ "[a/b]", "pattern `[a/b]`, column 1: a set cannot have a / in it" },
	{ "[z-a]", "pattern `[z-a]`, column 2: the range ends before it begins" },
	{ "[a-c-e]", "pattern `[a-c-e]`, column 5: this - is neither first, nor last, nor in a "
	  "range" },
	{ "[a-c-]", "pattern `[a-c-]`, column 5: this - is neither first, nor last, nor in a "
	  "range" },
	{ "[--]", "pattern `[--]`, column 3: this - is neither first, nor last, nor in a range" },
	{ "[^-a]", "pattern `[^-a]`, column 2: `^-` in a set is unclear; negation is written [!" },
	{ "{", "pattern `{`, column 1: the { has no }" },
	{ "ab{c,d", "pattern `ab{c,d`, column 3: the { has no }" },
	{ "{a,{b,c}}", "pattern `{a,{b,c}}`, column 4: a { inside of { } cannot be" },
	{ "a\\", "pattern `a\\`, column 2: the \\ at the end escapes nothing" },
	{ "\\", "pattern `\\`, column 1: the \\ at the end escapes nothing" },
	{ "{a\\}", "pattern `{a\\}`, column 1: the { has no }" },
};

static void test_bad(void)
{
	char longest[LIMIT_PATTERN + 2];
	struct err e;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		e.text[0] = '\0';
		is_int(glob_check(bad[i].pattern, &e), -1, "`%s` is refused", bad[i].pattern);
		is_str(e.text, bad[i].want, "and says why");
		ok(!glob_match(bad[i].pattern, "a"), "unchecked, it matches nothing");
	}
	memset(longest, 'a', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	is_int(glob_check(longest, &e), -1, "a pattern too long is refused");
	longest[LIMIT_PATTERN] = '\0';
	is_int(glob_check(longest, &e), 0, "one at the limit is not");
	ok(glob_match(longest, longest), "and matches itself");
	memset(longest, '*', LIMIT_PATTERN);
	ok(glob_match(longest, "anything/at/all"), "255 stars match");
}

#define SEAM '\1'	/* where a group was: two * beside it are no ** */

/* ---- a slow matcher: groups written out, then backtracking over bytes ---- */

static bool slow_set(const char *p, const char *end, char c)
{
	bool negated = *p == '!', in = false;

	for (p += negated; p < end; p++) {
		if (p + 2 < end && p[1] == '-') {
			in |= c >= p[0] && c <= p[2];
			p += 2;
		} else {
			in |= c == *p;
		}
	}
	return c != '/' && in != negated;
}

static bool slow(const char *p, const char *t)
{
	if (!*p)
		return !*t;
	if (*p == SEAM)
		return slow(p + 1, t);
	if (p[0] == '*' && p[1] == '*')
		return slow(p + 2, t) || (*t && slow(p, t + 1));
	if (*p == '*')
		return slow(p + 1, t) || (*t && *t != '/' && slow(p, t + 1));
	if (!*t)
		return false;
	if (*p == '?')
		return *t != '/' && slow(p + 1, t + 1);
	if (*p == '[') {
		const char *end = strchr(p, ']');

		return slow_set(p + 1, end, *t) && slow(end + 1, t + 1);
	}
	return *p == *t && slow(p + 1, t + 1);
}

/* Take one { } at a time: put each alternative in its place. */
static bool slow_groups(const char *p, const char *t)
{
	const char *open = strchr(p, '{'), *close, *from, *to;

	if (!open)
		return slow(p, t);
	close = strchr(open, '}');
	for (from = open + 1; from <= close; from = to + 1) {
		char one[256];

		to = from + strcspn(from, ",}");
		snprintf(one, sizeof one, "%.*s%c%.*s%c%s", (int)(open - p), p, SEAM,
			(int)(to - from), from, SEAM, close + 1);
		if (slow_groups(one, t))
			return true;
	}
	return false;
}

/* A good pattern of a few letters, / and every kind of piece but escapes. */
static void random_pattern(struct buf *b)
{
	static const char *const pieces[] = { "a", "b", "/", "c", "*", "**", "?", "[ab]", "[!a]",
		"[a-c]", "[!b-c]" };
	bool group = false;

	buf_clear(b);
	for (long n = random() % 7 + 1; n > 0; n--) {
		long what = random() % 14;

		if (what < 11)
			buf_str(b, pieces[what]);
		else if (!group && what == 11)
			buf_chr(b, '{');
		else if (group)
			buf_chr(b, what == 12 ? '}' : ',');
		group = what == 11 ? true : what == 12 ? false : group;
	}
	if (group)
		buf_chr(b, '}');
	if (b->len == 0)
		buf_chr(b, '*');
}

static void random_text(char *t, size_t size)
{
	size_t n = (size_t)random() % size;

	for (size_t i = 0; i < n; i++)
		t[i] = "aaabbcd//"[random() % 9];
	t[n] = '\0';
}

static void test_random(void)
{
	unsigned seed = (unsigned)time(NULL);
	int differ = 0, refused = 0, matched = 0;
	struct buf b;

	note("seed %u", seed);
	srandom(seed);
	buf_init(&b, KIB);
	for (int i = 0; i < 200000; i++) {
		char text[10];

		random_pattern(&b);
		random_text(text, sizeof text);
		if (glob_check(b.s, NULL)) {
			refused++;
			continue;
		}
		matched += glob_match(b.s, text);
		if (glob_match(b.s, text) != slow_groups(b.s, text) && differ++ < 5)
			note("%s and %s differ", b.s, text);
	}
	is_int(differ, 0, "as the slow matcher does");
	is_int(refused, 0, "every made pattern is good");
	ok(matched > 1000, "matches are among them (%d)", matched);
	buf_release(&b);
}

/* What takes backtracking matchers for ever. */
static void test_time(void)
{
	char pattern[LIMIT_PATTERN + 1], text[4097];
	int64_t begun = clock_mono_us();

	for (size_t i = 0; i + 1 < sizeof pattern; i++)
		pattern[i] = i % 2 ? 'a' : '*';
	pattern[sizeof pattern - 2] = 'b';
	pattern[sizeof pattern - 1] = '\0';
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	ok(!glob_match(pattern, text), "*a*a*a...b on 4096 a");
	for (size_t i = 0; i + 3 < sizeof pattern; i += 3)
		memcpy(pattern + i, "**a", 3);
	pattern[sizeof pattern - 2] = 'b';
	ok(!glob_match(pattern, text), "**a**a**a...b on 4096 a");
	ok(clock_mono_us() - begun < 2 * US_PER_S, "both within two seconds");
}

int main(void)
{
	plan_none();
	test_table();
	test_bad();
	test_random();
	test_time();
	return tap_done();
}
