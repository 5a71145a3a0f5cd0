/* pass_settle.c - what ended looks found is reported, noted and told: all of a round
   together, so that their change files wait for the disk together. */
#include "pass_parts.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "note.h"
#include "report.h"

struct ended {
	struct watched *w;
	struct look *l;
	struct report r;
};

static void settle(struct pass *p, struct watched *w, struct look *l, const struct report *r)
{
	char *before = mem_strdup(w->error);
	bool failing = w->when.failures > 0, repeated;
	struct err e;

	w->look = NULL;
	note_look(w, l, r, clock_wall_us());
	pass_due_changed(p, w);
	if (*w->head_stored && strcmp(w->head, w->head_stored))
		say_head(&p->say, w, w->head_stored);
	repeated = p->o.watch && l->failed && failing && !strcmp(w->error, before);
	free(before);
	p->ndirty += !w->dirty;
	w->dirty = true;
	p->wake |= r->put || r->waits;
	p->tally.looked++;
	p->tally.changed += r->put;
	p->tally.failed += l->failed;
	if (failing && !l->failed)
		say_recovered(&p->say, w);
	say_look(&p->say, w, l, r, repeated);
	if (hints_end(&p->hints, &p->paths, w->name, !l->failed, &e))
		say_error(&p->say, &e);
}

void pass_settle_failed(struct pass *p, struct watched *w, struct look *l)
{
	const struct report none = { .mark = "" };

	settle(p, w, l, &none);
}

/* ---- a round ---- */

void pass_settle_later(struct pass *p, struct watched *w, struct look *l)
{
	struct ended *x;

	p->ended = mem_grow(p->ended, &p->ended_cap, p->nended + 1, sizeof(*x));
	x = &p->ended[p->nended++];
	*x = (struct ended){ w, l, { .mark = "" } };
	if (!l->failed && !l->same &&
	    report_make(l, &p->paths, p->queue, w->mark, &x->r, &l->err))
		l->failed = true;
}

void pass_spend(struct pass *p, struct look *l)
{
	p->spent = mem_grow(p->spent, &p->spent_cap, p->nspent + 1, sizeof(*p->spent));
	p->spent[p->nspent++] = l;
}

static void publish(struct pass *p)
{
	struct report **v = mem_alloc((p->nended + 1) * sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; i < p->nended; i++)
		if (p->ended[i].r.text)
			v[n++] = &p->ended[i].r;
	if (n)
		report_put(&p->paths, v, n);
	free(v);
}

void pass_settle_all(struct pass *p)
{
	publish(p);
	for (size_t i = 0; i < p->nended; i++) {
		struct ended *x = &p->ended[i];

		x->l->failed |= x->r.lost;	/* what could not be made durable was not seen */
		settle(p, x->w, x->l, &x->r);
	}
	for (size_t i = 0; i < p->nspent; i++)
		look_free(p->spent[i]);
	p->nended = p->nspent = 0;
}
