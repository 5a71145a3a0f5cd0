/* tree_zip.c - see tree_zip.h: by libgit2. */
#include <git2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "buf.h"
#include "change.h"
#include "gitcmd.h"
#include "tree_zip.h"

#define DEPTH 256
#define PATH_MAX_BYTES (64 * KIB)

struct walk {
	git_repository *git;
	git_odb *odb;
	struct zip *zip;		/* NULL: it is only looked at */
	struct buf path;
	size_t told;			/* of path: directories that are in the zip already */
	bool special;			/* attributes, or a large blob */
	int64_t entries;
	struct err *e;
};

static int git_failed(struct walk *w, const char *what)
{
	const git_error *g = git_error_last();

	return err_set(w->e, ERR_DATA, "cannot read %s: %s", what, g ? g->message : "no reason is given");
}

/* ---- writing one entry ---- */

/* Directories go in with the first thing that is in them, as git does. */
static int tell_dirs(struct walk *w)
{
	const char *slash;

	while ((slash = strchr(w->path.s + w->told, '/'))) {
		size_t n = (size_t)(slash - w->path.s) + 1;
		char after = w->path.s[n];
		int failed;

		w->path.s[n] = '\0';
		failed = zip_entry(w->zip, w->path.s, 040000, 0, NULL, w->e);
		w->path.s[n] = after;
		if (failed)
			return -1;
		w->told = n;
	}
	return 0;
}

static int put_blob(struct walk *w, const git_oid *oid, unsigned mode)
{
	git_odb_object *o;
	size_t n;
	int failed;

	if (git_odb_read(&o, w->odb, oid))
		return git_failed(w, w->path.s);
	n = git_odb_object_size(o);
	if (S_ISLNK(mode)) {
		char *text = mem_alloc(n + 1);

		memcpy(text, git_odb_object_data(o), n);
		failed = zip_entry(w->zip, w->path.s, mode, 0, text, w->e);
		free(text);
	} else {
		failed = zip_entry(w->zip, w->path.s, mode, (int64_t)n, NULL, w->e) ||
			zip_data(w->zip, git_odb_object_data(o), n, w->e);
	}
	git_odb_object_free(o);
	return failed ? -1 : 0;
}

static int put_submodule(struct walk *w)
{
	int failed;

	buf_chr(&w->path, '/');
	failed = zip_entry(w->zip, w->path.s, 040000, 0, NULL, w->e);
	w->path.s[--w->path.len] = '\0';
	return failed;
}

/* ---- the walk ---- */

static int look_blob(struct walk *w, const git_oid *oid, const char *name)
{
	git_object_t type;
	size_t n;

	w->special = w->special || strcmp(name, ".gitattributes") == 0;
	if (w->special)
		return 0;
	if (git_odb_read_header(&n, &type, w->odb, oid))
		return git_failed(w, w->path.s);
	w->special = n > TREE_ZIP_BLOB;
	return 0;
}

static int walk_tree(struct walk *w, const git_oid *oid, int depth);

static int walk_entry(struct walk *w, const git_tree_entry *t, int depth)
{
	const git_oid *oid = git_tree_entry_id(t);
	unsigned mode = (unsigned)git_tree_entry_filemode(t);

	if (mode == GIT_FILEMODE_TREE) {
		buf_chr(&w->path, '/');
		return w->path.over ? err_set(w->e, ERR_DATA, "a path is longer than %d bytes",
			PATH_MAX_BYTES) : walk_tree(w, oid, depth + 1);
	}
	if (!w->zip)
		return mode == GIT_FILEMODE_COMMIT ? 0 : look_blob(w, oid, git_tree_entry_name(t));
	w->entries++;
	if (tell_dirs(w))
		return -1;
	return mode == GIT_FILEMODE_COMMIT ? put_submodule(w) : put_blob(w, oid, mode);
}

static int walk_tree(struct walk *w, const git_oid *oid, int depth)
{
	size_t at = w->path.len;
	git_tree *tree;
	int failed = 0;

	if (depth == DEPTH)
		return err_set(w->e, ERR_DATA, "the tree is deeper than %d directories", DEPTH);
	if (git_tree_lookup(&tree, w->git, oid))
		return git_failed(w, at ? w->path.s : "the commit's tree");
	for (size_t i = 0; !failed && !(w->special && !w->zip) && i < git_tree_entrycount(tree); i++) {
		const git_tree_entry *t = git_tree_entry_byindex(tree, i);

		buf_str(&w->path, git_tree_entry_name(t));
		failed = w->path.over ? err_set(w->e, ERR_DATA, "a path is longer than %d bytes",
			PATH_MAX_BYTES) : walk_entry(w, t, depth);
		w->path.len = at;
		if (w->path.s)
			w->path.s[at] = '\0';
		w->told = w->told < at ? w->told : at;
	}
	git_tree_free(tree);
	return failed;
}

static int walk_commit(struct walk *w, const char *hex)
{
	git_commit *commit;
	git_oid oid;
	int failed;

	if (git_oid_fromstr(&oid, hex) || git_commit_lookup(&commit, w->git, &oid))
		return git_failed(w, hex);
	buf_init(&w->path, PATH_MAX_BYTES);
	failed = git_repository_odb(&w->odb, w->git) ? git_failed(w, "the objects") :
		walk_tree(w, git_commit_tree_id(commit), 0);
	git_odb_free(w->odb);
	buf_release(&w->path);
	git_commit_free(commit);
	return failed;
}

/* ---- the commit ---- */

/* The repository's own attributes, beside those in the tree. */
static bool has_own_attributes(struct repo *r, struct arena *a)
{
	struct stat st;

	return stat(arena_fmt(a, "%s/info/attributes", repo_path(r)), &st) == 0 && st.st_size > 0;
}

/* By git, for both kinds of repositories: a tag leads to its commit. */
static int find_commit(struct repo *r, const char *what, struct arena *a, struct tree_zip *out,
	struct err *e)
{
	const char *const args[] = { "log", "-1", "--no-show-signature", "--format=%H %ct", "--end-of-options",
		what, "--", NULL };
	struct buf b, why;
	int status = 0, failed;

	buf_init(&b, 4 * KIB);
	buf_init(&why, 4 * KIB);
	failed = gitcmd_run(repo_path(r), args, &b, &status, &why, e);
	if (!failed && (status || !strchr(b.s, ' ')))
		failed = err_set(e, ERR_NOENT, "there is no commit `%.100s` in %s", what, repo_path(r));
	if (!failed) {
		out->commit = arena_memdup(a, b.s, strcspn(b.s, " "));
		out->time_s = strtoll(strchr(b.s, ' '), NULL, 10);
	}
	buf_release(&b);
	buf_release(&why);
	return failed;
}

int tree_zip_look(struct repo *r, const char *what, struct arena *a, struct tree_zip *out,
	struct err *e)
{
	struct walk w = { .e = e };

	*out = (struct tree_zip){ .repo = r };
	if (find_commit(r, what, a, out, e))
		return -1;
	out->by_git = repo_by_git(r) || has_own_attributes(r, a);
	if (out->by_git)
		return 0;
	w.git = repo_git2(r);
	if (walk_commit(&w, out->commit))
		return -1;
	out->by_git = w.special;
	return 0;
}

int tree_zip_write(const struct tree_zip *t, struct zip *z, int64_t *entries, struct err *e)
{
	struct walk w = { .zip = z, .e = e };
	int failed;

	if (t->by_git)
		return tar_zip_write(repo_path(t->repo), t->commit, z, entries, e);
	w.git = repo_git2(t->repo);
	failed = walk_commit(&w, t->commit);
	*entries = w.entries;
	return failed;
}
