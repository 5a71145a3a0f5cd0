/* look.c - prepare one look, and choose how it is taken. */
#include "look.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "credential.h"
#include "fetch.h"
#include "mirror.h"
#include "scope.h"

struct loading {
	struct look *look;
	size_t cap;
};

static int keep_ref(const struct queue_ref *r, void *arg)
{
	struct loading *to = arg;
	struct look *l = to->look;

	l->accepted = mem_grow(l->accepted, &to->cap, l->naccepted + 1, sizeof(*l->accepted));
	l->accepted[l->naccepted++] = (struct queue_ref){
		arena_strdup(&l->arena, r->ref), arena_strdup(&l->arena, r->oid), r->base, r->held };
	return 0;
}

static int load_accepted(struct look *l, struct queue *q, struct err *e)
{
	struct loading to = { .look = l };

	if (queue_refs(q, l->name, keep_ref, &to, e) < 0 ||
	    queue_spaces(q, &l->arena, l->name, &l->known, e))
		return -1;
	l->loaded = true;
	l->unloaded = false;
	return 0;
}

static struct queue_version version_of(const struct look *l)
{
	struct queue_version v = { .refs = (int64_t)l->naccepted, .spaces = (int64_t)l->known.n };

	for (size_t i = 0; i < l->naccepted; i++) {
		v.steps += l->accepted[i].base;
		v.held += l->accepted[i].held;
	}
	return v;
}

int look_load(struct look *l, struct queue *q, const char *mark,
	const struct queue_version *now, struct err *e)
{
	l->unloaded = false;
	l->still[0] = 0;
	if (!strncmp(mark, "still ", 6)) {
		if (now)
			l->version = *now;
		else if (queue_version(q, l->name, &l->version, e))
			return -1;
		if (still_fits(mark, &l->version, l->began_us, l->still))
			return 0;
		l->still[0] = 0;
	}
	if (load_accepted(l, q, e))
		return -1;
	l->version = version_of(l);
	return 0;
}

int look_catch_up(struct look *l, struct queue *q, struct err *e)
{
	return load_accepted(l, q, e);
}

/* ---- twins ---- */

void look_join(struct look *l, struct look *t)
{
	struct look **end = &l->twins;

	while (*end)
		end = &(*end)->twins;
	*end = t;
	scope_join(&l->arena, &l->asked, &t->scope, &l->asked);
}

/* The answer's part within the look's own scope. */
static void pick_refs(struct look *l, const struct repo_refs *all)
{
	struct repo_refs own = { .head = all->head };

	own.v = arena_alloc(&l->arena, (all->n + 1) * sizeof(*own.v));
	for (size_t i = 0; i < all->n; i++)
		if (scope_covers(&l->scope, all->v[i].ref))
			own.v[own.n++] = all->v[i];
	l->refs = own;
}

/* Is it the answer of the last whole look, to the same question? */
static void compare(struct look *l)
{
	uint64_t sum = l->sum;

	for (size_t i = 0; i < l->scope.n; i++)
		sum = still_add(sum, l->scope.v[i]);
	snprintf(l->stands, sizeof(l->stands), "%016" PRIx64, sum);
	l->same = *l->still && !strcmp(l->stands, l->still);
	l->unloaded = !l->same && !l->loaded;
}

void look_share(struct look *l)
{
	const struct repo_refs all = l->refs;

	for (struct look *t = l; t; t = t->twins) {
		t->failed = l->failed;
		t->err = l->err;
		t->wait_us = l->wait_us;
		t->speaks = l->speaks;
		t->greeted = l->greeted;
		t->deaf = l->deaf;
		t->sum = l->sum;
		if (l->failed)
			continue;
		if (l->twins)
			pick_refs(t, &all);
		compare(t);
	}
}

/* A socket's name has at most 107 bytes (unix(7)); ssh adds 17 for a moment to ours of 17. */
static const char *share_dir(struct arena *a, const struct config *c)
{
	return strlen(c->state_dir) > 107 - 17 - 17 - sizeof("/ssh") ? "" :
		arena_fmt(a, "%s/ssh", c->state_dir);
}

static void copy_settings(struct look *l, const struct config *c, const struct repository *r)
{
	struct arena *a = &l->arena;
	char dir[LIMIT_PATH];

	l->ssh_key = arena_strdup(a, r->ssh_key);
	l->known_hosts = arena_strdup(a, r->known_hosts);
	l->token_file = arena_strdup(a, r->token_file);
	l->username = arena_strdup(a, r->username);
	l->ca_file = arena_strdup(a, r->ca_file);
	l->user_agent = arena_strdup(a, c->user_agent);
	l->tls_cert = arena_strdup(a, r->tls_cert);
	l->tls_key = arena_strdup(a, r->tls_key);
	l->helpers = r->credentials == CREDENTIALS_GIT && !*r->token_file;
	l->ssh_dir = share_dir(a, c);
	l->mirror = mirror_dir(c, l->name, dir) ? "" : arena_strdup(a, dir);
	l->mirror_timeout_us = r->mirror_timeout_us;
	l->timeout_us = r->poll_timeout_us;
}

static int set_place(struct look *l, const struct config *c, const struct repository *r,
	const char *dir, struct err *e)
{
	struct arena *a = &l->arena;

	l->local = *dir != 0;
	l->dir = arena_strdup(a, dir);
	l->below = arena_strdup(a, *r->root ? r->real : "");
	if (l->local) {
		scope_one(a, "refs/", &l->scope);
		return 0;
	}
	scope_of(c, l->name, a, &l->scope);
	if (!l->scope.n)		/* asked for by name, watched by nobody yet */
		scope_one(a, "refs/heads/", &l->scope);
	l->asked = l->scope;
	return remote_parse(a, arena_strdup(a, r->url), &l->remote, e);
}

static struct look *look_alloc(const char *name)
{
	struct look *l = mem_alloc(sizeof(*l));

	arena_init(&l->arena);
	l->name = arena_strdup(&l->arena, name);
	l->began_us = clock_wall_us();
	return l;
}

struct look *look_failed(const char *name, const struct err *e)
{
	struct look *l = look_alloc(name);

	l->failed = true;
	l->err = *e;
	return l;
}

int look_new(const struct config *c, const struct repository *r, const char *name,
	const char *dir, struct look **out, struct err *e)
{
	struct look *l = look_alloc(name);

	copy_settings(l, c, r);
	if (set_place(l, c, r, dir, e)) {
		look_free(l);
		return -1;
	}
	*out = l;
	return 0;
}

void look_free(struct look *l)
{
	while (l) {
		struct look *next = l->twins;

		free(l->accepted);
		arena_release(&l->arena);
		free(l);
		l = next;
	}
}

void look_run(struct look *l)
{
	if (l->task == LOOK_FETCH)
		fetch_mirror(l);
	else if (l->task != LOOK_LIST)
		credential_run(l);
	else if (l->local)
		look_local(l);
	else if (l->remote.kind == REMOTE_SSH)
		look_ssh(l);
	else
		look_daemon(l);
}
