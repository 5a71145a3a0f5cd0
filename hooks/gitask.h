/*
 * gitask.h - what git itself says about a repository: where its hooks are, what
 * its configuration holds. git is run with an environment made from nothing but
 * GIT_DIR, and, for root, the home of the repository's owner: core.hooksPath may
 * stand in the configuration of the user who receives the pushes.
 */
#ifndef GITASK_H
#define GITASK_H

#include <stdbool.h>

#include "err.h"

#define GITASK_PUSH_OPTIONS "receive.advertisePushOptions"
#define GITASK_VALUE 64

/* Where git looks for the hooks of a git directory: absolute, LIMIT_PATH bytes. It
   need not exist. */
int gitask_hooks(const char *git_dir, char *hooks, struct err *e);
/* Is core.hooksPath a relative path? Then it depends on where git runs the hook. */
int gitask_relative_hooks(const char *git_dir, bool *relative, struct err *e);
/* Do pushers' options get through, whatever configuration says so? */
int gitask_push_options(const char *git_dir, bool *on, struct err *e);

/* The repository's own configuration file. value has GITASK_VALUE bytes; "" when
   it is not set there. Setting "" unsets. The file keeps its owner. */
int gitask_get(const char *git_dir, const char *key, char *value, struct err *e);
int gitask_set(const char *git_dir, const char *key, const char *value, struct err *e);

#endif
