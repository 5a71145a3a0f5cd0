/* state_repositories.c - how each repository stands: what the poller and the sender know
   of it. All lists are in byte order of name until the end, so that thousands are put
   together in one pass. */
#include "state.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "glob.h"

#define DAY_US (24 * 3600 * US_PER_S)
#define NEWS_US (7 * DAY_US)		/* moves that fired nothing are told for so long */

static bool is_asked(const struct state *st, const char *name)
{
	for (size_t i = 0; i < st->nnames; i++)
		if (!strcmp(st->names[i], name) || glob_match(st->names[i], name))
			return true;
	return !st->nnames;
}

static struct state_repository *add(struct state *st, const char *name)
{
	struct state_repository *r;

	st->repositories = mem_grow(st->repositories, &st->cap_repositories, st->nrepositories + 1,
		sizeof(*st->repositories));
	r = &st->repositories[st->nrepositories++];
	*r = (struct state_repository){ .name = name, .what = "", .by = "",
		.trouble = TROUBLE_NONE };
	return r;
}

void state_repositories_configured(struct state *st)
{
	const struct config *c = st->session->config;

	for (size_t i = 0; i < c->nrepositories; i++) {
		const struct repository *r = c->by_name[i];

		if (!*r->root && is_asked(st, r->name))
			add(st, r->name)->what = *r->path ? r->path : "a remote";
	}
}

static int compare_names(const void *a, const void *b)
{
	const struct state_repository *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static struct state_repository *find(const struct state *st, const char *name, size_t n)
{
	const struct state_repository key = { .name = name };

	return n ? bsearch(&key, st->repositories, n, sizeof(key), compare_names) : NULL;
}

/* ---- what the poller knows ---- */

struct taking {
	struct state *st;
	size_t sorted;			/* repositories of the configuration come first */
};

static int take_poll(const struct poll_row *row, void *arg)
{
	struct taking *t = arg;
	struct state *st = t->st;
	struct state_repository *r;

	if (!is_asked(st, row->repository) ||
	    !config_repository(st->session->config, row->repository))
		return 0;
	r = find(st, row->repository, t->sorted);
	if (!r)
		r = add(st, arena_strdup(&st->arena, row->repository));
	r->seen = true;
	r->poll = *row;
	r->poll.repository = r->name;
	r->what = r->poll.what = arena_strdup(&st->arena, row->what);
	r->poll.error = arena_strdup(&st->arena, row->error);
	r->poll.mark = r->poll.head = r->poll.head_stored = "";
	return 0;
}

/* ---- what the sender knows ---- */

static int take_heard(const struct heard *h, void *arg)
{
	struct state *st = arg;
	struct state_repository *r = find(st, h->repository, st->nrepositories);

	if (!r)
		return 0;
	r->heard = *h;
	r->heard.repository = r->name;
	r->heard.idle_oid = arena_strdup(&st->arena, h->idle_oid);
	r->rhythm = rhythm_of(h->days);
	r->silent = st->now_us / DAY_US - h->day;
	return 0;
}

static bool is_watched(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->npipelines; i++)
		if (c->pipelines[i].enabled && pipeline_watches(&c->pipelines[i], name))
			return true;
	return false;
}

/* Moves that fired nothing are news while they are recent, if nothing ever fired, or
   not for as long. */
static bool never_fires(const struct state *st, const struct heard *h)
{
	return h->idle && st->now_us - h->moved_us < NEWS_US &&
		(!h->fired_us || st->now_us - h->idle_us > NEWS_US);
}

static enum state_trouble trouble_of(const struct state *st, const struct state_repository *r)
{
	if (r->poll.failures)
		return TROUBLE_FAILING;
	if (never_fires(st, &r->heard))
		return TROUBLE_NEVER_FIRED;
	if (rhythm_broken(&r->rhythm, r->silent) && is_watched(st->session->config, r->name))
		return TROUBLE_SILENT;
	return TROUBLE_NONE;
}

static void weigh(const struct state *st, struct state_repository *r)
{
	const struct repository *conf = config_repository(st->session->config, r->name);

	r->remote = conf && !*conf->root && !*conf->path;
	if (r->poll.ok_us) {
		r->seen_us = r->poll.ok_us;
		r->by = r->remote ? "poll" : "reconcile";
	}
	if (r->heard.hooked_us > r->seen_us) {
		r->seen_us = r->heard.hooked_us;
		r->by = "hook";
	}
	r->trouble = trouble_of(st, r);
}

int state_repositories_look(struct state *st, struct queue *q, struct err *e)
{
	struct taking t = { st, st->nrepositories };

	if (queue_polls(q, take_poll, &t, e) < 0)
		return -1;
	if (st->nrepositories)
		qsort(st->repositories, st->nrepositories, sizeof(*st->repositories), compare_names);
	return queue_heard(q, take_heard, st, e) < 0 ? -1 : 0;
}

/* ---- what needs attention first ---- */

static int compare_troubles(const void *a, const void *b)
{
	const struct state_repository *x = a, *y = b;

	if (x->trouble != y->trouble)
		return x->trouble < y->trouble ? -1 : 1;
	return strcmp(x->name, y->name);
}

void state_repositories_sort(struct state *st)
{
	for (size_t i = 0; i < st->nrepositories; i++)
		weigh(st, &st->repositories[i]);
	if (st->nrepositories)
		qsort(st->repositories, st->nrepositories, sizeof(*st->repositories),
			compare_troubles);
}
