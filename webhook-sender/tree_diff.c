/* tree_diff.c - see tree_diff.h. */
#include <string.h>

#include "clock.h"
#include "tree_diff.h"

/* git itself has no limit; a path of PATH_MAX has at most half as many parts. */
#define DEPTH 1024

static int fail(struct tree_diff *d, const char *why)
{
	if (!d->why)
		d->why = why;
	return -1;
}

static int fail_git(struct tree_diff *d)
{
	const git_error *g = git_error_last();

	return fail(d, arena_strdup(d->a, g && g->message ? g->message : "a tree cannot be read"));
}

static int list_add(struct tree_diff *d, enum tree_kind kind, size_t len)
{
	struct tree_list *l = &d->list[d->together ? TREE_ALL : kind];

	if (d->paths == 0)
		return fail(d, "there are more than are looked at");
	if (d->bytes < len)
		return fail(d, "they are too long altogether");
	d->paths--;
	d->bytes -= len;
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 8;
		const char **v = arena_alloc(d->a, cap * sizeof *v);

		if (l->n)
			memcpy(v, l->v, l->n * sizeof *v);
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = arena_memdup(d->a, d->path, len);
	return 0;
}

static int compare(struct tree_diff *d, const git_tree *old, const git_tree *new, size_t len,
	int depth);

/* The entry's subtree, NULL where it is no tree. */
static int subtree(struct tree_diff *d, const git_tree_entry *e, git_tree **out)
{
	*out = NULL;
	if (e && git_tree_entry_type(e) == GIT_OBJECT_TREE &&
		git_tree_lookup(out, d->repo, git_tree_entry_id(e)))
		return fail_git(d);
	return 0;
}

/* An entry that differs; old or new may be NULL. len: of the directory's path. */
static int differ(struct tree_diff *d, const git_tree_entry *old, const git_tree_entry *new,
	size_t len, int depth)
{
	const git_tree_entry *e = new ? new : old;
	const char *name = git_tree_entry_name(e);
	size_t n = strlen(name);
	git_tree *from, *to;
	int result = -1;

	if (len + n + 2 > sizeof d->path || depth == DEPTH)
		return fail(d, "a path is too long");
	memcpy(d->path + len, name, n);
	len += n;
	if (git_tree_entry_type(e) != GIT_OBJECT_TREE)
		return list_add(d, !old ? TREE_ADDED : !new ? TREE_REMOVED : TREE_MODIFIED, len);
	d->path[len++] = '/';
	if (subtree(d, old, &from))
		return -1;
	if (subtree(d, new, &to) == 0)
		result = compare(d, from, to, len, depth + 1);
	git_tree_free(from);
	git_tree_free(to);
	return result;
}

/* Both trees in git's order, in which "a" (a file) and "a" (a directory) differ. */
static int compare(struct tree_diff *d, const git_tree *old, const git_tree *new, size_t len,
	int depth)
{
	size_t nold = old ? git_tree_entrycount(old) : 0, nnew = new ? git_tree_entrycount(new) : 0;
	size_t i = 0, k = 0;

	if (d->steps++ % 64 == 0 && clock_mono_us() >= d->deadline_us)
		return fail(d, "it took too long");
	while (i < nold || k < nnew) {
		const git_tree_entry *o = i < nold ? git_tree_entry_byindex(old, i) : NULL;
		const git_tree_entry *n = k < nnew ? git_tree_entry_byindex(new, k) : NULL;
		int order = !o ? 1 : !n ? -1 : git_tree_entry_cmp(o, n);

		i += order <= 0;
		k += order >= 0;
		if (order == 0 && git_oid_equal(git_tree_entry_id(o), git_tree_entry_id(n)) &&
			git_tree_entry_filemode(o) == git_tree_entry_filemode(n))
			continue;
		if (differ(d, order <= 0 ? o : NULL, order >= 0 ? n : NULL, len, depth))
			return -1;
	}
	return 0;
}

int tree_diff(struct tree_diff *d, const git_tree *old, const git_tree *new)
{
	if (old && new && git_oid_equal(git_tree_id(old), git_tree_id(new)))
		return 0;
	if (compare(d, old, new, 0, 0) == 0)
		return 0;
	memset(d->list, 0, sizeof d->list);
	return -1;
}
