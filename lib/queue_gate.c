/* queue_gate.c - pipelines that stand still: held, or with an open breaker. */
#include <string.h>

#include "clock.h"
#include "json.h"
#include "queue_db.h"

struct gate queue_row_gate(const struct db_row *r, int from)
{
	return (struct gate){ .pipeline = "", .held_us = db_int(r, from), .code = db_text(r, from + 1),
		.reason = db_text(r, from + 2), .who = db_text(r, from + 3),
		.since_us = db_int(r, from + 4), .stopped_us = db_int(r, from + 5), .next_us = db_int(r, from + 13),
		.breaker = { .failures = db_int(r, from + 6), .suspect = db_int(r, from + 7),
			.several = db_int(r, from + 8) != 0, .opened_us = db_int(r, from + 9),
			.probe_us = db_int(r, from + 10), .probes = db_int(r, from + 11),
			.ramp = db_int(r, from + 12) } };
}

static struct gate copy(const struct gate *g, struct arena *a)
{
	struct gate out = *g;

	out.pipeline = arena_strdup(a, g->pipeline);
	out.code = arena_strdup(a, g->code);
	out.reason = arena_strdup(a, g->reason);
	out.who = arena_strdup(a, g->who);
	return out;
}

int queue_gates(struct queue *q, int (*cb)(const struct gate *g, void *arg), void *arg,
	struct err *e)
{
	struct db_row r;
	int got, stop = 0;

	if (db_query(q->db, &r, e, "SELECT " GATE_COLUMNS ", g.pipeline FROM gates g ORDER BY g.pipeline", ""))
		return -1;
	while (!stop && (got = db_next(&r, e)) != 0) {
		struct gate g;

		if (got < 0)
			return -1;
		g = queue_row_gate(&r, 0);
		g.pipeline = db_text(&r, GATE_COLUMN_COUNT);
		stop = cb(&g, arg);
	}
	if (stop)
		db_done(&r);
	return stop;
}

int queue_gate(struct queue *q, struct arena *a, const char *pipeline, struct gate *out,
	struct err *e)
{
	struct db_row r;
	struct gate g;
	int got;

	*out = (struct gate){ .pipeline = pipeline, .code = "", .reason = "", .who = "" };
	if (db_query(q->db, &r, e, "SELECT " GATE_COLUMNS " FROM gates g WHERE g.pipeline = ?1", "s",
		pipeline))
		return -1;
	got = db_next(&r, e);
	if (got <= 0)
		return got;
	g = queue_row_gate(&r, 0);
	g.pipeline = pipeline;
	*out = copy(&g, a);
	db_done(&r);
	return 1;
}

int64_t queue_gate_stopped(const struct gate *g, int64_t now_us)
{
	return g->stopped_us + (g->since_us && now_us > g->since_us ? now_us - g->since_us : 0);
}

/* ---- hold and resume ---- */

static int journal(struct queue *q, enum journal_event event, const struct gate_order *o,
	int64_t released, struct err *e)
{
	struct journal_row row = { .time_us = o->now_us, .event = event, .actor = o->who,
		.uid = o->uid, .change = o->change, .delivery = o->delivery, .response = "", .code = o->code, .message = "", .extra = "" };
	struct buf request, response, extra;
	struct json j;
	int failed;

	buf_init(&request, LIMIT_RECORD_BIG);
	buf_init(&response, LIMIT_RECORD_BIG);
	buf_init(&extra, LIMIT_RECORD_EXTRA);
	json_init(&j, &request);
	json_object(&j);
	json_kv(&j, "pipelineName", o->pipeline);
	json_kv(&j, "reason", o->reason);
	json_end(&j);
	row.request = request.s;
	if (*o->code)
		row.message = o->reason;
	if (event == JOURNAL_RESUME) {
		buf_fmt(&response, "{\"released\":%lld}", (long long)released);
		row.response = response.s;
	}
	if (*o->who) {
		json_init(&j, &extra);
		json_object(&j);
		json_kv(&j, "operator", o->who);
		json_key(&j, "operatorUid");
		json_int(&j, o->uid);
		json_end(&j);
		row.extra = extra.s;
	}
	failed = queue_journal_add(q, &row, e);
	buf_release(&request);
	buf_release(&response);
	buf_release(&extra);
	return failed;
}

int queue_gate_hold(struct queue *q, const struct gate_order *o, bool *did, struct err *e)
{
	*did = false;
	if (db_exec(q->db, e, "INSERT INTO gates(pipeline, held, code, reason, who, since)"
		" VALUES(?1,?2,?3,?4,?5,?2) ON CONFLICT(pipeline) DO UPDATE SET held = ?2, code = ?3,"
		" reason = ?4, who = ?5, since = CASE since WHEN 0 THEN ?2 ELSE since END"
		" WHERE held = 0", "sisss", o->pipeline, o->now_us, o->code, o->reason, o->who))
		return -1;
	*did = db_changes(q->db) > 0;
	return *did ? journal(q, JOURNAL_HOLD, o, 0, e) : 0;
}

/* Those whose answer was the reason go again, as if for the first time. */
int queue_gate_resume(struct queue *q, const struct gate_order *o, bool *did, int64_t *released,
	struct err *e)
{
	*released = 0;
	if (db_exec(q->db, e, "UPDATE gates SET held = 0, code = '', reason = '', who = '',"
		" stopped = stopped + CASE opened WHEN 0 THEN max(0, ?2 - since) ELSE 0 END,"
		" since = CASE opened WHEN 0 THEN 0 ELSE since END, probe = min(probe, ?2)"
		" WHERE pipeline = ?1 AND (held > 0 OR opened > 0)", "si", o->pipeline, o->now_us))
		return -1;
	*did = db_changes(q->db) > 0;
	if (!*did)
		return 0;
	if (db_exec(q->db, e, "UPDATE deliveries SET state = 0, due = ?2, first = 0, code = '', error = ''"
		" WHERE state < 4 AND state = 3 AND pipeline = ?1 AND code = 'ReceiverGone'", "si",
		o->pipeline, o->now_us))
		return -1;
	*released = db_changes(q->db);
	return journal(q, JOURNAL_RESUME, o, *released, e);
}

/* ---- the breaker ---- */

static int breaker_journal(struct queue *q, const struct gate *was, const struct breaker *b,
	int64_t now, struct err *e)
{
	bool opened = b->opened_us;
	struct journal_row row = { .time_us = now, .event = opened ? JOURNAL_OPEN : JOURNAL_CLOSE,
		.response = "", .code = opened ? "ReceiverDown" : "", .message = "", .extra = "" };
	char when[CLOCK_ISO_SIZE];
	struct buf request;
	struct json j;
	int failed;

	if (opened)
		row.message = "several deliveries failed in a row: one at a time probes the receiver, the "
			"others wait, and none is given up";
	buf_init(&request, LIMIT_RECORD_BIG);
	json_init(&j, &request);
	json_object(&j);
	json_kv(&j, "pipelineName", was->pipeline);
	json_key(&j, opened ? "failures" : "probes");
	json_int(&j, opened ? b->failures : was->breaker.probes + 1);
	json_kv(&j, opened ? "nextProbe" : "openSince",
		clock_iso(opened ? b->probe_us : was->breaker.opened_us, when));
	json_end(&j);
	row.request = request.s;
	failed = queue_journal_add(q, &row, e);
	buf_release(&request);
	return failed;
}

/* Oldest first; what the receiver itself asked to wait goes on waiting. */
static int release(struct queue *q, const char *pipeline, int64_t now, struct err *e)
{
	return db_exec(q->db, e, "UPDATE deliveries SET due = max(min(made, ?2), earliest) WHERE head = 1 AND state IN (0, 2)"
		" AND pipeline = ?1 AND due > ?2 AND state = 2 AND code <> 'ReceiverThrottled'", "si",
		pipeline, now);
}

int queue_gate_breaker(struct queue *q, const struct gate *was, const struct breaker *b,
	int64_t now_us, struct err *e)
{
	bool opens = b->opened_us && !was->breaker.opened_us;
	bool closes = !b->opened_us && was->breaker.opened_us;
	int64_t since = was->since_us, stopped = was->stopped_us;

	if (opens && !since)
		since = now_us;
	if (closes && !was->held_us) {
		stopped = queue_gate_stopped(was, now_us);
		since = 0;
	}
	if (db_exec(q->db, e, "INSERT INTO gates(pipeline) VALUES(?1) ON CONFLICT DO NOTHING", "s",
		was->pipeline) ||
	    db_exec(q->db, e, "UPDATE gates SET since = ?2, stopped = ?3, failures = ?4, suspect = ?5,"
		" several = ?6, opened = ?7, probe = ?8, probes = ?9, ramp = ?10 WHERE pipeline = ?1",
		"siiiiiiiii", was->pipeline, since, stopped, b->failures, b->suspect,
		(int64_t)b->several, b->opened_us, b->probe_us, b->probes, b->ramp))
		return -1;
	if ((opens || closes) && breaker_journal(q, was, b, now_us, e))
		return -1;
	return closes ? release(q, was->pipeline, now_us, e) : 0;
}
