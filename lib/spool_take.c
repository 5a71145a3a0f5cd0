/* spool_take.c - the taker's side of the spool: make it, list, read, set aside. */
#include "spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "fs.h"
#include "record.h"

static int ran_path(const struct spool_paths *p, char *out, struct err *e)
{
	if (snprintf(out, LIMIT_PATH, "%s/sender.ran", p->state) >= LIMIT_PATH)
		return err_set(e, ERR_CONFIG, "state-dir is too long: %.100s...", p->state);
	return 0;
}

static int set_mode(const char *dir, uid_t uid, gid_t gid, mode_t mode, struct err *e)
{
	struct stat st;

	if (stat(dir, &st))
		return err_sys(e, "cannot look at %s", dir);
	if (st.st_gid != gid && chown(dir, uid, gid))
		return err_sys(e, "cannot give %s to group %lu", dir, (unsigned long)gid);
	if ((st.st_mode & 07777) != mode && chmod(dir, mode))
		return err_sys(e, "cannot set the mode of %s", dir);
	return 0;
}

static int make_drop(const struct spool_paths *p, const char *pushers, struct err *e)
{
	const struct group *g = getgrnam(pushers);

	if (!g)
		return err_set(e, ERR_CONFIG,
			"pushers = %s: there is no such Unix group; make it with `groupadd %s`",
			pushers, pushers);
	if (fs_mkdirs(p->drop, 0700, e))
		return -1;
	return set_mode(p->drop, (uid_t)-1, g->gr_gid, 03730, e);
}

/* Pushers pass through state and spool to drop, and see nothing there. */
int spool_init(const struct spool_paths *p, const char *pushers, struct err *e)
{
	char spool[LIMIT_PATH];
	mode_t through = *pushers ? 0711 : 0700;

	if (fs_mkdirs(p->state, through, e))
		return -1;
	snprintf(spool, sizeof(spool), "%.*s", (int)(strlen(p->new_) - 4), p->new_);
	if (fs_mkdirs(spool, through, e) || fs_mkdirs(p->new_, 0700, e) ||
	    fs_mkdirs(p->done, 0700, e) || fs_mkdirs(p->quarantine, 0700, e))
		return -1;
	fs_mkdirs(p->trail, 0700, NULL);	/* its writer makes it too, and says why it cannot */
	if (!*pushers)
		return 0;
	if ((chmod(p->state, through) || chmod(spool, through)))
		return err_sys(e, "cannot let pushers through %s", p->state);
	return make_drop(p, pushers, e);
}

int spool_note_ran(const struct spool_paths *p, struct err *e)
{
	char file[LIMIT_PATH];
	int fd, failed;

	if (ran_path(p, file, e))
		return -1;
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	failed = fd < 0 || futimens(fd, NULL) ? err_sys(e, "cannot touch %s", file) : 0;
	if (fd >= 0)
		close(fd);
	return failed;
}

static int64_t mtime_us(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * US_PER_S + st->st_mtim.tv_nsec / 1000;
}

int64_t spool_ran(const struct spool_paths *p)
{
	char file[LIMIT_PATH];
	struct stat st;

	if (ran_path(p, file, NULL) || stat(file, &st))
		return 0;
	return mtime_us(&st);
}

static int add_entry(struct spool_list *l, const char *name, bool drop, int64_t mtime)
{
	struct spool_entry *v;

	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		v = realloc(l->v, l->cap * sizeof(*v));
		if (!v)
			return -1;
		l->v = v;
	}
	v = &l->v[l->n++];
	snprintf(v->name, sizeof(v->name), "%s", name);
	v->drop = drop;
	v->mtime_us = mtime;
	return 0;
}

/* A power cut between rename and directory sync leaves a complete t. file: take
   it in under its published name. One still being written is not whole. */
static bool adopt(int dirfd, const char *name)
{
	char to[80], *text;
	struct record_in r;
	struct err e;
	size_t len;
	bool whole;

	if (fs_read(dirfd, name, LIMIT_SPOOL_FILE, &text, &len, NULL, &e))
		return false;
	whole = record_parse(text, len, &r, &e) == RECORD_OK;
	record_release(&r);
	free(text);
	if (!whole)
		return false;
	snprintf(to, sizeof(to), "e.%s", name + 2);
	return !renameat(dirfd, name, dirfd, to);
}

static int scan_one(int dirfd, const char *name, bool drop, bool hints, int64_t now,
	struct spool_list *out)
{
	struct stat st;
	char adopted[80];

	if (strlen(name) >= sizeof(adopted) || !name[0] || name[1] != '.')
		return 0;
	if (name[0] != (hints ? 'h' : 'e') && (hints || name[0] != 't'))
		return 0;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW))
		return 0;
	snprintf(adopted, sizeof(adopted), "%.79s", name);
	if (name[0] == 't') {
		if (llabs(now - mtime_us(&st)) < ADOPT_AFTER_S * US_PER_S || !S_ISREG(st.st_mode) ||
		    !adopt(dirfd, name))
			return 0;
		adopted[0] = 'e';
	}
	return add_entry(out, adopted, drop, mtime_us(&st));
}

static int scan_dir(const char *dir, bool drop, bool hints, struct spool_list *out,
	struct err *e)
{
	int64_t now = clock_wall_us();
	struct dirent *d;
	DIR *h = opendir(dir);
	int failed = 0;

	if (!h && drop && errno == ENOENT)
		return 0;
	if (!h)
		return err_sys(e, "cannot list %s", dir);
	while (!failed && (d = readdir(h)))
		if (scan_one(dirfd(h), d->d_name, drop, hints, now, out))
			failed = err_set(e, ERR_OS, "out of memory listing %s", dir);
	closedir(h);
	return failed;
}

static int by_age(const void *a, const void *b)
{
	const struct spool_entry *x = a, *y = b;

	if (x->mtime_us != y->mtime_us)
		return x->mtime_us < y->mtime_us ? -1 : 1;
	return strcmp(x->name, y->name);
}

int spool_scan(const struct spool_paths *p, bool hints, size_t max, struct spool_list *out,
	struct err *e)
{
	out->n = 0;
	if (scan_dir(p->new_, false, hints, out, e) ||
	    scan_dir(p->drop, true, hints, out, e))
		return -1;
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_age);
	if (out->n > max)
		out->n = max;
	return 0;
}

void spool_list_release(struct spool_list *l)
{
	free(l->v);
	*l = (struct spool_list){ 0 };
}

static int open_dir(const char *dir, struct err *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		err_sys(e, "cannot open %s", dir);
	return fd;
}

static int open_of(const struct spool_paths *p, const struct spool_entry *s, struct err *e)
{
	return open_dir(s->drop ? p->drop : p->new_, e);
}

int spool_read(const struct spool_paths *p, const struct spool_entry *s, char **text,
	size_t *len, uid_t *uid, struct err *e)
{
	struct stat st;
	int dir = open_of(p, s, e), failed;

	if (dir < 0)
		return -1;
	failed = fs_read(dir, s->name, LIMIT_SPOOL_FILE, text, len, &st, e);
	if (!failed)
		*uid = st.st_uid;
	close(dir);
	return failed;
}

/* Not synced: should a power cut undo the move, the file is met again, known by
   its id, and moved again. */
int spool_done(const struct spool_paths *p, const struct spool_entry *s, const char *id,
	struct err *e)
{
	char from[LIMIT_PATH], to[LIMIT_PATH];
	const char *dir = s->drop ? p->drop : p->new_;

	if (snprintf(from, sizeof(from), "%s/%s", dir, s->name) >= (int)sizeof(from) ||
	    snprintf(to, sizeof(to), "%s/%s", p->done, id) >= (int)sizeof(to))
		return err_set(e, ERR_CONFIG, "path too long: %.100s", dir);
	return rename(from, to) ? err_sys(e, "cannot move %s to %s", from, to) : 0;
}

/* A directory of another user cannot leave drop/: its ".." would change, which is not
   ours to write. Under a name that is never scanned it harms nobody there. */
static int put_aside_there(int dir, const char *name, struct err *e)
{
	char aside[sizeof(((struct spool_entry *)0)->name)];

	snprintf(aside, sizeof(aside), "q.%s", name + 2);
	return renameat(dir, name, dir, aside) ? err_sys(e, "cannot set %s aside", name) : 0;
}

static int move(const struct spool_paths *p, const struct spool_entry *s, const char *todir,
	struct err *e)
{
	int from = open_of(p, s, e), to, failed = -1;

	if (from < 0)
		return -1;
	to = open_dir(todir, e);
	if (to >= 0) {
		failed = fs_move(from, s->name, to, s->name, e);
		if (failed && e->code == ERR_PERM)
			failed = put_aside_there(from, s->name, e);
		close(to);
	}
	close(from);
	return failed;
}

int spool_quarantine(const struct spool_paths *p, const struct spool_entry *s,
	const char *reason, struct err *e)
{
	char file[LIMIT_PATH], line[LIMIT_ERR + 2];
	int n = snprintf(line, sizeof(line), "%s\n", reason);

	if (snprintf(file, sizeof(file), "%s/%s.reason", p->quarantine, s->name) >=
	    (int)sizeof(file))
		return err_set(e, ERR_CONFIG, "path too long: %.100s", p->quarantine);
	if (fs_replace(file, 0600, line, (size_t)n, e))
		return -1;
	return move(p, s, p->quarantine, e);
}

/* Aside first: only then can it no longer be touched, and shows whether it was. */
static int take_aside(int dir, const struct spool_entry *s, const char *aside, struct err *e)
{
	struct stat st;

	if (renameat(dir, s->name, dir, aside))
		return errno == ENOENT ? 0 : err_sys(e, "cannot remove the hint %s", s->name);
	if (!fstatat(dir, aside, &st, AT_SYMLINK_NOFOLLOW) && mtime_us(&st) != s->mtime_us &&
	    !renameat2(dir, aside, dir, s->name, RENAME_NOREPLACE))
		return 0;
	return unlinkat(dir, aside, 0) ? err_sys(e, "cannot remove the hint %s", s->name) : 0;
}

int spool_remove_hint(const struct spool_paths *p, const struct spool_entry *s, struct err *e)
{
	char aside[sizeof(s->name) + 2];
	int dir = open_of(p, s, e), failed;

	if (dir < 0)
		return -1;
	snprintf(aside, sizeof(aside), "x.%s", s->name);
	failed = take_aside(dir, s, aside, e);
	close(dir);
	return failed;
}

/* A sender that a hook starts must not look at a week of files each time: once in
   PRUNE_EVERY_S is enough, by the time of a file of ours. */
static bool prune_due(int dir, int64_t now_us)
{
	static const char marker[] = ".pruned";
	struct stat st;
	int fd;

	if (!fstatat(dir, marker, &st, AT_SYMLINK_NOFOLLOW) && mtime_us(&st) <= now_us &&
	    now_us - mtime_us(&st) < PRUNE_EVERY_S * US_PER_S)
		return false;
	fd = openat(dir, marker, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0) {
		futimens(fd, NULL);
		close(fd);
	}
	return true;
}

int spool_prune(const struct spool_paths *p, int64_t now_us, struct err *e)
{
	DIR *h = opendir(p->done);
	struct dirent *d;
	struct stat st;
	int n = 0;

	if (!h)
		return err_sys(e, "cannot list %s", p->done);
	if (!prune_due(dirfd(h), now_us)) {
		closedir(h);
		return 0;
	}
	while ((d = readdir(h))) {
		if (d->d_name[0] == '.' || fstatat(dirfd(h), d->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
		    !S_ISREG(st.st_mode) || now_us - mtime_us(&st) < DONE_KEPT_S * US_PER_S)
			continue;
		if (!unlinkat(dirfd(h), d->d_name, 0))
			n++;
	}
	closedir(h);
	return n;
}
