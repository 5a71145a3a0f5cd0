/* local.c - a look at a repository on this machine. */
#include <string.h>

#include "clock.h"
#include "look.h"

/* A root's repositories must lie below it: no symbolic link leads out. */
static int check_below(const struct look *l, const char *path, struct err *e)
{
	size_t n = strlen(l->below);

	if (!n || (!strncmp(path, l->below, n) && (path[n] == '/' || l->below[n - 1] == '/')))
		return 0;
	return err_set(e, ERR_PERM, "%s leads out of the root %s", l->dir, l->below);
}

/* By stats alone: is there nothing to read? They name device and inode: what a
   symbolic link has come to lead to is not the same. */
static bool is_same(struct look *l)
{
	const char *dir = l->dir;
	char found[LIMIT_PATH];
	struct err e;

	if (!*l->still)
		return false;
	if (!repo_is(dir)) {
		if (repo_find(dir, found, &e))
			return false;
		dir = found;
	}
	still_take(dir, clock_wall_us(), l->stands);
	return !strcmp(l->stands, l->still);
}

static void read_whole(struct look *l)
{
	struct repo *r = NULL;

	l->failed = repo_open(l->dir, &r, &l->err) || check_below(l, repo_path(r), &l->err);
	if (!l->failed) {
		still_take(repo_path(r), clock_wall_us(), l->stands);
		l->failed = repo_list(r, &l->arena, &l->refs, &l->err) != 0;
	}
	repo_close(r);
}

void look_local(struct look *l)
{
	l->same = is_same(l);
	if (l->same)
		return;
	l->unloaded = !l->loaded;
	if (l->loaded)
		read_whole(l);
}
