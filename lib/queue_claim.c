/* queue_claim.c - whose turn it is: leases, shared out fairly among pipelines.

   Both statements walk deliveries_due, which is ordered by pipeline and then by due:
   the first of a pipeline is one seek, however many wait behind it or for others. */
#include <string.h>

#include "queue_db.h"

const char queue_first_sql[] =
	"SELECT d.pipeline, d.due, " GATE_COLUMNS " FROM deliveries d"
	" LEFT JOIN gates g ON g.pipeline = d.pipeline"
	" WHERE d.head = 1 AND d.state IN (0, 2) AND d.pipeline > ?1"
	" ORDER BY d.pipeline, d.due LIMIT 1";
const char queue_take_sql[] =
	"SELECT " DELIVERY_COLUMNS ", d.progress, d.paused, u.coalesced, d.unknown, d.enrichment"
	" FROM deliveries d JOIN changes c ON c.seq = d.change JOIN updates u ON u.seq = d.upd"
	" WHERE d.head = 1 AND d.state IN (0, 2) AND d.pipeline = ?1 AND d.due <= ?2"
	" ORDER BY d.due LIMIT ?3";

/* The generic cell rate algorithm (ITU-T I.371): next is when the next has its place;
   it may go a burst's worth before. A next that no rate can have made is a clock's jump. */
size_t queue_paced(int64_t next_us, int64_t spacing_us, int64_t now_us, int64_t *until_us)
{
	int64_t early = spacing_us < QUEUE_BURST_US ? QUEUE_BURST_US - spacing_us : 0;

	*until_us = 0;
	if (next_us < now_us || next_us > now_us + early + spacing_us)
		next_us = now_us;
	if (next_us > now_us + early) {
		*until_us = next_us - early;
		return 0;
	}
	return (size_t)((now_us + early - next_us) / spacing_us) + 1;
}

struct turn {				/* a pipeline that has something to go */
	const char *pipeline;
	int64_t due_us;			/* of its first */
	int64_t stopped_us;		/* see queue_gate_stopped */
	size_t room;			/* leases more */
	struct queue_room door;
};
struct turns {
	struct turn *v;
	size_t n, cap;
};

/* Where nobody stands at the door. */
static struct queue_room anything(const struct gate *g)
{
	const struct breaker *b = &g->breaker;

	return (struct queue_room){ .most = b->opened_us ? 1 : SIZE_MAX, .early = b->opened_us,
		.until_us = b->opened_us && b->probe_us > g->next_us ? b->probe_us : g->next_us };
}

static void turn_add(struct turns *t, struct arena *a, const struct turn *one)
{
	if (t->n == t->cap) {
		struct turn *more = arena_alloc(a, (t->cap = t->cap ? t->cap * 2 : 16) * sizeof(*more));

		if (t->n)
			memcpy(more, t->v, t->n * sizeof(*more));
		t->v = more;
	}
	t->v[t->n++] = *one;
}

static void pace(struct queue_room *door, const struct gate *g, int64_t now)
{
	int64_t until;
	size_t most;

	if (!door->spacing_us || !door->most)
		return;
	most = queue_paced(g->next_us, door->spacing_us, now, &until);
	if (most < door->most)
		door->most = most;
	if (until > door->until_us)
		door->until_us = until;
}

/* The pipelines with a head that waits and that are not held, in order of name. */
static int turns_find(struct queue *q, struct arena *a, const struct queue_door *door,
	int64_t now, struct turns *out, struct err *e)
{
	struct turn t = { .pipeline = "" };
	struct db_row r;
	int got;

	*out = (struct turns){ 0 };
	for (;;) {
		struct gate g;

		if (db_query(q->db, &r, e, queue_first_sql, "s", t.pipeline))
			return -1;
		got = db_next(&r, e);
		if (got <= 0)
			return got;
		t.pipeline = arena_strdup(a, db_text(&r, 0));
		t.due_us = db_int(&r, 1);
		g = queue_row_gate(&r, 2);
		g.pipeline = t.pipeline;
		t.stopped_us = queue_gate_stopped(&g, now);
		if (!g.held_us) {
			t.door = door ? door->room(&g, now, door->arg) : anything(&g);
			pace(&t.door, &g, now);
			t.room = t.door.until_us > now ? 0 : t.door.most;
			turn_add(out, a, &t);
		}
		db_done(&r);
	}
}

/* When it can go: 0 not before something else has happened. */
static int64_t turn_when(const struct turn *t, int64_t now)
{
	int64_t due = t->door.early ? now : t->due_us;

	if (!t->door.most && !t->door.until_us)
		return 0;
	return due > t->door.until_us ? due : t->door.until_us;
}

int queue_next_due(struct queue *q, const struct queue_door *door, int64_t now_us,
	struct queue_due *out, struct err *e)
{
	struct turns turns;
	struct arena a;
	int failed;

	*out = (struct queue_due){ 0 };
	arena_init(&a);
	failed = turns_find(q, &a, door, now_us, &turns, e);
	for (size_t i = 0; !failed && i < turns.n; i++) {
		const struct turn *t = &turns.v[i];
		int64_t when = turn_when(t, now_us);

		if (when && (!out->us || when < out->us))
			*out = (struct queue_due){ when, t->door.spacing_us && !t->door.early &&
				t->due_us <= now_us && when > now_us };
	}
	arena_release(&a);
	return failed;
}

/* ---- leases ---- */

static void row_claim(const struct db_row *r, struct arena *a, struct claim *c)
{
	const void *p;

	queue_row_delivery(r, a, &c->d);
	p = db_blob(r, DELIVERY_COLUMN_COUNT, &c->progress_len);
	c->progress = arena_memdup(a, p, c->progress_len);
	c->paused_us = db_int(r, DELIVERY_COLUMN_COUNT + 1);	/* see lease */
	c->coalesced = db_int(r, DELIVERY_COLUMN_COUNT + 2) != 0;
	c->unknown = db_int(r, DELIVERY_COLUMN_COUNT + 3);
	c->enrichment = db_int(r, DELIVERY_COLUMN_COUNT + 4);
}

/* `paused` of a row is how long the pipeline had stood still when it was first tried. */
static int lease(struct queue *q, const char *owner, int64_t now, int64_t stopped,
	struct claim *v, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		struct delivery *d = &v[i].d;

		if (db_exec(q->db, e, "UPDATE deliveries SET state = 1, owner = ?2, attempts = attempts + 1,"
			" last = ?3, first = CASE first WHEN 0 THEN ?3 ELSE first END,"
			" paused = CASE first WHEN 0 THEN ?4 ELSE paused END WHERE seq = ?1", "isii",
			d->seq, owner, now, stopped))
			return -1;
		d->state = DELIVERY_INFLIGHT;
		d->attempts++;
		v[i].began_us = now;
		v[i].paused_us = d->first_us ? stopped - v[i].paused_us : 0;
		if (!d->first_us)
			d->first_us = now;
	}
	return 0;
}

struct claiming {
	struct queue *q;
	struct arena *a;
	const char *owner;
	int64_t now_us;
	struct claim *v;
	size_t n, max;
};

/* Kept in the queue, so that one-shot senders keep to the rate together. */
static int places_taken(const struct claiming *c, const struct turn *t, size_t n, struct err *e)
{
	return db_exec(c->q->db, e, "INSERT INTO gates(pipeline, next) VALUES(?1, ?2 + ?3)"
		" ON CONFLICT(pipeline) DO UPDATE SET next = ?3 + CASE WHEN next < ?2 OR next > ?4"
		" THEN ?2 ELSE next END", "siii", t->pipeline, c->now_us,
		(int64_t)n * t->door.spacing_us,
		c->now_us + QUEUE_BURST_US + t->door.spacing_us);
}

/* At most `most` of one pipeline. What it has no more of, it needs no more room for. */
static int take(struct claiming *c, struct turn *t, size_t most, struct err *e)
{
	size_t from = c->n;
	struct db_row r;
	int got;

	if (most > t->room)
		most = t->room;
	if (most > c->max - c->n)
		most = c->max - c->n;
	if (db_query(c->q->db, &r, e, queue_take_sql, "sii", t->pipeline,
		t->door.early ? INT64_MAX : c->now_us, (int64_t)most))
		return -1;
	while ((got = db_next(&r, e)) > 0)
		row_claim(&r, c->a, &c->v[c->n++]);
	t->room = c->n - from < most ? 0 : t->room - most;
	if (got < 0 || (t->door.spacing_us && c->n > from && places_taken(c, t, c->n - from, e)))
		return -1;
	return lease(c->q, c->owner, c->now_us, t->stopped_us, c->v + from, c->n - from, e);
}

/* Drop those that nothing is due of, or that are full; begin behind the one that was
   served last, so that no name is always first. */
static size_t turns_order(struct turns *t, const char *after, int64_t now)
{
	size_t n = 0, first = 0;

	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].room && (t->v[i].door.early || t->v[i].due_us <= now))
			t->v[n++] = t->v[i];
	t->n = n;
	while (first < n && strcmp(t->v[first].pipeline, after) <= 0)
		first++;
	return first == n ? 0 : first;
}

/* Rounds: each takes an equal part of what is free, until all have what they want. */
static int share_out(struct claiming *c, struct turns *t, struct err *e)
{
	size_t first = turns_order(t, c->q->served, c->now_us), wanting = t->n;

	while (wanting && c->n < c->max) {
		size_t part = (c->max - c->n) / wanting;

		wanting = 0;
		for (size_t i = 0; i < t->n && c->n < c->max; i++) {
			struct turn *one = &t->v[(first + i) % t->n];

			if (!one->room)
				continue;
			if (take(c, one, part ? part : 1, e))
				return -1;
			memccpy(c->q->served, one->pipeline, 0, sizeof(c->q->served) - 1);
			wanting += one->room > 0;
		}
	}
	return 0;
}

int queue_lease(struct queue *q, struct arena *a, const char *owner, int64_t now_us,
	const struct queue_door *door, size_t max, struct claim **out, size_t *n, struct err *e)
{
	struct claiming c = { .q = q, .a = a, .owner = owner, .now_us = now_us, .max = max,
		.v = arena_alloc(a, (max + 1) * sizeof(*c.v)) };
	struct turns turns;

	*out = c.v;
	*n = 0;
	if (turns_find(q, a, door, now_us, &turns, e) || share_out(&c, &turns, e))
		return -1;
	*n = c.n;
	return 0;
}

int queue_claim(struct queue *q, struct arena *a, const char *owner, int64_t now_us,
	const struct queue_door *door, size_t max, struct claim **out, size_t *n, struct err *e)
{
	if (db_begin(q->db, e))
		return -1;
	if (queue_lease(q, a, owner, now_us, door, max, out, n, e)) {
		db_rollback(q->db);
		return -1;
	}
	if (*n)
		return queue_commit(q, e);
	db_rollback(q->db);
	return 0;
}
