/* Tables: alignment, cutting on a terminal only, escapes, colour, many rows. */
#include <stdlib.h>
#include <string.h>

#include "table.h"
#include "tap.h"

static const struct column columns[] = {
	{ "NAME", 4, false }, { "N", 0, true }, { "WHY", 4, false },
};

static char *text;
static size_t text_size;

/* What is written goes into text. */
static struct screen screen_new(bool terminal, bool colour, int width)
{
	free(text);
	text = NULL;
	return (struct screen){ open_memstream(&text, &text_size), terminal, colour, width };
}

static void row(struct table *t, const char *name, const char *n, const char *why)
{
	table_cell(t, STYLE_NONE, name);
	table_cell(t, STYLE_GOOD, n);
	table_cell(t, STYLE_NONE, why);
}

static void test_plain(void)
{
	struct screen s = screen_new(false, false, 0);
	struct table t;

	table_begin(&t, &s, columns, 3);
	row(&t, "web", "1", "");
	row(&t, "a-long-name", "1000", "because of this");
	table_end(&t);
	fclose(s.f);
	is_str(text,
		"NAME            N  WHY\n"
		"web             1\n"
		"a-long-name  1000  because of this\n", "aligned, nothing cut, no trailing spaces");
}

static void test_cut(void)
{
	struct screen s = screen_new(true, false, 20);
	struct table t;

	table_begin(&t, &s, columns, 3);
	row(&t, "a-long-name", "1000", "because of this");
	row(&t, "web", "1", "no");
	table_end(&t);
	fclose(s.f);
	is_str(text,
		"NAME       N  WHY\n"
		"a-lon\xe2\x80\xa6  1000  becau\xe2\x80\xa6\n"
		"web        1  no\n", "cut with an ellipsis to the terminal's width");
}

static void test_least(void)
{
	struct screen s = screen_new(true, false, 3);
	struct table t;

	table_begin(&t, &s, columns, 3);
	row(&t, "abcdef", "123456", "ghijkl");
	table_end(&t);
	fclose(s.f);
	is_str(text,
		"NAME       N  WHY\n"
		"abc\xe2\x80\xa6  123456  ghi\xe2\x80\xa6\n", "no column below its least, numbers never");
}

static void test_utf8(void)
{
	struct screen s = screen_new(true, false, 16);
	struct table t;

	table_begin(&t, &s, columns, 3);
	row(&t, "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", "1", "x");
	row(&t, "eeeeeeee", "2", "y");
	table_end(&t);
	fclose(s.f);
	is_str(text,
		"NAME      N  WHY\n"
		"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9  1  x\n"
		"eeeeeeee  2  y\n", "code points are counted, not bytes");
	is_int(text_width("\xc3\xa9x\xe2\x80\xa6"), 3, "text_width");
}

static void test_hostile(void)
{
	struct screen s = screen_new(true, true, 80);
	struct table t;

	table_begin(&t, &s, columns, 3);
	row(&t, "\033[31mred\033[0m", "1", "a\nb\rc\x9b\xe2\x80\xae.");
	table_end(&t);
	fclose(s.f);
	ok(!strstr(text, "\033[31mred"), "an escape sequence of a cell does not get through");
	ok(strstr(text, "\\x1b[31mred\\x1b[0m"), "it is shown");
	ok(strstr(text, "a\\x0ab\\x0dc\\x9b\\u{202E}."), "nor do newlines, C1 and bidi controls");
	ok(strstr(text, "\033[32m1\033[0m"), "the column's own style does");
}

static void test_many(void)
{
	struct screen s = screen_new(false, false, 0);
	struct table t;
	size_t lines = 0;

	table_begin(&t, &s, columns, 3);
	for (int i = 0; i < 3 * TABLE_MEASURED; i++) {
		table_cell_fmt(&t, STYLE_NONE, "row-%d", i);
		table_cell(&t, STYLE_NONE, i > 2 * TABLE_MEASURED ? "123456789" : "1");
		table_cell(&t, STYLE_NONE, "x");
	}
	table_end(&t);
	fclose(s.f);
	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	is_int(lines, 3 * TABLE_MEASURED + 1, "every row and one heading");
	ok(strstr(text, "\nrow-0    1  x\n"), "widths come from the first rows");
	ok(strstr(text, "\nrow-599  123456789  x\n"), "a later, wider cell is not cut");
}

static void test_none(void)
{
	struct screen s = screen_new(false, false, 0);
	struct table t;

	table_begin(&t, &s, columns, 3);
	table_end(&t);
	fclose(s.f);
	is_str(text, "", "no rows, no heading");
}

static void test_stream(void)
{
	static const int widths[] = { 6, 3, 10 };
	struct screen s = screen_new(false, false, 0);
	struct table t;

	table_begin(&t, &s, columns, 3);
	table_stream(&t, widths);
	row(&t, "a", "1", "b");
	fflush(s.f);
	is_str(text, "NAME      N  WHY\na         1  b\n", "a row is out as soon as it is whole");
	row(&t, "much-longer", "1", "b");
	table_end(&t);
	fclose(s.f);
	ok(strstr(text, "\nmuch-longer    1  b\n"), "and not cut where it is no terminal");
}

static void test_wrap(void)
{
	struct screen s = screen_new(true, false, 20);

	screen_wrap(&s, 6, STYLE_NONE, "fail", STYLE_NONE, "one two three four\x1b fivesixseveneightnine ten");
	screen_wrap(&s, 4, STYLE_NONE, "longer", STYLE_NONE, "one two three");
	screen_wrap(&s, 2, STYLE_NONE, "", STYLE_NONE, "");
	fclose(s.f);
	is_str(text,
		"fail  one two three\n"
		"      four\\x1b\n"
		"      fivesixseveneightnine\n"
		"      ten\n"
		"longer  one two\n"
		"    three\n"
		"  \n", "wrapped between words, indented, escaped");
	s = screen_new(false, false, 0);
	screen_wrap(&s, 6, STYLE_NONE, "fail", STYLE_NONE, "one two three four five six seven");
	fclose(s.f);
	is_str(text, "fail  one two three four five six seven\n", "one line where it is no terminal");
}

int main(void)
{
	plan_none();
	test_plain();
	test_cut();
	test_least();
	test_utf8();
	test_hostile();
	test_many();
	test_none();
	test_stream();
	test_wrap();
	free(text);
	return tap_done();
}
