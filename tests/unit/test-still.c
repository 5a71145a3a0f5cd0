/* test-still.c - whatever moves a ref moves the sum; what is young is not relied on. */
#include "still.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc.h"
#include "tap.h"

#define LATER (3 * US_PER_S)

static char top[64];

static const char *in(const char *name)
{
	static char path[2][256];
	static int turn;

	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", top, name);
	return path[turn];
}

/* As git does: a new file under the name. */
static void put(const char *name, const char *text)
{
	FILE *f = fopen(in("new"), "w");

	if (!f || fputs(text, f) < 0 || fclose(f) || rename(in("new"), in(name)))
		ok(false, "cannot write %s", name);
}

static void make_repository(void)
{
	static const char *const dirs[] = { "objects", "refs", "refs/heads", "refs/heads/a",
		"refs/tags", "reftable" };

	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++)
		mkdir(in(dirs[i]), 0700);
	put("HEAD", "ref: refs/heads/main\n");
	put("config", "[core]\n");
	put("refs/heads/main", "1\n");
	put("refs/heads/a/b", "1\n");
}

static void take(char digest[STILL_DIGEST])
{
	still_take(top, clock_wall_us() + LATER, digest);
}

static void test_moves(void)
{
	static const char *const files[] = { "refs/heads/main", "refs/heads/a/b", "packed-refs",
		"HEAD", "config", "refs/tags/v1", "refs/stash", "reftable/tables.list" };
	char before[STILL_DIGEST], after[STILL_DIGEST];
	struct stat was, is;

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		take(before);
		take(after);
		is_str(after, before, "%s: the same until it moves", files[i]);
		stat(in("refs/heads"), &was);
		put(files[i], "2\n");
		stat(in("refs/heads"), &is);
		take(after);
		ok(*after && strcmp(after, before), "%s: it moved", files[i]);
		if (!strcmp(files[i], "refs/heads/a/b"))
			ok(!memcmp(&was.st_mtim, &is.st_mtim, sizeof(is.st_mtim)),
				"refs/heads shows nothing of it");
	}
	take(before);
	unlink(in("packed-refs"));
	take(after);
	ok(strcmp(after, before), "packed-refs is gone");
	mkdir(in("refs/heads/new"), 0700);
	take(before);
	ok(strcmp(after, before), "a new directory");
	put("objects/x", "");
	take(after);
	is_str(after, before, "objects are no refs");
}

static void test_doubt(void)
{
	char digest[STILL_DIGEST], again[STILL_DIGEST];

	put("refs/heads/main", "3\n");
	still_take(top, clock_wall_us() + STILL_YOUNG_US - US_PER_S / 2, digest);
	is_str(digest, "", "a ref written a second and a half ago");
	still_take(top, clock_wall_us() - 3600 * US_PER_S, digest);
	is_str(digest, "", "a clock that was set back");
	still_take("/nowhere/at/all", clock_wall_us() + LATER, digest);
	is_str(digest, "", "no repository");
	ok(!symlink(".", in("refs/heads/loop")), "a directory that leads to itself");
	take(digest);
	take(again);
	is_str(again, digest, "is not followed for ever");
	unlink(in("refs/heads/loop"));
}

static void test_marks(void)
{
	static const struct queue_version v = { 3, 7, 0, 1 }, others[] = { { 4, 7, 0, 1 },
		{ 3, 8, 0, 1 }, { 3, 7, 1, 1 }, { 3, 7, 0, 2 } };
	static const char *const bad[] = { "", "still", "still ", "0190a5d0-0000-7000-8000-0 0123456789" };
	const int64_t now = INT64_C(1700000000) * US_PER_S;
	char mark[STILL_MARK], digest[STILL_DIGEST], cut[STILL_MARK];

	still_mark(&v, "0123456789abcdef", now, mark);
	ok(still_fits(mark, &v, now + 60 * US_PER_S, digest), "a mark fits");
	is_str(digest, "0123456789abcdef", "and has its digest");
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		ok(!still_fits(mark, &others[i], now, digest), "not other accepted refs (%zu)", i);
	ok(!still_fits(mark, &v, now + STILL_WHOLE_US, digest), "not for ever");
	ok(!still_fits(mark, &v, now - US_PER_S, digest), "not before its time");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ok(!still_fits(bad[i], &v, now, digest), "no mark: %s", bad[i]);
	for (size_t n = 0; n < strlen(mark); n++) {
		memcpy(cut, mark, n);
		cut[n] = 0;
		if (n < 40)
			ok(!still_fits(cut, &v, now, digest), "cut at %zu", n);
	}
}

int main(void)
{
	const char *const argv[] = { "rm", "-rf", top, NULL };
	const char *tmp = getenv("TMPDIR");
	struct proc_run r = { .argv = argv };
	struct err e;

	snprintf(top, sizeof(top), "%s/still-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	if (!mkdtemp(top))
		return 1;
	make_repository();
	test_moves();
	test_doubt();
	test_marks();
	proc_run(&r, &e);
	return tap_done();
}
