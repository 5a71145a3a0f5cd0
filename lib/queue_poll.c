/* queue_poll.c - what the poller stores: when each repository was looked at; and how
   the accepted refs stand. */
#include <string.h>

#include "json.h"
#include "match.h"
#include "queue_db.h"

int queue_version(struct queue *q, const char *repository, struct queue_version *out,
	struct err *e)
{
	struct db_row r;
	int got;

	if (db_query(q->db, &r, e, "SELECT count(*), sum(seq), sum(held), (SELECT count(*) FROM spaces"
		" WHERE repository = ?1) FROM refs WHERE repository = ?1", "s", repository))
		return -1;
	got = db_next(&r, e);
	if (got > 0) {
		*out = (struct queue_version){ db_int(&r, 0), db_int(&r, 1), db_int(&r, 2),
			db_int(&r, 3) };
		db_done(&r);
	}
	return got > 0 ? 0 : -1;
}

int queue_versions(struct queue *q,
	int (*cb)(const char *repository, const struct queue_version *v, void *arg), void *arg,
	struct err *e)
{
	struct db_row r;
	int got, stop = 0;

	if (db_query(q->db, &r, e, "SELECT repository, sum(n), sum(steps), sum(held), sum(spaces) FROM"
		" (SELECT repository, count(*) AS n, sum(seq) AS steps, sum(held) AS held, 0 AS spaces"
		" FROM refs GROUP BY repository UNION ALL SELECT repository, 0, 0, 0, count(*)"
		" FROM spaces GROUP BY repository) GROUP BY repository", ""))
		return -1;
	while (!stop && (got = db_next(&r, e)) != 0) {
		struct queue_version v;

		if (got < 0)
			return -1;
		v = (struct queue_version){ db_int(&r, 1), db_int(&r, 2), db_int(&r, 3),
			db_int(&r, 4) };
		stop = cb(db_text(&r, 0), &v, arg);
	}
	if (stop)
		db_done(&r);
	return stop;
}

int queue_stamp(struct queue *q, int64_t *stamp, struct err *e)
{
	struct db_row r;
	int got;

	if (db_query(q->db, &r, e, "PRAGMA data_version", ""))
		return -1;
	got = db_next(&r, e);
	if (got > 0) {
		*stamp = db_int(&r, 0);
		db_done(&r);
	}
	return got > 0 ? 0 : -1;
}

int queue_change_pends(struct queue *q, const char *id, struct err *e)
{
	struct db_row r;
	int got;

	if (db_query(q->db, &r, e, "SELECT 1 FROM changes c JOIN updates u ON u.change = c.seq"
		" WHERE c.id = ?1 AND u.state = ?2 LIMIT 1", "si", id, (int64_t)UPDATE_PENDING))
		return -1;
	got = db_next(&r, e);
	if (got > 0)
		db_done(&r);
	return got;
}

static int newest_change(struct queue *q, int64_t *seq, struct err *e)
{
	struct db_row r;
	int got;

	if (db_query(q->db, &r, e, "SELECT max(seq) FROM changes", ""))
		return -1;
	got = db_next(&r, e);
	if (got > 0) {
		*seq = db_int(&r, 0);
		db_done(&r);
	}
	return got > 0 ? 0 : -1;
}

int queue_hooked(struct queue *q, int64_t *seq, int (*cb)(const char *repository, void *arg),
	void *arg, struct err *e)
{
	int64_t after = *seq;
	struct db_row r;
	int got, stop = 0;

	if (newest_change(q, seq, e))
		return -1;
	if (after < 0 || *seq <= after)
		return 0;
	if (db_query(q->db, &r, e, "SELECT DISTINCT repository FROM changes WHERE seq > ?1 AND"
		" seq <= ?2 AND source = ?3", "iii", after, *seq, (int64_t)SOURCE_POST_RECEIVE))
		return -1;
	while (!stop && (got = db_next(&r, e)) != 0) {
		if (got < 0)
			return -1;
		stop = cb(db_text(&r, 0), arg);
	}
	if (stop)
		db_done(&r);
	return stop;
}

static int journal(struct queue *q, const struct poll_row *p, struct err *e)
{
	struct journal_row row = { .time_us = p->last_us, .event = JOURNAL_POLL, .response = "",
		.code = p->failures ? "RepositoryUnavailable" : "", .message = p->error };
	struct buf request, extra;
	struct json j;
	int failed;

	buf_init(&request, LIMIT_RECORD_BIG);
	buf_init(&extra, LIMIT_RECORD_EXTRA);
	json_init(&j, &request);
	json_object(&j);
	json_kv(&j, "repositoryName", p->repository);
	json_kv(&j, "location", p->what);
	json_end(&j);
	json_init(&j, &extra);
	json_object(&j);
	json_key(&j, "failuresInARow");
	json_int(&j, p->failures);
	json_end(&j);
	row.request = request.s;
	row.extra = extra.s;
	failed = queue_journal_add(q, &row, e);
	buf_release(&request);
	buf_release(&extra);
	return failed;
}

static int journal_head(struct queue *q, const struct poll_row *p, struct err *e)
{
	struct journal_row row = { .time_us = p->last_us, .event = JOURNAL_HEAD, .response = "",
		.code = "", .message = "", .extra = "" };
	struct buf request;
	struct json j;
	int failed;

	buf_init(&request, LIMIT_RECORD_BIG);
	json_init(&j, &request);
	json_object(&j);
	json_kv(&j, "repositoryName", p->repository);
	json_key_bytes(&j, "defaultBranchName", ref_branch(p->head), strlen(ref_branch(p->head)));
	json_key_bytes(&j, "previousBranchName", ref_branch(p->head_stored),
		strlen(ref_branch(p->head_stored)));
	json_end(&j);
	row.request = request.s;
	failed = queue_journal_add(q, &row, e);
	buf_release(&request);
	return failed;
}

static int store_times(struct queue *q, const struct poll_row *p, bool *done, struct err *e)
{
	int failed = db_exec(q->db, e, "UPDATE polls SET last=?2, ok=?3, next=?4 WHERE repository=?1",
		"siii", p->repository, p->last_us, p->ok_us, p->next_us);

	*done = !failed && db_changes(q->db);
	return failed;
}

static int store(struct queue *q, const struct poll_row *p, struct err *e)
{
	bool done = false;

	if (p->times_only && store_times(q, p, &done, e))
		return -1;
	if (done)
		return 0;
	if (db_exec(q->db, e, "INSERT INTO polls(repository, what, last, ok, changed, next, failures,"
		" error, refs, mark, head, speaks, greet)"
		" VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13) ON CONFLICT(repository)"
		" DO UPDATE SET what=?2, last=?3, ok=?4, changed=?5, next=?6, failures=?7, error=?8,"
		" refs=?9, mark=?10, head=?11, speaks=?12, greet=?13", "ssiiiiisissii",
		p->repository, p->what, p->last_us, p->ok_us, p->changed_us, p->next_us, p->failures,
		p->error, p->refs, p->mark, p->head, p->speaks, p->greet_us))
		return -1;
	if (*p->head && *p->head_stored && strcmp(p->head, p->head_stored) && journal_head(q, p, e))
		return -1;
	return p->failures || p->failures_stored ? journal(q, p, e) : 0;
}

int queue_poll_done(struct queue *q, const struct poll_row *rows, size_t n, struct err *e)
{
	if (db_begin(q->db, e))
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (store(q, &rows[i], e)) {
			db_rollback(q->db);
			return -1;
		}
	}
	return queue_commit(q, e);
}

/* ---- hosts ---- */

int queue_hosts(struct queue *q, int (*cb)(const char *host, int64_t speaks, void *arg), void *arg,
	struct err *e)
{
	struct db_row r;
	int got, stop = 0;

	if (db_query(q->db, &r, e, "SELECT host, speaks FROM hosts ORDER BY host", ""))
		return -1;
	while (!stop && (got = db_next(&r, e)) != 0) {
		if (got < 0)
			return -1;
		stop = cb(db_text(&r, 0), db_int(&r, 1), arg);
	}
	if (stop)
		db_done(&r);
	return stop;
}

int queue_host_learn(struct queue *q, const char *host, int64_t speaks, int64_t now_us,
	struct err *e)
{
	return db_exec(q->db, e, "INSERT INTO hosts(host, speaks, time) VALUES(?1,?2,?3)"
		" ON CONFLICT(host) DO UPDATE SET speaks=?2, time=?3", "sii", host, speaks, now_us);
}
