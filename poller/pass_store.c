/* pass_store.c - what a pass keeps: the queue, the state of its entries, and that a sender
   comes. */
#include "pass_parts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "note.h"
#include "spool.h"

int pass_queue_open(struct pass *p, struct err *e)
{
	struct stat st;

	queue_close(p->queue);
	p->queue = NULL;
	if (queue_open(p->paths.queue, QUEUE_WRITE, &p->queue, e))
		return -1;
	p->queue_ino = stat(p->paths.queue, &st) ? 0 : st.st_ino;
	return 0;
}

/* `refire queue rebuild` puts another file in its place. */
int pass_queue_check(struct pass *p, struct err *e)
{
	struct stat st;

	if (!stat(p->paths.queue, &st) && st.st_ino == p->queue_ino)
		return 0;
	roster_forget_marks(&p->roster);
	p->hooked = -1;
	return pass_queue_open(p, e);
}

static struct poll_row row_of(const struct watched *w)
{
	return (struct poll_row){ w->name, w->what, w->when.last_us, w->ok_us, w->changed_us,
		w->when.next_us, w->when.failures, w->error, w->refs, w->mark, w->head, w->speaks,
		w->greet_us, w->failures_stored, w->head_stored, note_sum(w) == w->stored_sum };
}

static int store_rows(struct pass *p, struct err *e)
{
	struct poll_row *rows = mem_alloc((p->ndirty + 1) * sizeof(*rows));
	size_t n = 0;
	int failed;

	for (size_t i = 0; i < p->roster.n; i++)
		if (p->roster.v[i]->dirty)
			rows[n++] = row_of(p->roster.v[i]);
	failed = n ? queue_poll_done(p->queue, rows, n, e) : 0;
	for (size_t i = 0; !failed && i < p->roster.n; i++)
		if (p->roster.v[i]->dirty)
			note_stored(p->roster.v[i]);
	if (!failed)
		p->ndirty = 0;
	free(rows);
	return failed;
}

static void wake_sender(struct pass *p)
{
	struct err e;

	if (p->wake && p->o.sender &&
	    spool_wake(&p->paths, p->o.sender, (*p->config)->path, &e) < 0)
		say_error(&p->say, &e);
	p->wake = false;
}

int pass_flush(struct pass *p, struct err *e)
{
	p->flushed_us = clock_mono_us();
	wake_sender(p);
	return p->ndirty ? store_rows(p, e) : 0;
}

/* A resident goes on when its own state cannot be stored for now (a full disk): it
   is told once, and tried again. */
int pass_flush_or_wait(struct pass *p, struct err *e)
{
	if (!pass_flush(p, e)) {
		p->unstored = false;
		return 0;
	}
	if (!p->o.watch)
		return -1;
	if (!p->unstored)
		say_error(&p->say, e);
	p->unstored = true;
	return 0;
}
