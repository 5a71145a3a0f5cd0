/* test-json.c - what the writer writes is JSON, whatever goes in. jansson, an
   independent reader, reads it back. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* jansson and the writer share three names; json.h maps the writer's */
#include "json.h"
#include "limits.h"
#include "tap.h"

static const struct {
	const char *in, *want;
} strings[] = {
	{ "", "\"\"" },
	{ "plain", "\"plain\"" },
	{ "quote \" back \\ slash /", "\"quote \\\" back \\\\ slash /\"" },
	{ "\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"" },
	{ "\x01\x1f\x7f", "\"\\u0001\\u001f\\u007f\"" },
	{ "\xc2\x85\xc2\x9b", "\"\\u0085\\u009b\"" },
	{ "\xe2\x80\xae\xe2\x80\xa8", "\"\\u202e\\u2028\"" },
	{ "\xc3\xa9 \xf0\x9f\x9a\x80", "\"\xc3\xa9 \xf0\x9f\x9a\x80\"" },
	{ "\xff", "\"\\ufffd\"" },
	{ "a\xe2\x82", "\"a\\ufffd\\ufffd\"" },
	{ "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"" },
};

static void test_strings(void)
{
	struct json j;
	struct buf b;

	buf_init(&b, KIB);
	for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
		buf_clear(&b);
		json_init(&j, &b);
		json_str(&j, strings[i].in);
		is_str(b.s, strings[i].want, "string %zu", i);
	}
	buf_clear(&b);
	json_init(&j, &b);
	json_strn(&j, "a\0b", 3);
	is_str(b.s, "\"a\\u0000b\"", "a NUL byte");
	buf_release(&b);
}

static void write_sample(struct json *j)
{
	json_object(j);
	json_kv(j, "a", "x");
	json_kv(j, "none", NULL);
	json_key(j, "list");
	json_array(j);
	json_int(j, 1);
	json_int(j, INT64_MIN);
	json_bool(j, true);
	json_bool(j, false);
	json_null(j);
	json_array(j);
	json_end(j);
	json_object(j);
	json_end(j);
	json_raw(j, "{\"raw\":1}");
	json_end(j);
	json_key(j, "k\"ey");
	json_object(j);
	json_kv(j, "b", "y");
	json_end(j);
	json_end(j);
}

static void test_shape(void)
{
	struct json j;
	struct buf b;

	buf_init(&b, KIB);
	json_init(&j, &b);
	write_sample(&j);
	is_str(b.s, "{\"a\":\"x\",\"none\":null,\"list\":[1,-9223372036854775808,true,false,null,"
		"[],{},{\"raw\":1}],\"k\\\"ey\":{\"b\":\"y\"}}", "compact");
	is_int(j.depth, 0, "everything is closed");

	buf_clear(&b);
	json_init(&j, &b);
	j.indent = 2;
	json_object(&j);
	json_kv(&j, "a", "x");
	json_key(&j, "l");
	json_array(&j);
	json_int(&j, 1);
	json_int(&j, 2);
	json_end(&j);
	json_key(&j, "e");
	json_array(&j);
	json_end(&j);
	json_end(&j);
	is_str(b.s, "{\n  \"a\": \"x\",\n  \"l\": [\n    1,\n    2\n  ],\n  \"e\": []\n}",
		"indented");
	buf_release(&b);
}

static void test_bytes(void)
{
	struct json j;
	struct buf b;

	buf_init(&b, KIB);
	json_init(&j, &b);
	json_object(&j);
	json_key_bytes(&j, "ref", "refs/heads/\xc3\xa9", 13);
	json_key_bytes(&j, "path", "a\xff", 2);
	json_end(&j);
	is_str(b.s, "{\"ref\":\"refs/heads/\xc3\xa9\",\"path\":\"a\\ufffd\",\"pathBase64\":\"Yf8=\"}",
		"bytes that are not UTF-8 are kept beside");
	buf_release(&b);
}

static void test_limits(void)
{
	struct json j;
	struct buf b;

	buf_init(&b, 8);
	json_init(&j, &b);
	json_str(&j, "longer than eight");
	ok(b.over, "the limit of the buffer shows");
	buf_release(&b);

	buf_init(&b, KIB);
	json_init(&j, &b);
	for (int i = 0; i < JSON_DEPTH; i++)
		json_array(&j);
	ok(!b.over, "as deep as it goes");
	json_array(&j);
	ok(b.over, "deeper shows as over");
	buf_release(&b);
}

static void test_utf8(void)
{
	static const struct {
		const char *s;
		bool valid;
	} cases[] = {
		{ "", true }, { "ascii", true }, { "\xc3\xa9", true }, { "\xf4\x8f\xbf\xbf", true },
		{ "\xef\xbf\xbf", true }, { "\x80", false }, { "\xc3", false }, { "\xc0\x80", false },
		{ "\xc1\xbf", false }, { "\xe0\x80\xaf", false }, { "\xf0\x80\x80\xaf", false },
		{ "\xed\xbf\xbf", false }, { "\xf4\x90\x80\x80", false }, { "\xf5\x80\x80\x80", false },
		{ "\xfe", false }, { "\xe2\x82", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		is_int(json_utf8_valid(cases[i].s, strlen(cases[i].s)), cases[i].valid,
			"valid UTF-8, case %zu", i);
}

/* Random bytes in; jansson must read the result, and give back the same text
   where it was valid UTF-8. */
static void test_random(void)
{
	unsigned seed = (unsigned)time(NULL);
	int unreadable = 0, changed = 0;
	struct json j;
	struct buf b;

	note("seed %u", seed);
	srandom(seed);
	buf_init(&b, KIB);
	for (int round = 0; round < 20000; round++) {
		char in[24];
		size_t n = (size_t)random() % sizeof in;
		json_t *read;

		for (size_t i = 0; i < n; i++)
			in[i] = (char)(random() % 3 ? random() % 128 : random() % 256);
		buf_clear(&b);
		json_init(&j, &b);
		json_strn(&j, in, n);
		read = json_loadb(b.s, b.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		if (!read) {
			unreadable++;
			continue;
		}
		if (json_utf8_valid(in, n) && (json_string_length(read) != n ||
		    memcmp(json_string_value(read), in, n) != 0))
			changed++;
		json_decref(read);
	}
	is_int(unreadable, 0, "random bytes always make JSON");
	is_int(changed, 0, "valid text comes back as it was");
	buf_release(&b);
}

int main(void)
{
	plan_none();
	test_strings();
	test_shape();
	test_bytes();
	test_limits();
	test_utf8();
	test_random();
	return tap_done();
}
