/* test-pkt.c - pkt-lines: framing, bounds, any cutting of the bytes. */
#include "pkt.h"

#include "tap.h"

static int collect(void *arg, enum pkt_kind kind, char *line, size_t len, struct err *e)
{
	struct buf *b = arg;

	(void)e;
	if (kind == PKT_LINE) {
		buf_chr(b, '[');
		buf_add(b, line, len);
		buf_chr(b, ']');
	} else {
		buf_str(b, kind == PKT_FLUSH ? "F" : kind == PKT_DELIM ? "D" : "E");
	}
	return 0;
}

/* The packets as text, fed in pieces of step bytes; "!" at an error, "~" when it
   ended inside a line. */
static void parse(struct buf *out, const char *s, size_t n, size_t step)
{
	struct pkt_taker taker = { collect, out };
	struct pkt_reader p;
	struct err e;

	buf_clear(out);
	pkt_init(&p);
	for (size_t i = 0; i < n; i += step) {
		if (pkt_feed(&p, s + i, n - i < step ? n - i : step, &taker, &e)) {
			buf_chr(out, '!');
			break;
		}
	}
	if (pkt_partial(&p))
		buf_chr(out, '~');
	pkt_release(&p);
}

static void test_table(void)
{
	static const struct {
		const char *bytes, *want;
	} t[] = {
		{ "", "" },
		{ "0000", "F" },
		{ "0001", "D" },
		{ "0002", "E" },
		{ "0004", "[]" },
		{ "0005\n", "[]" },
		{ "0006a\n", "[a]" },
		{ "0005a", "[a]" },
		{ "0006\n\n", "[\n]" },
		{ "0009hello0000", "[hello]F" },
		{ "000Ahello\n0000", "[hello]F" },
		{ "000ahello\n0001000ahello\n0000", "[hello]D[hello]F" },
		{ "0003", "!~" },
		{ "fff1x", "!~" },
		{ "ffff", "!~" },
		{ "zzzz", "!~" },
		{ "-001", "!~" },
		{ "+005a", "!~" },
		{ " 005a", "!~" },
		{ "0x05a", "!~" },
		{ "<!DOCTYPE html>", "!~" },
		{ "000", "~" },
		{ "000ahel", "~" },
		{ "0000000ahel", "F~" },
	};
	struct buf got;

	buf_init(&got, MIB);
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		for (size_t step = 1; step <= 5; step++) {
			parse(&got, t[i].bytes, strlen(t[i].bytes), step);
			is_str(got.s, t[i].want, "`%s` in pieces of %zu", t[i].bytes, step);
		}
	}
	buf_release(&got);
}

static void test_longest(void)
{
	static char bytes[4 + LIMIT_PKT_LINE];
	struct buf got;

	memset(bytes, 'x', sizeof(bytes));
	memcpy(bytes, "fff0", 4);
	buf_init(&got, MIB);
	parse(&got, bytes, LIMIT_PKT_LINE, 4096);
	is_int(got.len, LIMIT_PKT_LINE - 4 + 2, "the longest line");
	ok(got.s[0] == '[' && got.s[got.len - 1] == ']', "comes whole");
	buf_release(&got);
}

static int stop(void *arg, enum pkt_kind kind, char *line, size_t len, struct err *e)
{
	(void)kind;
	(void)line;
	(void)len;
	(void)e;
	return ++*(int *)arg == 2 ? 7 : 0;
}

static void test_taker(void)
{
	int seen = 0;
	struct pkt_taker taker = { stop, &seen };
	struct pkt_reader p;
	struct err e;

	pkt_init(&p);
	is_int(pkt_feed(&p, "0005a0005b0005c", 15, &taker, &e), 7, "the taker's value comes back");
	is_int(seen, 2, "and nothing after it is taken");
	pkt_release(&p);
}

static void test_writing(void)
{
	struct buf b, got;

	buf_init(&b, MIB);
	buf_init(&got, MIB);
	pkt_line(&b, "command=%s", "ls-refs");
	pkt_delim(&b);
	pkt_bytes(&b, "a\0b", 3);
	pkt_flush(&b);
	ok(b.len == 35 && !memcmp(b.s, "0014command=ls-refs\n00010007a\0b0000", 35), "as git writes it");
	parse(&got, b.s, b.len, 3);
	ok(!memcmp(got.s, "[command=ls-refs]D[a\0b]F", 24), "and reads it");
	buf_clear(&b);
	pkt_text(&b, "ref-prefix ", "refs/heads/main");
	pkt_text(&b, "symrefs", "");
	ok(b.len == 43 && !memcmp(b.s, "001fref-prefix refs/heads/main\n000csymrefs\n", 43),
		"a line of two texts");
	buf_release(&b);
	buf_release(&got);
}

static void test_too_long(void)
{
	static char text[LIMIT_PKT_LINE];
	struct buf b;

	memset(text, 'x', sizeof(text) - 1);
	buf_init(&b, MIB);
	text[LIMIT_PKT_LINE - 5] = 0;
	pkt_text(&b, "", text);
	ok(!b.over && b.len == LIMIT_PKT_LINE && !memcmp(b.s, "fff0", 4), "the longest line");
	buf_clear(&b);
	pkt_text(&b, "x", text);
	ok(b.over, "one byte more is no line");
	buf_clear(&b);
	pkt_line(&b, "x%s", text);
	ok(b.over, "nor when it is formatted");
	buf_clear(&b);
	pkt_bytes(&b, text, LIMIT_PKT_LINE - 3);
	ok(b.over, "nor of bytes");
	buf_release(&b);
}

int main(void)
{
	plan_none();
	test_table();
	test_longest();
	test_taker();
	test_writing();
	test_too_long();
	return tap_done();
}
