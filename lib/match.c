/* match.c - see match.h. */
#include <string.h>

#include "glob.h"
#include "match.h"

bool oid_is_zero(const char *oid)
{
	return oid[strspn(oid, "0")] == '\0';
}

static const char *ref_below(const char *ref, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(ref, prefix, n) == 0 ? ref + n : "";
}

const char *ref_branch(const char *ref)
{
	return ref_below(ref, "refs/heads/");
}

const char *ref_tag(const char *ref)
{
	return ref_below(ref, "refs/tags/");
}

bool match_fires(enum match_reason r)
{
	return r == MATCH_MATCHED || r == MATCH_PATHS_UNKNOWN;
}

const char *match_word(enum match_reason r)
{
	static const char *const words[MATCH_COUNT] = {
#define X(name, word, text) [MATCH_##name] = word,
		MATCH_LIST(X)
#undef X
	};

	return words[r];
}

const char *match_text(enum match_reason r)
{
	static const char *const texts[MATCH_COUNT] = {
#define X(name, word, text) [MATCH_##name] = text,
		MATCH_LIST(X)
#undef X
	};

	return texts[r];
}

static const char *first_match(const struct list *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (glob_match(l->v[i], s))
			return l->v[i];
	return NULL;
}

static bool has_branches(const struct pipeline *p)
{
	return p->branches.n + p->branches_exclude.n > 0;
}

static bool has_tags(const struct pipeline *p)
{
	return p->tags.n + p->tags_exclude.n > 0;
}

static bool has_paths(const struct pipeline *p)
{
	return p->paths.n + p->paths_exclude.n > 0;
}

/* `on` as written, or what the filters imply. */
static unsigned match_on(const struct pipeline *p)
{
	if (p->on)
		return p->on;
	if (has_tags(p))
		return has_branches(p) ? ON_PUSH | ON_TAG : ON_TAG;
	return ON_PUSH;
}

/* Deletions are matched by name like the rest. Where `on` names neither kind itself,
   a filter for one kind only leaves the other kind out. */
unsigned match_ref_kinds(const struct pipeline *p)
{
	unsigned on = match_on(p), kinds = 0;

	if (on & ON_PUSH || (on & ON_DELETE && (has_branches(p) || !has_tags(p))))
		kinds |= MATCH_BRANCHES;
	if (on & ON_TAG || (on & ON_DELETE && (has_tags(p) || !has_branches(p))))
		kinds |= MATCH_TAGS;
	return kinds;
}

struct ref_filter {
	const char *name;			/* the ref, short */
	const struct list *in, *out;
	enum match_reason missed, excluded;
};

static enum match_reason match_ref(const struct ref_filter *f, const char **pattern)
{
	const char *hit = first_match(f->out, f->name);

	if (hit) {
		*pattern = hit;
		return f->excluded;
	}
	hit = first_match(f->in, f->name);
	if (hit)
		*pattern = hit;
	return f->in->n && !hit ? f->missed : MATCH_MATCHED;
}

static enum match_reason match_paths(const struct pipeline *p, const struct match_input *in,
	const char **pattern)
{
	for (size_t i = 0; i < in->npaths; i++) {
		const char *hit = first_match(&p->paths, in->paths[i]);

		if ((hit || p->paths.n == 0) && !first_match(&p->paths_exclude, in->paths[i])) {
			if (hit)
				*pattern = hit;
			return MATCH_MATCHED;
		}
	}
	*pattern = NULL;	/* the branch's own did not decide */
	return MATCH_PATHS;
}

/* Whether the ref's kind is asked for, and its name passes. */
static enum match_reason match_name(const struct pipeline *p, const struct match_input *in,
	const char **pattern)
{
	bool branch = *ref_branch(in->ref) != '\0', deleted = oid_is_zero(in->after);
	struct ref_filter branches = { ref_branch(in->ref), &p->branches, &p->branches_exclude,
		MATCH_BRANCH, MATCH_BRANCH_EXCLUDED };
	struct ref_filter tags = { ref_tag(in->ref), &p->tags, &p->tags_exclude,
		MATCH_TAG, MATCH_TAG_EXCLUDED };
	unsigned kind = deleted ? ON_DELETE : branch ? ON_PUSH : ON_TAG;

	if (!branch && !*tags.name)
		return MATCH_REF_KIND;
	if (!(match_on(p) & kind))
		return MATCH_KIND;
	if (deleted && !(match_ref_kinds(p) & (branch ? MATCH_BRANCHES : MATCH_TAGS)))
		return branch ? MATCH_BRANCH : MATCH_TAG;
	return match_ref(branch ? &branches : &tags, pattern);
}

enum match_reason match_pipeline(const struct pipeline *p, const struct match_input *in,
	const char **pattern)
{
	enum match_reason r;
	const char *unused;

	if (!pattern)
		pattern = &unused;
	*pattern = NULL;
	if (!pipeline_watches(p, in->repository))
		return MATCH_REPOSITORY;
	if (!p->enabled)
		return MATCH_DISABLED;
	if (in->skip)
		return MATCH_SKIPPED;
	r = match_name(p, in, pattern);
	if (r != MATCH_MATCHED || !has_paths(p))
		return r;
	if (!*ref_branch(in->ref) || oid_is_zero(in->after) || !in->paths_known)
		return MATCH_PATHS_UNKNOWN;
	return match_paths(p, in, pattern);
}

bool match_needs_paths(const struct config *c, const char *repository)
{
	for (size_t i = 0; i < c->npipelines; i++) {
		const struct pipeline *p = &c->pipelines[i];

		if (p->enabled && has_paths(p) && pipeline_watches(p, repository))
			return true;
	}
	return false;
}
