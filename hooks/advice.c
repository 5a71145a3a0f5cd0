/* advice.c - see advice.h. */
#include "advice.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "fs.h"

#define STALE_US (24 * 3600 * US_PER_S)
#define GROUPS_MAX 256

void advice_init(struct advice *a)
{
	*a = (struct advice){ 0 };
	arena_init(&a->arena);
}

void advice_release(struct advice *a)
{
	arena_release(&a->arena);
	free(a->v);
	*a = (struct advice){ 0 };
}

void advice_add(struct advice *a, const char *fmt, ...)
{
	char text[4 * LIMIT_PATH];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	a->v = mem_grow(a->v, &a->cap, a->n + 1, sizeof(*a->v));
	a->v[a->n++] = arena_strdup(&a->arena, text);
}

static const char *user_name(uid_t uid, char *out, size_t room)
{
	const struct passwd *pw = getpwuid(uid);

	if (pw)
		snprintf(out, room, "%s", pw->pw_name);
	else
		snprintf(out, room, "uid %lu", (unsigned long)uid);
	return out;
}

static const char *group_name(gid_t gid, char *out, size_t room)
{
	const struct group *g = getgrgid(gid);

	if (g)
		snprintf(out, room, "%s", g->gr_name);
	else
		snprintf(out, room, "gid %lu", (unsigned long)gid);
	return out;
}

static bool in_group(uid_t uid, gid_t gid)
{
	const struct passwd *pw = getpwuid(uid);
	gid_t groups[GROUPS_MAX];
	int n = GROUPS_MAX;

	if (!pw || getgrouplist(pw->pw_name, pw->pw_gid, groups, &n) < 0)
		return false;
	while (n-- > 0)
		if (groups[n] == gid)
			return true;
	return false;
}

/* The first directory on the way to path that others may not pass, or false. */
static bool way_is_barred(const char *path, gid_t gid, char *barred)
{
	struct stat st;

	for (size_t i = 1; path[i]; i++) {
		if (path[i] != '/')
			continue;
		memcpy(barred, path, i);
		barred[i] = 0;
		if (!stat(barred, &st) && !(st.st_mode & S_IXOTH) &&
		    !(st.st_gid == gid && st.st_mode & S_IXGRP))
			return true;
	}
	return false;
}

static void advise_group(struct advice *a, const struct spool_paths *p, const char *git_dir,
	const struct stat *repo, const struct stat *drop)
{
	char group[128], pushers[128], barred[LIMIT_PATH];

	group_name(repo->st_gid, group, sizeof(group));
	if (!drop)
		advice_add(a, "group %s may push to %s, but only the owner of %s can record it: "
			"set `pushers = %s` in [refire] and install again",
			group, git_dir, p->state, group);
	else if (drop->st_gid != repo->st_gid)
		advice_add(a, "group %s may push to %s, but `pushers` is %s: pushes of members of "
			"one who are not in the other are not recorded", group, git_dir,
			group_name(drop->st_gid, pushers, sizeof(pushers)));
	else if (way_is_barred(p->drop, drop->st_gid, barred))
		advice_add(a, "pushers cannot pass %s on the way to the spool: run `chmod o+x %s`",
			barred, barred);
}

void advice_pushers(struct advice *a, const struct config *c, const struct spool_paths *p,
	const char *git_dir)
{
	struct stat repo, state, drop;
	char who[128], owner[128];
	bool dropped = !stat(p->drop, &drop);

	if (stat(git_dir, &repo) || stat(p->state, &state))
		return;
	user_name(repo.st_uid, who, sizeof(who));
	if (repo.st_uid != state.st_uid && repo.st_uid != 0 &&
	    !(dropped && in_group(repo.st_uid, drop.st_gid)))
		advice_add(a, "pushes by %s, who owns %s, cannot be recorded: %s belongs to %s; "
			"give it to %s, or %s", who, git_dir, c->state_dir,
			user_name(state.st_uid, owner, sizeof(owner)), who,
			dropped ? "add that user to the group of `pushers`" :
			"set `pushers` in [refire] to a group that user is in");
	if (repo.st_mode & S_IWGRP)
		advise_group(a, p, git_dir, &repo, dropped ? &drop : NULL);
}

void advice_runner(struct advice *a, const struct config *c, const struct spool_paths *p,
	const char *refire)
{
	int64_t ran = spool_ran(p), now = clock_wall_us();
	char age[CLOCK_ISO_SIZE];

	if (ran && now - ran < STALE_US)
		return;
	if (fs_lock_held(p->sender_lock, NULL) > 0)
		return;
	advice_add(a, "no timer, cron line or resident sender has been seen to run (%s), so "
		"retries wait for the next push; a line for crontab:",
		ran ? clock_relative(ran, now, age) : "never");
	advice_add(a, "* * * * *  %s poll --quiet --config %s; %s send --quiet --config %s", refire, c->path,
		refire, c->path);
}

/* "web" of /srv/git/web.git and /home/alice/web/.git */
static void propose(const char *git_dir, char *out)
{
	char path[LIMIT_PATH], *base;
	size_t n;

	snprintf(path, sizeof(path), "%s", git_dir);
	n = strlen(path);
	if (n > 5 && !strcmp(path + n - 5, "/.git"))
		path[n - 5] = 0;
	else if (n > 4 && !strcmp(path + n - 4, ".git"))
		path[n - 4] = 0;
	base = strrchr(path, '/');
	snprintf(out, LIMIT_PATH, "%s", base && base[1] ? base + 1 : "repository");
	for (char *s = out; *s; s++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *s))
			*s = '-';
}

bool advice_named(const struct config *c, const char *git_dir, char *name)
{
	if (config_repository_at(c, git_dir, name))
		return true;
	propose(git_dir, name);
	return false;
}
