/* queue.c - open the queue, take changes in, operators' commands. */
#include "queue.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json.h"
#include "match.h"
#include "queue_db.h"

/* docs/queue.md explains each table. Object ids are hex text, times microseconds. */
static const char schema[] =
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
	"CREATE TABLE changes(seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, source INTEGER NOT NULL,"
	" repository TEXT NOT NULL, path TEXT NOT NULL, time INTEGER NOT NULL, taken INTEGER NOT NULL,"
	" uid INTEGER NOT NULL, user TEXT NOT NULL, actor TEXT NOT NULL, address TEXT NOT NULL,"
	" skip INTEGER NOT NULL, reported INTEGER NOT NULL, detail TEXT NOT NULL);"
	"CREATE TABLE updates(seq INTEGER PRIMARY KEY, change INTEGER NOT NULL, kind INTEGER NOT NULL,"
	" repository TEXT NOT NULL, ref TEXT NOT NULL, old TEXT NOT NULL, new TEXT NOT NULL,"
	" base INTEGER NOT NULL, time INTEGER NOT NULL, taken INTEGER NOT NULL,"
	" wait INTEGER NOT NULL DEFAULT 0, hold INTEGER NOT NULL DEFAULT 0,"
	" pipeline TEXT NOT NULL DEFAULT '',"
	" state INTEGER NOT NULL DEFAULT 0, covered_by INTEGER NOT NULL DEFAULT 0,"
	" forced INTEGER NOT NULL DEFAULT -1, coalesced INTEGER NOT NULL DEFAULT 0,"
	" enrichment INTEGER NOT NULL DEFAULT 0);"
	"CREATE INDEX updates_pending ON updates(repository, ref, time, seq) WHERE state = 0;"
	"CREATE INDEX updates_change ON updates(change);"
	"CREATE TABLE refs(repository TEXT NOT NULL, ref TEXT NOT NULL, oid TEXT NOT NULL,"
	" seq INTEGER NOT NULL, time INTEGER NOT NULL, held INTEGER NOT NULL DEFAULT 0,"
	" quiet INTEGER NOT NULL DEFAULT 0,"
	" PRIMARY KEY(repository, ref)) WITHOUT ROWID;"
	"CREATE TABLE spaces(repository TEXT NOT NULL, prefix TEXT NOT NULL,"
	" PRIMARY KEY(repository, prefix)) WITHOUT ROWID;"
	"CREATE TABLE enrichments(seq INTEGER PRIMARY KEY, body TEXT NOT NULL);"
	"CREATE TABLE deliveries(seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
	" change INTEGER NOT NULL, upd INTEGER NOT NULL, pipeline TEXT NOT NULL,"
	" repository TEXT NOT NULL, ref TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL,"
	" lane INTEGER NOT NULL, pos INTEGER NOT NULL, head INTEGER NOT NULL,"
	" state INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, due INTEGER NOT NULL,"
	" made INTEGER NOT NULL, first INTEGER NOT NULL DEFAULT 0, last INTEGER NOT NULL DEFAULT 0,"
	" paused INTEGER NOT NULL DEFAULT 0, settled INTEGER NOT NULL DEFAULT 0,"
	" owner TEXT NOT NULL DEFAULT '', progress BLOB, enrichment INTEGER NOT NULL DEFAULT 0,"
	" http_status INTEGER NOT NULL DEFAULT 0, code TEXT NOT NULL DEFAULT '',"
	" error TEXT NOT NULL DEFAULT '');"
	"CREATE INDEX deliveries_due ON deliveries(due) WHERE head = 1 AND state IN (0, 2);"
	"CREATE INDEX deliveries_lane ON deliveries(lane, pos) WHERE state < 4;"
	"CREATE INDEX deliveries_open ON deliveries(seq) WHERE state < 4;"
	"CREATE INDEX deliveries_leased ON deliveries(owner) WHERE state = 1;"
	"CREATE INDEX deliveries_upd ON deliveries(upd);"
	"CREATE TABLE journal(seq INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL,"
	" event INTEGER NOT NULL, change INTEGER NOT NULL, delivery INTEGER NOT NULL,"
	" request TEXT NOT NULL, response TEXT NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL,"
	" extra TEXT NOT NULL);"
	"CREATE INDEX journal_delivery ON journal(delivery, seq) WHERE delivery > 0;"
	"CREATE TABLE polls(repository TEXT PRIMARY KEY, what TEXT NOT NULL, last INTEGER NOT NULL,"
	" ok INTEGER NOT NULL, changed INTEGER NOT NULL, next INTEGER NOT NULL,"
	" failures INTEGER NOT NULL, error TEXT NOT NULL, refs INTEGER NOT NULL,"
	" mark TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE tombstones(id TEXT PRIMARY KEY) WITHOUT ROWID;"
	"INSERT INTO meta VALUES('cursor', 0);"
	"PRAGMA user_version = 1;";
_Static_assert(QUEUE_SCHEMA == 1, "the schema above is version 1");
_Static_assert(DELIVERY_INFLIGHT == 1 && DELIVERY_WAITING == 2 && DELIVERY_DELIVERED == 4 &&
	DELIVERY_READY == 0, "the partial indexes count on these");

static const char *const delivery_words[] = {
#define X(name) [DELIVERY_##name] = #name,
	DELIVERY_LIST(X)
#undef X
};
_Static_assert(sizeof(delivery_words) / sizeof(*delivery_words) == DELIVERY_COUNT, "one each");

const char *delivery_word(enum delivery_state s)
{
	return delivery_words[s];
}

int delivery_parse(const char *word)
{
	for (int i = 0; i < DELIVERY_COUNT; i++)
		if (!strcasecmp(word, delivery_words[i]))
			return i;
	return -1;
}

bool delivery_settled(enum delivery_state s)
{
	return s >= DELIVERY_DELIVERED;
}

/* ---- opening ---- */

static int check_owner(const char *path, enum queue_open mode, struct err *e)
{
	char dir[LIMIT_PATH];
	const char *slash = strrchr(path, '/');
	struct stat st;

	if (!slash || (size_t)(slash - path) >= sizeof(dir))
		return err_set(e, ERR_CONFIG, "not an absolute path: %.200s", path);
	memcpy(dir, path, (size_t)(slash - path));
	dir[slash - path] = 0;
	if (stat(dir, &st))
		return err_sys(e, "cannot look at %s", dir);
	if (st.st_uid != geteuid() && geteuid() != 0)
		return err_set(e, ERR_PERM, "the queue in %s belongs to uid %lu; only that account "
			"reads it (others may `refire fire`, and retry or drop by full id)", dir,
			(unsigned long)st.st_uid);
	if (stat(path, &st) && mode == QUEUE_READ)
		return err_set(e, ERR_NOENT, "there is no queue yet at %s: nothing was taken in so far",
			path);
	return 0;
}

static int version(struct db *d, int64_t *v, struct err *e)
{
	struct db_row r;
	int got;

	if (db_query(d, &r, e, "PRAGMA user_version", ""))
		return -1;
	got = db_next(&r, e);
	*v = got > 0 ? db_int(&r, 0) : 0;
	if (got > 0)
		db_done(&r);
	return got < 0 ? -1 : 0;
}

/* A new file made by root in another account's directory is given to that account. */
static void give_to_owner(const char *path)
{
	char dir[LIMIT_PATH];
	struct stat st;

	memcpy(dir, path, (size_t)(strrchr(path, '/') - path));
	dir[strrchr(path, '/') - path] = 0;
	if (geteuid() == 0 && !stat(dir, &st) && st.st_uid != 0 &&
	    chown(path, st.st_uid, st.st_gid))
		return;		/* the next open says what is wrong */
}

static int make_schema(struct db *d, struct err *e)
{
	int64_t v;

	if (db_begin(d, e))
		return -1;
	if (version(d, &v, e) || (v == 0 && db_script(d, schema, e)) || db_commit(d, e)) {
		db_rollback(d);
		return -1;
	}
	return 0;
}

static int check_version(struct db *d, const char *path, enum queue_open mode, struct err *e)
{
	int64_t v;

	if (version(d, &v, e))
		return -1;
	if (v > QUEUE_SCHEMA)
		return err_set(e, ERR_CONFIG, "the queue %s was made by a newer refire (schema %d, this "
			"one knows %d); run the newer one", path, (int)v, QUEUE_SCHEMA);
	if (v == QUEUE_SCHEMA)
		return 0;
	if (mode == QUEUE_READ)
		return err_set(e, ERR_NOENT, "there is no queue yet at %s: nothing was taken in so far",
			path);
	give_to_owner(path);
	return make_schema(d, e);
}

int queue_open(const char *path, enum queue_open mode, struct queue **out, struct err *e)
{
	struct queue *q;
	struct db *d;

	if (check_owner(path, mode, e) ||
	    db_open(path, mode == QUEUE_WRITE ? DB_WRITE : DB_READ, &d, e))
		return -1;
	if (check_version(d, path, mode, e)) {
		db_close(d);
		return -1;
	}
	q = mem_alloc(sizeof(*q));
	q->db = d;
	*out = q;
	return 0;
}

void queue_close(struct queue *q)
{
	if (!q)
		return;
	db_close(q->db);
	free(q);
}

int queue_check(struct queue *q, struct err *e)
{
	return db_check(q->db, e);
}

int queue_begin(struct queue *q, struct err *e)
{
	return db_begin(q->db, e);
}

int queue_commit(struct queue *q, struct err *e)
{
	if (!db_commit(q->db, e))
		return 0;
	db_rollback(q->db);
	return -1;
}

void queue_rollback(struct queue *q)
{
	db_rollback(q->db);
}

/* ---- intake ---- */

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
		" VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)", "sissiiisssiis",
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

/* A ref seen for the first time in a space without a baseline: recorded silently.
   The row is quiet: what a hook says about it still fires, since a push may have been
   seen here before its own report. */
static int baseline_ref(struct queue *q, const struct queue_intake *v, int64_t change,
	const struct ref_update *u, int64_t now, struct err *e)
{
	if (!oid_is_zero(u->new) && db_exec(q->db, e, "INSERT OR IGNORE INTO refs(repository, ref, oid, seq, time, quiet)"
		" VALUES(?1,?2,?3,1,?4,1)", "sssi", v->repository, u->ref, u->new, now))
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

		if (!v->baseline_fires && !covered(&spaces, u->ref))
			failed = baseline_ref(q, v, change, u, now, e);
		else
			failed = insert_update(q, v, change, u, UPDATE_PENDING,
				mass && oid_is_zero(u->new), now, e);
	}
	for (size_t i = 0; !failed && i < c->nspaces; i++)
		failed = queue_space_add(q, v->repository, c->spaces[i], e);
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
	if (*v->repository && insert_updates(q, v, seq, now, e))
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

int queue_journal_add(struct queue *q, const struct journal_row *r, struct err *e)
{
	return db_exec(q->db, e, "INSERT INTO journal(time, event, change, delivery, request, response,"
		" code, message, extra) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)", "iiiisssss",
		r->time_us, (int64_t)r->event, r->change, r->delivery, r->request, r->response,
		r->code, r->message, r->extra);
}

/* ---- an operator's commands ---- */

struct verb {
	const char *word;
	enum journal_event event;
	unsigned from;			/* bits of states it applies to */
};
#define BIT(s) (1u << DELIVERY_##s)
static const struct verb verbs[] = {
	{ "retry", JOURNAL_RETRY,
	  BIT(FAILED) | BIT(HELD) | BIT(WAITING) | BIT(DROPPED) | BIT(SUPERSEDED) | BIT(READY) },
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
			" attempts = 0, first = 0, settled = 0, code = '', error = ''"
			" WHERE seq = ?1", "iii", seq, lane, now))
			return -1;
		return queue_lane_advance(q, lane, now, e);
	}
	return db_exec(q->db, e, "UPDATE deliveries SET first = CASE state WHEN 3 THEN 0 ELSE first END,"
		" state = 0, due = ?2, code = '', error = '' WHERE seq = ?1", "ii", seq, now);
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

static int command_journal(struct queue *q, const struct verb *verb, const struct delivery *d,
	const char *by, int64_t uid, const char *reason, int64_t now, struct err *e)
{
	struct journal_row row = { .time_us = now, .event = verb->event, .change = d->change_seq,
		.delivery = d->seq, .response = "", .code = "", .message = "" };
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

/* A person decided about a held disappearance: the ref counts as gone from now on. */
static int release_ref(struct queue *q, const struct delivery *d, int64_t now, struct err *e)
{
	if (d->state != DELIVERY_HELD || strcmp(d->code, "MassDisappearance"))
		return 0;
	return queue_ref_set(q, d->repository, d->ref, d->after, false, now, e);
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
	int64_t lane;
	int failed = 0;

	arena_init(&a);
	if (queue_find(q, &a, c->delivery, &d, e)) {
		failed = e->code == ERR_NOENT ? 0 : -1;
		c->outcome = COMMAND_UNKNOWN;
	} else {
		c->was = d.state;
		c->outcome = verb->from & (1u << d.state) ? COMMAND_DONE : COMMAND_STATE;
		if (c->outcome == COMMAND_DONE)
			failed = lane_of(q, d.seq, &lane, e) || release_ref(q, &d, now, e) ||
				(verb->event == JOURNAL_RETRY ?
					apply_retry(q, d.seq, lane, d.state, now, e) :
					apply_drop(q, d.seq, lane, *reason ? reason : "dropped by hand", now, e)) ||
				command_journal(q, verb, &d, by, uid, reason, now, e) ? -1 : 0;
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
		return err_set(e, ERR_DATA, "unknown command `%.40s`; expected retry or drop", verb);
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
