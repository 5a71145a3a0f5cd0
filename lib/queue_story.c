/* queue_story.c - see queue_story.h. */
#include "queue_story.h"

#include <string.h>

#include "queue_db.h"

#define UPDATE_COLUMNS "seq, change, kind, state, repository, ref, old, new, pipeline, wait," \
	" coalesced, forced, covered_by, enrichment"

static struct story_update update_of(const struct db_row *r)
{
	return (struct story_update){ .seq = db_int(r, 0), .change = db_int(r, 1),
		.kind = (enum update_kind)db_int(r, 2), .state = (enum update_state)db_int(r, 3),
		.repository = db_text(r, 4), .ref = db_text(r, 5), .old = db_text(r, 6),
		.new = db_text(r, 7), .pipeline = db_text(r, 8), .wait_us = db_int(r, 9),
		.coalesced = db_int(r, 10) != 0, .forced = (int)db_int(r, 11),
		.covered_by = db_int(r, 12), .enrichment = db_int(r, 13) };
}

static int updates_give(struct db_row *r, int (*cb)(const struct story_update *, void *),
	void *arg, struct err *e)
{
	int got, stop = 0;

	while (!stop && (got = db_next(r, e)) != 0) {
		struct story_update u;

		if (got < 0)
			return -1;
		u = update_of(r);
		stop = cb(&u, arg);
	}
	if (stop)
		db_done(r);
	return stop;
}

static bool hex_beginning(const char *s)
{
	return strlen(s) >= 4 && !s[strspn(s, "0123456789abcdef-")];
}

int story_change(struct queue *q, struct arena *a, const char *id, struct change_row *out,
	struct err *e)
{
	struct db_row r;
	int64_t seq;
	int got;

	if (!hex_beginning(id))
		return 0;
	if (db_query(q->db, &r, e, "SELECT seq FROM changes WHERE id >= ?1 AND id < ?1 || '~' LIMIT 2",
		"s", id))
		return -1;
	got = db_next(&r, e);
	if (got <= 0)
		return got;
	seq = db_int(&r, 0);
	got = db_next(&r, e);
	if (got < 0)
		return -1;
	if (got > 0) {
		db_done(&r);
		return err_set(e, ERR_USAGE, "several changes begin with %.40s: give more of it", id);
	}
	return queue_change(q, a, seq, out, e) ? -1 : 1;
}

int story_last(struct queue *q, struct arena *a, struct change_row *out, struct err *e)
{
	struct db_row r;
	int64_t seq;
	int got;

	if (db_query(q->db, &r, e, "SELECT seq FROM changes c WHERE c.source IN (0, 3) OR EXISTS"
		" (SELECT 1 FROM updates u WHERE u.change = c.seq AND u.state NOT IN (3, 4))"
		" ORDER BY seq DESC LIMIT 1", ""))
		return -1;
	got = db_next(&r, e);
	if (got <= 0)
		return got;
	seq = db_int(&r, 0);
	db_done(&r);
	return queue_change(q, a, seq, out, e) ? -1 : 1;
}

int story_commit(struct queue *q, const char *oid,
	int (*cb)(const struct story_update *u, void *arg), void *arg, struct err *e)
{
	struct db_row r;

	if (!hex_beginning(oid) || strchr(oid, '-'))
		return 0;
	if (db_query(q->db, &r, e, "SELECT " UPDATE_COLUMNS " FROM updates WHERE new >= ?1"
		" AND new < ?1 || 'g' ORDER BY seq DESC", "s", oid))
		return -1;
	return updates_give(&r, cb, arg, e);
}

int story_ref(struct queue *q, const char *repository, const char *ref, int64_t limit,
	int (*cb)(const struct story_update *u, void *arg), void *arg, struct err *e)
{
	struct db_row r;

	if (db_query(q->db, &r, e, "SELECT " UPDATE_COLUMNS " FROM updates WHERE repository = ?1"
		" AND ref = ?2 ORDER BY seq DESC LIMIT ?3", "ssi", repository, ref, limit))
		return -1;
	return updates_give(&r, cb, arg, e);
}

int story_updates(struct queue *q, int64_t change, int64_t limit, int64_t *total,
	int (*cb)(const struct story_update *u, void *arg), void *arg, struct err *e)
{
	struct db_row r;

	if (db_query(q->db, &r, e, "SELECT count(*) FROM updates WHERE change = ?1", "i", change) ||
	    db_next(&r, e) < 0)
		return -1;
	*total = db_int(&r, 0);
	db_done(&r);
	if (db_query(q->db, &r, e, "SELECT " UPDATE_COLUMNS " FROM updates WHERE change = ?1"
		" ORDER BY seq LIMIT ?2", "ii", change, limit))
		return -1;
	return updates_give(&r, cb, arg, e);
}

int story_update(struct queue *q, struct arena *a, int64_t seq, struct story_update *out,
	struct err *e)
{
	struct db_row r;
	int got;

	if (db_query(q->db, &r, e, "SELECT " UPDATE_COLUMNS " FROM updates WHERE seq = ?1", "i", seq))
		return -1;
	got = db_next(&r, e);
	if (got <= 0)
		return got;
	*out = update_of(&r);
	out->repository = arena_strdup(a, out->repository);
	out->ref = arena_strdup(a, out->ref);
	out->old = arena_strdup(a, out->old);
	out->new = arena_strdup(a, out->new);
	out->pipeline = arena_strdup(a, out->pipeline);
	db_done(&r);
	return 1;
}

static int deliveries_give(struct db_row *r, int (*cb)(const struct delivery *, void *),
	void *arg, struct err *e)
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

int story_deliveries(struct queue *q, int64_t update,
	int (*cb)(const struct delivery *d, void *arg), void *arg, struct err *e)
{
	struct db_row r;

	if (db_query(q->db, &r, e, "SELECT " DELIVERY_COLUMNS " FROM deliveries d"
		" JOIN changes c ON c.seq = d.change WHERE d.upd = ?1 ORDER BY d.seq", "i", update))
		return -1;
	return deliveries_give(&r, cb, arg, e);
}

int story_ahead(struct queue *q, struct arena *a, int64_t delivery, struct delivery *out,
	struct err *e)
{
	struct db_row r;
	int got;

	if (db_query(q->db, &r, e, "SELECT " DELIVERY_COLUMNS " FROM deliveries d"
		" JOIN changes c ON c.seq = d.change WHERE d.state < 4 AND d.lane ="
		" (SELECT lane FROM deliveries WHERE seq = ?1) AND d.seq <> ?1 ORDER BY d.pos LIMIT 1",
		"i", delivery))
		return -1;
	got = db_next(&r, e);
	if (got <= 0)
		return got;
	queue_row_delivery(&r, a, out);
	db_done(&r);
	return 1;
}

int story_enrichment(struct queue *q, struct arena *a, int64_t seq, char **json, struct err *e)
{
	struct db_row r;
	int got;

	*json = arena_strdup(a, "");
	if (!seq)
		return 0;
	if (db_query(q->db, &r, e, "SELECT body FROM enrichments WHERE seq = ?1", "i", seq))
		return -1;
	got = db_next(&r, e);
	if (got <= 0)
		return got;
	*json = arena_strdup(a, db_text(&r, 0));
	db_done(&r);
	return 0;
}

int story_journal(struct queue *q, int64_t change,
	int (*cb)(const struct journal_row *r, void *arg), void *arg, struct err *e)
{
	struct db_row r;

	if (db_query(q->db, &r, e, "SELECT " JOURNAL_COLUMNS " FROM journal WHERE change = ?1"
		" AND delivery = 0 ORDER BY seq", "i", change))
		return -1;
	return queue_rows_journal(&r, cb, arg, e);
}
