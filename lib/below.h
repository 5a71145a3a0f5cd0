/*
 * below.h - the git repositories that are there below a configured `root`, now.
 *
 * Bare repositories and work trees' .git directories; what is inside of one is
 * not looked into, symbolic links are not followed. Names are the ones the
 * configuration gives (config_repository_at): a repository that has a section
 * of its own, or a name that could not be configured, is passed over.
 */
#ifndef BELOW_H
#define BELOW_H

#include "config.h"
#include "err.h"

#define BELOW_DEPTH 16			/* directories below root */

/* Calls cb for each, in no order; a positive number from it ends the walk and is
   returned. 0 at the end; -1 when root cannot be read. A directory further down
   that cannot be read is passed over: cb is called for it with name NULL. */
int below_walk(const struct config *c, const struct repository *r,
	int (*cb)(const char *name, const char *git_dir, void *arg), void *arg, struct err *e);

#endif
