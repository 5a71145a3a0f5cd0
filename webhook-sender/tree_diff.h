/*
 * tree_diff.h - the paths two trees differ in, by comparing their sorted entries;
 * equal subtrees are not opened. Bounded in paths, bytes and time. Private to
 * enrich.c; with it the only file of the sender that knows libgit2.
 *
 * No renames, no contents: a path is added, removed or modified (content, mode or
 * kind), as `git diff-tree -r --no-renames` has it.
 */
#ifndef TREE_DIFF_H
#define TREE_DIFF_H

#include <git2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"

enum tree_kind { TREE_ADDED, TREE_REMOVED, TREE_MODIFIED, TREE_KINDS };
#define TREE_ALL TREE_ADDED		/* where kinds are not told apart */

struct tree_diff {
	git_repository *repo;
	struct arena *a;		/* the lists live here */
	int64_t deadline_us;		/* monotonic */
	size_t paths, bytes;		/* how much it may take; what is left afterwards */
	bool together;			/* one list, whatever the kind */
	/* results */
	struct tree_list {
		const char **v;
		size_t n, cap;
	} list[TREE_KINDS];
	const char *why;		/* on -1: why not */
	/* private */
	char path[4096];
	unsigned steps;
};

/* old or new may be NULL: an empty tree. -1: the lists are empty. */
int tree_diff(struct tree_diff *d, const git_tree *old, const git_tree *new);

#endif
