/* install.c - see install.h: putting in. */
#include "install.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs.h"
#include "gitask.h"
#include "hook.h"

/* What root made of the spool belongs to the account that owns state-dir. */
static int give_spool(const struct spool_paths *p, const struct stat *owner, struct err *e)
{
	char spool[LIMIT_PATH];
	const char *const dirs[] = { spool, p->new_, p->drop, p->done, p->quarantine, p->trail };
	struct stat st;

	snprintf(spool, sizeof(spool), "%.*s", (int)(strrchr(p->new_, '/') - p->new_), p->new_);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++)
		if (!lstat(dirs[i], &st) && st.st_uid != owner->st_uid &&
		    lchown(dirs[i], owner->st_uid, (gid_t)-1))
			return err_sys(e, "cannot give %.300s to its owner", dirs[i]);
	return 0;
}

int installer_init(struct installer *i, const struct config *c, struct err *e)
{
	i->config = c;
	return tools_find(&i->tools, e) || spool_paths(&i->paths, c->state_dir, e) ? -1 : 0;
}

int install_spool(const struct installer *i, struct err *e)
{
	const struct config *c = i->config;
	struct stat st = { .st_uid = geteuid() };

	if (stat(c->state_dir, &st) && errno != ENOENT)
		return err_sys(e, "cannot look at state-dir %.300s", c->state_dir);
	if (st.st_uid != geteuid() && geteuid() != 0)
		return 0;
	if (spool_init(&i->paths, c->pushers, e))
		return err_wrap(e, "cannot make the spool");
	return st.st_uid == geteuid() ? 0 : give_spool(&i->paths, &st, e);
}

/* Write what the hook reads, unless it is there already. 1 written. */
static int put_conf(const struct installer *i, const char *dir, const char *name,
	struct err *e)
{
	const struct hookconf conf = { i->config->state_dir, i->tools.sender, i->tools.poller,
		i->config->path };
	char path[LIMIT_PATH], want[HOOKCONF_SIZE];
	int n = hookconf_print(&conf, want, e);
	size_t len = 0;
	char *have = NULL;
	bool same;

	if (n < 0)
		return -1;
	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= LIMIT_PATH)
		return err_set(e, ERR_CONFIG, "path too long: %.200s", dir);
	same = !fs_read_path(path, HOOKCONF_SIZE, &have, &len, NULL, NULL) &&
		len == (size_t)n && !memcmp(have, want, len);
	free(have);
	if (same)
		return 0;
	return fs_replace(path, 0644, want, (size_t)n, e) ? -1 : 1;
}

/* Our own directory inside of the git directory: never a link to elsewhere. */
static int make_own(const struct subject *s, struct err *e)
{
	struct stat st;

	if (fs_mkdirs(s->own, 0755, e))
		return -1;
	if (lstat(s->own, &st))
		return err_sys(e, "cannot look at %.300s", s->own);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ERR_CONFIG, "%.300s is not a directory", s->own);
	return 0;
}

static int lock_dir(const char *dir, struct err *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX)) {
		err_sys(e, "cannot lock %.300s", dir);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

/* Note in the ledger of a shared directory that user uses the hook. */
static int note_shared(const struct place *p, const char *user, bool made, struct err *e)
{
	struct ledger shared;
	int failed = ledger_read(&shared, p->dir, HOOK_SHARED_LEDGER, e);

	if (!failed) {
		if (made)
			ledger_add(&shared, LEDGER_MADE, p->dir);
		ledger_add(&shared, p->name, user);
		failed = ledger_write(&shared, e);
	}
	ledger_release(&shared);
	return failed;
}

/* The directory of p, made where it is missing. 1 made. */
static int make_hooks_dir(const struct place *p, struct err *e)
{
	struct stat st;

	if (!stat(p->dir, &st))
		return 0;
	return fs_mkdirs(p->dir, 0755, e) ? -1 : 1;
}

static int put_locked(const struct place *p, const char *program, struct install_result *r,
	struct err *e)
{
	struct place_look now;
	int put = place_put(p, program, e);

	if (put < 0)
		return -1;
	place_look(p, program, &now);
	r->changed |= put;
	r->kept |= now.earlier == PLACE_THEIRS;
	return 0;
}

/* Out of the directory git no longer looks in. */
static int take_old(const struct tools *t, struct subject *s, enum hook_kind kind,
	const char *old, struct install_result *r, struct err *e)
{
	struct uninstall_result gone = { 0 };
	struct place p;

	r->moved = r->changed = true;
	if (place_at(&p, s->git_dir, old, hook_names[kind], e) ||
	    uninstall_place(t, &p, s->git_dir, kind, true, &gone, e))
		return -1;
	ledger_drop(&s->done, hook_names[kind], NULL);
	ledger_add(&s->done, hook_names[kind], s->place[kind].hook);
	return ledger_write(&s->done, e);
}

static int put_hook(const struct installer *i, struct subject *s, enum hook_kind kind,
	struct install_result *r, struct err *e)
{
	const struct place *p = &s->place[kind];
	const char *old = ledger_get(&s->done, p->name);
	bool elsewhere = old && strcmp(old, p->hook);
	int made = make_hooks_dir(p, e), lock, failed;

	lock = made < 0 ? -1 : lock_dir(p->dir, e);
	if (lock < 0)
		return -1;
	if (made && !p->shared)
		ledger_add(&s->done, LEDGER_MADE, p->dir);
	if (!elsewhere)
		ledger_add(&s->done, p->name, p->hook);
	failed = ledger_write(&s->done, e) ||
		(p->shared && note_shared(p, s->git_dir, made, e)) ||
		put_locked(p, i->tools.hook[kind], r, e);
	close(lock);
	if (failed)
		return -1;
	return elsewhere ? take_old(&i->tools, s, kind, old, r, e) : 0;
}

int install_repository(const struct installer *i, struct subject *s,
	bool reference_transaction, struct install_result *r, struct err *e)
{
	bool both = reference_transaction ||
		ledger_get(&s->done, hook_names[HOOK_REFERENCE_TRANSACTION]);
	int written;

	*r = (struct install_result){ .place = s->place[HOOK_POST_RECEIVE] };
	written = make_own(s, e) ? -1 : put_conf(i, s->own, "hook", e);
	if (written < 0)
		return -1;
	r->changed = written;
	if (put_hook(i, s, HOOK_POST_RECEIVE, r, e))
		return -1;
	return both ? put_hook(i, s, HOOK_REFERENCE_TRANSACTION, r, e) : 0;
}

static int put_in_directory(const struct installer *i, const char *dir, enum hook_kind kind,
	struct install_result *r, struct err *e)
{
	struct place p;
	int made, lock, failed;

	if (place_in(&p, dir, hook_names[kind], e))
		return -1;
	made = make_hooks_dir(&p, e);
	/* Now that it exists, its path can be resolved. */
	if (made < 0 || place_in(&p, dir, hook_names[kind], e))
		return -1;
	lock = lock_dir(p.dir, e);
	if (lock < 0)
		return -1;
	failed = put_conf(i, p.dir, HOOK_SHARED_CONF, e);
	r->changed |= failed > 0;
	failed = failed < 0 || note_shared(&p, LEDGER_ALL, made, e) ||
		put_locked(&p, i->tools.hook[kind], r, e);
	close(lock);
	if (kind == HOOK_POST_RECEIVE)
		r->place = p;
	return failed ? -1 : 0;
}

int install_directory(const struct installer *i, const char *dir,
	bool reference_transaction, struct install_result *r, struct err *e)
{
	*r = (struct install_result){ 0 };
	if (put_in_directory(i, dir, HOOK_POST_RECEIVE, r, e))
		return -1;
	return reference_transaction ?
		put_in_directory(i, dir, HOOK_REFERENCE_TRANSACTION, r, e) : 0;
}

int install_push_options(struct subject *s, struct err *e)
{
	char before[GITASK_VALUE];

	if (gitask_get(s->git_dir, GITASK_PUSH_OPTIONS, before, e))
		return -1;
	if (!ledger_get(&s->done, LEDGER_PUSH_OPTIONS))
		ledger_add(&s->done, LEDGER_PUSH_OPTIONS, *before ? before : LEDGER_UNSET);
	if (ledger_write(&s->done, e))
		return -1;
	return gitask_set(s->git_dir, GITASK_PUSH_OPTIONS, "true", e);
}
