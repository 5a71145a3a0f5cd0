/* queue_gate.c - pipelines that are held: nothing of them is claimed. */
#include <string.h>

#include "json.h"
#include "queue_db.h"

#define GATE_COLUMNS "pipeline, held, code, reason, who, stopped"

static struct gate row_gate(const struct db_row *r)
{
	return (struct gate){ .pipeline = db_text(r, 0), .held_us = db_int(r, 1),
		.code = db_text(r, 2), .reason = db_text(r, 3), .who = db_text(r, 4),
		.stopped_us = db_int(r, 5) };
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

	if (db_query(q->db, &r, e, "SELECT " GATE_COLUMNS " FROM gates ORDER BY pipeline", ""))
		return -1;
	while (!stop && (got = db_next(&r, e)) != 0) {
		struct gate g;

		if (got < 0)
			return -1;
		g = row_gate(&r);
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
	if (db_query(q->db, &r, e, "SELECT " GATE_COLUMNS " FROM gates WHERE pipeline = ?1", "s",
		pipeline))
		return -1;
	got = db_next(&r, e);
	if (got <= 0)
		return got;
	g = row_gate(&r);
	*out = copy(&g, a);
	db_done(&r);
	return 1;
}

int64_t queue_gate_stopped(const struct gate *g, int64_t now_us)
{
	int64_t open = g->held_us && now_us > g->held_us ? now_us - g->held_us : 0;

	return g->stopped_us + open;
}

/* ---- hold and resume ---- */

static int journal(struct queue *q, enum journal_event event, const struct gate_order *o,
	int64_t released, struct err *e)
{
	struct journal_row row = { .time_us = o->now_us, .event = event, .change = o->change,
		.delivery = o->delivery, .response = "", .code = o->code, .message = "", .extra = "" };
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
	if (db_exec(q->db, e, "INSERT INTO gates(pipeline, held, code, reason, who) VALUES(?1,?2,?3,?4,?5)"
		" ON CONFLICT(pipeline) DO UPDATE SET held = ?2, code = ?3, reason = ?4, who = ?5"
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
	if (db_exec(q->db, e, "UPDATE gates SET stopped = stopped + max(0, ?2 - held), held = 0, code = '',"
		" reason = '', who = '' WHERE pipeline = ?1 AND held > 0", "si", o->pipeline, o->now_us))
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
