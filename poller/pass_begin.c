/* pass_begin.c - looks begin, each in a slot of its kind. */
#include "pass_parts.h"

#include "clock.h"
#include "credential.h"

/* As they stand, when nobody has written since they were asked for; else NULL. */
static const struct queue_version *known_version(const struct pass *p, const struct watched *w)
{
	return w->stamp && w->stamp == p->stamp ? &w->version : NULL;
}

/* What a look has found out stays known. */
static void keep_version(const struct pass *p, struct watched *w, const struct look *l)
{
	w->version = l->version;
	w->stamp = p->stamp;
}

static int prepare(struct pass *p, struct watched *w, struct look **out, struct err *e)
{
	if (look_new(*p->config, w->conf, w->name, w->dir, out, e))
		return -1;
	if (!look_load(*out, p->queue, p->o.names ? "" : w->mark, known_version(p, w), e)) {
		keep_version(p, w, *out);
		return 0;
	}
	look_free(*out);
	return -1;
}

/* 0 and w->look; -1: it has ended already. */
static int begin(struct pass *p, struct watched *w, struct look **out)
{
	struct err e;

	pass_want_no_more(p, w);
	w->queued = false;
	hints_begin(&p->hints, w->name);
	if (!prepare(p, w, out, &e)) {
		(*out)->stop = &p->stop;
		(*out)->credentials = p->credentials;
		w->look = *out;
		return 0;
	}
	*out = look_failed(w->name, &e);
	w->look = *out;
	pass_settle_failed(p, w, *out);
	look_free(*out);
	return -1;
}

/* Those of the same remote have the same answer now. */
static void take_along(struct pass *p, struct watched *w, struct look *l)
{
	for (struct watched *t = w->twin; t != w; t = t->twin) {
		bool waited = t->queued;
		struct look *theirs;

		if (t->look || (t->idle && !t->wanted && !waited))
			continue;
		p->total += !waited;
		if (!begin(p, t, &theirs))
			look_join(l, theirs);
	}
}

static int64_t spoken(const struct watched *w)
{
	if (w->by != BY_HTTP || clock_wall_us() < w->greet_us)
		return 0;
	return w->speaks ? w->speaks : w->host->speaks;
}

void pass_ask_server(struct pass *p, struct look *l)
{
	l->unauthorized = l->failed = false;
	l->wait_us = 0;
	if (!l->user)
		credential_recall(l);
	smart_start(p->smart, l);
}

static void start(struct pass *p, struct watched *w)
{
	struct look *l;

	if (begin(p, w, &l)) {
		hosts_leave(&p->roster.hosts, w->host);
		return;
	}
	l->host = w->host;
	l->speaks = spoken(w);
	take_along(p, w, l);
	if (l->local)
		workers_give(p->local, l);
	else if (l->remote.kind == REMOTE_HTTP)
		pass_ask_server(p, l);
	else
		workers_give(p->streams, l);
}

/* Each kind has its own slots: nobody waits behind another kind's dead servers. */
static bool has_slot(struct pass *p, enum watched_by by)
{
	switch (by) {
	case BY_PATH:
		return workers_busy(p->local) < 2 * PATH_THREADS;
	case BY_HTTP:
		return smart_running(p->smart) < SMART_MAX;
	default:
		return workers_busy(p->streams) < STREAM_THREADS;
	}
}

/* What was found out about how they stand holds while nobody writes the queue. */
int pass_take_stamp(struct pass *p, struct err *e)
{
	return queue_stamp(p->queue, &p->stamp, e);
}

int pass_start_due(struct pass *p, struct err *e)
{
	bool stamped = false;
	struct watched *w;

	for (int by = 0; by < BY_COUNT; by++) {
		while (has_slot(p, (enum watched_by)by) &&
		       (w = hosts_next(&p->roster.hosts, (enum watched_by)by))) {
			if (!stamped && pass_take_stamp(p, e))
				return -1;
			stamped = true;
			start(p, w);
		}
	}
	return 0;
}
