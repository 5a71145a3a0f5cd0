/* queue_intake.c - a change and its updates into their rows; baselines; mass
   disappearances. */
#include <string.h>

#include "json.h"
#include "match.h"
#include "queue_db.h"
#include "queue_heard.h"

static void pairs(struct json *j, const char *key, const struct name_value *v, size_t n)
{
	json_key(j, key);
	json_object(j);
	for (size_t i = 0; i < n; i++)
		json_key_bytes(j, v[i].name, v[i].value, strlen(v[i].value));
	json_end(j);
}

static void texts(struct json *j, const char *key, const char *const *v, size_t n)
{
	json_key(j, key);
	json_array(j);
	for (size_t i = 0; i < n; i++)
		json_str(j, v[i]);
	json_end(j);
}

static void detail(const struct change *c, struct buf *b)
{
	struct json j;

	json_init(&j, b);
	json_object(&j);
	texts(&j, "options", c->options, c->noptions);
	pairs(&j, "claims", c->claims, c->nclaims);
	pairs(&j, "vars", c->vars, c->nvars);
	texts(&j, "shortened", c->shortened, c->nshortened);
	json_end(&j);
}

const char *queue_change_detail(struct arena *a, const struct change *c)
{
	struct buf b;
	const char *s;

	buf_init(&b, 16 * MIB);
	detail(c, &b);
	s = arena_strdup(a, b.s);
	buf_release(&b);
	return s;
}

#define REFERENCES_SHOWN 400	/* about 60 KB; CloudTrail's limit is 100 KB */

/* As CodeCommit writes GitPush: references [{commit, ref}]. */
static void push_request(const struct change *c, const char *repository, struct buf *b)
{
	struct json j;

	json_init(&j, b);
	json_object(&j);
	json_kv(&j, "repositoryName", repository);
	if (!*repository)
		json_kv(&j, "path", c->path);
	if (c->source == SOURCE_FIRE)
		json_kv(&j, "pipelineName", c->pipeline);
	json_key(&j, "references");
	json_array(&j);
	for (size_t i = 0; i < c->nupdates && i < REFERENCES_SHOWN && b->len < 80 * KIB; i++) {
		json_object(&j);
		json_kv(&j, "commit", c->updates[i].new);
		json_key_bytes(&j, "ref", c->updates[i].ref, strlen(c->updates[i].ref));
		if (!c->observed && c->source != SOURCE_FIRE)
			json_kv(&j, "before", c->updates[i].old);
		json_end(&j);
	}
	json_end(&j);
	json_key(&j, "referenceCount");
	json_int(&j, (int64_t)c->nupdates);
	json_end(&j);
}

static enum journal_event event_of(enum source s)
{
	switch (s) {
	case SOURCE_RECONCILE:
		return JOURNAL_RECONCILE;
	case SOURCE_POLL:
		return JOURNAL_POLL;
	case SOURCE_FIRE:
		return JOURNAL_FIRE;
	default:
		return JOURNAL_PUSH;
	}
}

static int insert_change(struct queue *q, const struct queue_intake *v, int64_t now,
	int64_t *seq, struct err *e)
{
	const struct change *c = v->change;
	struct buf b;
	int failed;

	buf_init(&b, 16 * MIB);
	detail(c, &b);
	failed = db_exec(q->db, e, "INSERT OR IGNORE INTO changes(id, source, repository, path, time,"
		" taken, uid, user, actor, address, skip, reported, detail)"
		" SELECT ?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13 WHERE NOT EXISTS (SELECT 1 FROM"
		" tombstones WHERE id = ?1)", "sissiiisssiis",
		c->id, (int64_t)c->source, v->repository, c->path, c->time_us, now, (int64_t)c->uid,
		c->user, c->actor, c->address, (int64_t)c->skip,
		*v->repository ? (int64_t)c->nupdates : (int64_t)0, b.s);
	*seq = !failed && db_changes(q->db) ? db_last_id(q->db) : 0;
	buf_release(&b);
	return failed;
}

static int insert_update(struct queue *q, const struct queue_intake *v, int64_t change,
	const struct ref_update *u, enum update_state state, bool hold, int64_t now, struct err *e)
{
	const struct change *c = v->change;
	int64_t kind = c->source == SOURCE_FIRE ? UPDATE_FIRE :
		c->observed ? UPDATE_SEEN : UPDATE_EVENT;

	return db_exec(q->db, e, "INSERT INTO updates(change, kind, repository, ref, old, new, base,"
		" time, taken, pipeline, state, hold) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)",
		"iissssiiisii", change, kind, v->repository, u->ref, u->old, u->new, u->base,
		c->time_us, now, c->pipeline, (int64_t)state, (int64_t)hold);
}

/* A ref nothing was known of, in a space without a baseline: recorded silently.
   The row is quiet: what a hook says about it still fires, since a push may have been
   seen here before its own report. */
static int baseline_ref(struct queue *q, const struct queue_intake *v, int64_t change,
	const struct ref_update *u, int64_t now, struct err *e)
{
	if (!oid_is_zero(u->new) && db_exec(q->db, e, "INSERT OR IGNORE INTO refs(repository, ref, oid,"
		" seq, time, quiet, covered) VALUES(?1,?2,?3,1,?4,1,?4)", "sssi", v->repository,
		u->ref, u->new, now))
		return -1;
	return insert_update(q, v, change, u, UPDATE_BASELINE, false, now, e);
}

static bool covered(const struct queue_texts *spaces, const char *ref)
{
	for (size_t i = 0; i < spaces->n; i++)
		if (!strncmp(ref, spaces->v[i], strlen(spaces->v[i])))
			return true;
	return false;
}

/* Over half of the refs, or ten, vanished at once: a person must look. */
static int mass_vanished(struct queue *q, const struct queue_intake *v, bool *mass, struct err *e)
{
	struct db_row r;
	int64_t live, gone = 0;
	int got;

	for (size_t i = 0; i < v->change->nupdates; i++)
		gone += oid_is_zero(v->change->updates[i].new);
	*mass = gone >= 10;
	if (*mass || !gone)
		return 0;
	if (db_query(q->db, &r, e, "SELECT count(*) FROM refs WHERE repository = ?1 AND"
		" oid GLOB '*[1-9a-f]*'", "s", v->repository))
		return -1;
	got = db_next(&r, e);
	if (got < 0)
		return -1;
	live = db_int(&r, 0);
	db_done(&r);
	*mass = gone * 2 > live;
	return 0;
}

static int insert_seen(struct queue *q, const struct queue_intake *v, int64_t change,
	int64_t now, struct err *e)
{
	const struct change *c = v->change;
	struct queue_texts spaces;
	struct arena a;
	bool mass = false;
	int failed;

	arena_init(&a);
	failed = queue_spaces(q, &a, v->repository, &spaces, e) || mass_vanished(q, v, &mass, e);
	for (size_t i = 0; !failed && i < c->nupdates; i++) {
		const struct ref_update *u = &c->updates[i];

		if (!u->base && !v->baseline_fires && !covered(&spaces, u->ref))
			failed = baseline_ref(q, v, change, u, now, e);
		else
			failed = insert_update(q, v, change, u, UPDATE_PENDING,
				mass && oid_is_zero(u->new), now, e);
	}
	for (size_t i = 0; !failed && i < c->nspaces; i++)
		failed = queue_space_add(q, v->repository, c->spaces[i], now, e);
	arena_release(&a);
	return failed ? -1 : 0;
}

static int insert_updates(struct queue *q, const struct queue_intake *v, int64_t change,
	int64_t now, struct err *e)
{
	const struct change *c = v->change;

	if (c->observed)
		return insert_seen(q, v, change, now, e);
	for (size_t i = 0; i < c->nupdates; i++)
		if (insert_update(q, v, change, &c->updates[i], UPDATE_PENDING, false, now, e))
			return -1;
	return 0;
}

static int journal_change(struct queue *q, const struct queue_intake *v, int64_t seq,
	int64_t now, struct err *e)
{
	struct journal_row row = { .time_us = now, .event = event_of(v->change->source),
		.change = seq, .code = "", .message = "", .response = "", .extra = "" };
	struct buf b;
	int failed;

	buf_init(&b, LIMIT_RECORD_BIG);
	push_request(v->change, v->repository, &b);
	row.request = b.over ? "" : b.s;
	if (!*v->repository) {
		row.code = "RepositoryNotConfigured";
		row.message = "no [repository] section has this path: nothing was fired";
	}
	failed = queue_journal_add(q, &row, e);
	buf_release(&b);
	return failed;
}

static int accept_one(struct queue *q, struct queue_intake *v, int64_t now, struct err *e)
{
	int64_t seq;

	if (insert_change(q, v, now, &seq, e))
		return -1;
	v->outcome = seq ? INTAKE_NEW : INTAKE_KNOWN;
	if (!seq)
		return 0;
	if (*v->repository && (insert_updates(q, v, seq, now, e) ||
	    queue_heard_note(q, v->repository, v->change->source, now, e)))
		return -1;
	return journal_change(q, v, seq, now, e);
}

int queue_accept(struct queue *q, int64_t now_us, struct queue_intake *v, size_t n,
	struct err *e)
{
	if (db_begin(q->db, e))
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (accept_one(q, &v[i], now_us, e)) {
			db_rollback(q->db);
			return -1;
		}
	}
	return queue_commit(q, e);
}
