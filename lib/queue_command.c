/* queue_command.c - an operator's retry, drop and replay. */
#include <string.h>

#include "json.h"
#include "queue_db.h"

struct verb {
	const char *word;
	enum journal_event event;
	unsigned from;			/* bits of states it applies to */
};
#define BIT(s) (1u << DELIVERY_##s)
static const struct verb verbs[] = {
	{ "retry", JOURNAL_RETRY,
	  BIT(FAILED) | BIT(HELD) | BIT(WAITING) | BIT(DROPPED) | BIT(SUPERSEDED) | BIT(READY) },
	{ "replay", JOURNAL_REPLAY, BIT(DELIVERED) },
	{ "drop", JOURNAL_DROP, BIT(READY) | BIT(WAITING) | BIT(HELD) },
};

/* One that was settled goes to the end of its lane; one that is open keeps its place.
   The time it was held does not count towards giving up. */
static int apply_retry(struct queue *q, int64_t seq, int64_t lane, enum delivery_state was,
	int64_t now, struct err *e)
{
	if (delivery_settled(was)) {
		if (db_exec(q->db, e, "UPDATE deliveries SET pos = 1 + COALESCE((SELECT max(pos) FROM"
			" deliveries WHERE lane = ?2 AND state < 4), pos), state = 0, due = ?3, head = 0,"
			" attempts = 0, first = 0, settled = 0, expires = 0, code = '', error = ''"
			" WHERE seq = ?1", "iii", seq, lane, now))
			return -1;
		return queue_lane_advance(q, lane, now, e);
	}
	return db_exec(q->db, e, "UPDATE deliveries SET first = CASE state WHEN 3 THEN 0 ELSE first END,"
		" state = 0, due = ?2, expires = 0, code = '', error = '' WHERE seq = ?1", "ii", seq, now);
}

static int apply_drop(struct queue *q, int64_t seq, int64_t lane, const char *error, int64_t now,
	struct err *e)
{
	if (db_exec(q->db, e, "UPDATE deliveries SET state = ?2, settled = ?3, head = 0,"
		" code = 'Dropped', error = ?4 WHERE seq = ?1", "iiis", seq,
		(int64_t)DELIVERY_DROPPED, now, error))
		return -1;
	return queue_lane_advance(q, lane, now, e);
}

/* A copy of the row under a new id: *seq is the copy's. */
static int apply_replay(struct queue *q, int64_t *seq, int64_t lane, int64_t now,
	char made[UUID_SIZE], struct err *e)
{
	if (uuid_v7(now, made))
		return err_sys(e, "cannot draw a delivery id");
	if (db_exec(q->db, e, "INSERT INTO deliveries(id, change, upd, pipeline, repository, ref, before,"
		" after, lane, pos, head, state, due, made, enrichment) SELECT ?2, change, upd, pipeline,"
		" repository, ref, before, after, lane, 1 + COALESCE((SELECT max(pos) FROM deliveries"
		" WHERE lane = ?4 AND state < 4), pos), 0, 0, ?3, ?3, enrichment FROM deliveries"
		" WHERE seq = ?1", "isii", *seq, made, now, lane))
		return -1;
	*seq = db_last_id(q->db);
	return queue_lane_advance(q, lane, now, e);
}

/* seq: the delivery that the record is about; d: the one that was named. */
static int command_journal(struct queue *q, const struct verb *verb, const struct delivery *d,
	int64_t seq, const char *by, int64_t uid, const char *reason, int64_t now, struct err *e)
{
	struct journal_row row = { .time_us = now, .event = verb->event, .actor = by, .uid = uid,
		.change = d->change_seq,
		.delivery = seq, .response = "", .code = "", .message = "" };
	struct buf request, extra;
	struct json j;
	int failed;

	buf_init(&request, LIMIT_RECORD_BIG);
	buf_init(&extra, LIMIT_RECORD_EXTRA);
	json_init(&j, &request);
	json_object(&j);
	json_kv(&j, "deliveryId", d->id);
	json_kv(&j, "reason", reason);
	json_end(&j);
	json_init(&j, &extra);
	json_object(&j);
	json_kv(&j, "operator", by);
	json_key(&j, "operatorUid");
	json_int(&j, uid);
	json_kv(&j, "stateBefore", delivery_word(d->state));
	json_end(&j);
	row.request = request.s;
	row.extra = extra.s;
	failed = queue_journal_add(q, &row, e);
	buf_release(&request);
	buf_release(&extra);
	return failed;
}

/* A person decided about a held disappearance: the ref counts as gone from now on,
   unless it has moved on since. */
static int release_ref(struct queue *q, const struct delivery *d, int64_t now, struct err *e)
{
	if (d->state != DELIVERY_HELD || strcmp(d->code, "MassDisappearance"))
		return 0;
	return db_exec(q->db, e, "UPDATE refs SET oid = ?3, seq = seq + 1, time = ?4, held = 0"
		" WHERE repository = ?1 AND ref = ?2 AND held = 1", "sssi", d->repository, d->ref,
		d->after, now);
}

static int lane_of(struct queue *q, int64_t seq, int64_t *lane, struct err *e)
{
	struct db_row r;
	int got;

	if (db_query(q->db, &r, e, "SELECT lane FROM deliveries WHERE seq = ?1", "i", seq))
		return -1;
	got = db_next(&r, e);
	if (got > 0) {
		*lane = db_int(&r, 0);
		db_done(&r);
	}
	return got > 0 ? 0 : -1;
}

static int command_one(struct queue *q, const struct verb *verb, const char *by, int64_t uid,
	const char *reason, int64_t now, struct queue_command *c, struct err *e)
{
	struct arena a;
	struct delivery d;
	int64_t lane, seq;
	int failed = 0;

	arena_init(&a);
	if (queue_find(q, &a, c->delivery, &d, e)) {
		failed = e->code == ERR_NOENT ? 0 : -1;
		c->outcome = COMMAND_UNKNOWN;
	} else {
		seq = d.seq;
		c->was = d.state;
		c->outcome = verb->from & (1u << d.state) ? COMMAND_DONE : COMMAND_STATE;
		if (c->outcome == COMMAND_DONE)
			failed = lane_of(q, seq, &lane, e) || release_ref(q, &d, now, e) ||
				(verb->event == JOURNAL_REPLAY ?
					apply_replay(q, &seq, lane, now, c->made, e) :
				 verb->event == JOURNAL_RETRY ?
					apply_retry(q, seq, lane, d.state, now, e) :
					apply_drop(q, seq, lane, *reason ? reason : "dropped by hand", now, e)) ||
				command_journal(q, verb, &d, seq, by, uid, reason, now, e) ? -1 : 0;
	}
	arena_release(&a);
	return failed;
}

int queue_command(struct queue *q, const char *verb, const char *by, int64_t uid,
	const char *reason, int64_t now_us, struct queue_command *v, size_t n, struct err *e)
{
	const struct verb *w = NULL;

	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (!strcmp(verbs[i].word, verb))
			w = &verbs[i];
	if (!w)
		return err_set(e, ERR_DATA, "unknown command `%.40s`; expected retry, drop or replay", verb);
	if (db_begin(q->db, e))
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (command_one(q, w, by, uid, reason ? reason : "", now_us, &v[i], e)) {
			db_rollback(q->db);
			return -1;
		}
	}
	return queue_commit(q, e);
}
