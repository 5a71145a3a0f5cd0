/* report.c - differences into spool files. */
#include "report.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"

#define WAITS_US (86400 * US_PER_S)
#define PUT_THREADS 15			/* and the caller */

static int encode(const struct look *l, struct report *r, char *id, struct err *e)
{
	struct change c = { .source = l->local ? SOURCE_RECONCILE : SOURCE_POLL,
		.time_us = l->began_us, .repository = l->name, .observed = true,
		.updates = r->seen.seen, .nupdates = r->seen.n,
		.spaces = l->scope.v, .nspaces = l->scope.n,
		.total = (int64_t)l->refs.n, .head = l->refs.head };

	if (uuid_v7(clock_wall_us(), c.id))
		return err_sys(e, "cannot draw an id");
	memcpy(id, c.id, UUID_SIZE);
	return change_encode(&c, &r->text, &r->len, e);
}

/* The milliseconds a UUIDv7 begins with. */
static int64_t id_time_us(const char *id)
{
	char digits[13];

	snprintf(digits, sizeof(digits), "%.8s%.4s", id, id + 9);
	return strtoll(digits, NULL, 16) * 1000;
}

/* "ID DIGEST": is it the same, and was that file not taken in, or not judged yet? 1, 0,
   -1. */
static int waits(const struct spool_paths *p, struct queue *q, const char *mark,
	const char *digest, struct err *e)
{
	char file[LIMIT_PATH], id[UUID_SIZE];
	struct stat st;

	if (strlen(mark) != UUID_SIZE + 16 || strcmp(mark + UUID_SIZE, digest))
		return 0;
	memcpy(id, mark, UUID_SIZE - 1);
	id[UUID_SIZE - 1] = 0;
	if (!uuid_valid(id) || snprintf(file, sizeof(file), "%s/%s", p->done, id) >=
	    (int)sizeof(file) || llabs(clock_wall_us() - id_time_us(id)) >= WAITS_US)
		return 0;
	return stat(file, &st) ? 1 : queue_change_pends(q, id, e);
}

/* Did the sender accept something since this look loaded what was accepted? Then what
   it found may be just that: 1, 0, -1. */
static int outdated(const struct look *l, struct queue *q, struct err *e)
{
	struct queue_version now;

	if (!q)
		return 0;
	if (queue_version(q, l->name, &now, e))
		return -1;
	return memcmp(&now, &l->version, sizeof(now)) != 0;
}

int report_make(struct look *l, const struct spool_paths *p, struct queue *q, const char *mark,
	struct report *out, struct err *e)
{
	const struct observe_in in = { l->accepted, l->naccepted, l->known, l->scope, &l->refs };
	char digest[17], id[UUID_SIZE];
	int waiting;

	*out = (struct report){ .e = e };
	observe_diff(&l->arena, &in, &out->seen);
	if (!observe_news(&out->seen)) {
		if (*l->stands)
			still_mark(&l->version, l->stands, l->began_us, out->mark);
		return 0;
	}
	observe_digest(&out->seen, &l->scope, digest);
	waiting = waits(p, q, mark, digest, e);
	if (!waiting)
		waiting = outdated(l, q, e);
	if (waiting < 0)
		return -1;
	if (waiting) {
		out->waits = true;
		snprintf(out->mark, sizeof(out->mark), "%s", mark);
		return 0;
	}
	if (encode(l, out, id, e))
		return err_wrap(e, "cannot record what was seen");
	snprintf(out->mark, sizeof(out->mark), "%s %s", id, digest);
	return 0;
}

/* ---- publishing ---- */

struct putting {
	const char *dir;
	struct report **v;
	size_t n;
	atomic_size_t next;
};

static void put(const char *dir, struct report *r)
{
	struct iovec piece = { r->text, r->len };

	r->put = !spool_put(dir, &piece, 1, r->e);
	r->lost = !r->put;
	if (r->lost)
		err_wrap(r->e, "cannot record what was seen");
	free(r->text);
	r->text = NULL;
}

static void *put_some(void *arg)
{
	struct putting *x = arg;
	size_t i;

	while ((i = atomic_fetch_add(&x->next, 1)) < x->n)
		put(x->dir, x->v[i]);
	return NULL;
}

void report_put(const struct spool_paths *p, struct report **v, size_t n)
{
	struct putting x = { .dir = p->new_, .v = v, .n = n };
	pthread_t threads[PUT_THREADS];
	sigset_t all, before;
	size_t running = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);	/* signals are the main thread's */
	while (running + 1 < n && running < PUT_THREADS &&
	       !pthread_create(&threads[running], NULL, put_some, &x))
		running++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	put_some(&x);
	while (running)
		pthread_join(threads[--running], NULL);
}
