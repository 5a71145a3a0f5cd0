/*
 * gitcmd.h - ask the git program about one repository, as the reader of what it
 * does not trust.
 *
 * The repository may belong to somebody else, and so its configuration: no hook,
 * no fsmonitor, no pager runs, no transport is allowed (a partial clone would fetch
 * what is missing by a command of its own choosing), nothing is prompted for, and
 * neither the system's nor the user's git configuration is read. safe.directory
 * is given for this path only.
 */
#ifndef GITCMD_H
#define GITCMD_H

#include "buf.h"
#include "err.h"
#include "mem.h"
#include "repo.h"

/* git --git-dir=GIT_DIR ARGS... (NULL-terminated). out is cleared and filled, to
   its limit; *status is git's. -1 when git could not run, ran longer than
   LIMIT_GIT_S, or said more than out holds. why (may be NULL) gets the first line
   of its stderr. */
int gitcmd_run(const char *git_dir, const char *const *args, struct buf *out, int *status,
	struct buf *why, struct err *e);
/* For at most timeout_ms; not at all when that is 0 or less. */
int gitcmd_run_for(const char *git_dir, int timeout_ms, const char *const *args, struct buf *out,
	int *status, struct buf *why, struct err *e);

/* The name of its hash, "sha1" or "sha256", into out (16 bytes). -1 when git cannot
   read the repository, with git's own sentence. */
int gitcmd_format(const char *git_dir, char *out, struct err *e);
/* As repo.h says, for a repository whose refs only git can read (reftable). Strings
   in a, out->v malloc()ed. */
int gitcmd_list(const char *git_dir, struct arena *a, struct repo_refs *out, struct err *e);
int gitcmd_ref(const char *git_dir, const char *ref, char *oid, struct err *e);
/* For one whose objects only git can read. */
int gitcmd_resolve(const char *git_dir, const char *what, char *oid, struct err *e);
int gitcmd_has(const char *git_dir, const char *oid, struct err *e);

#endif
