/*
 * repo.h - read a local git repository: refs and objects. Refs are read as git
 * reads them (refdir.h), objects by libgit2, and by `git` where libgit2 cannot
 * read the repository (SHA-256, reftable, partial clone: libgit2 1.5 opens such
 * a bare repository and shows zero refs, which must never read as "everything was
 * deleted").
 *
 * A repository of another owner is opened only by the configured path: the
 * caller has that from the configuration, and no other path is ever opened.
 * One struct repo, one thread.
 */
#ifndef REPO_H
#define REPO_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "mem.h"

struct repo;

struct repo_ref {
	const char *ref, *oid;
	const char *peeled;	/* annotated tag, where it costs nothing to know: the
				   object it names; else "" */
};
struct repo_refs {
	struct repo_ref *v;
	size_t n, cap;
	const char *head;	/* HEAD's symbolic target, or "" */
};

/* Is there a git repository (bare, or a .git directory) at path? */
bool repo_is(const char *git_dir);
/* The git directory for what a person types: a bare repository, a work tree, a
   .git file. Resolved, absolute, into out (LIMIT_PATH). */
int repo_find(const char *path, char *out, struct err *e);

/* As repo_find, and opened. *out is NULL on failure; repo_close(NULL) does nothing. */
int repo_open(const char *git_dir, struct repo **out, struct err *e);
void repo_close(struct repo *r);
bool repo_by_git(const struct repo *r);	/* `git` is used instead of libgit2 */
const char *repo_path(const struct repo *r);	/* the git directory: absolute, resolved */
/* libgit2's handle, NULL when repo_by_git: for the file that reads commits. */
struct git_repository;
struct git_repository *repo_git2(struct repo *r);

/* All refs under refs/, in byte order of name; v and strings in a. ERR_DATA when the
   repository is not whole (no HEAD, no refs, no objects directory): an unmounted
   or emptied repository is an error, never "no refs". */
int repo_list(struct repo *r, struct arena *a, struct repo_refs *out, struct err *e);
/* One ref's object id: 0 found, 1 not there (out is zeros), -1. */
int repo_ref(struct repo *r, const char *ref, char *oid, struct err *e);
/* Resolve what a person types (branch, tag, oid, HEAD~1) to a commit's oid. */
int repo_resolve(struct repo *r, const char *what, char *oid, struct err *e);
/* Is the object there? 1, 0, -1. */
int repo_has(struct repo *r, const char *oid, struct err *e);

#endif
