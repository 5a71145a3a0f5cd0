/* accept.c - the walk over reported moves. */
#include "accept.h"

#include <stdlib.h>
#include <string.h>

#include "match.h"
#include "mem.h"

/* Steps of the search: real histories need as many as they have events; a knot of
   pushes back and forth among few values may need more, and then the longest walk
   found within the bound serves. */
#define BUDGET 50000

struct search {
	const struct accept_input *in;
	size_t *order;			/* events by old value, then time */
	bool *used;			/* by an earlier part of the walk, or on the path */
	size_t *path, *cursor;		/* the path under way; where to look on at each depth */
	size_t *best, nbest;
	bool found;			/* a walk (perhaps of length 0) that ends as wanted */
	const char *end;		/* NULL: anywhere */
	long budget;
};

static const char *key(const char *oid)
{
	return oid_is_zero(oid) ? "" : oid;
}

bool accept_same(const char *a, const char *b)
{
	return !strcmp(key(a), key(b));
}

static int by_old(const void *a, const void *b, void *arg)
{
	const struct accept_event *events = arg;
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	int c = strcmp(key(events[x].old), key(events[y].old));

	if (c)
		return c;
	return x < y ? -1 : x > y;
}

/* First position in order whose old value is not before node. */
static size_t first_from(const struct search *s, const char *node)
{
	size_t lo = 0, hi = s->in->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (strcmp(key(s->in->events[s->order[mid]].old), key(node)) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The next unused event that starts at node, from *at on; SIZE_MAX: none. */
static size_t next_edge(struct search *s, const char *node, size_t *at)
{
	for (; *at < s->in->n; (*at)++) {
		size_t i = s->order[*at];

		if (!accept_same(s->in->events[i].old, node))
			break;
		if (!s->used[i]) {
			(*at)++;
			return i;
		}
	}
	return SIZE_MAX;
}

static void keep(struct search *s, size_t depth)
{
	if (s->found && depth <= s->nbest)
		return;
	s->found = true;
	s->nbest = depth;
	if (depth)
		memcpy(s->best, s->path, depth * sizeof(*s->path));
}

/* Depth first from start: the longest trail that ends as wanted, the earliest of the
   longest. */
static void walk_from(struct search *s, const char *start)
{
	const char *node = start;
	size_t depth = 0;

	s->cursor[0] = first_from(s, node);
	if (s->end && accept_same(node, s->end))
		keep(s, 0);
	for (;;) {
		size_t i = s->budget > 0 ? next_edge(s, node, &s->cursor[depth]) : SIZE_MAX;

		if (i != SIZE_MAX) {
			s->budget--;
			s->used[i] = true;
			s->path[depth++] = i;
			node = s->in->events[i].new;
			s->cursor[depth] = first_from(s, node);
			if (s->end && accept_same(node, s->end))
				keep(s, depth);
			continue;
		}
		if (!s->end)
			keep(s, depth);
		if (depth == 0)
			return;
		i = s->path[--depth];
		s->used[i] = false;
		node = s->in->events[i].old;
		if (s->nbest == s->in->n)
			s->budget = 0;		/* nothing can be longer */
	}
}

static bool reached_by_another(const struct search *s, size_t i)
{
	for (size_t k = 0; k < s->in->n; k++)
		if (k != i && !s->used[k] &&
		    accept_same(s->in->events[k].new, s->in->events[i].old))
			return true;
	return false;
}

/* From every event that no other leads to; where all lie on circles, the earliest. */
static void walk_anywhere(struct search *s)
{
	bool tried = false;

	for (size_t i = 0; i < s->in->n && s->budget > 0; i++) {
		if (s->used[i] || (s->in->n <= 2000 && reached_by_another(s, i)))
			continue;
		walk_from(s, s->in->events[i].old);
		tried = true;
	}
	for (size_t i = 0; !tried && i < s->in->n; i++) {
		if (s->used[i])
			continue;
		walk_from(s, s->in->events[i].old);
		tried = true;
	}
}

static void reset(struct search *s, const char *end)
{
	s->found = false;
	s->nbest = 0;
	s->end = end;
	s->budget = BUDGET;
}

/* Move the best walk to the end of the result; its events are used. */
static void take(struct search *s, struct accept_result *out)
{
	for (size_t i = 0; i < s->nbest; i++) {
		out->walk[out->nwalk++] = s->best[i];
		s->used[s->best[i]] = true;
	}
}

static bool run_out(const struct search *s)
{
	for (size_t i = 0; i < s->nbest; i++)
		if (!s->in->events[s->best[i]].young)
			return true;
	return false;
}

/* What was reported no later than the walk has come is out of the question now. */
static void pass_over_until(struct search *s, int64_t time_us)
{
	for (size_t i = 0; i < s->in->n; i++)
		if (s->in->events[i].time_us <= time_us)
			s->used[i] = true;
}

/* The reports do not connect: from the stored value as far as it goes, then what leads
   to the shown one from anywhere. The second piece waits for the gap before it as long as
   it is young; the first goes where the second does. */
static void piece_together(struct search *s, const char *start, struct accept_result *out)
{
	const char *shown = s->in->shown, *at = start;
	bool first;

	pass_over_until(s, s->in->since_us);
	reset(s, NULL);
	walk_from(s, start);
	first = run_out(s);
	take(s, out);
	if (out->nwalk) {
		at = s->in->events[out->walk[out->nwalk - 1]].new;
		pass_over_until(s, s->in->events[out->walk[out->nwalk - 1]].time_us);
	}
	reset(s, shown);
	if (!shown || !accept_same(at, shown))
		walk_anywhere(s);
	if (run_out(s))
		take(s, out);
	else if (!first)
		out->nwalk = 0;
}

/* Most often nothing is missing: the reports, in the order of their hooks, are one chain
   from the stored value. Then they go as far as to the shown one, and no other order will
   do, were it longer. */
static void in_order(struct search *s, const char *start)
{
	const char *at = start;
	size_t n = 0, far = 0;

	for (size_t i = 0; i < s->in->n; i++) {
		const struct accept_event *e = &s->in->events[i];

		if (e->time_us <= s->in->since_us)
			continue;
		if (!accept_same(e->old, at))
			return;
		at = e->new;
		s->path[n++] = i;
		if (!s->end || accept_same(at, s->end))
			far = n;
	}
	keep(s, far);
}

static bool all_young(const struct accept_input *in)
{
	for (size_t i = 0; i < in->n; i++)
		if (!in->events[i].young)
			return false;
	return true;
}

static void decide(struct search *s, struct accept_result *out)
{
	const struct accept_input *in = s->in;
	const char *start = in->stored ? in->stored : in->events[0].old;

	reset(s, in->shown);
	in_order(s, start);
	if (!s->nbest && !in->stored && all_young(in))
		return;
	if (!s->nbest && in->shown)
		walk_from(s, start);
	if (s->nbest)
		take(s, out);
	else
		piece_together(s, start, out);
}

void accept_walk(const struct accept_input *in, struct accept_result *out)
{
	struct search s = { .in = in };
	void *events;

	out->nwalk = 0;
	if (!in->n)
		return;
	s.order = mem_alloc(in->n * sizeof(*s.order));
	s.used = mem_alloc(in->n * sizeof(*s.used));
	s.path = mem_alloc(in->n * sizeof(*s.path));
	s.best = mem_alloc(in->n * sizeof(*s.best));
	s.cursor = mem_alloc((in->n + 1) * sizeof(*s.cursor));
	for (size_t i = 0; i < in->n; i++)
		s.order[i] = i;
	memcpy(&events, &in->events, sizeof(events));
	qsort_r(s.order, in->n, sizeof(*s.order), by_old, events);
	decide(&s, out);
	free(s.order);
	free(s.used);
	free(s.path);
	free(s.best);
	free(s.cursor);
}
