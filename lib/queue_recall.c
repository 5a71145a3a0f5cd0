/* queue_recall.c - what the trail and the journal remember of deliveries. */
#include "queue_recall.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "queue_db.h"
#include "trail_index.h"

/* ---- what is settled ---- */

/* A record that says a delivery is settled: its id, else NULL. Our own lines, so the
   members stand where trail.c writes them. */
static const char *settled_in(const char *line, size_t n, char id[UUID_SIZE])
{
	static const char *const words[] = {
		"\"nextState\":\"DELIVERED\"", "\"nextState\":\"FAILED\"",
		"\"nextState\":\"SUPERSEDED\"",
		"\"eventName\":\"DropDelivery\"", "\"eventName\":\"RejectDelivery\"",
	};
	static const char key[] = "\"delivery\":\"";
	const char *p = NULL;

	for (size_t i = 0; !p && i < sizeof(words) / sizeof(*words); i++)
		p = memmem(line, n, words[i], strlen(words[i]));
	p = p ? memmem(line, n, key, sizeof(key) - 1) : NULL;
	if (!p || (size_t)(line + n - p) < sizeof(key) - 1 + UUID_SIZE)
		return NULL;
	memcpy(id, p + sizeof(key) - 1, UUID_SIZE - 1);
	id[UUID_SIZE - 1] = 0;
	return uuid_valid(id) ? id : NULL;
}

static int bury(struct queue *q, const char *line, size_t n, int64_t *settled, struct err *e)
{
	char id[UUID_SIZE];

	if (!settled_in(line, n, id))
		return 0;
	if (db_exec(q->db, e, "INSERT OR IGNORE INTO tombstones(id) SELECT ?1 WHERE NOT EXISTS"
		" (SELECT 1 FROM deliveries WHERE id = ?1)", "s", id))
		return -1;
	*settled += db_changes(q->db);
	return 0;
}

/* ---- what was made ---- */

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

/* The change a record speaks of: its row, or a stand-in that keeps its id's place. */
static int change_row(struct queue *q, const char *id, const char *repository, int64_t *seq,
	struct err *e)
{
	char own[UUID_SIZE];
	struct db_row r;
	int got;

	if (db_query(q->db, &r, e, "SELECT seq FROM changes WHERE id = ?1", "s", id))
		return -1;
	got = db_next(&r, e);
	if (got < 0)
		return -1;
	if (!got)
		return queue_change_make(q, repository, clock_wall_us(), seq, own, e);
	*seq = db_int(&r, 0);
	db_done(&r);
	return 0;
}

struct made {				/* one delivery as a MatchPipelines record tells it */
	const char *change_id, *repository, *ref, *before, *after, *pipeline, *delivery;
	const char *held;		/* why it was made HELD, or "" */
};

#define REASKED_US (7 * 86400 * US_PER_S)	/* asked for approval anew: how long */

static int remake(struct queue *q, const struct made *m, int64_t *recalled, struct err *e)
{
	struct new_delivery d = { .change_id = m->change_id, .pipeline = m->pipeline,
		.repository = m->repository, .ref = m->ref, .before = m->before, .after = m->after,
		.held = *m->held != 0, .code = m->held,
		.expires_us = strcmp(m->held, APPROVAL_CODE) ? 0 : clock_wall_us() + REASKED_US, .error = *m->held ? "held before the queue was rebuilt" : "" };
	char id[UUID_SIZE];
	int there = queue_delivery_known(q, m->delivery, e);

	if (there)
		return there < 0 ? -1 : 0;
	if (change_row(q, m->change_id, m->repository, &d.change, e) ||
	    queue_update_fill(q, d.change, m->repository, m->ref, m->before, m->after,
		clock_wall_us(), &d.update, e) ||
	    queue_delivery_add(q, &d, clock_wall_us(), id, e))
		return -1;
	++*recalled;
	return 0;
}

static int recall(struct queue *q, const char *change_id, const json_t *request,
	const json_t *response, int64_t *recalled, struct err *e)
{
	const json_t *references = json_object_get(request, "references"), *decision, *pipeline;
	struct made m = { .change_id = change_id, .repository = text(request, "repositoryName") };
	size_t i, k;

	json_array_foreach(json_object_get(response, "decisions"), i, decision) {
		const json_t *reference = json_array_get(references, i);

		m.ref = text(decision, "ref");
		m.before = text(reference, "before");
		m.after = text(reference, "commit");
		json_array_foreach(json_object_get(decision, "pipelines"), k, pipeline) {
			m.pipeline = text(pipeline, "pipeline");
			m.delivery = text(pipeline, "delivery");
			m.held = text(pipeline, "held");
			if (uuid_valid(m.delivery) && change_oid_ok(m.after) && change_ref_ok(m.ref) &&
			    remake(q, &m, recalled, e))
				return -1;
		}
	}
	return 0;
}

static int recall_line(struct queue *q, const char *line, size_t n, int64_t *recalled,
	struct err *e)
{
	static const char match[] = "\"eventName\":\"MatchPipelines\"";
	json_t *record;
	int failed = 0;

	if (!memmem(line, n, match, sizeof(match) - 1))
		return 0;
	record = json_loadb(line, n, 0, NULL);
	if (record && uuid_valid(text(record, "sharedEventID")))
		failed = recall(q, text(record, "sharedEventID"),
			json_object_get(record, "requestParameters"),
			json_object_get(record, "responseElements"), recalled, e);
	json_decref(record);
	return failed;
}

/* Rows that were never rendered. */
static int recall_journal(struct queue *q, int64_t *recalled, struct err *e)
{
	struct db_row r;
	int got, failed = 0;

	if (db_query(q->db, &r, e, "SELECT c.id, j.request, j.response FROM journal j JOIN changes c"
		" ON c.seq = j.change WHERE j.event = ?1", "i", (int64_t)JOURNAL_MATCH))
		return -1;
	while (!failed && (got = db_next(&r, e)) != 0) {
		json_t *request, *response;

		if (got < 0)
			return -1;
		request = json_loads(db_text(&r, 1), 0, NULL);
		response = json_loads(db_text(&r, 2), 0, NULL);
		failed = recall(q, db_text(&r, 0), request, response, recalled, e);
		json_decref(request);
		json_decref(response);
	}
	if (failed)
		db_done(&r);
	return failed;
}

/* ---- reading the files ---- */

typedef int line_fn(struct queue *, const char *, size_t, int64_t *, struct err *);

struct recalling {
	struct queue *q;
	line_fn *fn;
	int64_t *n;
	struct err *e;
};

static int read_line(const char *line, size_t n, void *arg)
{
	struct recalling *r = arg;

	return r->fn(r->q, line, n, r->n, r->e);
}

/* Only what done/ can bring back matters: the records of its seven days, and one more. */
static int read_trail(struct queue *q, const char *dir, line_fn *fn, int64_t *n, struct err *e)
{
	struct recalling r = { q, fn, n, e };
	int64_t first = clock_wall_us() - (DONE_KEPT_S + 86400) * US_PER_S;
	struct trail_files files;
	int failed = trail_files_list(dir, &files, e);

	for (size_t i = 0; !failed && i < files.n; i++)
		if (files.v[i].to_us >= first)
			failed = trail_file_each(dir, &files.v[i], read_line, &r, e);
	free(files.v);
	return failed;
}

int queue_recall(struct queue *q, const char *trail_dir, int64_t *settled, int64_t *recalled,
	struct err *e)
{
	return read_trail(q, trail_dir, bury, settled, e) ||
		read_trail(q, trail_dir, recall_line, recalled, e) ||
		recall_journal(q, recalled, e) ? -1 : 0;
}
