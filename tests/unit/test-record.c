/* test-record.c - the form of a spool file: what was written is read, and a file
   that is cut or changed anywhere is torn. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crc32.h"
#include "limits.h"
#include "record.h"
#include "tap.h"

#define SAMPLE "refire 1\nkind 6\nchange\nempty 0\n\nrefs 12\na b\nc\0end 1\n\nnumber 3\n-42\n"
#define SAMPLE_LEN (sizeof SAMPLE - 1)

static void write_sample(struct record_out *r, char *mem, size_t cap)
{
	record_begin(r, mem, cap);
	record_text(r, "kind", "change");
	record_text(r, "empty", "");
	record_field(r, "refs", "a b\nc\0end 1\n", 12);
	record_number(r, "number", -42);
	record_end(r);
}

/* A copy that record_parse may change; exactly len bytes, so that ASan sees the end. */
static enum record_status parse(const char *s, size_t len, char **copy, struct record_in *in,
	struct err *e)
{
	*copy = (char *)malloc(len ? len : 1);
	memcpy(*copy, s, len);
	e->text[0] = '\0';
	e->code = ERR_NONE;
	return record_parse(*copy, len, in, e);
}

static void test_write(void)
{
	char mem[512], end[32];
	struct record_out r;

	write_sample(&r, mem, sizeof mem);
	ok(!r.over, "it fits");
	snprintf(end, sizeof end, "end %08x\n", crc32_add(0, mem, SAMPLE_LEN));
	is_int(r.len, SAMPLE_LEN + 13, "its length");
	ok(memcmp(mem, SAMPLE, SAMPLE_LEN) == 0, "its fields, byte for byte");
	ok(memcmp(mem + SAMPLE_LEN, end, 13) == 0, "its end line");
	is_int(crc32_add(0, "123456789", 9), 0xcbf43926, "CRC-32/ISO-HDLC, its check value");
	is_int(crc32_add(crc32_add(0, "1234", 4), "56789", 5), 0xcbf43926, "in two parts");
	for (size_t cap = 0; cap < SAMPLE_LEN + 13; cap++) {
		char *small = (char *)malloc(cap ? cap : 1);

		write_sample(&r, small, cap);
		if (!r.over)
			ok(false, "over shows with %zu bytes", cap);
		free(small);
	}
	ok(true, "over shows in any smaller memory");
}

static void test_read(void)
{
	char mem[512], *copy;
	struct record_out r;
	struct record_in in;
	struct err e;
	int bad = 0;

	write_sample(&r, mem, sizeof mem);
	is_int(parse(mem, r.len, &copy, &in, &e), RECORD_OK, "it is read: %s", e.text);
	is_int(in.n, 4, "its fields");
	is_int(in.version, 1, "its version");
	is_str(record_get(&in, "kind"), "change", "a text");
	is_str(record_get(&in, "empty"), "", "an empty one");
	is_str(record_get(&in, "none"), "", "one that is not there");
	ok(!record_find(&in, "none") && record_find(&in, "empty"), "and these two differ");
	is_int(record_find(&in, "refs")->len, 12, "bytes: their length");
	ok(!memcmp(record_find(&in, "refs")->value, "a b\nc\0end 1\n", 12), "bytes: all of them");
	is_int(record_get_number(&in, "number", &bad), -42, "a number");
	is_int(record_get_number(&in, "none", &bad), 0, "no number");
	is_int(bad, 0, "neither is bad");
	is_int(record_get_number(&in, "kind", &bad), -1, "a word is no number");
	is_int(bad, 1, "and bad");
	record_release(&in);
	free(copy);
}

/* The hook's way: the head here, the value from elsewhere, the tail. */
static void test_streamed(void)
{
	static const char value[] = "old new ref\nold new ref2\n";
	char mem[256], tail[32], whole[512], *copy;
	struct record_out r;
	struct record_in in;
	struct err e;
	size_t n, len = strlen(value);

	record_begin(&r, mem, sizeof mem);
	record_text(&r, "kind", "change");
	record_head(&r, "refs", value, len);
	n = record_tail(&r, tail);
	ok(n <= sizeof tail, "the tail fits");
	memcpy(whole, mem, r.len);
	memcpy(whole + r.len, value, len);
	memcpy(whole + r.len + len, tail, n);
	is_int(parse(whole, r.len + len + n, &copy, &in, &e), RECORD_OK, "it is read: %s", e.text);
	is_str(record_get(&in, "refs"), value, "the value from elsewhere");
	record_release(&in);
	free(copy);
}

static void test_truncated(void)
{
	char mem[512], *copy;
	struct record_out r;
	struct record_in in;
	struct err e;
	int wrong = 0;

	write_sample(&r, mem, sizeof mem - 8);
	for (size_t n = 0; n < r.len; n++) {
		wrong += parse(mem, n, &copy, &in, &e) != RECORD_TORN || !e.text[0] ||
			e.code != ERR_DATA || in.fields;
		free(copy);
	}
	is_int(wrong, 0, "cut anywhere, it is torn, with a sentence");
	mem[r.len] = '\n';
	is_int(parse(mem, r.len + 1, &copy, &in, &e), RECORD_TORN, "a byte after the end");
	free(copy);
	ok(strstr(e.text, "the end line is not the last") != NULL, "its sentence: %s", e.text);
}

static void test_corrupt(void)
{
	char mem[512], *copy;
	struct record_out r;
	struct record_in in;
	struct err e;
	int passed = 0, newer = 0;

	write_sample(&r, mem, sizeof mem);
	for (size_t i = 0; i < r.len; i++)
		for (int c = 0; c < 256; c++) {
			char was = mem[i];
			enum record_status s;

			if ((char)c == was)
				continue;
			mem[i] = (char)c;
			s = parse(mem, r.len, &copy, &in, &e);
			mem[i] = was;
			passed += s == RECORD_OK;
			newer += s == RECORD_NEWER;
			record_release(&in);
			free(copy);
		}
	is_int(passed, 0, "no file with one byte changed is read");
	is_int(newer, 8, "2 to 9 as the version are newer, nothing else is");
}

static const struct {
	const char *what, *text;
	enum record_status want;
} forms[] = {
	{ "nothing", "", RECORD_TORN },
	{ "another format", "refired 1\n", RECORD_TORN },
	{ "version 0", "refire 0\n", RECORD_TORN },
	{ "no version", "refire \n", RECORD_TORN },
	{ "a newer version, unreadable beyond", "refire 2\nwhatever", RECORD_NEWER },
	{ "a much newer version", "refire 4000000000\n", RECORD_NEWER },
	{ "a version too long", "refire 99999999999999999999\n", RECORD_TORN },
	{ "a length too long", "refire 1\na 99999999999999999999\nx\n", RECORD_TORN },
	{ "a length beyond the file", "refire 1\na 4294967295\nx\n", RECORD_TORN },
	{ "a negative length", "refire 1\na -1\nx\n", RECORD_TORN },
	{ "no length", "refire 1\na \nx\n", RECORD_TORN },
	{ "no name", "refire 1\n 1\nx\n", RECORD_TORN },
	{ "a name with a slash", "refire 1\na/b 1\nx\n", RECORD_TORN },
	{ "a value without its newline", "refire 1\na 1\nxyend 00000000\n", RECORD_TORN },
};

static void test_forms(void)
{
	char name[80], text[128], *copy;
	struct record_in in;
	struct err e;

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		is_int(parse(forms[i].text, strlen(forms[i].text), &copy, &in, &e), forms[i].want,
			"%s", forms[i].what);
		ok(e.text[0], "its sentence: %s", e.text);
		record_release(&in);
		free(copy);
	}
	for (size_t n = 64; n <= 65; n++) {
		struct record_out r;

		memset(name, 'n', n);
		name[n] = '\0';
		record_begin(&r, text, sizeof text);
		record_text(&r, name, "v");
		record_end(&r);
		is_int(parse(text, r.len, &copy, &in, &e), n == 64 ? RECORD_OK : RECORD_TORN,
			"a name of %zu bytes", n);
		record_release(&in);
		free(copy);
	}
}

static void test_many_fields(void)
{
	for (int n = LIMIT_SPOOL_FIELDS; n <= LIMIT_SPOOL_FIELDS + 1; n++) {
		size_t cap = (size_t)n * 8 + 64;
		char *mem = (char *)malloc(cap), *copy;
		struct record_out r;
		struct record_in in;
		struct err e;

		record_begin(&r, mem, cap);
		for (int i = 0; i < n; i++)
			record_text(&r, "a", "");
		record_end(&r);
		is_int(parse(mem, r.len, &copy, &in, &e), n == LIMIT_SPOOL_FIELDS ? RECORD_OK :
			RECORD_TORN, "%d fields", n);
		record_release(&in);
		free(copy);
		free(mem);
	}
}

static void test_numbers(void)
{
	static const struct {
		const char *text;
		int64_t want;
		int bad;
	} cases[] = {
		{ "0", 0, 0 }, { "9223372036854775807", INT64_MAX, 0 },
		{ "-9223372036854775808", INT64_MIN, 0 }, { "9223372036854775808", -1, 1 },
		{ "99999999999999999999", -1, 1 }, { "1x", -1, 1 }, { " 1", -1, 1 },
		{ "\t1", -1, 1 }, { "+1", -1, 1 }, { "-", -1, 1 }, { "0x10", -1, 1 }, { "", 0, 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[128], *copy;
		struct record_out r;
		struct record_in in;
		struct err e;
		int bad = 0;

		record_begin(&r, text, sizeof text);
		record_text(&r, "n", cases[i].text);
		record_end(&r);
		parse(text, r.len, &copy, &in, &e);
		is_int(record_get_number(&in, "n", &bad), cases[i].want, "number `%s`",
			cases[i].text);
		is_int(bad, cases[i].bad, "whether it is bad");
		record_release(&in);
		free(copy);
	}
}

int main(void)
{
	plan_none();
	test_write();
	test_read();
	test_streamed();
	test_truncated();
	test_corrupt();
	test_forms();
	test_many_fields();
	test_numbers();
	return tap_done();
}
