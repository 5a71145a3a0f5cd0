/* uninstall.c - see install.h: taking out. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gitask.h"
#include "hook.h"
#include "install.h"

/* Files that a crash left before they got their name: .NAME.PID */
static void sweep(const char *dir, const char *name)
{
	DIR *d = opendir(dir);
	size_t n = strlen(name);
	struct dirent *entry;

	if (!d)
		return;
	while ((entry = readdir(d))) {
		const char *s = entry->d_name;

		if (s[0] == '.' && !strncmp(s + 1, name, n) && s[n + 1] == '.')
			unlinkat(dirfd(d), s, 0);
	}
	closedir(d);
}

/* A repository that was deleted, or whose settings are gone, uses nothing. */
static void forget_gone(struct ledger *shared)
{
	char path[LIMIT_PATH + 32];

	for (size_t i = shared->n; i-- > 0; ) {
		const struct ledger_line line = shared->lines[i];

		if (line.rest[0] != '/' || !strcmp(line.word, LEDGER_MADE))
			continue;
		snprintf(path, sizeof(path), "%s/refire/hook", line.rest);
		if (access(path, F_OK) && (errno == ENOENT || errno == ENOTDIR))
			ledger_drop(shared, line.word, line.rest);
	}
}

/* user no longer uses the hook. 1: others still do. *noted: the ledger had it. */
static int leave_shared(const struct place *p, const char *user, bool *noted, bool *made,
	struct err *e)
{
	struct ledger shared;
	int left = ledger_read(&shared, p->dir, HOOK_SHARED_LEDGER, e);

	if (!left) {
		*noted |= ledger_has(&shared, p->name, user);
		ledger_drop(&shared, p->name, user);
		forget_gone(&shared);
		left = ledger_count(&shared, p->name) > 0;
		*made = ledger_get(&shared, LEDGER_MADE) != NULL;
		if (shared.n == ledger_count(&shared, LEDGER_MADE))
			ledger_drop(&shared, LEDGER_MADE, NULL);
		if (ledger_write(&shared, e))
			left = -1;
	}
	ledger_release(&shared);
	return left;
}

static int take_locked(const struct tools *t, const struct place *p, const char *user,
	enum hook_kind kind, bool noted, struct uninstall_result *r, struct err *e)
{
	struct place_look now;
	bool made = false;
	int left = p->shared ? leave_shared(p, user, &noted, &made, e) : 0;

	if (left < 0)
		return -1;
	r->others |= left && noted;
	place_look(p, t->hook[kind], &now);
	if (left || (!noted && now.hook != PLACE_OURS && now.hook != PLACE_OLD))
		return 0;
	if (place_take(p, t->hook[kind], &r->taken[kind], e))
		return -1;
	r->changed |= r->taken[kind] == TAKEN_OUT;
	if (p->shared)
		sweep(p->dir, HOOK_SHARED_LEDGER);
	if (made)
		rmdir(p->dir);	/* only if nothing else is in it */
	return 0;
}

int uninstall_place(const struct tools *t, const struct place *p, const char *user,
	enum hook_kind kind, bool noted, struct uninstall_result *r, struct err *e)
{
	int lock = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), failed;

	r->place[kind] = *p;
	r->taken[kind] = TAKEN_NONE;
	if (lock < 0 && errno == ENOENT)
		return 0;
	if (lock < 0 || flock(lock, LOCK_EX))
		failed = err_sys(e, "cannot lock %.300s", p->dir);
	else
		failed = take_locked(t, p, user, kind, noted, r, e);
	if (lock >= 0)
		close(lock);
	return failed;
}

/* As they were, unless somebody has changed them since. */
static int restore_push_options(struct subject *s, struct err *e)
{
	const char *before = ledger_get(&s->done, LEDGER_PUSH_OPTIONS);
	char now[GITASK_VALUE];

	if (!before)
		return 0;
	if (gitask_get(s->git_dir, GITASK_PUSH_OPTIONS, now, e))
		return -1;
	if (strcmp(now, "true") || !strcmp(before, "true"))
		return 0;
	return gitask_set(s->git_dir, GITASK_PUSH_OPTIONS,
		strcmp(before, LEDGER_UNSET) ? before : "", e);
}

static int remove_own(struct subject *s, struct uninstall_result *r, struct err *e)
{
	const char *made = ledger_get(&s->done, LEDGER_MADE);
	char conf[LIMIT_PATH + 8];

	if (made)
		rmdir(made);	/* only if nothing else is in it */
	snprintf(conf, sizeof(conf), "%s/hook", s->own);
	if (!unlink(conf))
		r->changed = true;
	else if (errno != ENOENT)
		return err_sys(e, "cannot remove %.300s", conf);
	s->done.n = 0;
	s->done.changed = true;
	if (ledger_write(&s->done, e))
		return -1;
	sweep(s->own, "hook");
	sweep(s->own, SUBJECT_LEDGER);
	rmdir(s->own);
	return 0;
}

int uninstall_repository(const struct tools *t, struct subject *s,
	struct uninstall_result *r, struct err *e)
{
	*r = (struct uninstall_result){ 0 };
	for (int k = 0; k < HOOK_KINDS; k++) {
		struct place p;

		if (subject_place(s, k, &p, e) ||
		    uninstall_place(t, &p, s->git_dir, k,
			    ledger_get(&s->done, hook_names[k]) != NULL, r, e))
			return -1;
	}
	return restore_push_options(s, e) || remove_own(s, r, e) ? -1 : 0;
}

int uninstall_directory(const struct tools *t, const char *dir, struct uninstall_result *r,
	struct err *e)
{
	char conf[LIMIT_PATH + 32];

	*r = (struct uninstall_result){ 0 };
	for (int k = 0; k < HOOK_KINDS; k++) {
		struct place p;

		if (place_in(&p, dir, hook_names[k], e) ||
		    uninstall_place(t, &p, LEDGER_ALL, k, false, r, e))
			return -1;
	}
	snprintf(conf, sizeof(conf), "%s/" HOOK_SHARED_CONF, dir);
	if (!unlink(conf))
		r->changed = true;
	else if (errno != ENOENT)
		return err_sys(e, "cannot remove %.300s", conf);
	sweep(dir, HOOK_SHARED_CONF);
	return 0;
}
