/* workers.c - a small pool of threads around look_run. */
#include "workers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define CLOSE_S 5	/* how long workers_close waits */

struct line {
	struct look **v;
	size_t n, cap;
};

struct workers {
	pthread_mutex_t lock;
	pthread_cond_t more;
	pthread_t threads[WORKERS_MAX];
	size_t nthreads, most, idle, busy;
	struct line waiting, done;
	size_t first;			/* of waiting */
	bool closing;
	int fd;				/* eventfd */
};

static void put(struct line *q, struct look *l)
{
	q->v = mem_grow(q->v, &q->cap, q->n + 1, sizeof(struct look *));
	q->v[q->n++] = l;
}

/* Under the lock. */
static struct look *next(struct workers *w)
{
	struct look *l = w->waiting.v[w->first++];

	if (w->first == w->waiting.n)
		w->first = w->waiting.n = 0;
	return l;
}

static void ring(int fd)
{
	const uint64_t one = 1;

	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void *work(void *arg)
{
	struct workers *w = arg;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		struct look *l;

		while (!w->closing && w->first == w->waiting.n) {
			w->idle++;
			pthread_cond_wait(&w->more, &w->lock);
			w->idle--;
		}
		if (w->closing)
			break;
		l = next(w);
		pthread_mutex_unlock(&w->lock);
		look_run(l);
		pthread_mutex_lock(&w->lock);
		put(&w->done, l);
		if (w->done.n == 1)
			ring(w->fd);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

int workers_open(struct workers **out, size_t most, struct err *e)
{
	struct workers *w;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return err_sys(e, "cannot make an event descriptor");
	w = mem_alloc(sizeof(*w));
	w->fd = fd;
	w->most = most < WORKERS_MAX ? most : WORKERS_MAX;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->more, NULL);
	*out = w;
	return 0;
}

/* Signals are the main thread's. */
static void start_thread(struct workers *w)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (!pthread_create(&w->threads[w->nthreads], NULL, work, w))
		w->nthreads++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Without any thread (none could be made) it is done here and now. */
void workers_give(struct workers *w, struct look *l)
{
	pthread_mutex_lock(&w->lock);
	w->busy++;
	if (w->waiting.n - w->first >= w->idle && w->nthreads < w->most)
		start_thread(w);
	if (w->nthreads) {
		put(&w->waiting, l);
		pthread_cond_signal(&w->more);
	} else {
		look_run(l);
		put(&w->done, l);
		ring(w->fd);
	}
	pthread_mutex_unlock(&w->lock);
}

struct look *workers_take(struct workers *w)
{
	struct look *l = NULL;
	uint64_t rung;

	pthread_mutex_lock(&w->lock);
	if (w->done.n) {
		l = w->done.v[--w->done.n];
		w->busy--;
		if (!w->done.n && read(w->fd, &rung, sizeof(rung)) < 0)
			rung = 0;	/* nothing rang: as good */
	}
	pthread_mutex_unlock(&w->lock);
	return l;
}

size_t workers_busy(struct workers *w)
{
	size_t n;

	pthread_mutex_lock(&w->lock);
	n = w->busy;
	pthread_mutex_unlock(&w->lock);
	return n;
}

int workers_fd(const struct workers *w)
{
	return w->fd;
}

/* false: one hangs in the kernel, on a dead mount. */
static bool join_all(struct workers *w)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += CLOSE_S;
	for (size_t i = 0; i < w->nthreads; i++)
		if (pthread_timedjoin_np(w->threads[i], NULL, &until))
			return false;
	return true;
}

bool workers_close(struct workers *w)
{
	if (!w)
		return true;
	pthread_mutex_lock(&w->lock);
	w->closing = true;
	pthread_cond_broadcast(&w->more);
	pthread_mutex_unlock(&w->lock);
	if (!join_all(w))
		return false;
	for (size_t i = w->first; i < w->waiting.n; i++)
		look_free(w->waiting.v[i]);
	for (size_t i = 0; i < w->done.n; i++)
		look_free(w->done.v[i]);
	free(w->waiting.v);
	free(w->done.v);
	close(w->fd);
	pthread_cond_destroy(&w->more);
	pthread_mutex_destroy(&w->lock);
	free(w);
	return true;
}
