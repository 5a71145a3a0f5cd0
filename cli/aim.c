/* aim.c - see aim.h. */
#include "aim.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "below.h"
#include "buf.h"
#include "change.h"
#include "conf.h"
#include "mem.h"
#include "repo.h"

#define NAMES_SHOWN 8
#define LOOKED_AT 100000

/* ---- the pipeline ---- */

int aim_pipeline(const struct config *c, const char *name, struct aim *aim, struct err *e)
{
	const char **names, *near;

	memset(aim, 0, sizeof(*aim));
	aim->unchecked = "";
	aim->pipeline = config_pipeline(c, name);
	if (aim->pipeline)
		return 0;
	names = mem_alloc((c->npipelines + 1) * sizeof(*names));
	for (size_t i = 0; i < c->npipelines; i++)
		names[i] = c->pipelines[i].name;
	near = conf_nearest(name, names);
	if (near)
		err_set(e, ERR_USAGE, "%s has no [pipeline %s]; did you mean %s?", c->path, name, near);
	else
		err_set(e, ERR_USAGE, "%s has no [pipeline %s]", c->path, name);
	free(names);
	return -1;
}

/* ---- the repository ---- */

struct candidates {
	const struct pipeline *pipeline;
	char first[LIMIT_PATH];
	size_t n, seen;
	struct buf names;
};

static int candidate_add(const char *name, const char *git_dir, void *arg)
{
	struct candidates *c = arg;

	(void)git_dir;
	if (++c->seen > LOOKED_AT)
		return 1;
	if (!name || !pipeline_watches(c->pipeline, name))
		return 0;
	if (c->n++ == 0)
		snprintf(c->first, sizeof(c->first), "%s", name);
	if (c->n <= NAMES_SHOWN)
		buf_fmt(&c->names, "%s%s", c->n > 1 ? ", " : "", name);
	else if (c->n == NAMES_SHOWN + 1)
		buf_str(&c->names, ", ...");
	return 0;
}

static void candidates_find(const struct config *c, struct candidates *out)
{
	for (size_t i = 0; i < c->nrepositories; i++) {
		const struct repository *r = &c->repositories[i];

		if (*r->root)
			below_walk(c, r, candidate_add, out, NULL);
		else
			candidate_add(r->name, NULL, out);
	}
}

static int repository_only(const struct config *c, struct aim *aim, struct err *e)
{
	struct candidates found = { .pipeline = aim->pipeline };
	int rc = 0;

	buf_init(&found.names, 8 * KIB);
	candidates_find(c, &found);
	if (found.n == 1)
		memcpy(aim->repository, found.first, sizeof(found.first));
	else if (found.n == 0)
		rc = err_set(e, ERR_USAGE, "no configured repository is watched by %s",
			aim->pipeline->name);
	else
		rc = err_set(e, ERR_USAGE, "%s watches several repositories; say which with "
			"--repository: %s", aim->pipeline->name, found.names.s);
	buf_release(&found.names);
	return rc;
}

int aim_repository(const struct config *c, const char *name, struct aim *aim, struct err *e)
{
	if (!name)
		return repository_only(c, aim, e);
	if (!config_repository(c, name))
		return err_set(e, ERR_USAGE, "%s has no repository %s", c->path, name);
	if (!pipeline_watches(aim->pipeline, name))
		return err_set(e, ERR_USAGE, "[pipeline %s] does not watch %s (its `repository` says "
			"which)", aim->pipeline->name, name);
	snprintf(aim->repository, sizeof(aim->repository), "%s", name);
	return 0;
}

/* ---- ref and commit ---- */

static int ref_take(struct aim *aim, const char *ref, struct err *e)
{
	if (!change_ref_ok(ref))
		return err_set(e, ERR_USAGE, "`%s` is not the name of a ref", ref);
	snprintf(aim->ref, sizeof(aim->ref), "%s", ref);
	return 0;
}

/* Object ids as git prints them, whichever case was typed. */
static int commit_take(struct aim *aim, const char *oid, struct err *e)
{
	size_t n = strlen(oid);

	if (n > LIMIT_OID)
		return err_set(e, ERR_USAGE, "`%.80s...` is not an object id", oid);
	for (size_t i = 0; i <= n; i++)
		aim->commit[i] = (char)tolower((unsigned char)oid[i]);
	if (!change_oid_ok(aim->commit))
		return err_set(e, ERR_USAGE, "`%s` is not a whole object id (40 or 64 hex digits)", oid);
	return 0;
}

/* Nothing can be asked: both must be whole. */
static int commit_given(struct aim *aim, const char *ref, const char *commit, struct err *e)
{
	if (!ref || !commit)
		return err_set(e, ERR_USAGE, "%s: give --ref and --commit", aim->unchecked);
	if (strncmp(ref, "refs/", 5) != 0)
		return err_set(e, ERR_USAGE, "%s: give --ref in full, such as refs/heads/%s",
			aim->unchecked, ref);
	return ref_take(aim, ref, e) || commit_take(aim, commit, e) ? -1 : 0;
}

static int ref_head(struct repo *r, struct aim *aim, struct err *e)
{
	struct repo_refs refs;
	struct arena a;
	int rc;

	arena_init(&a);
	memset(&refs, 0, sizeof(refs));
	rc = repo_list(r, &a, &refs, e);
	if (rc == 0 && !*refs.head)
		rc = err_set(e, ERR_USAGE, "HEAD of %s is no branch; say which ref with --ref",
			aim->repository);
	if (rc == 0)
		rc = ref_take(aim, refs.head, e);
	arena_release(&a);
	return rc;
}

/* "main" is a branch or a tag; when it is both, a person must say. */
static int ref_short(struct repo *r, const char *name, struct aim *aim, struct err *e)
{
	static const char *const spaces[] = { "refs/heads/", "refs/tags/" };
	char ref[LIMIT_REF + 16], oid[LIMIT_OID + 1];
	int found = 0;

	if (strlen(name) > LIMIT_REF - 16)
		return err_set(e, ERR_USAGE, "--ref is longer than a ref's name may be");
	for (size_t i = 0; i < 2; i++) {
		int rc;

		snprintf(ref, sizeof(ref), "%s%s", spaces[i], name);
		rc = change_ref_ok(ref) ? repo_ref(r, ref, oid, e) : 1;
		if (rc < 0 || (rc == 0 && ref_take(aim, ref, e)))
			return -1;
		found += rc == 0;
	}
	if (found == 1)
		return 0;
	if (found == 0)
		return err_set(e, ERR_USAGE, "%s has neither a branch nor a tag `%s`", aim->repository,
			name);
	return err_set(e, ERR_USAGE, "`%s` is a branch and a tag: say refs/heads/%s or refs/tags/%s",
		name, name, name);
}

static int ref_find(struct repo *r, const char *ref, struct aim *aim, struct err *e)
{
	if (!ref || strcmp(ref, "HEAD") == 0)
		return ref_head(r, aim, e);
	if (strncmp(ref, "refs/", 5) == 0)
		return ref_take(aim, ref, e);
	return ref_short(r, ref, aim, e);
}

static int commit_find(struct repo *r, const char *commit, struct aim *aim, struct err *e)
{
	char oid[LIMIT_OID + 1];
	int rc;

	if (commit && repo_resolve(r, commit, oid, e)) {
		err_wrap(e, "--commit %s in %s", commit, aim->repository);
		if (e->code == ERR_NOENT || e->code == ERR_DATA)
			e->code = ERR_USAGE;
		return -1;
	}
	if (commit)
		return commit_take(aim, oid, e);
	rc = repo_ref(r, aim->ref, oid, e);
	if (rc > 0)
		return err_set(e, ERR_USAGE, "%s has no %s", aim->repository, aim->ref);
	return rc < 0 ? -1 : commit_take(aim, oid, e);
}

static int commit_unseen(struct aim *aim, const char *why, const char *ref, const char *commit,
	struct err *e)
{
	snprintf(aim->unchecked_text, sizeof(aim->unchecked_text), "%s", why);
	aim->unchecked = aim->unchecked_text;
	return commit_given(aim, ref, commit, e);
}

/* It cannot be opened. What may pass, or is not ours to read, is no mistake in what was
   typed. */
static int commit_unread(struct aim *aim, const char *ref, const char *commit, struct err *e)
{
	const struct err why = *e;

	if (!commit_unseen(aim, why.text, ref, commit, e))
		return 0;
	if (e->code == ERR_USAGE && (why.code == ERR_OS || why.code == ERR_TEMP || why.code == ERR_PERM))
		e->code = why.code;
	return -1;
}

int aim_commit(const struct config *c, const char *ref, const char *commit, struct aim *aim,
	struct err *e)
{
	char git_dir[LIMIT_PATH];
	struct repo *r;
	int rc;

	if (config_git_dir(c, aim->repository, git_dir))
		return commit_unseen(aim, "the repository is only polled, so nothing can be looked up in it",
			ref, commit, e);
	if (repo_open(git_dir, &r, e))
		return commit_unread(aim, ref, commit, e);
	rc = ref_find(r, ref, aim, e) || commit_find(r, commit, aim, e) ? -1 : 0;
	repo_close(r);
	return rc;
}
