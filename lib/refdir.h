/*
 * refdir.h - the refs of a repository in git's "files" form: loose files under
 * refs/ and the file packed-refs. Read directly, because what is missed here
 * looks like a deletion: libgit2 1.5 passes over a loose ref it cannot read, and
 * loses one that `git pack-refs` moves while it iterates.
 *
 * The order is git's own: every loose file first, packed-refs afterwards (pack-refs
 * writes the packed file before it removes a loose one, a deletion is taken out of
 * the packed file before the loose one goes). A ref that is there but cannot be
 * read, an unreadable directory and a torn packed-refs are errors. SHA-1 and
 * SHA-256 alike; not reftable. Formats: gitrepository-layout(5), git-pack-refs(1).
 */
#ifndef REFDIR_H
#define REFDIR_H

#include <stdbool.h>

#include "err.h"
#include "mem.h"
#include "repo.h"

struct refdir;

/* git_dir as repo_open has it. Reads nothing yet. */
struct refdir *refdir_open(const char *git_dir);
void refdir_close(struct refdir *d);

/* All refs, in byte order; symbolic ones with the object they lead to, dangling
   ones left out. Strings in a. */
int refdir_list(struct refdir *d, struct arena *a, struct repo_refs *out, struct err *e);
/* One ref, or HEAD: 0 found, 1 not there, -1. oid: LIMIT_OID + 1 bytes, untouched
   unless found. packed-refs is kept parsed between calls. */
int refdir_ref(struct refdir *d, const char *ref, char *oid, struct err *e);
/* HEAD's symbolic target, "" when it is detached. */
int refdir_head(struct refdir *d, struct arena *a, const char **out, struct err *e);
/* HEAD, refs/ and objects/ are there: 0, else ERR_DATA and what is missing. */
int refdir_whole(const char *git_dir, struct err *e);

#endif
