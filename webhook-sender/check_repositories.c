/* check_repositories.c - can each repository be read, and does its hook record? See
   check.h. */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "below.h"
#include "fs.h"
#include "repo.h"

/* The installer leaves its settings in GITDIR/refire/hook, or beside a hook that
   serves many repositories. */
static bool hook_there(const char *git_dir)
{
	static const char *const marks[] = { "refire/hook", "hooks/refire.hook" };
	char path[LIMIT_PATH + 32];

	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
		snprintf(path, sizeof(path), "%s/%s", git_dir, marks[i]);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

static void local_check(struct check *c, const char *name, const char *git_dir)
{
	struct repo_refs refs;
	struct repo *r;
	struct arena a;
	struct err e;

	if (repo_open(git_dir, &r, &e)) {
		check_add(c, CHECK_FAIL, "repository", name, "%s", e.text);
		return;
	}
	arena_init(&a);
	memset(&refs, 0, sizeof(refs));
	if (repo_list(r, &a, &refs, &e))
		check_add(c, CHECK_FAIL, "repository", name, "%s", e.text);
	else if (hook_there(git_dir))
		check_add(c, CHECK_OK, "repository", name, "%zu %s in %s", refs.n,
			refs.n == 1 ? "ref" : "refs", git_dir);
	else
		check_add(c, CHECK_WARN, "repository", name, "no hook is installed, so pushes are seen "
			"by the poller only: run `refire hooks install %s`", git_dir);
	arena_release(&a);
	repo_close(r);
}

struct below_check {
	struct check *check;
	size_t n;
};

static int below_one(const char *name, const char *git_dir, void *arg)
{
	struct below_check *b = arg;

	b->n++;
	if (name)
		local_check(b->check, name, git_dir);
	else
		check_add(b->check, CHECK_WARN, "repository", "", "%s cannot be read: %s", git_dir,
			strerror(errno));
	return 0;
}

static void root_check(struct check *c, const struct repository *r)
{
	struct below_check b = { c, 0 };
	struct err e;

	if (below_walk(c->config, r, below_one, &b, &e) < 0)
		check_add(c, CHECK_FAIL, "repository", r->name, "%s", e.text);
	else if (b.n == 0)
		check_add(c, CHECK_WARN, "repository", r->name, "no repository is below %s yet", r->root);
}

static void secret_check(struct check *c, const struct repository *r, const char *key,
	const char *path)
{
	struct err e;

	if (!*path)
		return;
	if (fs_check_private(path, true, &e))
		check_add(c, CHECK_FAIL, "repository", r->name, "%s: %s", key, e.text);
	else if (access(path, R_OK) != 0)
		check_add(c, CHECK_FAIL, "repository", r->name, "%s: %s: %s", key, path, strerror(errno));
}

static void readable_check(struct check *c, const struct repository *r, const char *key,
	const char *path)
{
	if (*path && access(path, R_OK) != 0)
		check_add(c, CHECK_FAIL, "repository", r->name, "%s: %s: %s", key, path, strerror(errno));
}

static bool watched(const struct check *c, const struct repository *r)
{
	for (size_t i = 0; i < c->config->npipelines; i++)
		if (pipeline_watches(&c->config->pipelines[i], r->name))
			return true;
	return *r->root != '\0';
}

void check_repositories(struct check *c)
{
	for (size_t i = 0; i < c->config->nrepositories; i++) {
		const struct repository *r = &c->config->repositories[i];
		char git_dir[LIMIT_PATH];

		secret_check(c, r, "token-file", r->token_file);
		secret_check(c, r, "ssh-key", r->ssh_key);
		readable_check(c, r, "known-hosts", r->known_hosts);
		readable_check(c, r, "ca-file", r->ca_file);
		if (*r->root)
			root_check(c, r);
		else if (!*r->path)
			check_add(c, CHECK_OK, "repository", r->name, "polled; `refire poll %s` looks now",
				r->name);
		else if (config_git_dir(c->config, r->name, git_dir))
			check_add(c, CHECK_FAIL, "repository", r->name, "%s is no git repository", r->path);
		else
			local_check(c, r->name, git_dir);
		if (!watched(c, r))
			check_add(c, CHECK_WARN, "repository", r->name, "no pipeline watches it");
	}
}
