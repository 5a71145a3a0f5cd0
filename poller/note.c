/* note.c - the state of an entry after a look. */
#include "note.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"

#define PATH_FAILURES 3			/* from here on local ones wait no longer */

static void set_text(char **to, const char *s)
{
	if (!strcmp(*to, s))
		return;
	free(*to);
	*to = mem_strdup(s);
}

/* A server's words may be in it: what is stored is printable. */
static void set_error(struct watched *w, const char *text)
{
	struct buf b;

	buf_init(&b, 4 * LIMIT_ERR);
	log_safe(&b, text, strlen(text));
	set_text(&w->error, b.s);
	buf_release(&b);
}

/* A directory costs nothing to look at: it is soon seen when it is back. */
static int64_t patience(const struct watched *w)
{
	return w->by == BY_PATH && w->when.failures > PATH_FAILURES ? PATH_FAILURES :
		w->when.failures;
}

static void note_found(struct watched *w, const struct look *l, const struct report *r)
{
	w->ok_us = l->began_us;
	if (l->same)
		return;
	w->refs = (int64_t)l->refs.n;
	if (*l->refs.head)
		set_text(&w->head, l->refs.head);
	if (r->put)
		w->changed_us = l->began_us;
	set_text(&w->mark, r->mark);
}

uint64_t note_sum(const struct watched *w)
{
	const char *const texts[] = { w->what, w->error, w->mark, w->head };
	const int64_t numbers[] = { w->changed_us, w->when.failures, w->refs, w->speaks, w->greet_us };
	uint64_t sum = 1;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		sum = still_add(sum, texts[i]);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		sum = still_add_number(sum, numbers[i]);
	return sum;
}

void note_stored(struct watched *w)
{
	w->dirty = false;
	w->stored_sum = note_sum(w);
	w->failures_stored = w->when.failures;
	set_text(&w->head_stored, w->head);
}

void note_look(struct watched *w, const struct look *l, const struct report *r, int64_t now_us)
{
	w->when.last_us = l->began_us;
	w->when.failures = l->failed ? w->when.failures + 1 : 0;
	w->when.next_us = schedule_next(w->by == BY_PATH ? w->name : w->what, w->interval_us, patience(w), now_us);
	if (l->wait_us)
		w->when.next_us = schedule_asked(w->when.next_us, w->interval_us, l->wait_us, now_us);
	set_error(w, l->failed ? l->err.text : "");
	if (!l->failed)
		note_found(w, l, r);
}
