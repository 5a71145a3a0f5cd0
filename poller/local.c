/* local.c - a look at a repository on this machine. */
#include <string.h>

#include "look.h"

/* A root's repositories must lie below it: no symbolic link leads out. */
static int check_below(const struct look *l, const char *path, struct err *e)
{
	size_t n = strlen(l->below);

	if (!n || (!strncmp(path, l->below, n) && (path[n] == '/' || l->below[n - 1] == '/')))
		return 0;
	return err_set(e, ERR_PERM, "%s leads out of the root %s", l->dir, l->below);
}

void look_local(struct look *l)
{
	struct repo *r = NULL;

	l->failed = repo_open(l->dir, &r, &l->err) || check_below(l, repo_path(r), &l->err) ||
		repo_list(r, &l->arena, &l->refs, &l->err);
	repo_close(r);
}
