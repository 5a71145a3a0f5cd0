/* test-hooks.c - the hook's settings, the installer's notes, and the way along the
   links a hook is run through. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hookconf.h"
#include "hookpath.h"
#include "ledger.h"
#include "place.h"
#include "tap.h"

#define GOOD "refire-hook 1\nspool /s\nsender /a b/send\npoller /p\nconfig /c\n"

static int parse(const char *text, struct hookconf *out, struct err *e)
{
	static char copy[HOOKCONF_SIZE + 1];
	size_t n = strlen(text);

	memcpy(copy, text, n + 1);
	return hookconf_parse(copy, n, out, e);
}

static void test_settings(void)
{
	static const struct {
		const char *text, *says;
	} wrong[] = {
		{ "", "not whole" },
		{ "refire-hook 1\n", "not whole" },
		{ "refire-hook 2\nspool /s\n", "line 1" },
		{ "refire-hook 1 \nspool /s\n", "line 1" },
		{ "refire-hook 1\nspool /s\nspool /s\n", "second" },
		{ "refire-hook 1\nspool\n", "not a word and a path" },
		{ "refire-hook 1\nspool s\n", "absolute" },
		{ "refire-hook 1\nspool /a\tb\n", "absolute" },
		{ "refire-hook 1\nspool  /s\n", "absolute" },
		{ "refire-hook 1\nchain /x\n", "unknown word" },
		{ "refire-hook 1\n\n", "not a word and a path" },
		{ "refire-hook 1\nspool /s", "has no end" },
	};
	char text[HOOKCONF_SIZE], again[HOOKCONF_SIZE];
	struct hookconf c;
	struct err e;
	int n;

	is_int(parse(GOOD, &c, &e), 0, "a whole file");
	is_str(c.spool, "/s", "spool");
	is_str(c.sender, "/a b/send", "a path with a space");
	n = hookconf_print(&c, text, &e);
	is_str(text, GOOD, "printed as it was read");
	is_int(n, (long long)strlen(GOOD), "its length");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		is_int(parse(wrong[i].text, &c, &e), -1, "refused: %s", wrong[i].text);
		ok(strstr(e.text, wrong[i].says) != NULL, "%s", e.text);
	}
	memcpy(again, GOOD, sizeof(GOOD));
	is_int(hookconf_parse(again, sizeof(GOOD), &c, &e), -1, "a NUL byte in it");
	c = (struct hookconf){ "/s", "/x\ny", "/p", "/c" };
	is_int(hookconf_print(&c, text, &e), -1, "a path with a newline is not written");
	c.sender = "relative";
	is_int(hookconf_print(&c, text, &e), -1, "nor a relative one");
}

/* The longest file there can be still fits, and one more byte does not. */
static void test_longest_settings(void)
{
	static char path[LIMIT_PATH], text[HOOKCONF_SIZE];
	struct hookconf c = { path, path, path, path }, back;
	struct err e;
	int n;

	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	n = hookconf_print(&c, text, &e);
	ok(n > 4 * (LIMIT_PATH - 1) && n < HOOKCONF_SIZE, "four of the longest paths: %d bytes", n);
	is_int(hookconf_parse(text, (size_t)n, &back, &e), 0, "read back");
	ok(!strcmp(back.config, path), "whole");
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) < 0 || fclose(f))
		perror(path);
}

static void test_ledger(const char *dir)
{
	char path[LIMIT_PATH + 16];
	struct ledger l;
	struct err e;

	snprintf(path, sizeof(path), "%s/notes", dir);
	is_int(ledger_read(&l, dir, "notes", &e), 0, "no file is an empty ledger");
	is_int(l.n, 0, "empty");
	is_int(ledger_write(&l, &e), 0, "nothing to write");
	ok(access(path, F_OK) != 0, "and nothing is written");
	ledger_add(&l, "post-receive", "/a b");
	ledger_add(&l, "post-receive", "/c");
	ledger_add(&l, "post-receive", "/c");
	ledger_add(&l, "made", "/c");
	is_int(ledger_count(&l, "post-receive"), 2, "a line stands once");
	is_int(ledger_write(&l, &e), 0, "written");
	ledger_release(&l);
	is_int(ledger_read(&l, dir, "notes", &e), 0, "read back");
	ok(ledger_has(&l, "post-receive", "/a b") && ledger_has(&l, "made", "/c"), "all of it");
	is_str(ledger_get(&l, "post-receive"), "/a b", "the first of a word");
	ledger_drop(&l, "post-receive", "/a b");
	ledger_drop(&l, "made", NULL);
	ledger_drop(&l, "post-receive", "/none");
	is_int(l.n, 1, "dropped");
	ledger_drop(&l, "post-receive", NULL);
	is_int(ledger_write(&l, &e), 0, "emptied");
	ok(access(path, F_OK) != 0, "an empty ledger is no file");
	ledger_release(&l);
}

static void test_bad_ledgers(const char *dir)
{
	static const char *const bad[] = { "refire-installed 2\na b\n", "x\n", "refire-installed 1\nword\n",
		"refire-installed 1\na b" };
	char path[LIMIT_PATH + 16];
	struct ledger l;
	struct err e;

	snprintf(path, sizeof(path), "%s/notes", dir);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		write_file(path, bad[i]);
		is_int(ledger_read(&l, dir, "notes", &e), -1, "refused: %s", bad[i]);
		ledger_release(&l);
	}
	unlink(path);
}

static void test_paths(const char *dir)
{
	char a[LIMIT_PATH + 16], b[LIMIT_PATH + 16];
	struct hookpath p;

	ok(hookpath_first(&p, "post-receive"), "a bare name");
	is_str(p.dir, ".", "stands in .");
	ok(hookpath_first(&p, "/post-receive"), "in the root");
	is_str(p.dir, "/", "stands in /");
	ok(!hookpath_first(&p, "") && !hookpath_first(&p, NULL), "nothing is no path");
	ok(hookpath_first(&p, "hooks/post-receive") && !strcmp(p.dir, "hooks"), "relative");
	snprintf(a, sizeof(a), "%s/sub", dir);
	mkdir(a, 0700);
	snprintf(a, sizeof(a), "%s/sub/loop", dir);
	if (symlink("../loop", a))
		perror(a);
	snprintf(b, sizeof(b), "%s/loop", dir);
	if (symlink("sub/loop", b))
		perror(b);
	ok(hookpath_first(&p, a) && hookpath_next(&p), "a relative link is followed");
	snprintf(b, sizeof(b), "%s/sub/..", dir);
	is_str(p.dir, b, "from where it stands");
	for (int n = 1; n < 20; n++)
		if (!hookpath_next(&p))
			break;
	ok(!hookpath_next(&p), "a loop of links ends");
}

/* Every pair of what may stand under the two names: put, then take. */
static void test_put_and_take(const char *dir)
{
	enum { NOTHING, OURS, THEIRS, KINDS };
	static const struct {
		int hook, earlier, put;
		enum place_taken taken;
		const char *after;	/* what stands under the hook's name after take */
	} cases[] = {
		{ NOTHING, NOTHING, 1, TAKEN_OUT, NULL },
		{ THEIRS, NOTHING, 1, TAKEN_OUT, "hook" },
		{ NOTHING, THEIRS, 1, TAKEN_OUT, "earlier" },
		{ THEIRS, OURS, 1, TAKEN_OUT, "hook" },
		{ OURS, NOTHING, 0, TAKEN_OUT, NULL },
		{ OURS, THEIRS, 0, TAKEN_OUT, "earlier" },
		{ OURS, OURS, 0, TAKEN_OUT, NULL },
		{ NOTHING, OURS, 1, TAKEN_OUT, NULL },
		{ THEIRS, THEIRS, -1, TAKEN_REPLACED, "hook" },
	};
	const char *program = "/nowhere/refire/hooks/post-receive";
	enum place_taken taken;
	struct place p;
	struct err e;

	is_int(place_in(&p, dir, "post-receive", &e), 0, "a place");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *files[] = { p.hook, p.earlier }, *names[] = { "hook", "earlier" };
		int kinds[] = { cases[i].hook, cases[i].earlier };
		char text[16] = "";
		FILE *f;

		for (int k = 0; k < 2; k++) {
			unlink(files[k]);
			if (kinds[k] == THEIRS)
				write_file(files[k], names[k]);
			if (kinds[k] == OURS && symlink(program, files[k]))
				perror(files[k]);
		}
		is_int(place_put(&p, program, &e), cases[i].put, "case %zu: put", i);
		if (cases[i].put >= 0)
			is_int(place_put(&p, program, &e), 0, "case %zu: put again", i);
		is_int(place_take(&p, program, &taken, &e), 0, "case %zu: take", i);
		is_int(taken, cases[i].taken, "case %zu: what was taken", i);
		f = fopen(p.hook, "r");
		is_str(f && fgets(text, sizeof(text), f) ? text : NULL, cases[i].after,
			"case %zu: what stands there now", i);
		if (f)
			fclose(f);
		if (cases[i].put >= 0)
			ok(access(p.earlier, F_OK) != 0, "case %zu: nothing is left beside it", i);
	}
	unlink(p.hook);
	unlink(p.earlier);
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");
	char dir[LIMIT_PATH], clean[LIMIT_PATH + 16];

	snprintf(dir, sizeof(dir), "%s/test-hooks.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir)) {
		perror(dir);
		return 1;
	}
	plan_none();
	test_settings();
	test_longest_settings();
	test_ledger(dir);
	test_bad_ledgers(dir);
	test_paths(dir);
	test_put_and_take(dir);
	snprintf(clean, sizeof(clean), "rm -rf '%s'", dir);
	is_int(system(clean), 0, "cleaned up");
	return tap_done();
}
