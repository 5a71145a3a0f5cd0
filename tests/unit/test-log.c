/* test-log.c - nothing hostile reaches a terminal, and a line is one write. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limits.h"
#include "log.h"
#include "tap.h"

static const struct {
	const char *in, *want;
} cases[] = {
	{ "", "" },
	{ "plain text, 100%", "plain text, 100%" },
	{ "back\\slash", "back\\slash" },
	{ "a\nb\tc\rd", "a\\x0ab\\x09c\\x0dd" },
	{ "\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m" },
	{ "\x7f", "\\x7f" },
	{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\x80" },
	{ "\xc2\x9b" "31m", "\\u{009B}31m" },
	{ "\xe2\x80\xae" "txt", "\\u{202E}txt" },
	{ "\xe2\x81\xa6\xe2\x81\xa9", "\\u{2066}\\u{2069}" },
	{ "\xe2\x80\xa8\xe2\x80\xa9", "\\u{2028}\\u{2029}" },
	{ "\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f", "\\u{061C}\\u{200E}\\u{200F}" },
	{ "\xff\xfe", "\\xff\\xfe" },
	{ "\xc0\xaf", "\\xc0\\xaf" },			/* overlong / */
	{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },		/* a surrogate */
	{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },	/* above U+10FFFF */
	{ "\xe2\x82", "\\xe2\\x82" },			/* cut off */
	{ "\xe2\x28\xa1", "\\xe2(\\xa1" },
};

static void test_safe(void)
{
	struct buf b;

	buf_init(&b, KIB);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		buf_clear(&b);
		log_safe(&b, cases[i].in, strlen(cases[i].in));
		is_str(b.s, cases[i].want, "escape, case %zu", i);
	}
	buf_clear(&b);
	log_safe(&b, "a\0b", 3);
	is_str(b.s, "a\\x00b", "a NUL byte");
	buf_release(&b);
}

/* Every single byte, and every pair: no control byte ever comes out. */
static void test_no_control(void)
{
	int bad = 0;
	struct buf b;

	buf_init(&b, KIB);
	for (int i = 0; i < 65536; i++) {
		char in[2] = { (char)(i >> 8), (char)(i & 255) };

		buf_clear(&b);
		log_safe(&b, in, 2);
		for (size_t k = 0; k < b.len; k++)
			bad += (unsigned char)b.s[k] < 0x20 || b.s[k] == 0x7f;
	}
	is_int(bad, 0, "no control byte in the form of any two bytes");
	buf_release(&b);
}

/* ---- what goes to stderr ---- */

static int saved_stderr;
static FILE *taken;

static void take_stderr(void)
{
	fflush(stderr);
	saved_stderr = dup(2);
	taken = tmpfile();
	dup2(fileno(taken), 2);
}

static void give_back(char *out, size_t size)
{
	size_t n;

	dup2(saved_stderr, 2);
	close(saved_stderr);
	rewind(taken);
	n = fread(out, 1, size - 1, taken);
	out[n] = '\0';
	fclose(taken);
}

static void test_lines(void)
{
	struct err e;
	char out[3 * LIMIT_PATH];
	char longest[2 * LIMIT_PATH];

	take_stderr();
	log_info("no name yet");
	log_init("refire-x", false);
	log_info("ref %s", "a\x1b]0;b");
	log_warn("%d%%", 7);
	err_set(&e, ERR_CONFIG, "line\nbreak");
	log_err(&e);
	is_int(log_exit(&e), 78, "log_exit gives the exit status");
	log_init("quiet", true);
	log_info("not to be seen");
	log_warn("still seen");
	give_back(out, sizeof out);
	is_str(out, "no name yet\nrefire-x: ref a\\x1b]0;b\nrefire-x: 7%\n"
		"refire-x: line\\x0abreak\nrefire-x: line\\x0abreak\nquiet: still seen\n",
		"the lines");

	memset(longest, 'y', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	take_stderr();
	log_warn("%s", longest);
	give_back(out, sizeof out);
	ok(strlen(out) > LIMIT_PATH && strstr(out, "yyy [shortened]\n"), "a long line is marked");
}

/* systemd tells us the journal's device and inode; the level goes before the line. */
static void test_journal(void)
{
	char out[256], id[64];
	struct stat st;

	take_stderr();
	fstat(2, &st);
	snprintf(id, sizeof id, "%llu:%llu", (unsigned long long)st.st_dev,
		(unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", id, 1);
	log_init("p", false);
	log_info("i");
	log_warn("w");
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_init("p", false);
	log_info("i");
	unsetenv("JOURNAL_STREAM");
	give_back(out, sizeof out);
	is_str(out, "<6>i\n<4>w\np: i\n", "levels for the journal, and only for it");
}

int main(void)
{
	plan_none();
	unsetenv("JOURNAL_STREAM");
	test_safe();
	test_no_control();
	test_lines();
	test_journal();
	return tap_done();
}
