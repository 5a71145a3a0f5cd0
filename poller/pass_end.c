/* pass_end.c - looks come back: some have more to do first, the others have ended. */
#include "pass_parts.h"

#include "advert.h"
#include "clock.h"
#include "credential.h"
#include "fetch.h"

#define GREET_US (24 * 3600 * US_PER_S)	/* a server that answers no question unasked */

/* What stats showed to have moved is read, beside what is accepted now. */
static bool begin_again(struct pass *p, struct look *l)
{
	l->failed = look_load(l, p->queue, "", NULL, &l->err) != 0;
	if (!l->failed)
		workers_give(p->local, l);
	return !l->failed;
}

/* An entry that went, or is another now, has disowned its look: then NULL. */
static struct watched *owner(const struct pass *p, const struct look *l)
{
	struct watched *w = roster_find(&p->roster, l->name);

	return w && w->look == l ? w : NULL;
}

static void end_one(struct pass *p, struct watched *w, struct look *l)
{
	if (!w)
		return;
	if (!l->failed && l->unloaded)
		l->failed = look_catch_up(l, p->queue, &l->err) != 0;
	pass_settle_later(p, w, l);
}

static void end_local(struct pass *p, struct look *l)
{
	struct watched *w = owner(p, l);

	if (w && l->unloaded && begin_again(p, l))
		return;
	hosts_leave(&p->roster.hosts, l->host);
	end_one(p, w, l);
	pass_spend(p, l);
}

/* What a server speaks is learnt from its greeting: for the repository, and for the
   others of its host that were not polled yet. */
static void learn(struct pass *p, struct watched *w, const struct look *l)
{
	struct host *host = w->host;
	int64_t now = clock_wall_us();
	struct err e;

	if (w->by != BY_HTTP || l->failed)
		return;
	w->speaks = l->speaks;
	if (!l->greeted)
		return;
	if (l->deaf || !l->speaks)
		w->greet_us = now + GREET_US;
	if (!l->speaks == !host->speaks || (l->deaf && l->speaks))
		return;
	host->speaks = advert_speaks_any(l->speaks);
	if (queue_host_learn(p->queue, host->name, host->speaks, now, &e))
		say_error(&p->say, &e);
}

/* What is seen is reported when the mirror has it, or could not be given it. */
static void end_fetched(struct pass *p, struct look *l)
{
	struct watched *w = owner(p, l);

	if (w)
		say_mirror(&p->say, w, l);
	end_one(p, w, l);
	pass_spend(p, l);
}

static bool fetch_first(struct pass *p, struct look *l)
{
	if (!fetch_wanted(l))
		return false;
	if (l->unloaded && look_catch_up(l, p->queue, &l->err)) {
		l->failed = true;
		return false;
	}
	l->unloaded = false;
	l->task = LOOK_FETCH;
	workers_give(p->fetchers, l);
	return true;
}

/* A credential helper is asked, or told, between an answer and the look's end. */
static bool turn_to_helper(struct pass *p, struct look *l)
{
	enum look_task next = credential_next(l);

	if (next == LOOK_LIST)
		return false;
	l->task = next;
	workers_give(p->askers, l);
	return true;
}

static void end_remote(struct pass *p, struct look *l)
{
	if (turn_to_helper(p, l))
		return;
	hosts_leave(&p->roster.hosts, l->host);
	look_share(l);
	for (struct look *t = l; t; t = t->twins) {
		struct watched *w = owner(p, t);

		if (w)
			learn(p, w, t);
		if (w && t == l && fetch_first(p, t))
			return;
		end_one(p, w, t);
	}
	pass_spend(p, l);
}

static void end_asked(struct pass *p, struct look *l)
{
	if (credential_again(l))
		pass_ask_server(p, l);
	else
		end_remote(p, l);
}

void pass_collect(struct pass *p)
{
	struct look *l;

	while ((l = smart_take(p->smart)))
		end_remote(p, l);
	while ((l = workers_take(p->streams)))
		end_remote(p, l);
	while ((l = workers_take(p->askers)))
		end_asked(p, l);
	while ((l = workers_take(p->fetchers)))
		end_fetched(p, l);
	while ((l = workers_take(p->local)))
		end_local(p, l);
	pass_settle_all(p);
	say_progress(&p->say, p->tally.looked, p->total, p->tally.changed, p->tally.failed);
}
