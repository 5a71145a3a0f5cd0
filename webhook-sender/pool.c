/* pool.c - threads that enrich. */
#include "pool.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "match.h"

#define THREADS 8
#define REOPEN_US (10 * US_PER_S)	/* a handle is not kept longer than this */

enum state { QUEUED, RUNNING, DONE };

struct job {
	struct pool_job public;
	struct enrichment enrichment;
	struct arena arena;
	enum state state;
	int64_t done_us;		/* monotonic */
	const char *git_dir, *ref, *old, *new;
	struct job *next;		/* all jobs */
	struct job *next_queued;
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t work, idle;
	pthread_t threads[THREADS];
	int nthreads, fd;
	bool ending;
	struct job *jobs, *queue, **queue_end;
	size_t busy;
};

struct handle {				/* a thread's open repository */
	struct repo *repo;
	char git_dir[LIMIT_PATH];
	int64_t opened_us;
};

static struct repo *handle_for(struct handle *h, const char *git_dir)
{
	int64_t now = clock_mono_us();
	struct err e;

	if (h->repo && !strcmp(h->git_dir, git_dir) && now - h->opened_us < REOPEN_US)
		return h->repo;
	if (h->repo)
		repo_close(h->repo);
	h->repo = NULL;
	if (!*git_dir || strlen(git_dir) >= sizeof(h->git_dir) || repo_open(git_dir, &h->repo, &e)) {
		h->repo = NULL;
		return NULL;
	}
	memcpy(h->git_dir, git_dir, strlen(git_dir) + 1);
	h->opened_us = now;
	return h->repo;
}

static struct job *take(struct pool *p)
{
	struct job *j;

	while (!p->queue && !p->ending)
		pthread_cond_wait(&p->work, &p->lock);
	j = p->queue;
	if (!j || p->ending)
		return NULL;
	p->queue = j->next_queued;
	if (!p->queue)
		p->queue_end = &p->queue;
	j->state = RUNNING;
	return j;
}

static void tell(const struct pool *p)
{
	uint64_t one = 1;

	if (write(p->fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		return;			/* the caller also looks by time */
}

static void *worker(void *arg)
{
	struct pool *p = arg;
	struct handle h = { 0 };
	struct job *j;

	pthread_mutex_lock(&p->lock);
	while ((j = take(p))) {
		pthread_mutex_unlock(&p->lock);
		enrich_compute(handle_for(&h, j->git_dir), &j->arena, j->ref, j->old, j->new,
			clock_mono_us() + LIMIT_ENRICH_S * US_PER_S, &j->enrichment);
		enrich_blame_mirror(&j->arena, j->git_dir, &j->enrichment);
		pthread_mutex_lock(&p->lock);
		j->state = DONE;
		j->done_us = clock_mono_us();
		if (--p->busy == 0)
			pthread_cond_broadcast(&p->idle);
		tell(p);
	}
	pthread_mutex_unlock(&p->lock);
	if (h.repo)
		repo_close(h.repo);
	return NULL;
}

int pool_open(struct pool **out, int threads, struct err *e)
{
	struct pool *p = mem_alloc(sizeof(*p));
	pthread_condattr_t attr;

	p->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (p->fd < 0) {
		free(p);
		return err_sys(e, "cannot make an event descriptor");
	}
	p->queue_end = &p->queue;
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->idle, &attr);
	pthread_condattr_destroy(&attr);
	for (; p->nthreads < threads && p->nthreads < THREADS; p->nthreads++) {
		errno = pthread_create(&p->threads[p->nthreads], NULL, worker, p);
		if (errno) {
			err_sys(e, "cannot start a thread");
			pool_close(p);
			return -1;
		}
	}
	*out = p;
	return 0;
}

static void free_job(struct job *j)
{
	arena_release(&j->arena);
	free(j);
}

void pool_close(struct pool *p)
{
	struct job *next;

	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->ending = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (int i = 0; i < p->nthreads; i++)
		pthread_join(p->threads[i], NULL);
	for (struct job *j = p->jobs; j; j = next) {
		next = j->next;
		free_job(j);
	}
	pthread_cond_destroy(&p->work);
	pthread_cond_destroy(&p->idle);
	pthread_mutex_destroy(&p->lock);
	close(p->fd);
	free(p);
}

int pool_fd(const struct pool *p)
{
	return p->fd;
}

/* Branches and tags are enriched differently, two branches alike. */
static int kind(const char *ref)
{
	return *ref_branch(ref) ? 1 : *ref_tag(ref) ? 2 : 0;
}

static bool same(const struct job *j, const char *git_dir, const char *ref, const char *old,
	const char *new)
{
	return !strcmp(j->new, new) && !strcmp(j->old, old) && kind(j->ref) == kind(ref) &&
		!strcmp(j->git_dir, git_dir);
}

static struct job *add(struct pool *p, const char *git_dir, const char *ref, const char *old,
	const char *new)
{
	struct job *j = mem_alloc(sizeof(*j));

	arena_init(&j->arena);
	j->git_dir = arena_strdup(&j->arena, git_dir);
	j->ref = arena_strdup(&j->arena, ref);
	j->old = arena_strdup(&j->arena, old);
	j->new = arena_strdup(&j->arena, new);
	j->public.enrichment = &j->enrichment;
	j->next = p->jobs;
	p->jobs = j;
	*p->queue_end = j;
	p->queue_end = &j->next_queued;
	p->busy++;
	pthread_cond_signal(&p->work);
	return j;
}

struct pool_job *pool_want(struct pool *p, const char *git_dir, const char *ref,
	const char *old, const char *new)
{
	struct job *j;
	bool done;

	pthread_mutex_lock(&p->lock);
	for (j = p->jobs; j && !same(j, git_dir, ref, old, new); j = j->next)
		;
	if (!j)
		j = add(p, git_dir, ref, old, new);
	done = j->state == DONE;
	pthread_mutex_unlock(&p->lock);
	return done ? &j->public : NULL;
}

void pool_wait(struct pool *p, int timeout_ms)
{
	int64_t until = clock_mono_us() + (int64_t)timeout_ms * 1000;
	struct timespec t = { .tv_sec = until / US_PER_S, .tv_nsec = until % US_PER_S * 1000 };

	pthread_mutex_lock(&p->lock);
	while (p->busy && pthread_cond_timedwait(&p->idle, &p->lock, &t) == 0)
		;
	pthread_mutex_unlock(&p->lock);
}

size_t pool_busy(struct pool *p)
{
	size_t n;

	pthread_mutex_lock(&p->lock);
	n = p->busy;
	pthread_mutex_unlock(&p->lock);
	return n;
}

void pool_forget(struct pool *p)
{
	int64_t old = clock_mono_us() - POOL_KEPT_S * US_PER_S;
	struct job **at = &p->jobs, *j;
	uint64_t drain;

	if (read(p->fd, &drain, sizeof(drain)) < 0 && errno != EAGAIN)
		return;
	pthread_mutex_lock(&p->lock);
	while ((j = *at)) {
		if (j->state == DONE && (j->public.used || j->done_us < old)) {
			*at = j->next;
			free_job(j);
		} else {
			at = &j->next;
		}
	}
	pthread_mutex_unlock(&p->lock);
}
