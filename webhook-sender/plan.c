/* plan.c - what one ref's pending updates come to. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "match.h"

#define ZEROS "0000000000000000000000000000000000000000"

struct plan_repos {			/* the last one is enough: refs come by repository */
	struct repo *repo;
	char git_dir[LIMIT_PATH];
	bool failed;
};

struct plan_repos *plan_repos_open(void)
{
	return mem_alloc(sizeof(struct plan_repos));
}

void plan_repos_close(struct plan_repos *r)
{
	if (r->repo)
		repo_close(r->repo);
	free(r);
}

static struct repo *repo_at(struct plan_repos *r, const char *git_dir)
{
	struct err e;

	if (!strcmp(r->git_dir, git_dir))
		return r->failed ? NULL : r->repo;
	if (r->repo)
		repo_close(r->repo);
	r->repo = NULL;
	memcpy(r->git_dir, git_dir, strlen(git_dir) + 1);
	r->failed = !*git_dir || repo_open(git_dir, &r->repo, &e) != 0;
	if (r->failed)
		r->repo = NULL;
	return r->repo;
}

static void add_step(struct plan *p, struct plan_step s)
{
	p->steps[p->nsteps++] = s;
}

static void mark(struct plan *p, const struct pending *u, enum update_state state,
	int64_t until_us, const char *why)
{
	p->marks[p->nmarks++] = (struct plan_mark){ u, state, until_us, why };
}

/* The value events start from; NULL when nothing is known. A quiet row was made by a
   baseline: a push may have been seen there before its own report. */
static const char *stored(const struct plan *p)
{
	if (p->row.known && p->row.quiet)
		return NULL;
	if (p->row.known)
		return p->row.held ? ZEROS : p->row.oid;
	return p->row.baselined ? ZEROS : NULL;
}

/* A report of an object the repository does not have moved nothing. */
static bool plausible(struct repo *r, const struct pending *u)
{
	struct err e;

	return !r || oid_is_zero(u->new) || repo_has(r, u->new, &e) != 0;
}

struct events {
	const struct pending **p;
	struct accept_event *v;
	size_t n;
	int64_t oldest_us;		/* when the first of them was taken in */
};

static void collect(struct plan *p, struct arena *a, struct repo *r, const struct pending *v,
	size_t n, struct events *out)
{
	out->p = arena_alloc(a, n * sizeof(*out->p));
	out->v = arena_alloc(a, n * sizeof(*out->v));
	for (size_t i = 0; i < n; i++) {
		if (v[i].kind != UPDATE_EVENT)
			continue;
		if (!plausible(r, &v[i])) {
			mark(p, &v[i], UPDATE_COVERED, 0,
				"the repository does not have the object it names");
			continue;
		}
		if (!out->n || v[i].taken_us < out->oldest_us)
			out->oldest_us = v[i].taken_us;
		out->p[out->n] = &v[i];
		out->v[out->n++] = (struct accept_event){ v[i].old, v[i].new, v[i].time_us };
	}
}

static void add_walk(struct plan *p, const struct events *ev, const struct accept_result *w,
	bool *on_walk)
{
	const char *at = stored(p);

	for (size_t i = 0; i < w->nwalk; i++) {
		const struct pending *u = ev->p[w->walk[i]];

		if (at && !accept_same(at, u->old))
			add_step(p, (struct plan_step){ .old = at, .new = u->old, .coalesced = true });
		add_step(p, (struct plan_step){ .p = u, .old = u->old, .new = u->new });
		on_walk[w->walk[i]] = true;
		at = u->new;
	}
	if (w->nwalk && p->shown && !accept_same(at, p->shown))
		p->observe = p->shown;
}

/* Events off the walk: covered once their own patience has run out. */
static void leave(struct plan *p, const struct events *ev, const bool *on_walk, bool waiting,
	int64_t now)
{
	for (size_t i = 0; i < ev->n; i++) {
		int64_t until = ev->p[i]->taken_us + WALK_PATIENCE_US;

		if (on_walk[i])
			continue;
		if (waiting || now < until)
			mark(p, ev->p[i], UPDATE_PENDING, until, "");
		else
			mark(p, ev->p[i], UPDATE_COVERED, 0,
				"what it reports was covered by another change");
	}
}

static void plan_events(struct plan *p, struct arena *a, struct repo *r, const struct pending *v,
	size_t n, int64_t now)
{
	struct events ev = { 0 };
	struct accept_result w;
	bool *on_walk;

	collect(p, a, r, v, n, &ev);
	if (!ev.n)
		return;
	w.walk = arena_alloc(a, ev.n * sizeof(*w.walk));
	on_walk = arena_alloc(a, ev.n * sizeof(*on_walk));
	accept_walk(&(struct accept_input){ stored(p), p->shown, ev.v, ev.n,
		now < ev.oldest_us + WALK_PATIENCE_US }, &w);
	if (w.kind == ACCEPT_WALK)
		add_walk(p, &ev, &w, on_walk);
	leave(p, &ev, on_walk, w.kind == ACCEPT_WAIT, now);
}

/* An observation holds if the row stands where it stood, and the difference is still
   there once every hook's file had its time. */
static void plan_seen(struct plan *p, const struct pending *u, bool moved, int64_t events_until,
	int64_t now)
{
	const char *value = p->shown ? p->shown : u->new;
	const char *row = p->row.known ? p->row.oid : ZEROS;

	if (u->base != (p->row.known ? p->row.base : 0)) {
		mark(p, u, UPDATE_VOID, 0, "the ref had moved on when it was judged");
	} else if (moved) {
		mark(p, u, UPDATE_PENDING, now, "");
	} else if (accept_same(value, row)) {
		p->unhold = p->unhold || p->row.held;
		mark(p, u, UPDATE_VOID, 0, "the difference was gone when it was judged");
	} else if (events_until) {
		mark(p, u, UPDATE_PENDING, events_until, "");
	} else if (now < u->taken_us + WALK_PATIENCE_US) {
		mark(p, u, UPDATE_PENDING, u->taken_us + WALK_PATIENCE_US, "");
	} else if (p->nsteps) {
		mark(p, u, UPDATE_VOID, 0, "another observation of the same was judged");
	} else if (!(p->row.held && oid_is_zero(value))) {
		add_step(p, (struct plan_step){ .p = u, .old = row, .new = value,
			.coalesced = true, .hold = u->hold && oid_is_zero(value) });
	} else {
		mark(p, u, UPDATE_VOID, 0, "its disappearance is held already");
	}
}

static int read_shown(struct plan *p, struct arena *a, struct repo *r, struct err *e)
{
	char oid[LIMIT_OID + 1];
	int got;

	p->shown = NULL;
	if (!r)
		return 0;
	got = repo_ref(r, p->ref, oid, e);
	if (got < 0)
		return 0;		/* it cannot be read now: as if there were no repository */
	p->shown = arena_strdup(a, got == 0 ? oid : ZEROS);
	return 0;
}

int plan_ref(struct sender *s, struct plan_repos *repos, struct arena *a,
	const struct pending *v, size_t n, int64_t now_us, struct plan *out, struct err *e)
{
	struct repo *r;
	bool moved;
	int64_t events_until = 0;

	*out = (struct plan){ .repository = v[0].repository, .ref = v[0].ref };
	out->steps = arena_alloc(a, (2 * n + 2) * sizeof(*out->steps));
	out->marks = arena_alloc(a, (n + 1) * sizeof(*out->marks));
	if (config_git_dir(s->config, out->repository, out->git_dir))
		out->git_dir[0] = 0;
	r = repo_at(repos, out->git_dir);
	if (queue_ref(s->queue, out->repository, out->ref, &out->row, e) || read_shown(out, a, r, e))
		return -1;
	plan_events(out, a, r, v, n, now_us);
	moved = out->nsteps > 0;
	for (size_t i = 0; i < out->nmarks; i++)
		if (out->marks[i].until_us > events_until)
			events_until = out->marks[i].until_us;
	for (size_t i = 0; i < n; i++) {
		if (v[i].kind == UPDATE_SEEN)
			plan_seen(out, &v[i], moved, events_until, now_us);
		else if (v[i].kind == UPDATE_FIRE)
			add_step(out, (struct plan_step){ .p = &v[i], .old = v[i].new,
				.new = v[i].new, .fire = true });
	}
	return 0;
}
