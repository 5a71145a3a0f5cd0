/*
 * courier.c - see courier.h. Two lists under one lock, an eventfd each way: a list is
 * handed over whole, so that both sides lock once for many.
 */
#include "courier.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct parcel {
	struct parcel *next, *older;	/* in a list; in all */
	const struct request *request;
	struct arena *arena;
	void *tag;
	struct answer answer;
	bool refused;
	struct err why;			/* it was refused */
};

struct parcels {
	struct parcel *first, **end;
};

struct courier {
	struct http *http;		/* the thread's, as is carried */
	pthread_t thread;
	int wake, told;			/* eventfds: for the thread, for the caller */

	pthread_mutex_t lock;		/* of the next four */
	struct parcels there, back;
	bool ending, failed;
	struct err error;

	struct parcels packed, arrived;	/* the caller's */
	struct parcel *empty, *all;	/* the caller's: to be used again; by older */
};

/* ---- lists ---- */

static void parcels_init(struct parcels *l)
{
	l->first = NULL;
	l->end = &l->first;
}

static void parcels_add(struct parcels *l, struct parcel *p)
{
	p->next = NULL;
	*l->end = p;
	l->end = &p->next;
}

static struct parcel *parcels_take(struct parcels *l)
{
	struct parcel *p = l->first;

	if (!p)
		return NULL;
	l->first = p->next;
	if (!l->first)
		l->end = &l->first;
	return p;
}

/* All of from to the end of to. Returns whether that was empty before. */
static bool parcels_move(struct parcels *to, struct parcels *from)
{
	bool was_empty = !to->first;

	if (!from->first)
		return false;
	*to->end = from->first;
	to->end = from->end;
	parcels_init(from);
	return was_empty;
}

/* ---- eventfds ---- */

static void ring(int fd)
{
	uint64_t one = 1;

	while (write(fd, &one, sizeof one) < 0 && errno == EINTR)
		;			/* EAGAIN: it has been rung often enough */
}

static void hush(int fd)
{
	uint64_t n;

	while (read(fd, &n, sizeof n) < 0 && errno == EINTR)
		;
}

/* ---- the thread ---- */

/* false: it is to end. */
static bool collect_orders(struct courier *c, struct parcels *orders)
{
	bool go_on;

	hush(c->wake);
	pthread_mutex_lock(&c->lock);
	parcels_move(orders, &c->there);
	go_on = !c->ending;
	pthread_mutex_unlock(&c->lock);
	return go_on;
}

static void hand_back(struct courier *c, struct parcels *done)
{
	bool tell;

	pthread_mutex_lock(&c->lock);
	tell = parcels_move(&c->back, done);
	pthread_mutex_unlock(&c->lock);
	if (tell)
		ring(c->told);
}

static void start(struct courier *c, struct parcel *p, struct parcels *refused)
{
	p->refused = http_start(c->http, p->request, p, &p->why) != 0;
	if (p->refused)
		parcels_add(refused, p);
}

static void take_answers(struct courier *c, struct parcels *done)
{
	struct parcel *p;
	void *tag;

	while ((p = http_ended(c->http))) {
		http_next(c->http, p->arena, &tag, &p->answer);
		parcels_add(done, p);
	}
}

static void give_up(struct courier *c, const struct err *e)
{
	pthread_mutex_lock(&c->lock);
	c->failed = true;
	c->error = *e;
	pthread_mutex_unlock(&c->lock);
	ring(c->told);
}

static void *carry(void *arg)
{
	struct courier *c = arg;
	struct parcels orders, done;
	struct parcel *p;
	struct err e;

	parcels_init(&orders);
	parcels_init(&done);
	while (collect_orders(c, &orders)) {
		while ((p = parcels_take(&orders)))
			start(c, p, &done);
		hand_back(c, &done);
		if (http_wait(c->http, -1, &c->wake, 1, &e)) {
			give_up(c, &e);
			break;
		}
		take_answers(c, &done);
		hand_back(c, &done);
	}
	return NULL;
}

/* ---- the caller's side ---- */

static int start_thread(struct courier *c, struct err *e)
{
	pthread_mutex_init(&c->lock, NULL);
	errno = pthread_create(&c->thread, NULL, carry, c);
	if (!errno)
		return 0;
	err_sys(e, "cannot start a thread");
	pthread_mutex_destroy(&c->lock);
	return -1;
}

static void discard(struct courier *c)
{
	struct parcel *older;

	if (c->wake >= 0)
		close(c->wake);
	if (c->told >= 0)
		close(c->told);
	http_close(c->http);
	for (struct parcel *p = c->all; p; p = older) {
		older = p->older;
		free(p);
	}
	free(c);
}

int courier_open(struct courier **out, size_t concurrency, struct err *e)
{
	struct courier *c = mem_alloc(sizeof *c);
	int failed;

	parcels_init(&c->there);
	parcels_init(&c->back);
	parcels_init(&c->packed);
	parcels_init(&c->arrived);
	c->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	c->told = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	failed = c->wake < 0 || c->told < 0 ? err_sys(e, "cannot make an event descriptor") :
		http_open(&c->http, concurrency, e) || start_thread(c, e) ? -1 : 0;
	if (failed) {
		discard(c);
		return -1;
	}
	*out = c;
	return 0;
}

void courier_close(struct courier *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->ending = true;
	pthread_mutex_unlock(&c->lock);
	ring(c->wake);
	pthread_join(c->thread, NULL);
	pthread_mutex_destroy(&c->lock);
	discard(c);
}

void courier_send(struct courier *c, const struct request *r, struct arena *a, void *tag)
{
	struct parcel *p = c->empty;

	if (p) {
		c->empty = p->next;
	} else {
		p = mem_alloc(sizeof *p);
		p->older = c->all;
		c->all = p;
	}
	p->request = r;
	p->arena = a;
	p->tag = tag;
	parcels_add(&c->packed, p);
}

void courier_go(struct courier *c)
{
	bool tell;

	if (!c->packed.first)
		return;
	pthread_mutex_lock(&c->lock);
	tell = parcels_move(&c->there, &c->packed);
	pthread_mutex_unlock(&c->lock);
	if (tell)
		ring(c->wake);
}

int courier_fd(const struct courier *c)
{
	return c->told;
}

static void unload(struct courier *c)
{
	hush(c->told);
	pthread_mutex_lock(&c->lock);
	parcels_move(&c->arrived, &c->back);
	pthread_mutex_unlock(&c->lock);
}

bool courier_next(struct courier *c, void **tag, struct answer *out, const struct err **refused)
{
	struct parcel *p = parcels_take(&c->arrived);

	if (!p) {
		unload(c);
		p = parcels_take(&c->arrived);
	}
	if (!p)
		return false;
	*tag = p->tag;
	*out = p->answer;
	*refused = p->refused ? &p->why : NULL;
	p->next = c->empty;
	c->empty = p;
	return true;
}

int courier_check(struct courier *c, struct err *e)
{
	bool failed;

	pthread_mutex_lock(&c->lock);
	failed = c->failed;
	if (failed)
		*e = c->error;
	pthread_mutex_unlock(&c->lock);
	return failed ? -1 : 0;
}
