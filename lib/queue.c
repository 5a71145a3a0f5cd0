/* queue.c - the queue's schema: open it, own it, transactions, the journal. */
#include "queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue_db.h"

/* docs/queue.md explains each table. Object ids are hex text, times microseconds. */
const char queue_schema_1[] =
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
	" quiet INTEGER NOT NULL DEFAULT 0, covered INTEGER NOT NULL DEFAULT 0,"
	" told INTEGER NOT NULL DEFAULT 0, upd INTEGER NOT NULL DEFAULT 0,"
	" PRIMARY KEY(repository, ref)) WITHOUT ROWID;"
	"CREATE TABLE spaces(repository TEXT NOT NULL, prefix TEXT NOT NULL,"
	" time INTEGER NOT NULL DEFAULT 0,"
	" PRIMARY KEY(repository, prefix)) WITHOUT ROWID;"
	"CREATE TABLE enrichments(seq INTEGER PRIMARY KEY, body TEXT NOT NULL);"
	"CREATE TABLE deliveries(seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
	" change INTEGER NOT NULL, upd INTEGER NOT NULL, pipeline TEXT NOT NULL,"
	" repository TEXT NOT NULL, ref TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL,"
	" lane INTEGER NOT NULL, pos INTEGER NOT NULL, head INTEGER NOT NULL,"
	" state INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, due INTEGER NOT NULL,"
	" made INTEGER NOT NULL, first INTEGER NOT NULL DEFAULT 0, last INTEGER NOT NULL DEFAULT 0,"
	" paused INTEGER NOT NULL DEFAULT 0, settled INTEGER NOT NULL DEFAULT 0,"
	" unknown INTEGER NOT NULL DEFAULT 0, owner TEXT NOT NULL DEFAULT '', progress BLOB, enrichment INTEGER NOT NULL DEFAULT 0,"
	" http_status INTEGER NOT NULL DEFAULT 0, code TEXT NOT NULL DEFAULT '',"
	" error TEXT NOT NULL DEFAULT '');"
	"CREATE INDEX deliveries_due ON deliveries(pipeline, due) WHERE head = 1 AND state IN (0, 2);"
	"CREATE INDEX deliveries_lane ON deliveries(lane, pos) WHERE state < 4;"
	"CREATE INDEX deliveries_open ON deliveries(seq) WHERE state < 4;"
	"CREATE INDEX deliveries_leased ON deliveries(owner) WHERE state = 1;"
	"CREATE INDEX deliveries_upd ON deliveries(upd);"
	"CREATE TABLE journal(seq INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL,"
	" event INTEGER NOT NULL, change INTEGER NOT NULL, delivery INTEGER NOT NULL,"
	" request TEXT NOT NULL, response TEXT NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL,"
	" extra TEXT NOT NULL, actor TEXT, uid INTEGER NOT NULL DEFAULT 0);"
	"CREATE INDEX journal_delivery ON journal(delivery, seq) WHERE delivery > 0;"
	"CREATE TABLE polls(repository TEXT PRIMARY KEY, what TEXT NOT NULL, last INTEGER NOT NULL,"
	" ok INTEGER NOT NULL, changed INTEGER NOT NULL, next INTEGER NOT NULL,"
	" failures INTEGER NOT NULL, error TEXT NOT NULL, refs INTEGER NOT NULL,"
	" mark TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE gates(pipeline TEXT PRIMARY KEY, held INTEGER NOT NULL DEFAULT 0,"
	" code TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',"
	" who TEXT NOT NULL DEFAULT '', since INTEGER NOT NULL DEFAULT 0,"
	" stopped INTEGER NOT NULL DEFAULT 0, failures INTEGER NOT NULL DEFAULT 0,"
	" suspect INTEGER NOT NULL DEFAULT 0, several INTEGER NOT NULL DEFAULT 0,"
	" opened INTEGER NOT NULL DEFAULT 0, probe INTEGER NOT NULL DEFAULT 0,"
	" probes INTEGER NOT NULL DEFAULT 0, ramp INTEGER NOT NULL DEFAULT 0,"
	" next INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
	"CREATE TABLE tombstones(id TEXT PRIMARY KEY) WITHOUT ROWID;"
	"INSERT INTO meta VALUES('cursor', 0);";

static const char approvals[] =
	"ALTER TABLE deliveries ADD approved INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE deliveries ADD expires INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE deliveries ADD earliest INTEGER NOT NULL DEFAULT 0;"
	"CREATE INDEX deliveries_asked ON deliveries(expires) WHERE state = 3 AND expires > 0;";

static const char polls_of_remotes[] =
	"ALTER TABLE polls ADD head TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE polls ADD speaks INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE polls ADD greet INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE hosts(host TEXT PRIMARY KEY, speaks INTEGER NOT NULL, time INTEGER NOT NULL)"
	" WITHOUT ROWID;";

/* What older ones have heard is counted up to the days that `days` holds. */
static const char heard[] =
	"CREATE TABLE heard(repository TEXT PRIMARY KEY, time INTEGER NOT NULL,"
	" source INTEGER NOT NULL, hooked INTEGER NOT NULL, day INTEGER NOT NULL,"
	" days INTEGER NOT NULL, moved INTEGER NOT NULL DEFAULT 0,"
	" fired INTEGER NOT NULL DEFAULT 0, idle INTEGER NOT NULL DEFAULT 0,"
	" idle_since INTEGER NOT NULL DEFAULT 0, idle_oid TEXT NOT NULL DEFAULT '') WITHOUT ROWID;"
	"INSERT INTO heard(repository, time, source, hooked, day, days)"
	" SELECT c.repository, m.time, m.source, max(c.taken * (c.source = 0)),"
	"  m.time / 86400000000, sum(DISTINCT CASE WHEN m.time / 86400000000 - c.taken / 86400000000 < 62"
	"  THEN 1 << (m.time / 86400000000 - c.taken / 86400000000) ELSE 0 END)"
	" FROM changes c JOIN (SELECT repository, source, max(taken) AS time FROM changes"
	"  WHERE repository <> '' GROUP BY repository) m ON m.repository = c.repository"
	" GROUP BY c.repository;";

/* How a queue gets from each version to the next, a new one through all of them. A
   step that a release has seen is not changed: a newer need is a further step. A sender
   of the version before may still run while one is taken: only add. */
static const char *const steps[] = {
	queue_schema_1,			/* 0, an empty file, to 1 */
	/* what was decided about a change, for `refire explain` */
	"CREATE INDEX journal_change ON journal(change, seq) WHERE delivery = 0;",
	approvals,			/* 2 to 3 */
	polls_of_remotes,		/* 3 to 4 */
	heard,				/* 4 to 5 */
	"ALTER TABLE journal ADD call TEXT;",	/* 5 to 6 */
	/* 6 to 7: whether another update shares what is pruned */
	"CREATE INDEX updates_enrichment ON updates(enrichment) WHERE enrichment > 0;",
};
_Static_assert(sizeof(steps) / sizeof(*steps) == QUEUE_SCHEMA, "a step to each version");

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

bool journal_is_attempt(enum journal_event e)
{
	return e == JOURNAL_DELIVER || e == JOURNAL_RUN;
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

static int take_steps(struct db *d, struct err *e)
{
	char done[48];
	int64_t v;

	if (version(d, &v, e))
		return -1;
	for (; v < QUEUE_SCHEMA; v++) {
		snprintf(done, sizeof(done), "PRAGMA user_version = %d", (int)v + 1);
		if (db_script(d, steps[v], e) || db_script(d, done, e))
			return -1;
	}
	return 0;
}

/* All steps or none, also when two open it at once. */
static int upgrade(struct db *d, struct err *e)
{
	if (db_begin(d, e))
		return -1;
	if (take_steps(d, e) || db_commit(d, e)) {
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
	if (mode == QUEUE_READ && v)
		return err_set(e, ERR_TEMP, "the queue %s was made by an older refire (schema %d, this "
			"one reads %d): `refire send` brings it up to date", path, (int)v, QUEUE_SCHEMA);
	if (mode == QUEUE_READ)
		return err_set(e, ERR_NOENT, "there is no queue yet at %s: nothing was taken in so far",
			path);
	give_to_owner(path);
	return upgrade(d, e);
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

int queue_shrink(struct queue *q, struct err *e)
{
	return db_shrink(q->db, e);
}

int queue_begin(struct queue *q, struct err *e)
{
	return db_begin(q->db, e);
}

int queue_begin_reading(struct queue *q, struct err *e)
{
	return db_begin_reading(q->db, e);
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

int queue_journal_add(struct queue *q, const struct journal_row *r, struct err *e)
{
	return db_exec(q->db, e, "INSERT INTO journal(time, event, change, delivery, request, response,"
		" code, message, extra, actor, uid, call)"
		" VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)", "iiiissssssis", r->time_us, (int64_t)r->event, r->change, r->delivery, r->request,
		r->response, r->code, r->message, r->extra, r->actor, r->uid, r->call);
}

int64_t queue_journal_last(struct queue *q)
{
	return db_last_id(q->db);
}
