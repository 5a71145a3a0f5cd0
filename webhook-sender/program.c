/* program.c - a thread for each program that runs. See program.h. */
#include "program.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "limits.h"
#include "proc.h"

#define STACK (256 * KIB)

struct run {
	struct run *next;		/* in ended */
	struct programs *all;
	struct arena arena;		/* the program, copied; then what it said */
	struct program program;
	struct program_end end;
	void *tag;
};

struct programs {
	pthread_mutex_t lock;
	pthread_cond_t idle;
	pthread_attr_t attr;
	struct run *ended, **ended_end;
	size_t running;
	atomic_bool stop;
	int fd;
};

int programs_open(struct programs **out, struct err *e)
{
	struct programs *p = mem_alloc(sizeof(*p));

	p->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (p->fd < 0) {
		free(p);
		return err_sys(e, "cannot make an event descriptor");
	}
	p->ended_end = &p->ended;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->idle, NULL);
	pthread_attr_init(&p->attr);
	pthread_attr_setstacksize(&p->attr, STACK);
	pthread_attr_setdetachstate(&p->attr, PTHREAD_CREATE_DETACHED);
	*out = p;
	return 0;
}

static void run_free(struct run *r)
{
	arena_release(&r->arena);
	free(r);
}

void programs_close(struct programs *p)
{
	struct run *next;

	if (!p)
		return;
	atomic_store(&p->stop, true);
	pthread_mutex_lock(&p->lock);
	while (p->running)
		pthread_cond_wait(&p->idle, &p->lock);
	pthread_mutex_unlock(&p->lock);
	for (struct run *r = p->ended; r; r = next) {
		next = r->next;
		run_free(r);
	}
	pthread_attr_destroy(&p->attr);
	pthread_cond_destroy(&p->idle);
	pthread_mutex_destroy(&p->lock);
	close(p->fd);
	free(p);
}

int programs_fd(const struct programs *p)
{
	return p->fd;
}

/* ---- one of them ---- */

static const char *const *copy_list(struct arena *a, const char *const *v)
{
	size_t n = 0;
	const char **out;

	while (v && v[n])
		n++;
	out = arena_alloc(a, (n + 1) * sizeof(*out));
	for (size_t i = 0; i < n; i++)
		out[i] = arena_strdup(a, v[i]);
	return out;
}

static void carry_out(struct run *r)
{
	struct proc_run proc = { .argv = r->program.argv, .env = r->program.env,
		.cwd = r->program.directory, .in = r->program.in, .in_len = r->program.in_len,
		.timeout_ms = (int)(r->program.timeout_us / 1000), .keep_head = true,
		.stop = &r->all->stop };
	int64_t began = clock_mono_us();
	struct buf out;
	struct err e;

	buf_init(&out, LIMIT_OUTPUT);
	proc.out = proc.err = &out;
	if (proc_run(&proc, &e))
		r->end.why_not = arena_strdup(&r->arena, e.text);
	r->end.status = proc.status;
	r->end.timed_out = proc.timed_out;
	r->end.output_cut = proc.truncated;
	r->end.output = arena_memdup(&r->arena, out.s, out.len);
	r->end.output_len = out.len;
	r->end.took_us = clock_mono_us() - began;
	buf_release(&out);
}

static void *thread(void *arg)
{
	struct run *r = arg;
	struct programs *p = r->all;
	uint64_t one = 1;

	carry_out(r);
	pthread_mutex_lock(&p->lock);
	r->next = NULL;
	*p->ended_end = r;
	p->ended_end = &r->next;
	p->running--;
	if (write(p->fd, &one, sizeof(one)) < 0)
		errno = 0;		/* only when the count is full: it is readable then */
	pthread_cond_signal(&p->idle);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

int programs_start(struct programs *p, const struct program *program, void *tag, struct err *e)
{
	struct run *r = mem_alloc(sizeof(*r));
	pthread_t id;

	r->all = p;
	r->tag = tag;
	arena_init(&r->arena);
	r->program = *program;
	r->program.argv = copy_list(&r->arena, program->argv);
	r->program.env = copy_list(&r->arena, program->env);
	r->program.directory = program->directory ?
		arena_strdup(&r->arena, program->directory) : NULL;
	r->program.in = arena_memdup(&r->arena, program->in ? program->in : "", program->in_len);
	pthread_mutex_lock(&p->lock);
	p->running++;
	pthread_mutex_unlock(&p->lock);
	errno = pthread_create(&id, &p->attr, thread, r);
	if (!errno)
		return 0;
	err_sys(e, "cannot start a thread for %s", program->argv[0]);
	pthread_mutex_lock(&p->lock);
	p->running--;
	pthread_mutex_unlock(&p->lock);
	run_free(r);
	return -1;
}

bool programs_next(struct programs *p, struct arena *a, void **tag, struct program_end *out)
{
	struct run *r;
	uint64_t count;

	pthread_mutex_lock(&p->lock);
	r = p->ended;
	if (r) {
		p->ended = r->next;
		if (!p->ended)
			p->ended_end = &p->ended;
	} else if (read(p->fd, &count, sizeof(count)) < 0) {
		errno = 0;		/* nothing was told */
	}
	pthread_mutex_unlock(&p->lock);
	if (!r)
		return false;
	*tag = r->tag;
	*out = r->end;
	arena_adopt(a, &r->arena);
	free(r);
	return true;
}
