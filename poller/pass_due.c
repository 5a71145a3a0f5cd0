/* pass_due.c - who is due: by the schedule, by name, by a hint, or as a hook has reported. */
#include "pass_parts.h"

#include <string.h>

#include "clock.h"
#include "glob.h"

#define HINT_GAP_US (US_PER_S / 4)	/* a storm of hints is one look a quarter second */

static void enqueue(struct pass *p, struct watched *w)
{
	if (w->queued || w->look)
		return;
	hosts_wait(&p->roster.hosts, w);
	p->total++;
}

static bool is_named(const struct pass *p, const struct watched *w)
{
	for (size_t i = 0; i < p->o.nnames; i++)
		if (!strcmp(p->o.names[i], w->name) || glob_match(p->o.names[i], w->name))
			return true;
	return false;
}

/* What is taken at the start; a resident, too, looks at all that is local. */
static bool due_in_pass(const struct pass *p, const struct watched *w, int64_t now)
{
	if (p->o.names)
		return is_named(p, w);
	if (p->o.hints_only || w->idle)
		return false;
	return *w->dir || schedule_due_pass(&w->when, w->interval_us, now);
}

void pass_enqueue_first(struct pass *p)
{
	int64_t now = clock_wall_us();

	for (size_t i = 0; i < p->roster.n; i++)
		if (due_in_pass(p, p->roster.v[i], now))
			enqueue(p, p->roster.v[i]);
}

/* A wanted one is due a moment after its last look; a clock set back delays none. */
static bool wanted_now(const struct watched *w, int64_t now)
{
	return w->wanted && (now - w->when.last_us >= HINT_GAP_US || now < w->when.last_us);
}

/* Resident, and the hinted ones of a pass. Returns microseconds to the next one. */
static int64_t scan_due(struct pass *p)
{
	int64_t now = clock_wall_us(), next = RESCAN_US;

	for (size_t i = 0; i < p->roster.n; i++) {
		struct watched *w = p->roster.v[i];

		if (w->queued || w->look)
			continue;
		if (wanted_now(w, now) || (p->o.watch && !w->idle &&
		    schedule_due(&w->when, w->interval_us, now)))
			enqueue(p, w);
		else if (w->wanted)
			next = next < HINT_GAP_US ? next : HINT_GAP_US;
		else if (p->o.watch && !w->idle && w->when.next_us - now < next)
			next = w->when.next_us - now;
	}
	return next > 0 ? next : 0;
}

/* All are gone through only when one falls due, not in each round. */
int64_t pass_enqueue_due(struct pass *p)
{
	int64_t now = clock_mono_us();

	if (now >= p->scan_us)
		p->scan_us = now + (p->o.watch || p->nwanted ? scan_due(p) : RESCAN_US);
	return p->scan_us > now ? p->scan_us - now : 0;
}

/* w falls due by another time than the last scan saw. */
void pass_due_changed(struct pass *p, const struct watched *w)
{
	int64_t then = clock_mono_us() + w->when.next_us - clock_wall_us();

	if (then < p->scan_us)
		p->scan_us = then;
}

void pass_want(struct pass *p, struct watched *w)
{
	p->nwanted += !w->wanted;
	w->wanted = true;
	p->scan_us = 0;
}

void pass_want_no_more(struct pass *p, struct watched *w)
{
	p->nwanted -= w->wanted;
	w->wanted = false;
}

/* ---- hints ---- */

/* One of an earlier process whose look failed asks no more than the schedule does. */
static bool asks(const struct hint *h, const struct watched *w)
{
	return h->state == HINT_NEW &&
		(!w->when.failures || h->entry.mtime_us > w->when.last_us);
}

void pass_take_hints(struct pass *p)
{
	struct err e;

	p->hinted_us = clock_mono_us();
	if (hints_scan(&p->hints, &p->paths, *p->config, &e)) {
		say_error(&p->say, &e);
		return;
	}
	for (size_t i = 0; i < p->hints.n; i++) {
		struct hint *h = &p->hints.v[i];
		struct watched *w = h->state == HINT_NEW ?
			roster_meet(&p->roster, *p->config, h->repository) : NULL;

		if (w && asks(h, w))
			pass_want(p, w);
		else if (h->state == HINT_NEW)
			h->state = HINT_TRIED;
	}
}

/* ---- what hooks reported ---- */

static int hooked(const char *repository, void *arg)
{
	struct pass *p = arg;
	struct watched *w = roster_find(&p->roster, repository);

	if (w) {
		w->when.next_us = schedule_after_change(&w->when, w->interval_us, clock_wall_us());
		pass_due_changed(p, w);
	}
	return 0;
}

/* A resident looks when the sender has judged a hook's report: not before, as it
   would see the same, and not much later, as the hook may not have seen all. A queue
   that cannot be read now is told of by the next look. */
void pass_take_hooked(struct pass *p)
{
	struct err e;

	p->hooked_us = clock_mono_us();
	queue_hooked(p->queue, &p->hooked, hooked, p, &e);
}
