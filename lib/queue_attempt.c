/* queue_attempt.c - leases that ended with their owner; checkpoint, settle; the
   trail's cursor. */
#include <stdio.h>
#include <string.h>

#include "queue_db.h"

/* The sender that held the lease is gone: its request may have arrived. */
static int recover_one(struct queue *q, int64_t seq, int64_t change, int64_t attempt,
	int64_t now, struct err *e)
{
	struct journal_row row = { .time_us = now, .event = JOURNAL_DELIVER, .change = change,
		.delivery = seq, .request = "", .response = "", .code = "OutcomeUnknown",
		.message = "the sender ended during this attempt; the request may have arrived and is "
			"sent again under the same delivery id" };
	char extra[96];

	snprintf(extra, sizeof(extra), "{\"attempt\":%lld,\"outcome\":\"unknown\",\"nextState\":\"READY\"}",
		(long long)attempt);
	row.extra = extra;
	return queue_journal_add(q, &row, e);
}

int queue_owner_begin(struct queue *q, const char *owner, int64_t now_us, int64_t *recovered,
	struct err *e)
{
	struct db_row r;
	int got;

	*recovered = 0;
	if (db_begin(q->db, e))
		return -1;
	if (db_query(q->db, &r, e, "SELECT seq, change, attempts FROM deliveries WHERE state = 1"
		" AND owner <> ?1", "s", owner))
		goto fail;
	while ((got = db_next(&r, e)) > 0) {
		if (recover_one(q, db_int(&r, 0), db_int(&r, 1), db_int(&r, 2), now_us, e)) {
			db_done(&r);
			goto fail;
		}
		(*recovered)++;
	}
	if (got < 0)
		goto fail;
	if (db_exec(q->db, e, "UPDATE deliveries SET state = 0, owner = '', due = ?2,"
		" unknown = unknown + 1 WHERE state = 1"
		" AND owner <> ?1", "si", owner, now_us))
		goto fail;
	return queue_commit(q, e);
fail:
	db_rollback(q->db);
	return -1;
}

int queue_checkpoint(struct queue *q, const char *owner, int64_t delivery,
	const void *progress, size_t len, bool past, struct err *e)
{
	return db_exec(q->db, e, "UPDATE deliveries SET progress = ?3, unknown = unknown * ?4"
		" WHERE seq = ?1 AND owner = ?2 AND state = 1", "isbi", delivery, owner, progress, len,
		(int64_t)!past);
}

int queue_settle(struct queue *q, const char *owner, struct settlement *s, int64_t now_us,
	struct err *e)
{
	bool settled = delivery_settled(s->state);

	if (db_exec(q->db, e, "UPDATE deliveries SET state = ?3, owner = '', due = ?4, http_status = ?5,"
		" code = ?6, error = ?7, settled = ?8, head = ?9, unknown = unknown + ?10, earliest = ?11"
		" WHERE seq = ?1 AND owner = ?2 AND state = 1", "isiiissiiii", s->delivery, owner,
		(int64_t)s->state, s->due_us,
		(int64_t)s->http_status, s->code, s->error, settled ? now_us : (int64_t)0,
		(int64_t)!settled, (int64_t)s->unknown, s->earliest_us))
		return -1;
	s->applied = db_changes(q->db) > 0;
	if (!s->applied || !settled)
		return 0;
	return queue_delivery_release(q, s->delivery, now_us, e);
}

int queue_delivery_release(struct queue *q, int64_t delivery, int64_t now_us, struct err *e)
{
	return db_exec(q->db, e, "UPDATE deliveries SET head = 1, due = CASE state WHEN 0 THEN ?2"
		" ELSE due END WHERE head = 0 AND seq = (SELECT n.seq FROM deliveries n WHERE"
		" n.lane = (SELECT lane FROM deliveries WHERE seq = ?1) AND n.state < 4"
		" ORDER BY n.pos LIMIT 1)", "ii", delivery, now_us);
}

int queue_meta(struct queue *q, const char *key, int64_t *out, struct err *e)
{
	struct db_row r;
	int got;

	*out = 0;
	if (db_query(q->db, &r, e, "SELECT value FROM meta WHERE key = ?1", "s", key))
		return -1;
	got = db_next(&r, e);
	if (got <= 0)
		return got;
	*out = db_int(&r, 0);
	db_done(&r);
	return 0;
}

int queue_cursor(struct queue *q, int64_t *seq, struct err *e)
{
	return queue_meta(q, "cursor", seq, e);
}

int queue_cursor_set(struct queue *q, int64_t seq, struct err *e)
{
	return db_exec(q->db, e, "UPDATE meta SET value = ?1 WHERE key = 'cursor'", "i", seq);
}

int queue_journal_floor(struct queue *q, int64_t seq, struct err *e)
{
	if (db_exec(q->db, e, "INSERT INTO sqlite_sequence(name, seq) SELECT 'journal', 0"
		" WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'journal')", ""))
		return -1;
	return db_exec(q->db, e, "UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'journal'",
		"i", seq);
}
