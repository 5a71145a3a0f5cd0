/* scope.c - from pipelines to ref prefixes. */
#include "scope.h"

#include <stdlib.h>
#include <string.h>

#include "match.h"

struct set {
	struct arena *a;
	const char **v;
	size_t n, cap;
};

static void add(struct set *s, const char *kind, const char *pattern)
{
	size_t n = strcspn(pattern, "*?[{\\");

	s->v = mem_grow(s->v, &s->cap, s->n + 1, sizeof(*s->v));
	s->v[s->n++] = arena_fmt(s->a, "%s%.*s", kind, (int)n, pattern);
}

static void add_all(struct set *s, const char *kind, const struct list *patterns)
{
	for (size_t i = 0; i < patterns->n; i++)
		add(s, kind, patterns->v[i]);
	if (!patterns->n)
		add(s, kind, "");
}

static void add_pipeline(struct set *s, const struct pipeline *p)
{
	unsigned kinds = match_ref_kinds(p);

	if (kinds & MATCH_BRANCHES)
		add_all(s, "refs/heads/", &p->branches);
	if (kinds & MATCH_TAGS)
		add_all(s, "refs/tags/", &p->tags);
}

static int by_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static bool starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

/* Sorted, a prefix stands before what it covers. */
static void reduce(struct set *s)
{
	size_t n = 0;

	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), by_text);
	for (size_t i = 0; i < s->n; i++)
		if (!n || !starts(s->v[i], s->v[n - 1]))
			s->v[n++] = s->v[i];
	s->n = n;
}

static void widen(struct set *s)
{
	for (size_t i = 0; i < s->n; i++)
		s->v[i] = starts(s->v[i], "refs/heads/") ? "refs/heads/" : "refs/tags/";
	reduce(s);
}

/* What is left, in the arena. */
static void keep(struct set *s, struct queue_texts *out)
{
	reduce(s);
	if (s->n > SCOPE_MAX)
		widen(s);
	out->v = arena_alloc(s->a, (s->n + 1) * sizeof(*out->v));
	out->n = s->n;
	if (s->n)
		memcpy(out->v, s->v, s->n * sizeof(*s->v));
	free(s->v);
}

void scope_join(struct arena *a, const struct queue_texts *one, const struct queue_texts *other,
	struct queue_texts *out)
{
	struct set s = { .a = a };

	for (size_t i = 0; i < one->n + other->n; i++) {
		s.v = mem_grow(s.v, &s.cap, s.n + 1, sizeof(*s.v));
		s.v[s.n++] = i < one->n ? one->v[i] : other->v[i - one->n];
	}
	keep(&s, out);
}

void scope_of(const struct config *c, const char *repository, struct arena *a,
	struct queue_texts *out)
{
	struct set s = { .a = a };

	for (size_t i = 0; i < c->npipelines; i++)
		if (c->pipelines[i].enabled && pipeline_watches(&c->pipelines[i], repository))
			add_pipeline(&s, &c->pipelines[i]);
	keep(&s, out);
}

void scope_one(struct arena *a, const char *prefix, struct queue_texts *out)
{
	out->v = arena_alloc(a, sizeof(*out->v));
	out->v[0] = arena_strdup(a, prefix);
	out->n = 1;
}

bool scope_covers(const struct queue_texts *scope, const char *ref)
{
	for (size_t i = 0; i < scope->n; i++)
		if (starts(ref, scope->v[i]))
			return true;
	return false;
}
