/* below.c - see below.h. */
#include "below.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "repo.h"

struct below {
	const struct config *config;
	const struct repository *repository;
	int (*cb)(const char *name, const char *git_dir, void *arg);
	void *arg;
	char path[LIMIT_PATH];
};

static int found(struct below *b, const char *git_dir)
{
	char name[LIMIT_PATH];

	if (config_repository_at(b->config, git_dir, name) != b->repository)
		return 0;
	return b->cb(name, git_dir, b->arg);
}

/* Is the directory at b->path one (or the work tree of one)? 1 it was, and is told. */
static int look(struct below *b, int *stop)
{
	char git_dir[LIMIT_PATH + 8];

	snprintf(git_dir, sizeof(git_dir), "%s/.git", b->path);
	if (repo_is(b->path))
		*stop = found(b, b->path);
	else if (strlen(git_dir) < LIMIT_PATH && repo_is(git_dir))
		*stop = found(b, git_dir);
	else
		return 0;
	return 1;
}

static int is_directory(const char *path, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int descend(struct below *b, DIR *d, int depth)
{
	size_t n = strlen(b->path);
	struct dirent *entry;
	int stop = 0;

	while (!stop && (entry = readdir(d))) {
		DIR *next;

		if (entry->d_name[0] == '.' || n + 1 + strlen(entry->d_name) >= sizeof(b->path))
			continue;
		snprintf(b->path + n, sizeof(b->path) - n, "/%s", entry->d_name);
		if (is_directory(b->path, entry) && !look(b, &stop) && depth < BELOW_DEPTH) {
			next = opendir(b->path);
			stop = next ? descend(b, next, depth + 1) : b->cb(NULL, b->path, b->arg);
		}
		b->path[n] = '\0';
	}
	closedir(d);
	return stop;
}

int below_walk(const struct config *c, const struct repository *r,
	int (*cb)(const char *name, const char *git_dir, void *arg), void *arg, struct err *e)
{
	struct below b = { .config = c, .repository = r, .cb = cb, .arg = arg };
	const char *root = *r->real ? r->real : r->root;
	DIR *d = opendir(root);

	if (!d)
		return err_sys(e, "cannot read root %s of [repository %s]", root, r->name);
	snprintf(b.path, sizeof(b.path), "%s", root);
	return descend(&b, d, 1);
}
