/*
 * hookpath.h - the directories a hook is found in: that of the path git ran it
 * by, and those its symbolic links lead through. gitolite links each
 * repository's hooks to common ones, and refire's hook is itself a link to the
 * installed program.
 *
 *	for (bool more = hookpath_first(&p, argv[0]); more; more = hookpath_next(&p))
 *		look into p.dir
 */
#ifndef HOOKPATH_H
#define HOOKPATH_H

#include <stdbool.h>

#include "limits.h"

struct hookpath {
	char path[LIMIT_PATH];		/* of the hook */
	char dir[LIMIT_PATH];		/* the directory it stands in, "." at least */
	int links;			/* followed so far */
};

bool hookpath_first(struct hookpath *p, const char *path);
/* false at the end, and where the path is too long or there are too many links. */
bool hookpath_next(struct hookpath *p);

#endif
