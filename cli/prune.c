/*
 * prune.c - `refire queue prune`: what the sender does of itself by `queue-keep`, by
 * hand, see ask.h. Between its steps a sender at work has its turn.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "clock.h"
#include "confirm.h"
#include "log.h"
#include "queue_prune.h"
#include "words.h"

static void when_add(struct buf *b, int64_t us)
{
	char iso[CLOCK_ISO_SIZE];

	buf_fmt(b, "settled before %.16sZ", clock_iso(us, iso));
}

static void rows_add(struct buf *b, const char *verb, const struct prune *p)
{
	buf_fmt(b, "%s", verb);
	words_count(b, p->rows[PRUNE_DELIVERIES]);
	buf_str(b, p->rows[PRUNE_DELIVERIES] == 1 ? " delivery" : " deliveries");
	buf_str(b, " and ");
	words_count(b, p->rows[PRUNE_CHANGES]);
	buf_str(b, p->rows[PRUNE_CHANGES] == 1 ? " change, " : " changes, ");
	when_add(b, p->before_us);
}

static void say(struct buf *b)
{
	buf_chr(b, '\n');
	fputs(b->s, stdout);
	buf_clear(b);
}

/* As long a pause as the step was: a sender that waits for the lock gets it. */
static int walk(const struct ask *a, struct queue *q, struct prune *p, struct err *e)
{
	int64_t shown = clock_mono_us();
	int more;

	do {
		int64_t began = clock_mono_us();

		more = prune_step(q, p, clock_wall_us(), e);
		usleep((useconds_t)(clock_mono_us() - began));
		if (a->screen.terminal && clock_mono_us() - shown > US_PER_S / 2) {
			fprintf(stderr, "\rpruned %lld deliveries ", (long long)p->rows[PRUNE_DELIVERIES]);
			shown = clock_mono_us();
		}
	} while (more > 0);
	if (a->screen.terminal)
		fputs("\r\033[K", stderr);
	return more;
}

static int prune(const struct ask *a, struct queue *q, struct buf *b, struct err *e)
{
	struct prune would = { .before_us = a->now_us - a->older_us }, p = would;
	int64_t bytes = 0;
	int yes;

	if (prune_count(q, &would, e))
		return -1;
	if (a->dry_run) {
		rows_add(b, "would prune ", &would);
		say(b);
		return 0;
	}
	rows_add(b, "prune ", &would);
	yes = would.rows[PRUNE_DELIVERIES] + would.rows[PRUNE_CHANGES] ? confirm(a, b->s, e) : 1;
	buf_clear(b);
	if (yes <= 0)
		return yes;
	if (walk(a, q, &p, e) || prune_free(q, &bytes, e))
		return -1;
	rows_add(b, "pruned ", &p);
	if (bytes) {
		buf_str(b, "; ");
		words_bytes(b, bytes);
		buf_str(b, " of the queue's file are free for what comes");
	}
	say(b);
	return 0;
}

int prune_run(const struct ask *a, struct err *e)
{
	struct ask with = *a;
	struct queue *q;
	struct buf b;
	int rc;

	if (!with.older_us)
		with.older_us = a->session.config->queue_keep_us;
	if (with.older_us < PRUNE_LEAST_US)
		return err_set(e, ERR_USAGE, "--older-than: at least 8d: what is younger may be in the spool "
			"again, and would be sent again");
	if (store_open(&a->session, QUEUE_WRITE, &q, e))
		return -1;
	if (!q) {
		puts("there is no queue yet: nothing was taken in so far");
		return 0;
	}
	buf_init(&b, 4 * KIB);
	rc = prune(&with, q, &b, e);
	buf_release(&b);
	queue_close(q);
	return rc;
}
