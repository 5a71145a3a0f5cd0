/* fetch.c - git fetch into the mirror. */
#include "fetch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "change.h"
#include "clock.h"
#include "fetch_env.h"
#include "fs.h"
#include "mirror.h"
#include "proc.h"

#define WHY_MAX (64 * KIB)
#define SAID_MAX (1 * MIB)
#define AGAIN_US (900 * US_PER_S)	/* one that failed, while the answer stays the same */
#define LOCK_US (60 * US_PER_S)
#define GROWTH_FREE (64 * MIB)
#define SIZE_FILE "refire-size"
#define NO_FILTER "filtering not recognized by server"

struct job {
	struct look *look;
	struct fetch_env env;
	int64_t deadline_us;
	struct buf why;			/* git's stderr */
	bool timed_out, stopped;
};

/* ---- running git ---- */

/* The last line that says what is wrong, without secrets: git shows no user of a URL, and
   none is in it. */
static const char *complaint(struct job *j)
{
	const char *s = strstr(j->why.s, "fatal: ");

	if (!s)
		s = strstr(j->why.s, "error: ");
	return s ? arena_memdup(&j->look->arena, s + 7, strcspn(s + 7, "\n")) : "it says no more";
}

static bool stopped(const struct job *j)
{
	return j->look->stop && atomic_load(j->look->stop);
}

static int run(struct job *j, const char *dir, const char *const *args, const struct buf *in,
	struct buf *out, struct err *e)
{
	const char *argv[24] = { "git", arena_fmt(&j->look->arena, "--git-dir=%s", dir) };
	int64_t left_ms = (j->deadline_us - clock_mono_us()) / 1000;
	struct proc_run r = { .argv = argv, .env = j->env.v, .cwd = "/", .out = out, .err = &j->why,
		.timeout_ms = left_ms > 0 ? (int)left_ms : 1, .stop = j->look->stop };

	for (size_t i = 0; i < 20 && args[i]; i++)
		argv[2 + i] = args[i];
	if (in) {
		r.in = in->s;
		r.in_len = in->len;
	}
	buf_clear(&j->why);
	if (proc_run(&r, e))
		return -1;
	j->timed_out |= r.timed_out;
	if (r.timed_out)
		return err_set(e, ERR_TEMP, "it was not done within %lld s (mirror-timeout)",
			(long long)(j->look->mirror_timeout_us / US_PER_S));
	if (stopped(j))
		return err_set(e, ERR_TEMP, "interrupted");
	if (r.status)
		return err_set(e, ERR_DATA, "git %s: %.300s", args[0], complaint(j));
	return 0;
}

/* ---- what there is ---- */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)at;
	return kind == FTW_DP ? rmdir(path) : unlink(path);
}

static void remove_tree(const char *dir)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int64_t pack_bytes(const char *dir)
{
	char path[LIMIT_PATH];
	struct dirent *entry;
	struct stat st;
	int64_t sum = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/objects/pack", dir);
	d = opendir(path);
	while (d && (entry = readdir(d)))
		if (!fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode))
			sum += st.st_size;
	if (d)
		closedir(d);
	return sum;
}

/* git keeps what a blobless repository once fetched, however unreachable it has become. */
static bool has_outgrown(const char *dir)
{
	char path[LIMIT_PATH], *text;
	int64_t made;
	size_t n;

	snprintf(path, sizeof(path), "%s/" SIZE_FILE, dir);
	if (fs_read_path(path, 64, &text, &n, NULL, NULL))
		return false;
	made = strtoll(text, NULL, 10);
	free(text);
	return pack_bytes(dir) > 2 * made + GROWTH_FREE;
}

static void note_size(const char *dir)
{
	char path[LIMIT_PATH], text[32];
	int n = snprintf(text, sizeof(text), "%lld\n", (long long)pack_bytes(dir));

	snprintf(path, sizeof(path), "%s/" SIZE_FILE, dir);
	fs_replace(path, 0600, text, (size_t)n, NULL);
}

/* Are the refs those of the answer? HEAD's branch may be there beside them. */
static bool same_refs(const struct look *l, const struct repo_refs *have)
{
	const struct repo_refs *want = &l->refs;
	size_t at = 0;

	for (size_t i = 0; i < have->n; i++) {
		const struct repo_ref *r = &have->v[i];

		if (at < want->n && !strcmp(r->ref, want->v[at].ref)) {
			if (strcmp(r->oid, want->v[at++].oid))
				return false;
		} else if (strcmp(r->ref, want->head)) {
			return false;
		}
	}
	return at == want->n;
}

static bool is_current(const struct look *l)
{
	struct repo_refs have;
	struct repo *r;
	struct arena a;
	struct err e;
	bool same;

	if (repo_open(l->mirror, &r, &e))
		return false;
	arena_init(&a);
	same = !repo_list(r, &a, &have, &e) && same_refs(l, &have);
	arena_release(&a);
	repo_close(r);
	return same;
}

/* ---- one fetch ---- */

/* "+refs/heads/rel*:refs/heads/rel*" of each prefix, and HEAD's branch, which a new one is
   compared with. */
static void refspecs(const struct look *l, struct buf *b)
{
	for (size_t i = 0; i < l->scope.n; i++)
		buf_fmt(b, "+%s*:%s*\n", l->scope.v[i], l->scope.v[i]);
	for (size_t i = 0; i < l->scope.n; i++)
		if (!strncmp(l->refs.head, l->scope.v[i], strlen(l->scope.v[i])))
			return;
	if (change_ref_ok(l->refs.head))
		buf_fmt(b, "+%s:%s\n", l->refs.head, l->refs.head);
}

static int fetch_into(struct job *j, const char *dir, struct err *e)
{
	const char *const head[] = { "symbolic-ref", "HEAD", j->look->refs.head, NULL };
	const char *const fetch[] = { "fetch", "--filter=blob:none", "--prune", "--no-tags",
		"--no-auto-gc", "--no-write-fetch-head", "--no-recurse-submodules", "--quiet",
		"--stdin", "origin", NULL };
	struct buf specs;
	int failed;

	if (change_ref_ok(j->look->refs.head) && run(j, dir, head, NULL, NULL, e))
		return -1;
	buf_init(&specs, MIB);
	refspecs(j->look, &specs);
	failed = run(j, dir, fetch, &specs, NULL, e);
	if (!failed && strstr(j->why.s, NO_FILTER) && !j->look->mirror_said)
		j->look->mirror_said = "its server does not filter: the mirror holds all of its files";
	buf_release(&specs);
	return failed;
}

/* Is each new commit there, with all between it and what stood before? */
static int check_objects(struct job *j, const char *dir, struct err *e)
{
	const char *const args[] = { "rev-list", "--quiet", "--ignore-missing", "--stdin", NULL };
	const char *const has[] = { "cat-file", "--batch-check=%(objecttype)", NULL };
	struct look *l = j->look;
	struct buf in, out;
	int failed;

	buf_init(&in, LIMIT_ADVERTISEMENT);
	buf_init(&out, LIMIT_ADVERTISEMENT);
	for (size_t i = 0; i < l->refs.n; i++)
		buf_fmt(&in, "%s\n", l->refs.v[i].oid);
	failed = run(j, dir, has, &in, &out, e);
	if (!failed && strstr(out.s, "missing"))
		failed = err_set(e, ERR_TEMP, "the server had moved on when it was fetched");
	for (size_t i = 0; i < l->naccepted; i++)
		buf_fmt(&in, "^%s\n", l->accepted[i].oid);
	if (!failed && l->naccepted)
		failed = run(j, dir, args, &in, NULL, e);
	buf_release(&in);
	buf_release(&out);
	return failed;
}

static void tidy(struct job *j, const char *dir)
{
	static const char *const gc[] = { "gc", "--auto", "--quiet", NULL };
	struct err e;

	run(j, dir, gc, NULL, NULL, &e);	/* left for the next time when it fails */
}

/* ---- made, and made anew ---- */

static int swap(const char *fresh, const char *dir, struct arena *a, struct err *e)
{
	const char *old = arena_fmt(a, "%s%%old", dir);

	remove_tree(old);
	if (rename(dir, old) && errno != ENOENT)
		return err_sys(e, "cannot move %s away", dir);
	if (rename(fresh, dir))
		return err_sys(e, "cannot put %s in its place", fresh);
	remove_tree(old);
	return 0;
}

static int make(struct job *j, struct err *e)
{
	struct look *l = j->look;
	const char *fresh = arena_fmt(&l->arena, "%s%%new", l->mirror);
	const char *const init[] = { "init", "--quiet", "--bare", "--template=", strlen(
		l->refs.v[0].oid) == 40 ? "--object-format=sha1" : "--object-format=sha256", NULL };
	int failed;

	remove_tree(fresh);
	failed = fs_mkdirs(dirname(arena_strdup(&l->arena, fresh)), 0700, e) ||
		fs_mkdirs(fresh, 0700, e) || run(j, fresh, init, NULL, NULL, e) ||
		fetch_into(j, fresh, e);
	if (!failed)
		note_size(fresh);
	if (!failed)
		failed = swap(fresh, l->mirror, &l->arena, e);
	remove_tree(fresh);
	return failed ? -1 : 0;
}

/* Can git walk all that its refs name? */
static bool is_damaged(struct job *j)
{
	static const char *const args[] = { "rev-list", "--quiet", "--all", NULL };
	struct repo_refs have;
	struct repo *r;
	struct arena a;
	struct err e;
	bool bad;

	if (repo_open(j->look->mirror, &r, &e))
		return true;
	arena_init(&a);
	bad = repo_list(r, &a, &have, &e) != 0;
	arena_release(&a);
	repo_close(r);
	return bad || (run(j, j->look->mirror, args, NULL, NULL, &e) && !j->timed_out && !stopped(j));
}

/* What a git that was killed has left locked: no other one is at work here, and none
   locks a ref for so long. */
static int locks_dropped;
static int drop_lock(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	size_t n = strlen(path);

	if (kind == FTW_D && !strcmp(path + at->base, "objects"))
		return FTW_SKIP_SUBTREE;
	if (kind == FTW_F && n > 5 && !strcmp(path + n - 5, ".lock") &&
	    clock_wall_us() - st->st_mtim.tv_sec * US_PER_S > LOCK_US && !unlink(path))
		locks_dropped++;
	return FTW_CONTINUE;
}

static bool drop_locks(const char *dir)
{
	static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;	/* nftw takes no argument */
	bool any;

	pthread_mutex_lock(&one);
	locks_dropped = 0;
	nftw(dir, drop_lock, 16, FTW_PHYS | FTW_ACTIONRETVAL);
	any = locks_dropped > 0;
	pthread_mutex_unlock(&one);
	return any;
}

static int fetch_here(struct job *j, struct err *e)
{
	const char *dir = j->look->mirror;

	if (!fetch_into(j, dir, e))
		return check_objects(j, dir, e);
	if (j->timed_out || stopped(j) || !drop_locks(dir) || fetch_into(j, dir, e))
		return -1;
	return check_objects(j, dir, e);
}

static int follow(struct job *j, struct err *e)
{
	struct look *l = j->look;

	if (!repo_is(l->mirror))
		return make(j, e);
	if (has_outgrown(l->mirror)) {
		l->mirror_said = "the mirror had grown to twice its size: it was made anew";
		return make(j, e);
	}
	if (!fetch_here(j, e))
		return 0;
	if (j->timed_out || stopped(j) || !is_damaged(j))
		return -1;
	l->mirror_said = "the mirror was damaged: it was made anew";
	return make(j, e);
}

static void note(struct look *l, const struct err *e)
{
	struct err bad;

	if (e)
		l->mirror_failed = arena_fmt(&l->arena, "the mirror could not be fetched: %s", e->text);
	if (mirror_note(l->mirror, e ? l->mirror_failed : "", &bad))
		l->mirror_failed = arena_strdup(&l->arena, bad.text);
}

bool fetch_wanted(const struct look *l)
{
	char why[LIMIT_PATH];
	struct stat st;

	if (!*l->mirror || l->fetched || l->failed || !l->refs.n)
		return false;
	if (!l->same)
		return true;
	snprintf(why, sizeof(why), "%s/refire-why", l->mirror);
	return !stat(why, &st) && clock_wall_us() - st.st_mtim.tv_sec * US_PER_S > AGAIN_US;
}

void fetch_mirror(struct look *l)
{
	struct job j = { .look = l, .deadline_us = clock_mono_us() + l->mirror_timeout_us };
	struct err e;
	int failed;

	l->fetched = true;
	if (is_current(l)) {
		note(l, NULL);
		return;
	}
	buf_init(&j.why, WHY_MAX);
	failed = fetch_env(l, &j.env, &e) || follow(&j, &e);
	if (!failed)
		tidy(&j, l->mirror);
	if (!failed || !stopped(&j))
		note(l, failed ? &e : NULL);
	buf_release(&j.why);
}
