/* hookpath.c - see hookpath.h. */
#include "hookpath.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINKS_MAX 8

bool hookpath_first(struct hookpath *p, const char *path)
{
	char *slash;
	size_t n = path ? strlen(path) : 0;

	if (!n || n >= sizeof(p->path))
		return false;
	p->links = 0;
	memcpy(p->path, path, n + 1);
	memcpy(p->dir, path, n + 1);
	slash = strrchr(p->dir, '/');
	if (!slash)
		memcpy(p->dir, ".", 2);
	else
		slash[slash == p->dir] = 0;
	return true;
}

bool hookpath_next(struct hookpath *p)
{
	char target[LIMIT_PATH], path[2 * LIMIT_PATH];
	int links = p->links + 1;
	ssize_t n = readlink(p->path, target, sizeof(target) - 1);

	if (n <= 0 || links > LINKS_MAX)
		return false;
	target[n] = 0;
	if (target[0] == '/')
		memcpy(path, target, (size_t)n + 1);
	else
		snprintf(path, sizeof(path), "%s/%s", p->dir, target);
	if (!hookpath_first(p, path))
		return false;
	p->links = links;
	return true;
}
