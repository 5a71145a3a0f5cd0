/* look.c - prepare one look, and choose how it is taken. */
#include "look.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
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
	l->version = (struct queue_version){ .refs = (int64_t)l->naccepted,
		.spaces = (int64_t)l->known.n };
	for (size_t i = 0; i < l->naccepted; i++) {
		l->version.steps += l->accepted[i].base;
		l->version.held += l->accepted[i].held;
	}
	l->loaded = true;
	return 0;
}

int look_load(struct look *l, struct queue *q, const char *mark, struct err *e)
{
	struct queue_version v;

	l->unloaded = false;
	l->still[0] = 0;
	if (l->local && *mark) {
		if (queue_version(q, l->name, &v, e))
			return -1;
		if (still_fits(mark, &v, l->began_us, l->still))
			return 0;
		l->still[0] = 0;
	}
	return load_accepted(l, q, e);
}

static void copy_settings(struct look *l, const struct config *c, const struct repository *r)
{
	struct arena *a = &l->arena;

	l->ssh_key = arena_strdup(a, r->ssh_key);
	l->known_hosts = arena_strdup(a, r->known_hosts);
	l->token_file = arena_strdup(a, r->token_file);
	l->username = arena_strdup(a, r->username);
	l->ca_file = arena_strdup(a, r->ca_file);
	l->user_agent = arena_strdup(a, c->user_agent);
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
	if (!l)
		return;
	free(l->accepted);
	arena_release(&l->arena);
	free(l);
}

void look_run(struct look *l)
{
	if (l->local)
		look_local(l);
	else if (l->remote.kind == REMOTE_SSH)
		look_ssh(l);
	else
		look_daemon(l);
}
