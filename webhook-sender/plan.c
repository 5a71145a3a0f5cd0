/* plan.c - what one ref's pending updates come to. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "match.h"
#include "mirror.h"

#define ZEROS "0000000000000000000000000000000000000000"

struct plan_repos {			/* the last one is enough: refs come by repository */
	const char *repository;		/* its name; NULL none yet. Strings are the round's */
	const char *git_dir;		/* "" polled only, or not configured any more */
	const char *objects;
	struct repo *repo;		/* NULL: there is none, or it cannot be opened */
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

static void reopen(struct plan_repos *r, const char *git_dir, struct arena *a)
{
	struct err e;

	if (r->git_dir && !strcmp(r->git_dir, git_dir))
		return;
	if (r->repo)
		repo_close(r->repo);
	r->repo = NULL;
	r->git_dir = arena_strdup(a, git_dir);
	if (*git_dir && repo_open(git_dir, &r->repo, &e))
		r->repo = NULL;
}

static void turn_to(struct plan_repos *r, const struct config *c, const char *repository,
	struct arena *a)
{
	char path[LIMIT_PATH];

	if (r->repository && !strcmp(r->repository, repository))
		return;
	r->repository = repository;
	reopen(r, config_git_dir(c, repository, path) ? "" : path, a);
	r->objects = arena_strdup(a, mirror_objects(c, repository, path) ? "" : path);
}

/* The accepted value moves with each step. */
static void add_step(struct plan *p, struct plan_step s)
{
	p->steps[p->nsteps++] = s;
	if (!s.fire && !s.hold)
		p->at = s.new;
}

static void mark(struct plan *p, const struct pending *u, enum update_state state,
	int64_t until_us, const char *why)
{
	p->marks[p->nmarks++] = (struct plan_mark){ u, state, until_us, false, why };
}

/* What is accepted; NULL when nothing is known. */
static const char *accepted(const struct plan *p)
{
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

/* ---- events ---- */

struct events {
	const struct pending **p;
	struct accept_event *v;
	size_t n;
	int64_t young_until;		/* the patience of the youngest; 0 none is young */
};

static int64_t patience_of(const struct pending *u)
{
	return u->taken_us + WALK_PATIENCE_US;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* A coalesced step stands for every move before it, so a report that comes later fires
   nothing. A quiet row was made by a baseline: what it shows may have been pushed before
   its own report. A clock that was set back makes no report old. */
static bool stood_for(const struct plan *p, const struct pending *u, int64_t now)
{
	return p->row.known && !p->row.quiet && u->time_us <= p->row.covered_us &&
		p->row.covered_us <= now;
}

static void add_event(struct events *out, const struct pending *u, int64_t now)
{
	bool young = now < patience_of(u);

	if (young)
		out->young_until = later(out->young_until, patience_of(u));
	out->p[out->n] = u;
	out->v[out->n++] = (struct accept_event){ u->old, u->new, u->time_us, young };
}

static void collect(struct plan *p, struct arena *a, struct repo *r, const struct pending *v,
	size_t n, int64_t now, struct events *out)
{
	*out = (struct events){ arena_alloc(a, n * sizeof(*out->p)),
		arena_alloc(a, n * sizeof(*out->v)), 0, 0 };
	for (size_t i = 0; i < n; i++) {
		if (v[i].kind != UPDATE_EVENT)
			continue;
		if (!plausible(r, &v[i]))
			mark(p, &v[i], UPDATE_COVERED, 0,
				"the repository does not have the object it names");
		else if (stood_for(p, &v[i], now))
			mark(p, &v[i], UPDATE_COVERED, 0,
				"it was seen and accepted before its report came");
		else
			add_event(out, &v[i], now);
	}
}

/* The value the walk starts from. What a baseline saw may lie behind the first reports,
   those of pushes from about its time. */
static const char *start_of(const struct plan *p, const struct events *ev)
{
	if (p->row.quiet && ev->v[0].time_us < p->row.covered_us + WALK_PATIENCE_US)
		return NULL;
	return accepted(p);
}

/* What is off the walk is judged again, from where it ended. */
static void add_walk(struct plan *p, const struct events *ev, const struct accept_result *w,
	bool *on_walk, int64_t now)
{
	for (size_t i = 0; i < w->nwalk; i++) {
		const struct pending *u = ev->p[w->walk[i]];

		if (p->at && !accept_same(p->at, u->old))
			add_step(p, (struct plan_step){ .old = p->at, .new = u->old, .coalesced = true,
				.covered_us = u->time_us - 1 });
		add_step(p, (struct plan_step){ .p = u, .old = u->old, .new = u->new });
		on_walk[w->walk[i]] = true;
	}
	for (size_t i = 0; i < ev->n; i++)
		if (!on_walk[i])
			mark(p, ev->p[i], UPDATE_PENDING, later(now, patience_of(ev->p[i])), "");
}

/* The walk to what the repository shows, or showed; false when there is none. */
static bool walk_to(struct plan *p, struct arena *a, const struct events *ev, const char *shown,
	int64_t now)
{
	int64_t since = p->row.told_us <= now ? p->row.told_us : 0;
	struct accept_result w;
	const char *start;

	if (!ev->n)
		return false;
	w.walk = arena_alloc(a, ev->n * sizeof(*w.walk));
	start = start_of(p, ev);
	accept_walk(&(struct accept_input){ start, since, shown, ev->v, ev->n }, &w);
	if (!w.nwalk)
		return false;
	p->at = start;
	add_walk(p, ev, &w, arena_alloc(a, ev->n * sizeof(bool)), now);
	return true;
}

/* ---- observations ---- */

struct sights {
	struct arena *a;
	const struct events *ev;
	int64_t now;
	int64_t next_us;		/* the first that waits is judged then; 0 none waits */
	const struct pending *last;	/* that was judged */
	bool moved;			/* the row, by events */
	bool judged;			/* an observation moves it */
	bool held;			/* and its deliveries are held */
};

/* Every hook's file has its time, and then the events that wait for others have theirs:
   those that are here now, not ever new ones. */
static int64_t judged_at(const struct pending *u, const struct sights *s)
{
	int64_t due = patience_of(u);

	if (s->now < due)
		return due;
	return u->wait_us > due ? u->wait_us : later(due, s->ev->young_until);
}

/* Is it the later state? They come in the order in which they began, and looks of the
   poller one after the other; only the sender's own, made in an instant, may lie within
   one of those. */
static bool follows(const struct pending *u, const struct sights *s)
{
	return !s->last || !u->ours || u->time_us > s->last->taken_us;
}

static void wait_on(struct plan *p, const struct pending *u, struct sights *s)
{
	int64_t until = later(s->now, judged_at(u, s));

	mark(p, u, UPDATE_PENDING, until, "");
	p->marks[p->nmarks - 1].rebase = s->judged && follows(u, s);
	if (!s->next_us || until < s->next_us)
		s->next_us = until;
}

/* Several that were made one after the other: each of these states stood in the
   repository. */
static void judge_seen(struct plan *p, const struct pending *u, struct sights *s)
{
	bool gone = oid_is_zero(u->new), again = p->shown && !oid_is_zero(p->shown);

	if (accept_same(u->new, p->at)) {
		mark(p, u, UPDATE_VOID, 0, "another observation of the same was judged");
		p->unhold = p->unhold || p->row.held;
	} else if (!follows(u, s)) {
		mark(p, u, UPDATE_VOID, 0, "another observation was judged");
	} else if (p->row.held && gone) {
		mark(p, u, UPDATE_VOID, 0, "its disappearance is held already");
	} else if (u->hold && gone && again) {
		mark(p, u, UPDATE_VOID, 0, "it was there again when it was judged");
	} else {
		s->held = u->hold && gone;
		s->judged = true;
		s->last = u;
		p->unhold = p->row.held;
		add_step(p, (struct plan_step){ .p = u, .old = p->at, .new = u->new,
			.coalesced = true, .hold = s->held,
			.covered_us = p->shown && accept_same(u->new, p->shown) ? s->now : u->time_us });
	}
}

/* An observation holds if the row stands where it stood, and the difference is still
   there once it had its time. Events that wait go first where they lead to what it saw,
   and are judged again after it. */
static void plan_seen(struct plan *p, const struct pending *u, struct sights *s)
{
	if (u->base != (p->row.known ? p->row.base : 0)) {
		mark(p, u, UPDATE_VOID, 0, "the ref had moved on when it was judged");
	} else if (s->moved) {
		mark(p, u, UPDATE_PENDING, s->now, "");
	} else if (p->shown && accept_same(p->shown, p->row.known ? p->row.oid : ZEROS)) {
		p->unhold = p->unhold || p->row.held;
		mark(p, u, UPDATE_VOID, 0, "the difference was gone when it was judged");
	} else if (judged_at(u, s) > s->now || s->held || (s->judged && s->ev->n)) {
		wait_on(p, u, s);
	} else if (!s->judged && walk_to(p, s->a, s->ev, u->new, s->now)) {
		s->moved = true;
		mark(p, u, UPDATE_PENDING, s->now, "");
	} else {
		judge_seen(p, u, s);
	}
}

/* ---- what is left ---- */

/* The repository shows what nothing explains, and is not known to be held. */
static bool unexplained(const struct plan *p)
{
	bool held = p->row.held && p->at && accept_same(p->at, p->row.oid);

	if (!p->shown || !p->at)
		return false;
	return held ? !oid_is_zero(p->shown) : !accept_same(p->at, p->shown);
}

/* Look ourselves, in 2 s; but that a ref is gone takes a look at all of them. */
static void look_again(struct plan *p)
{
	if (!oid_is_zero(p->shown))
		p->observe = p->shown;
}

/* Events on no walk, when their patience has run out: an observation may show where they
   belong, one of our own if need be, or a report of what is shown may come yet; else they
   were covered by what was accepted. */
static void leave(struct plan *p, const struct sights *s)
{
	for (size_t i = 0; i < s->ev->n; i++) {
		const struct pending *u = s->ev->p[i];

		if (s->ev->v[i].young) {
			mark(p, u, UPDATE_PENDING, patience_of(u), "");
		} else if (s->judged || s->next_us) {
			mark(p, u, UPDATE_PENDING, s->judged ? s->now : s->next_us, "");
		} else if (unexplained(p) && (!oid_is_zero(p->shown) || u->wait_us <= patience_of(u))) {
			look_again(p);
			mark(p, u, UPDATE_PENDING, s->now + WALK_PATIENCE_US, "");
		} else {
			mark(p, u, UPDATE_COVERED, 0, "what it reports was covered by another change");
		}
	}
}

/* Is somebody about to tell what the repository shows? */
static bool awaited(const struct plan *p, const struct sights *s)
{
	for (size_t i = 0; i < p->nmarks; i++) {
		const struct plan_mark *m = &p->marks[i];

		if (m->state == UPDATE_PENDING && (m->p->kind != UPDATE_SEEN || !s->moved))
			return true;
	}
	return false;
}

static void plan_all(struct plan *p, struct arena *a, const struct events *ev,
	const struct pending *v, size_t n, int64_t now)
{
	struct sights s = { .a = a, .ev = ev, .now = now };

	s.moved = walk_to(p, a, ev, p->shown, now);
	if (!s.moved)
		p->at = p->row.known ? p->row.oid : ZEROS;
	for (size_t i = 0; i < n; i++)
		if (v[i].kind == UPDATE_SEEN)
			plan_seen(p, &v[i], &s);
	if (!s.moved)
		leave(p, &s);
	if (p->nsteps && !s.held && unexplained(p) && !awaited(p, &s))
		look_again(p);
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
	struct events ev;

	*out = (struct plan){ .repository = v[0].repository, .ref = v[0].ref };
	out->steps = arena_alloc(a, (2 * n + 2) * sizeof(*out->steps));
	out->marks = arena_alloc(a, (n + 1) * sizeof(*out->marks));
	turn_to(repos, s->config, out->repository, a);
	out->objects = repos->objects;
	if (queue_ref(s->queue, out->repository, out->ref, &out->row, e) ||
	    read_shown(out, a, repos->repo, e))
		return -1;
	collect(out, a, repos->repo, v, n, now_us, &ev);
	plan_all(out, a, &ev, v, n, now_us);
	for (size_t i = 0; i < n; i++)
		if (v[i].kind == UPDATE_FIRE)
			add_step(out, (struct plan_step){ .p = &v[i], .old = v[i].new,
				.new = v[i].new, .fire = true });
	return 0;
}
