/*
 * many.c - `refire queue retry`, `drop` and `replay` of all that the filters choose,
 * see ask.h. The owner's alone: it reads the queue.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "confirm.h"
#include "log.h"
#include "words.h"

#define PIECE 500		/* in one transaction: a sender waits for no more */

#define BIT(s) (1u << DELIVERY_##s)
static const struct kind {
	const char *verb, *past;
	unsigned usual;			/* states, where none are named */
	unsigned fit;			/* those it applies to */
} kinds[] = {
	{ "retry", "retried", BIT(FAILED),
	  BIT(FAILED) | BIT(HELD) | BIT(WAITING) | BIT(DROPPED) | BIT(SUPERSEDED) | BIT(READY) },
	{ "drop", "dropped", BIT(READY) | BIT(WAITING) | BIT(HELD),
	  BIT(READY) | BIT(WAITING) | BIT(HELD) },
	{ "replay", "replayed", BIT(DELIVERED), BIT(DELIVERED) },
};

struct many {
	const struct ask *ask;
	const struct kind *kind;
	struct arena arena;
	struct queue_command *v;
	size_t n, cap;
	int64_t asking;			/* passed over: they wait for approval */
};

/* --since and --until are about when it was settled, or made while it is open. */
static bool in_time(const struct ask *a, const struct delivery *d)
{
	int64_t at = delivery_settled(d->state) ? d->settled_us : d->made_us;

	return at >= a->since_us && (!a->until_us || at < a->until_us);
}

static int take(const struct delivery *d, void *arg)
{
	struct many *m = arg;

	if (!in_time(m->ask, d))
		return 0;
	if (m->kind->usual == BIT(FAILED) && command_needs_approval(m->ask, d)) {
		m->asking++;
		return 0;
	}
	m->v = mem_grow(m->v, &m->cap, m->n + 1, sizeof(*m->v));
	m->v[m->n++] = (struct queue_command){ .delivery = arena_strdup(&m->arena, d->id) };
	return 0;
}

static int choose(struct many *m, struct queue *q, struct err *e)
{
	const struct ask *a = m->ask;
	unsigned states = a->failed ? BIT(FAILED) : a->states ? a->states : m->kind->usual;
	struct queue_filter f = { .states = states & m->kind->fit, .pipeline = a->pipeline,
		.repository = a->repository, .change = a->change, .code = a->code, .limit = a->limit };
	struct buf ref;
	int rc;

	if (!f.states)
		return err_set(e, ERR_USAGE, "`%s` does not apply to deliveries in this --state",
			m->kind->verb);
	buf_init(&ref, 2 * LIMIT_REF);
	f.ref = list_ref(a->ref, &ref);
	rc = queue_list(q, &f, take, m, e);
	buf_release(&ref);
	return rc;
}

/* ---- doing it ---- */

static int pieces(struct many *m, struct queue *q, int64_t *done, struct err *e)
{
	const struct ask *a = m->ask;

	for (size_t at = 0; at < m->n; at += PIECE) {
		size_t n = m->n - at < PIECE ? m->n - at : PIECE;

		if (queue_command(q, m->kind->verb, a->session.user, geteuid(), a->reason, a->now_us,
				m->v + at, n, e))
			return -1;
		for (size_t i = at; i < at + n; i++)
			*done += m->v[i].outcome == COMMAND_DONE;
	}
	return 0;
}

static void count_add(struct buf *b, const char *verb, int64_t n)
{
	buf_fmt(b, "%s ", verb);
	words_count(b, n);
	buf_str(b, n == 1 ? " delivery" : " deliveries");
}

static void report(const struct many *m, int64_t done, struct buf *b)
{
	buf_clear(b);
	count_add(b, m->kind->past, done);
	if (done < (int64_t)m->n)
		buf_fmt(b, "; %lld had changed meanwhile and stay as they are",
			(long long)m->n - (long long)done);
	buf_chr(b, '\n');
	fputs(b->s, stdout);
}

static int apply(struct many *m, struct queue *q, struct buf *b, struct err *e)
{
	int64_t done = 0;
	struct err wake;
	int yes = 1;

	if (choose(m, q, e))
		return -1;
	if (m->asking)
		log_warn("%lld more wait for approval: `refire approvals`", (long long)m->asking);
	count_add(b, m->kind->verb, (int64_t)m->n);
	if (m->n)
		yes = confirm(m->ask, b->s, e);
	if (yes <= 0)
		return yes;
	if (pieces(m, q, &done, e))
		return -1;
	report(m, done, b);
	if (done && session_wake(&m->ask->session, &wake) < 0)
		log_warn("no sender could be started (%s); the next `refire send` goes on", wake.text);
	return 0;
}

int many_run(const struct ask *a, const char *verb, struct err *e)
{
	struct many m = { .ask = a, .kind = kinds };
	struct queue *q;
	struct buf b;
	int rc = 0;

	while (strcmp(m.kind->verb, verb) != 0)
		m.kind++;
	if (store_open(&a->session, QUEUE_WRITE, &q, e))
		return -1;
	arena_init(&m.arena);
	buf_init(&b, 1 * KIB);
	if (q)
		rc = apply(&m, q, &b, e);
	else
		puts("there is no queue yet: nothing was taken in so far");
	free(m.v);
	buf_release(&b);
	arena_release(&m.arena);
	queue_close(q);
	return rc;
}
