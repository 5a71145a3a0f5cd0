/* repo.c - a local repository: refs by refdir, objects by libgit2 or git. */
#include "repo.h"

#include <errno.h>
#include <git2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "change.h"
#include "fs.h"
#include "gitcmd.h"
#include "refdir.h"
#include "repo_memory.h"

struct repo {
	char path[LIMIT_PATH];
	git_repository *git2;		/* NULL: by git */
	struct refdir *refs;		/* NULL: by git (reftable) */
	int oid_len;
};

/* ---- where it is ---- */

bool repo_is(const char *git_dir)
{
	struct err e;

	return !refdir_whole(git_dir, &e);
}

static int too_long(struct err *e, const char *path)
{
	return err_set(e, ERR_CONFIG, "path too long: %.100s...", path);
}

/* Read the one line of a small file of git's: after prefix, trailing space cut. */
static int read_line(const char *path, const char *prefix, char *out, struct err *e)
{
	char *text;
	size_t len, skip = strlen(prefix);

	if (fs_read_path(path, LIMIT_PATH, &text, &len, NULL, e))
		return -1;
	while (len && strchr(" \t\r\n", text[len - 1]))
		text[--len] = 0;
	if (strncmp(text, prefix, skip) || len == skip || len - skip >= LIMIT_PATH) {
		free(text);
		return err_set(e, ERR_DATA, "%s does not say `%sPATH`", path, prefix);
	}
	memcpy(out, text + skip, len - skip + 1);
	free(text);
	return 0;
}

/* Make out absolute by the directory of the file it stood in. */
static int beside(const char *file, char *out, struct err *e)
{
	char text[LIMIT_PATH];
	const char *slash = strrchr(file, '/');
	int n;

	if (*out == '/')
		return 0;
	n = snprintf(text, sizeof(text), "%.*s/%s", slash ? (int)(slash - file) : 1,
		slash ? file : ".", out);
	if (n >= (int)sizeof(text))
		return too_long(e, out);
	memcpy(out, text, (size_t)n + 1);
	return 0;
}

/* A linked work tree's directory names the one that has the refs. */
static int follow_commondir(char *dir, struct err *e)
{
	char file[LIMIT_PATH], common[LIMIT_PATH];
	struct stat st;

	if (snprintf(file, sizeof(file), "%s/commondir", dir) >= (int)sizeof(file))
		return too_long(e, dir);
	if (stat(file, &st))
		return 0;
	if (read_line(file, "", common, e) || beside(file, common, e))
		return -1;
	memcpy(dir, common, strlen(common) + 1);
	return 0;
}

/* PATH/.git: a directory, or a file that points to one. 1 when there is none. */
static int from_work_tree(const char *path, char *dir, struct err *e)
{
	char file[LIMIT_PATH];
	struct stat st;

	if (snprintf(file, sizeof(file), "%s/.git", path) >= (int)sizeof(file))
		return too_long(e, path);
	if (stat(file, &st))
		return 1;
	if (S_ISDIR(st.st_mode)) {
		memcpy(dir, file, strlen(file) + 1);
		return 0;
	}
	return read_line(file, "gitdir: ", dir, e) || beside(file, dir, e) ? -1 : 0;
}

static int from_file(const char *path, char *dir, struct err *e)
{
	struct stat st;

	if (stat(path, &st) || !S_ISREG(st.st_mode))
		return 1;
	return read_line(path, "gitdir: ", dir, e) || beside(path, dir, e) ? -1 : 0;
}

int repo_find(const char *path, char *out, struct err *e)
{
	char dir[LIMIT_PATH], *real;
	struct stat st;
	int r;

	if (strlen(path) >= sizeof(dir))
		return too_long(e, path);
	if (stat(path, &st))
		return err_sys(e, "cannot find the repository %s", path);
	memcpy(dir, path, strlen(path) + 1);
	r = from_file(path, dir, e);
	if (r > 0 && !repo_is(path))
		r = from_work_tree(path, dir, e);
	if (r < 0 || follow_commondir(dir, e))
		return -1;
	if (refdir_whole(dir, e))
		return -1;
	real = realpath(dir, NULL);
	if (!real)
		return err_sys(e, "cannot resolve %s", dir);
	r = strlen(real) < LIMIT_PATH ? 0 : too_long(e, real);
	if (!r)
		memcpy(out, real, strlen(real) + 1);
	free(real);
	return r;
}

/* ---- opening ---- */

/* The path comes from the configuration alone, so its owner does not matter; and no
   configuration but the repository's own is read. */
static void set_up_libgit2(void)
{
	static const int levels[] = { GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG,
		GIT_CONFIG_LEVEL_GLOBAL, GIT_CONFIG_LEVEL_PROGRAMDATA };

	repo_memory_init();
	git_libgit2_init();
	git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++)
		git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "");
}

static int failed_git2(struct err *e, const char *path)
{
	const git_error *g = git_error_last();

	return err_set(e, ERR_DATA, "%s: %s", path, g && g->message ? g->message : "libgit2 failed");
}

/* With format version 1, libgit2 1.5 looks through the configuration for extensions
   and leaks 20 KiB for every other key it meets, so it never opens such a one. git
   reads the version from this file alone, without includes. */
static bool has_extensions(const char *path)
{
	static const char key[] = "repositoryformatversion";
	char file[LIMIT_PATH], *text;
	const char *s;
	size_t len;
	bool newer = false;

	if (snprintf(file, sizeof(file), "%s/config", path) >= (int)sizeof(file) ||
	    fs_read_path(file, MIB, &text, &len, NULL, NULL))
		return false;
	for (s = text; !newer && (s = strcasestr(s, key)); ) {
		s += sizeof(key) - 1;
		newer = strtol(s + strspn(s, " \t=\""), NULL, 10) > 0;
	}
	free(text);
	return newer;
}

static bool has_reftable(const char *path)
{
	char dir[LIMIT_PATH];
	struct stat st;

	return snprintf(dir, sizeof(dir), "%s/reftable", path) < (int)sizeof(dir) &&
		!stat(dir, &st);
}

static bool open_git2(struct repo *r)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, set_up_libgit2);
	if (!has_extensions(r->path) && !git_repository_open_ext(&r->git2, r->path,
			GIT_REPOSITORY_OPEN_NO_SEARCH | GIT_REPOSITORY_OPEN_BARE, NULL))
		return true;
	r->git2 = NULL;
	return false;
}

static int open_parts(struct repo *r, struct err *e)
{
	char hash[16];

	r->oid_len = 40;
	if (!open_git2(r)) {
		if (gitcmd_format(r->path, hash, e))
			return -1;
		r->oid_len = strcmp(hash, "sha256") ? 40 : 64;
	}
	if (r->git2 || !has_reftable(r->path))
		r->refs = refdir_open(r->path);
	return 0;
}

int repo_open(const char *git_dir, struct repo **out, struct err *e)
{
	struct repo *r = mem_alloc(sizeof(*r));

	*out = NULL;
	if (repo_find(git_dir, r->path, e) || open_parts(r, e)) {
		free(r);
		return -1;
	}
	*out = r;
	return 0;
}

void repo_close(struct repo *r)
{
	if (!r)
		return;
	git_repository_free(r->git2);
	refdir_close(r->refs);
	free(r);
}

bool repo_by_git(const struct repo *r)
{
	return !r->git2;
}

const char *repo_path(const struct repo *r)
{
	return r->path;
}

struct git_repository *repo_git2(struct repo *r)
{
	return r->git2;
}

/* ---- refs ---- */

int repo_list(struct repo *r, struct arena *a, struct repo_refs *out, struct err *e)
{
	struct repo_refs refs = { .head = "" };
	int failed;

	*out = refs;
	if (refdir_whole(r->path, e))
		return -1;
	failed = r->refs ? refdir_list(r->refs, a, &refs, e) : gitcmd_list(r->path, a, &refs, e);
	if (!failed) {
		*out = refs;
		out->v = arena_alloc(a, (refs.n + 1) * sizeof(*refs.v));
		if (refs.n)
			memcpy(out->v, refs.v, refs.n * sizeof(*refs.v));
		out->cap = refs.n;
	}
	free(refs.v);
	return failed ? err_wrap(e, "cannot list the refs of %s", r->path) : 0;
}

int repo_ref(struct repo *r, const char *ref, char *oid, struct err *e)
{
	int there;

	memset(oid, '0', (size_t)r->oid_len);
	oid[r->oid_len] = 0;
	if (!change_ref_ok(ref))
		return 1;
	if (refdir_whole(r->path, e))
		return -1;
	there = r->refs ? refdir_ref(r->refs, ref, oid, e) : gitcmd_ref(r->path, ref, oid, e);
	return there < 0 ? err_wrap(e, "%s", r->path) : there;
}

/* ---- objects ---- */

static int resolve_git2(struct repo *r, const char *what, char *oid, struct err *e)
{
	git_object *o = NULL, *commit = NULL;
	int failed = git_revparse_single(&o, r->git2, what);

	if (!failed)
		failed = git_object_peel(&commit, o, GIT_OBJECT_COMMIT);
	if (!failed)
		git_oid_tostr(oid, LIMIT_OID + 1, git_object_id(commit));
	git_object_free(commit);
	git_object_free(o);
	return failed ? err_set(e, ERR_NOENT, "%s has no commit `%s`", r->path, what) : 0;
}

int repo_resolve(struct repo *r, const char *what, char *oid, struct err *e)
{
	if (!*what || *what == '-' || strlen(what) > LIMIT_REF)
		return err_set(e, ERR_USAGE, "`%.100s` names no commit", what);
	return r->git2 ? resolve_git2(r, what, oid, e) : gitcmd_resolve(r->path, what, oid, e);
}

int repo_has(struct repo *r, const char *oid, struct err *e)
{
	git_odb *odb;
	git_oid id;
	int there;

	if (!change_oid_ok(oid))
		return err_set(e, ERR_DATA, "`%.80s` is not an object id", oid);
	if (!r->git2)
		return gitcmd_has(r->path, oid, e);
	if (strlen(oid) != 40)
		return 0;
	if (git_repository_odb(&odb, r->git2))
		return failed_git2(e, r->path);
	git_oid_fromstr(&id, oid);
	there = git_odb_exists(odb, &id);
	git_odb_free(odb);
	return there;
}
