/* queue_prune.c - see queue_prune.h. */
#include "queue_prune.h"

#include <stdio.h>
#include <string.h>

#include "queue_db.h"

/* In all of these ?2 is before_us and ?3 the trail's cursor. */
#define TOLD(column, row, apart) " NOT EXISTS (SELECT 1 FROM journal j WHERE j." column " = " row \
	" AND j.delivery " apart " 0 AND j.seq > ?3)"
#define NOT_NEWEST(table, seq) " " seq " < (SELECT max(seq) FROM " table ")"
/* An enrichment goes with its row: not the newest either. */
#define ENRICHED(row) " " row ".enrichment < coalesce((SELECT max(seq) FROM enrichments), " row \
	".enrichment + 1)"

#define RIPE_DELIVERY " d.state >= 4 AND d.settled < ?2 AND d.made < ?2 AND" \
	NOT_NEWEST("deliveries", "d.seq") " AND" ENRICHED("d") " AND" TOLD("delivery", "d.seq", ">")
#define RIPE_UPDATE(deliveries) " u.state <> 0 AND u.taken < ?2 AND" NOT_NEWEST("updates", "u.seq") \
	" AND" ENRICHED("u") " AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.upd = u.seq" deliveries ")" \
	" AND NOT EXISTS (SELECT 1 FROM refs r WHERE r.repository = u.repository AND r.ref = u.ref" \
	" AND r.upd = u.seq)"
#define RIPE_CHANGE(updates) " c.taken < ?2 AND" NOT_NEWEST("changes", "c.seq") \
	" AND NOT EXISTS (SELECT 1 FROM updates u WHERE u.change = c.seq" updates ")" \
	" AND" TOLD("change", "c.seq", "=")
/* Rows of what is gone, and of what was never about a change. */
#define RIPE_ROW " j.time < ?2 AND j.seq <= ?3 AND NOT EXISTS (SELECT 1 FROM changes c WHERE" \
	" c.seq = j.change) AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.seq = j.delivery)"

/* Each walk reads: number, is it old, is it ripe. */
#define WALK(table, row, time, ripe) "SELECT " row ".seq, " row "." time " < ?2, (" ripe ") FROM " \
	table " " row " WHERE " row ".seq > ?1 ORDER BY " row ".seq LIMIT ?4"

/* A step's rows are removed by these, in this order; ?1 is the row, and what has changed
   since it was read stays. */
#define REMOVALS 4
static const struct walk {
	const char *read;
	const char *remove[REMOVALS];	/* the last counts */
} walks[PRUNE_TABLES] = {
	[PRUNE_DELIVERIES] = { WALK("deliveries", "d", "made", RIPE_DELIVERY), {
		/* of its own: one that overtook others; a replay of it may share it */
		"DELETE FROM enrichments WHERE seq = (SELECT d.enrichment FROM deliveries d JOIN updates u"
		" ON u.seq = d.upd WHERE d.seq = ?1 AND u.enrichment <> d.enrichment AND NOT EXISTS"
		" (SELECT 1 FROM deliveries o WHERE o.upd = d.upd AND o.seq <> d.seq AND o.enrichment ="
		" d.enrichment) AND" RIPE_DELIVERY ")",
		"DELETE FROM deliveries AS d WHERE d.seq = ?1 AND" RIPE_DELIVERY } },
	[PRUNE_UPDATES] = { WALK("updates", "u", "taken", RIPE_UPDATE("")), {
		"DELETE FROM enrichments WHERE seq = (SELECT u.enrichment FROM updates u WHERE u.seq = ?1"
		" AND NOT EXISTS (SELECT 1 FROM updates o WHERE o.enrichment = u.enrichment AND"
		" o.enrichment > 0 AND o.seq <> u.seq) AND" RIPE_UPDATE("") ")",
		/* `reported` stays how many there should be: kind 3 was never reported */
		"UPDATE changes SET reported = reported - 1 WHERE reported > 0 AND seq = (SELECT u.change"
		" FROM updates u WHERE u.seq = ?1 AND u.kind <> 3 AND" RIPE_UPDATE("") ")",
		"DELETE FROM updates AS u WHERE u.seq = ?1 AND" RIPE_UPDATE("") } },
	[PRUNE_CHANGES] = { WALK("changes", "c", "taken", RIPE_CHANGE("")), {
		"INSERT OR IGNORE INTO tombstones(id) SELECT c.id FROM changes c WHERE c.seq = ?1 AND"
		RIPE_CHANGE(""),
		"DELETE FROM changes AS c WHERE c.seq = ?1 AND" RIPE_CHANGE("") } },
	[PRUNE_JOURNAL] = { WALK("journal", "j", "time", RIPE_ROW), {
		"DELETE FROM journal AS j WHERE j.seq = ?1 AND" RIPE_ROW } },
};
_Static_assert(UPDATE_PENDING == 0 && UPDATE_FILLED == 3 && DELIVERY_DELIVERED == 4, "as above");

/* ---- what was done before ---- */

static int meta_raise(struct queue *q, const char *key, int64_t value, struct err *e)
{
	return db_exec(q->db, e, "INSERT INTO meta VALUES(?1, ?2) ON CONFLICT(key) DO UPDATE SET"
		" value = max(value, ?2)", "si", key, value);
}

int prune_last(struct queue *q, int64_t *ran_us, int64_t *before_us, struct err *e)
{
	return queue_meta(q, "prune_ran", ran_us, e) || queue_meta(q, "pruned", before_us, e) ? -1 : 0;
}

int prune_gone(struct queue *q, const char *change, struct err *e)
{
	struct db_row r;
	int got;

	if (db_query(q->db, &r, e, "SELECT 1 FROM tombstones WHERE id >= ?1 AND id < ?1 || '~' LIMIT 1",
		"s", change))
		return -1;
	got = db_next(&r, e);
	if (got > 0)
		db_done(&r);
	return got;
}

int prune_free(struct queue *q, int64_t *bytes, struct err *e)
{
	struct db_row r;
	int got;

	if (db_query(q->db, &r, e, "SELECT freelist_count * page_size FROM pragma_freelist_count,"
		" pragma_page_size", ""))
		return -1;
	got = db_next(&r, e);
	if (got > 0) {
		*bytes = db_int(&r, 0);
		db_done(&r);
	}
	return got > 0 ? 0 : -1;
}

/* ---- a step ---- */

struct step {
	int64_t ripe[PRUNE_STEP];
	size_t nripe, nread, nold;
	int64_t last;			/* that was read */
};

static int step_read(struct queue *q, const struct prune *p, int64_t cursor, struct step *s,
	struct err *e)
{
	struct db_row r;
	int got;

	if (db_query(q->db, &r, e, walks[p->table].read, "iiii", p->at, p->before_us, cursor,
		(int64_t)PRUNE_STEP))
		return -1;
	while ((got = db_next(&r, e)) > 0) {
		s->last = db_int(&r, 0);
		s->nread++;
		s->nold += db_int(&r, 1) != 0;
		if (db_int(&r, 2))
			s->ripe[s->nripe++] = s->last;
	}
	return got;
}

static int step_remove(struct queue *q, struct prune *p, int64_t cursor, const struct step *s,
	struct err *e)
{
	const char *const *remove = walks[p->table].remove;

	for (size_t i = 0; i < s->nripe; i++) {
		for (size_t k = 0; k < REMOVALS && remove[k]; k++)
			if (db_exec(q->db, e, remove[k], "iii", s->ripe[i], p->before_us, cursor))
				return -1;
		p->rows[p->table] += db_changes(q->db);
	}
	return s->nripe ? meta_raise(q, "pruned", p->before_us, e) : 0;
}

/* Beyond a whole step of rows that are too young there are only younger ones; a single
   one may have been made under a clock that was wrong. */
static int walk_step(struct queue *q, struct prune *p, struct err *e)
{
	int64_t cursor, removed = p->rows[p->table];
	struct step s = { .nripe = 0 };

	if (queue_cursor(q, &cursor, e) || step_read(q, p, cursor, &s, e))
		return -1;
	if (s.nripe && (db_begin(q->db, e) || step_remove(q, p, cursor, &s, e) ||
			queue_commit(q, e))) {
		db_rollback(q->db);
		p->rows[p->table] = removed;
		return -1;
	}
	p->at = s.last;
	if (s.nread == PRUNE_STEP && s.nold)
		return 0;
	p->table++;
	p->at = 0;
	return 0;
}

/* The ids of changes begin with their time (UUIDv7); those of deliveries, which a
   rebuilt queue has here, do not. */
static int forget_ids(struct queue *q, struct prune *p, int64_t now, struct err *e)
{
	char before[UUID_SIZE];
	int64_t ms = (now - PRUNE_REMEMBER_US) / 1000;

	snprintf(before, sizeof(before), "%08llx-%04llx", (unsigned long long)ms >> 16,
		(unsigned long long)ms & 0xffff);
	if (db_exec(q->db, e, "DELETE FROM tombstones WHERE id IN (SELECT id FROM tombstones WHERE"
		" id < ?1 AND substr(id, 15, 1) = '7' LIMIT ?2)", "si", before, (int64_t)PRUNE_STEP))
		return -1;
	p->rows[PRUNE_IDS] += db_changes(q->db);
	if (db_changes(q->db) < PRUNE_STEP)
		p->table++;
	return 0;
}

int prune_step(struct queue *q, struct prune *p, int64_t now_us, struct err *e)
{
	if (p->table < PRUNE_IDS)
		return walk_step(q, p, e) ? -1 : 1;
	if (p->table == PRUNE_IDS)
		return forget_ids(q, p, now_us, e) ? -1 : 1;
	return db_exec(q->db, e, "INSERT INTO meta VALUES('prune_ran', ?1) ON CONFLICT(key) DO UPDATE"
		" SET value = ?1", "i", now_us);
}

/* ---- what a step would do ---- */

static int count(struct queue *q, const char *sql, const struct prune *p, int64_t cursor,
	int64_t *out, struct err *e)
{
	struct db_row r;
	int got;

	if (db_query(q->db, &r, e, sql, "iii", (int64_t)0, p->before_us, cursor))
		return -1;
	got = db_next(&r, e);
	if (got > 0) {
		*out = db_int(&r, 0);
		db_done(&r);
	}
	return got > 0 ? 0 : -1;
}

int prune_count(struct queue *q, struct prune *p, struct err *e)
{
	int64_t cursor;

	return queue_cursor(q, &cursor, e) ||
		count(q, "SELECT count(*) FROM deliveries d WHERE ?1 = 0 AND" RIPE_DELIVERY, p, cursor,
			&p->rows[PRUNE_DELIVERIES], e) ||
		count(q, "SELECT count(*) FROM changes c WHERE ?1 = 0 AND" RIPE_CHANGE(" AND NOT ("
			RIPE_UPDATE(" AND NOT (" RIPE_DELIVERY ")") ")"), p, cursor,
			&p->rows[PRUNE_CHANGES], e) ? -1 : 0;
}
