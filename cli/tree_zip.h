/*
 * tree_zip.h - a commit's tree into a zip, the same tree that `git archive` makes: modes,
 * links, submodules as empty directories, export-ignore and export-subst.
 *
 * By libgit2, one blob at a time. Where attributes can have a say (a .gitattributes in the
 * tree, or the repository's own), a blob is large, or libgit2 cannot read the repository,
 * git itself streams the tree as a tar and it is put into the zip on the way (tar_zip.c):
 * then git decides. Filters that the repository's configuration names are not run.
 */
#ifndef TREE_ZIP_H
#define TREE_ZIP_H

#include "repo.h"
#include "zip.h"

#define TREE_ZIP_BLOB (16 * MIB)	/* larger ones are not held in memory */

struct tree_zip {
	struct repo *repo;
	const char *commit;		/* resolved: its id in hex */
	int64_t time_s;			/* of the commit */
	bool by_git;			/* git shall decide */
};

/* Resolves what to a commit, and looks at what its tree needs. Strings in a. */
int tree_zip_look(struct repo *r, const char *what, struct arena *a, struct tree_zip *out,
	struct err *e);
/* All of it. *entries: without directories. */
int tree_zip_write(const struct tree_zip *t, struct zip *z, int64_t *entries, struct err *e);
/* tar_zip.c */
int tar_zip_write(const char *git_dir, const char *commit, struct zip *z, int64_t *entries,
	struct err *e);

#endif
