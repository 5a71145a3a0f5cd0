/* queue_approval.c - deliveries that wait for a person's yes. */
#include <string.h>

#include "clock.h"
#include "json.h"
#include "queue_db.h"

const char *queue_approval_text(int64_t expires_us, char out[APPROVAL_TEXT_SIZE])
{
	char when[CLOCK_ISO_SIZE];

	stpcpy(stpcpy(stpcpy(out, "waits for `refire approve` until "),
		clock_iso(expires_us, when)), ", then it fails");
	return out;
}

/* What led here was no attempt. */
int queue_approval_ask(struct queue *q, int64_t delivery, int64_t expires_us, struct err *e)
{
	return db_exec(q->db, e, "UPDATE deliveries SET expires = CASE expires WHEN 0 THEN ?2 ELSE expires"
		" END, first = CASE attempts WHEN 1 THEN 0 ELSE first END, attempts = attempts - 1"
		" WHERE seq = ?1 AND state < 4 AND state = 3", "ii", delivery, expires_us);
}

/* ---- a person's word ---- */

static int decision_journal(struct queue *q, const struct queue_decision *o,
	const struct delivery *d, struct err *e)
{
	struct journal_row row = { .time_us = o->now_us,
		.event = o->approve ? JOURNAL_APPROVE : JOURNAL_REJECT, .actor = o->by, .uid = o->uid,
		.change = d->change_seq, .delivery = d->seq, .response = "", .code = "", .message = "" };
	struct buf request, extra;
	struct json j;
	int failed;

	buf_init(&request, LIMIT_RECORD_BIG);
	buf_init(&extra, LIMIT_RECORD_EXTRA);
	json_init(&j, &request);
	json_object(&j);
	json_kv(&j, "deliveryId", d->id);
	json_kv(&j, "summary", o->summary);
	json_kv(&j, "status", o->approve ? "Approved" : "Rejected");
	json_end(&j);
	json_init(&j, &extra);
	json_object(&j);
	json_kv(&j, "approver", o->by);
	json_key(&j, "approverUid");
	json_int(&j, o->uid);
	json_kv(&j, "nextState", delivery_word(o->approve ? DELIVERY_READY : DELIVERY_DROPPED));
	json_end(&j);
	row.request = request.s;
	row.extra = extra.s;
	failed = queue_journal_add(q, &row, e);
	buf_release(&request);
	buf_release(&extra);
	return failed;
}

static int approve(struct queue *q, const struct delivery *d, int64_t now, struct err *e)
{
	return db_exec(q->db, e, "UPDATE deliveries SET state = 0, approved = 1, expires = 0, first = 0,"
		" due = max(?2, earliest), code = '', error = '' WHERE seq = ?1", "ii", d->seq, now);
}

static int reject(struct queue *q, const struct delivery *d, const struct queue_decision *o,
	struct err *e)
{
	struct buf why;
	int failed;

	buf_init(&why, 2 * LIMIT_SUMMARY);
	buf_fmt(&why, "rejected by %s%s%s", o->by, *o->summary ? ": " : "", o->summary);
	failed = db_exec(q->db, e, "UPDATE deliveries SET state = ?2, settled = ?3, head = 0, expires = 0,"
		" code = 'ApprovalRejected', error = ?4 WHERE seq = ?1", "iiis", d->seq,
		(int64_t)DELIVERY_DROPPED, o->now_us, why.s);
	buf_release(&why);
	return failed || queue_delivery_release(q, d->seq, o->now_us, e) ? -1 : 0;
}

static int decide_one(struct queue *q, const struct queue_decision *o, struct queue_command *c,
	struct err *e)
{
	struct arena a;
	struct delivery d;
	int failed = 0;

	arena_init(&a);
	if (queue_find(q, &a, c->delivery, &d, e)) {
		failed = e->code == ERR_NOENT ? 0 : -1;
		c->outcome = COMMAND_UNKNOWN;
	} else {
		c->was = d.state;
		c->outcome = d.state != DELIVERY_HELD || strcmp(d.code, APPROVAL_CODE) ? COMMAND_STATE :
			o->may(&d, o->by, o->arg) ? COMMAND_DONE : COMMAND_DENIED;
		if (c->outcome == COMMAND_DONE)
			failed = (o->approve ? approve(q, &d, o->now_us, e) : reject(q, &d, o, e)) ||
				decision_journal(q, o, &d, e) ? -1 : 0;
	}
	arena_release(&a);
	return failed;
}

int queue_decide(struct queue *q, const struct queue_decision *o, struct queue_command *v,
	size_t n, struct err *e)
{
	if (db_begin(q->db, e))
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (decide_one(q, o, &v[i], e)) {
			db_rollback(q->db);
			return -1;
		}
	}
	return queue_commit(q, e);
}

/* ---- nobody's word ---- */

#define EXPIRED_TEXT "nobody approved it in time"

static int expire(struct queue *q, const struct delivery *d, int64_t now, struct err *e)
{
	const struct journal_row row = { .time_us = now, .event = JOURNAL_SETTLE,
		.change = d->change_seq, .delivery = d->seq, .request = "",
		.response = "{\"state\":\"FAILED\"}", .code = APPROVAL_EXPIRED, .message = EXPIRED_TEXT,
		.extra = "{\"nextState\":\"FAILED\"}" };

	return db_exec(q->db, e, "UPDATE deliveries SET state = ?2, settled = ?3, head = 0, expires = 0,"
		" code = ?4, error = ?5 WHERE seq = ?1", "iiiss", d->seq, (int64_t)DELIVERY_FAILED,
		now, APPROVAL_EXPIRED, EXPIRED_TEXT) ||
		queue_journal_add(q, &row, e) || queue_delivery_release(q, d->seq, now, e) ? -1 : 0;
}

int queue_expired(struct queue *q, int64_t now_us, struct err *e)
{
	struct db_row r;
	int got;

	if (db_query(q->db, &r, e, "SELECT 1 FROM deliveries WHERE state = 3 AND expires > 0"
		" AND expires <= ?1 LIMIT 1", "i", now_us))
		return -1;
	got = db_next(&r, e);
	if (got > 0)
		db_done(&r);
	return got;
}

int queue_expire(struct queue *q, struct arena *a, int64_t now_us, size_t max,
	struct delivery **out, size_t *n, struct err *e)
{
	struct delivery *v = arena_alloc(a, (max + 1) * sizeof(*v));
	struct db_row r;
	int got;

	*out = v;
	*n = 0;
	if (db_query(q->db, &r, e, "SELECT " DELIVERY_COLUMNS " FROM deliveries d JOIN changes c"
		" ON c.seq = d.change WHERE d.state = 3 AND d.expires > 0 AND d.expires <= ?1"
		" ORDER BY d.expires LIMIT ?2", "ii", now_us, (int64_t)max))
		return -1;
	while ((got = db_next(&r, e)) > 0)
		queue_row_delivery(&r, a, &v[(*n)++]);
	for (size_t i = 0; got == 0 && i < *n; i++) {
		got = expire(q, &v[i], now_us, e);
		v[i].state = DELIVERY_FAILED;
		v[i].code = APPROVAL_EXPIRED;
		v[i].error = EXPIRED_TEXT;
	}
	return got;
}
