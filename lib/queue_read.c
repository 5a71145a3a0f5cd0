/* queue_read.c - listings, show, counts, the journal's reading, polls. */
#include <stdlib.h>
#include <string.h>

#include "queue_db.h"

void queue_row_delivery(const struct db_row *r, struct arena *a, struct delivery *out)
{
	int64_t v[DELIVERY_COLUMN_COUNT] = { 0 };

	for (int i = 0; i < DELIVERY_COLUMN_COUNT; i++)
		v[i] = db_int(r, i);
	*out = (struct delivery){ .seq = v[0], .change_seq = v[2], .update = v[4],
		.source = (enum source)v[5], .state = (enum delivery_state)v[12], .head = v[13],
		.attempts = v[14], .due_us = v[15], .made_us = v[16], .first_us = v[17],
		.settled_us = v[18], .http_status = (int)v[19], .approved = v[22] != 0,
		.expires_us = v[23] };
	memccpy(out->id, db_text(r, 1), 0, UUID_SIZE);
	memccpy(out->change, db_text(r, 3), 0, UUID_SIZE);
	out->pipeline = arena_strdup(a, db_text(r, 6));
	out->repository = arena_strdup(a, db_text(r, 7));
	out->ref = arena_strdup(a, db_text(r, 8));
	out->before = arena_strdup(a, db_text(r, 9));
	out->after = arena_strdup(a, db_text(r, 10));
	out->actor = arena_strdup(a, db_text(r, 11));
	out->code = arena_strdup(a, db_text(r, 20));
	out->error = arena_strdup(a, db_text(r, 21));
}

/* Newest `limit` by sequence, handed out oldest first. */
static const char list_sql[] =
	"SELECT " DELIVERY_COLUMNS " FROM deliveries d JOIN changes c ON c.seq = d.change"
	" WHERE d.seq IN (SELECT d2.seq FROM deliveries d2 JOIN changes c2 ON c2.seq = d2.change"
	"  WHERE (?1 >> d2.state) & 1 AND (?2 IS NULL OR d2.pipeline = ?2)"
	"  AND (?3 IS NULL OR d2.repository = ?3) AND (?4 IS NULL OR d2.ref = ?4)"
	"  AND (?5 IS NULL OR c2.id = ?5) AND d2.made >= ?6 AND (?7 = 0 OR d2.made < ?7)"
	"  AND (?9 IS NULL OR d2.code = ?9)"
	"  ORDER BY d2.seq DESC LIMIT ?8) ORDER BY d.seq";
/* The common case walks the open ones only, by their own index. */
static const char list_open_sql[] =
	"SELECT " DELIVERY_COLUMNS " FROM deliveries d JOIN changes c ON c.seq = d.change"
	" WHERE d.seq IN (SELECT d2.seq FROM deliveries d2 JOIN changes c2 ON c2.seq = d2.change"
	"  WHERE d2.state < 4 AND (?1 >> d2.state) & 1 AND (?2 IS NULL OR d2.pipeline = ?2)"
	"  AND (?3 IS NULL OR d2.repository = ?3) AND (?4 IS NULL OR d2.ref = ?4)"
	"  AND (?5 IS NULL OR c2.id = ?5) AND d2.made >= ?6 AND (?7 = 0 OR d2.made < ?7)"
	"  AND (?9 IS NULL OR d2.code = ?9)"
	"  ORDER BY d2.seq DESC LIMIT ?8) ORDER BY d.seq";

static int hand_out(struct db_row *r, int (*cb)(const struct delivery *, void *), void *arg,
	struct err *e)
{
	int got, stop = 0;

	while (!stop && (got = db_next(r, e)) != 0) {
		struct delivery d;
		struct arena a;

		if (got < 0)
			return -1;
		arena_init(&a);
		queue_row_delivery(r, &a, &d);
		stop = cb(&d, arg);
		arena_release(&a);
	}
	if (stop)
		db_done(r);
	return stop;
}

int queue_list(struct queue *q, const struct queue_filter *f,
	int (*cb)(const struct delivery *d, void *arg), void *arg, struct err *e)
{
	const unsigned open = (1u << DELIVERY_DELIVERED) - 1;
	int64_t states = f->states ? f->states : (1u << DELIVERY_COUNT) - 1;
	int64_t limit = f->limit > 0 ? f->limit : -1;
	struct db_row r;

	if (db_query(q->db, &r, e, states & ~(int64_t)open ? list_sql : list_open_sql, "issssiiis",
		states, f->pipeline, f->repository, f->ref, f->change, f->since_us, f->until_us,
		limit, f->code))
		return -1;
	return hand_out(&r, cb, arg, e);
}

int queue_find(struct queue *q, struct arena *a, const char *id, struct delivery *out,
	struct err *e)
{
	struct db_row r;
	struct delivery other;
	int got;

	if (strlen(id) < 4 || id[strspn(id, "0123456789abcdef-")])
		return err_set(e, ERR_USAGE, "`%.60s` is not a delivery id: expected at least its first "
			"four characters", id);
	if (db_query(q->db, &r, e, "SELECT " DELIVERY_COLUMNS " FROM deliveries d"
		" JOIN changes c ON c.seq = d.change WHERE d.id >= ?1 AND d.id < ?1 || '~' LIMIT 2",
		"s", id))
		return -1;
	got = db_next(&r, e);
	if (got < 0)
		return -1;
	if (got == 0)
		return err_set(e, ERR_NOENT, "no delivery has the id %.40s", id);
	queue_row_delivery(&r, a, out);
	got = db_next(&r, e);
	if (got <= 0)
		return got;
	queue_row_delivery(&r, a, &other);
	db_done(&r);
	return err_set(e, ERR_USAGE, "several deliveries begin with %.40s (%s, %s ...): give more of it",
		id, out->id, other.id);
}

int queue_delivery(struct queue *q, struct arena *a, int64_t seq, struct delivery *out,
	struct err *e)
{
	struct db_row r;
	int got;

	if (db_query(q->db, &r, e, "SELECT " DELIVERY_COLUMNS " FROM deliveries d"
		" JOIN changes c ON c.seq = d.change WHERE d.seq = ?1", "i", seq))
		return -1;
	got = db_next(&r, e);
	if (got < 0)
		return -1;
	if (!got)
		return err_set(e, ERR_NOENT, "delivery number %lld is not in the queue", (long long)seq);
	queue_row_delivery(&r, a, out);
	db_done(&r);
	return 0;
}

int queue_change(struct queue *q, struct arena *a, int64_t seq, struct change_row *out,
	struct err *e)
{
	struct db_row r;
	int got;

	if (db_query(q->db, &r, e, "SELECT seq, id, source, repository, path, time, taken, uid, user,"
		" actor, address, skip, detail FROM changes WHERE seq = ?1", "i", seq))
		return -1;
	got = db_next(&r, e);
	if (got < 0)
		return -1;
	if (!got)
		return err_set(e, ERR_NOENT, "change number %lld is not in the queue", (long long)seq);
	*out = (struct change_row){ .seq = db_int(&r, 0), .source = (enum source)db_int(&r, 2),
		.time_us = db_int(&r, 5), .taken_us = db_int(&r, 6), .uid = db_int(&r, 7),
		.skip = db_int(&r, 11) != 0 };
	memccpy(out->id, db_text(&r, 1), 0, UUID_SIZE);
	out->repository = arena_strdup(a, db_text(&r, 3));
	out->path = arena_strdup(a, db_text(&r, 4));
	out->user = arena_strdup(a, db_text(&r, 8));
	out->actor = arena_strdup(a, db_text(&r, 9));
	out->address = arena_strdup(a, db_text(&r, 10));
	out->detail = arena_strdup(a, db_text(&r, 12));
	db_done(&r);
	return 0;
}

int queue_rows_journal(struct db_row *r, int (*cb)(const struct journal_row *r, void *arg),
	void *arg, struct err *e)
{
	int got, stop = 0;

	while (!stop && (got = db_next(r, e)) != 0) {
		struct journal_row row;

		if (got < 0)
			return -1;
		row = (struct journal_row){ db_int(r, 0), db_int(r, 1),
			(enum journal_event)db_int(r, 2), db_int(r, 3), db_int(r, 4),
			db_text(r, 5), db_text(r, 6), db_text(r, 7), db_text(r, 8), db_text(r, 9),
			db_text(r, 10), db_int(r, 11), db_text(r, 12) };
		stop = cb(&row, arg);
	}
	if (stop)
		db_done(r);
	return stop;
}

int queue_journal(struct queue *q, int64_t after, int64_t delivery, int64_t limit,
	int (*cb)(const struct journal_row *r, void *arg), void *arg, struct err *e)
{
	struct db_row r;
	int failed;

	limit = limit > 0 ? limit : -1;
	failed = delivery ?
		db_query(q->db, &r, e, "SELECT " JOURNAL_COLUMNS " FROM journal WHERE delivery = ?1"
			" AND delivery > 0 AND seq > ?2 ORDER BY seq LIMIT ?3", "iii", delivery, after, limit) :
		db_query(q->db, &r, e, "SELECT " JOURNAL_COLUMNS " FROM journal WHERE seq > ?1"
			" ORDER BY seq LIMIT ?2", "ii", after, limit);
	return failed ? -1 : queue_rows_journal(&r, cb, arg, e);
}

static int one_number(struct queue *q, const char *sql, int64_t *out, struct err *e)
{
	struct db_row r;
	int got;

	if (db_query(q->db, &r, e, sql, ""))
		return -1;
	got = db_next(&r, e);
	if (got <= 0)
		return got;
	*out = db_int(&r, 0);
	db_done(&r);
	return 0;
}

int queue_counts(struct queue *q, const char *pipeline, struct queue_counts *out, struct err *e)
{
	struct queue_due due;
	struct db_row r;
	int got;

	*out = (struct queue_counts){ 0 };
	if (db_query(q->db, &r, e, "SELECT state, count(*), min(made) FROM deliveries"
		" WHERE ?1 IS NULL OR pipeline = ?1 GROUP BY state", "s", pipeline))
		return -1;
	while ((got = db_next(&r, e)) > 0) {
		int64_t state = db_int(&r, 0), made = db_int(&r, 2);

		if (state < 0 || state >= DELIVERY_COUNT)
			continue;
		out->by_state[state] = db_int(&r, 1);
		if (!delivery_settled((enum delivery_state)state) &&
		    (!out->oldest_open_us || made < out->oldest_open_us))
			out->oldest_open_us = made;
	}
	if (got < 0)
		return -1;
	if (one_number(q, "SELECT count(*) FROM updates WHERE state = 0", &out->pending_updates, e) ||
	    queue_next_due(q, NULL, 0, &due, e))
		return -1;
	out->next_due_us = due.us;
	return 0;
}

static void pipeline_add(struct queue_pipeline *p, const struct db_row *r)
{
	int64_t state = db_int(r, 1), made = db_int(r, 3), settled = db_int(r, 4);

	if (state < 0 || state >= DELIVERY_COUNT)
		return;
	p->by_state[state] = db_int(r, 2);
	if (!delivery_settled((enum delivery_state)state) &&
	    (!p->oldest_open_us || made < p->oldest_open_us))
		p->oldest_open_us = made;
	if (state == DELIVERY_DELIVERED)
		p->delivered_us = settled;
	if (state == DELIVERY_FAILED)
		p->failed_us = settled;
}

int queue_pipelines(struct queue *q, int (*cb)(const struct queue_pipeline *p, void *arg),
	void *arg, struct err *e)
{
	struct queue_pipeline p = { .pipeline = NULL };
	char *name = NULL;
	struct db_row r;
	int got, stop = 0;

	if (db_query(q->db, &r, e, "SELECT pipeline, state, count(*), min(made), max(settled)"
		" FROM deliveries GROUP BY pipeline, state ORDER BY pipeline", ""))
		return -1;
	while (!stop && (got = db_next(&r, e)) > 0) {
		if (name && strcmp(name, db_text(&r, 0)) != 0) {
			stop = cb(&p, arg);
			free(name);
			name = NULL;
		}
		if (!name) {
			name = mem_strdup(db_text(&r, 0));
			p = (struct queue_pipeline){ .pipeline = name };
		}
		pipeline_add(&p, &r);
	}
	if (stop)
		db_done(&r);
	else if (got == 0 && name)
		stop = cb(&p, arg);
	free(name);
	return stop ? stop : got;
}

int queue_refs(struct queue *q, const char *repository,
	int (*cb)(const struct queue_ref *r, void *arg), void *arg, struct err *e)
{
	struct db_row r;
	int got, stop = 0;

	if (db_query(q->db, &r, e, "SELECT ref, oid, seq, held FROM refs WHERE repository = ?1"
		" ORDER BY ref", "s", repository))
		return -1;
	while (!stop && (got = db_next(&r, e)) != 0) {
		struct queue_ref row;

		if (got < 0)
			return -1;
		row = (struct queue_ref){ db_text(&r, 0), db_text(&r, 1), db_int(&r, 2),
			db_int(&r, 3) != 0 };
		stop = cb(&row, arg);
	}
	if (stop)
		db_done(&r);
	return stop;
}

int queue_spaces(struct queue *q, struct arena *a, const char *repository,
	struct queue_texts *out, struct err *e)
{
	struct db_row r;
	size_t n = 0, cap = 0;
	const char **v = NULL;
	int got;

	*out = (struct queue_texts){ 0 };
	if (db_query(q->db, &r, e, "SELECT prefix FROM spaces WHERE repository = ?1 ORDER BY prefix",
		"s", repository))
		return -1;
	while ((got = db_next(&r, e)) > 0) {
		if (n == cap) {
			const char **more = arena_alloc(a, (cap = cap ? cap * 2 : 8) * sizeof(*v));

			if (n)
				memcpy(more, v, n * sizeof(*v));
			v = more;
		}
		v[n++] = arena_strdup(a, db_text(&r, 0));
	}
	*out = (struct queue_texts){ v, n };
	return got;
}

int queue_polls(struct queue *q, int (*cb)(const struct poll_row *r, void *arg), void *arg,
	struct err *e)
{
	struct db_row r;
	int got, stop = 0;

	if (db_query(q->db, &r, e, "SELECT repository, what, last, ok, changed, next, failures, error,"
		" refs, mark, head, speaks, greet FROM polls ORDER BY repository", ""))
		return -1;
	while (!stop && (got = db_next(&r, e)) != 0) {
		struct poll_row row;

		if (got < 0)
			return -1;
		row = (struct poll_row){ db_text(&r, 0), db_text(&r, 1), db_int(&r, 2), db_int(&r, 3),
			db_int(&r, 4), db_int(&r, 5), db_int(&r, 6), db_text(&r, 7), db_int(&r, 8),
			db_text(&r, 9), db_text(&r, 10), db_int(&r, 11), db_int(&r, 12),
			db_int(&r, 6), db_text(&r, 10), false };
		stop = cb(&row, arg);
	}
	if (stop)
		db_done(&r);
	return stop;
}
