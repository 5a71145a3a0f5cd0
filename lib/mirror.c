/* mirror.c - where a mirror is, and how its last fetch went. */
#include "mirror.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs.h"

#define WHY "refire-why"

/* A name is one part of the path, so that no mirror lies inside another one. */
static int add_name(char *out, size_t at, const char *name)
{
	for (; *name; name++) {
		if (at + 4 > LIMIT_PATH - sizeof("/" WHY))
			return -1;
		if (*name == '/' || *name == '%')
			at += (size_t)sprintf(out + at, "%%%02X", (unsigned)*name);
		else
			out[at++] = *name;
	}
	out[at] = 0;
	return 0;
}

int mirror_dir(const struct config *c, const char *name, char *out)
{
	const struct repository *r = config_repository(c, name);
	int n;

	if (!r || !r->mirror || *r->path || *r->root)
		return -1;
	n = snprintf(out, LIMIT_PATH, "%s/mirror/", c->state_dir);
	return n < LIMIT_PATH ? add_name(out, (size_t)n, name) : -1;
}

int mirror_objects(const struct config *c, const char *name, char *out)
{
	return !config_git_dir(c, name, out) || !mirror_dir(c, name, out) ? 0 : -1;
}

const char *mirror_why(struct arena *a, const char *dir)
{
	char path[LIMIT_PATH + sizeof("/" WHY)], *text;
	const char *why;
	size_t n;

	snprintf(path, sizeof(path), "%s/" WHY, dir);
	if (!*dir || fs_read_path(path, LIMIT_ERR, &text, &n, NULL, NULL))
		return "";
	why = arena_memdup(a, text, strcspn(text, "\n"));
	free(text);
	return why;
}

int mirror_note(const char *dir, const char *why, struct err *e)
{
	char path[LIMIT_PATH + sizeof("/" WHY)];

	snprintf(path, sizeof(path), "%s/" WHY, dir);
	if (*why)
		return fs_mkdirs(dir, 0700, e) || fs_replace(path, 0600, why, strlen(why), e) ? -1 : 0;
	return unlink(path) && errno != ENOENT ? err_sys(e, "cannot remove %s", path) : 0;
}
