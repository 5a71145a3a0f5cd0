/*
 * failed.c - `refire queue retry --failed`: all that failed, by pipeline and since
 * a time, see ask.h. The owner's alone: it reads the queue.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "log.h"
#include "words.h"

#define PIECE 500		/* in one transaction */

struct failed {
	const struct ask *ask;
	struct arena arena;
	struct queue_command *v;
	size_t n, cap;
};

/* --since and --until are about when it failed, not when it was made. */
static int failed_take(const struct delivery *d, void *arg)
{
	struct failed *f = arg;

	if (d->settled_us < f->ask->since_us ||
	    (f->ask->until_us && d->settled_us >= f->ask->until_us))
		return 0;
	f->v = mem_grow(f->v, &f->cap, f->n + 1, sizeof(*f->v));
	f->v[f->n++] = (struct queue_command){ .delivery = arena_strdup(&f->arena, d->id) };
	return 0;
}

static int retry_pieces(const struct ask *a, struct queue *q, struct failed *f, int64_t *done,
	struct err *e)
{
	for (size_t at = 0; at < f->n; at += PIECE) {
		size_t n = f->n - at < PIECE ? f->n - at : PIECE;

		if (queue_command(q, "retry", a->session.user, geteuid(), a->reason, a->now_us,
				f->v + at, n, e))
			return -1;
		for (size_t i = at; i < at + n; i++)
			*done += f->v[i].outcome == COMMAND_DONE;
	}
	return 0;
}

static void count_print(int64_t done)
{
	struct buf b;

	buf_init(&b, 256);
	buf_str(&b, "retried ");
	words_count(&b, done);
	buf_str(&b, done == 1 ? " delivery\n" : " deliveries\n");
	fputs(b.s, stdout);
	buf_release(&b);
}

int failed_run(const struct ask *a, struct err *e)
{
	struct queue_filter filter = { .states = 1u << DELIVERY_FAILED, .pipeline = a->pipeline,
		.repository = a->repository, .change = a->change, .code = a->code, .limit = a->limit };
	struct failed f = { .ask = a };
	struct queue *q;
	struct err wake;
	int64_t done = 0;
	int rc = 0;

	if (store_open(&a->session, QUEUE_WRITE, &q, e))
		return -1;
	arena_init(&f.arena);
	if (q)
		rc = queue_list(q, &filter, failed_take, &f, e) || retry_pieces(a, q, &f, &done, e);
	if (done && session_wake(&a->session, &wake) < 0)
		log_warn("no sender could be started (%s); the next `refire send` goes on", wake.text);
	if (!rc)
		count_print(done);
	free(f.v);
	arena_release(&f.arena);
	queue_close(q);
	return rc ? -1 : 0;
}
