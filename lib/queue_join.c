/* queue_join.c - what the join reads and writes: pending updates, accepted refs,
   enrichments, new deliveries. */
#include <string.h>
#include <unistd.h>

#include "digest.h"
#include "queue_db.h"

int64_t queue_lane(const char *pipeline, const char *ref)
{
	struct digest_pieces d;
	unsigned char h[SHA256_SIZE];
	uint64_t v = 0;

	digest_pieces_init(&d);
	digest_pieces_add(&d, pipeline);
	digest_pieces_add(&d, ref);
	digest_pieces_end(&d, h);
	for (int i = 0; i < 8; i++)
		v = v << 8 | h[i];
	return (int64_t)(v >> 1);
}

static void row_pending(const struct db_row *r, struct arena *a, struct pending *p)
{
	*p = (struct pending){ .seq = db_int(r, 0), .change = db_int(r, 1),
		.kind = (enum update_kind)db_int(r, 2), .source = (enum source)db_int(r, 3),
		.repository = arena_strdup(a, db_text(r, 4)), .ref = arena_strdup(a, db_text(r, 5)),
		.old = arena_strdup(a, db_text(r, 6)), .new = arena_strdup(a, db_text(r, 7)),
		.pipeline = arena_strdup(a, db_text(r, 8)), .base = db_int(r, 9),
		.time_us = db_int(r, 10), .taken_us = db_int(r, 11), .wait_us = db_int(r, 12),
		.hold = db_int(r, 13) != 0, .skip = db_int(r, 14) != 0, .ours = !db_int(r, 15) };
}

struct group {
	size_t from;			/* its first row in the output */
	bool ready;
	int64_t wait;			/* the least wait of its rows */
};

/* The group that ends is kept when one of its rows is ready, else taken back. */
static void end_group(struct group *g, size_t *n, int64_t *next)
{
	if (g->ready)
		return;
	*n = g->from;
	if (g->wait && (!*next || g->wait < *next))
		*next = g->wait;
}

static bool same_ref(const struct pending *a, const struct pending *b)
{
	return !strcmp(a->ref, b->ref) && !strcmp(a->repository, b->repository);
}

/* A row of a deferred ref keeps the others of that ref company: one ready row makes
   the whole ref ready. */
int queue_pending(struct queue *q, struct arena *a, int64_t now_us, size_t max,
	struct pending **out, size_t *n, int64_t *next_us, struct err *e)
{
	struct pending *v = NULL;
	size_t cap = 0, groups = 0;
	struct group g = { 0 };
	struct db_row r;
	int got;

	*n = 0;
	*next_us = 0;
	if (db_query(q->db, &r, e, "SELECT u.seq, u.change, u.kind, c.source, u.repository, u.ref, u.old,"
		" u.new, u.pipeline, u.base, u.time, u.taken, u.wait, u.hold, c.skip,"
		" c.reported FROM updates u"
		" JOIN changes c ON c.seq = u.change WHERE u.state = 0"
		" ORDER BY u.repository, u.ref, u.time, u.seq", ""))
		return -1;
	while ((got = db_next(&r, e)) > 0) {
		int64_t wait = db_int(&r, 12);
		struct pending p;

		row_pending(&r, a, &p);
		if (*n == g.from || !same_ref(&p, &v[*n - 1])) {
			end_group(&g, n, next_us);
			groups += g.ready;
			if (groups == max) {
				db_done(&r);
				*out = v;
				return 0;
			}
			g = (struct group){ .from = *n, .wait = wait };
		}
		g.ready = g.ready || wait <= now_us;
		if (wait < g.wait)
			g.wait = wait;
		if (*n == cap) {
			struct pending *more = arena_alloc(a, (cap = cap ? cap * 2 : 256) * sizeof(*v));

			if (*n)
				memcpy(more, v, *n * sizeof(*v));
			v = more;
		}
		v[(*n)++] = p;
	}
	end_group(&g, n, next_us);
	*out = v;
	return got;
}

int queue_ref(struct queue *q, const char *repository, const char *ref,
	struct accepted_ref *out, struct err *e)
{
	struct db_row r;
	int got;

	*out = (struct accepted_ref){ 0 };
	if (db_query(q->db, &r, e, "SELECT oid, seq, held, quiet, covered, told, upd FROM refs"
		" WHERE repository = ?1 AND ref = ?2", "ss", repository, ref))
		return -1;
	got = db_next(&r, e);
	if (got < 0)
		return -1;
	if (got) {
		out->known = true;
		memccpy(out->oid, db_text(&r, 0), 0, sizeof(out->oid));
		out->base = db_int(&r, 1);
		out->held = db_int(&r, 2) != 0;
		out->quiet = db_int(&r, 3) != 0;
		out->covered_us = db_int(&r, 4);
		out->told_us = db_int(&r, 5);
		out->update = db_int(&r, 6);
		db_done(&r);
	}
	if (db_query(q->db, &r, e, "SELECT time FROM spaces WHERE repository = ?1"
		" AND substr(?2, 1, length(prefix)) = prefix ORDER BY time LIMIT 1", "ss",
		repository, ref))
		return -1;
	got = db_next(&r, e);
	out->baselined = got > 0;
	if (got > 0 && !out->known) {
		out->quiet = true;
		out->covered_us = db_int(&r, 0);
	}
	if (got > 0)
		db_done(&r);
	return got < 0 ? -1 : 0;
}

int queue_update_settle(struct queue *q, int64_t update, enum update_state s,
	int64_t covered_by, int forced, bool coalesced, int64_t enrichment, struct err *e)
{
	return db_exec(q->db, e, "UPDATE updates SET state = ?2, covered_by = ?3, forced = ?4,"
		" coalesced = ?5, enrichment = ?6 WHERE seq = ?1", "iiiiii", update, (int64_t)s,
		covered_by, (int64_t)forced, (int64_t)coalesced, enrichment);
}

int queue_update_defer(struct queue *q, int64_t update, int64_t base, int64_t until_us,
	struct err *e)
{
	return db_exec(q->db, e, "UPDATE updates SET wait = ?2, base = ?3 WHERE seq = ?1", "iii",
		update, until_us, base);
}

int queue_update_fill(struct queue *q, int64_t change, const char *repository, const char *ref,
	const char *old, const char *new, int64_t now_us, int64_t *seq, struct err *e)
{
	if (db_exec(q->db, e, "INSERT INTO updates(change, kind, repository, ref, old, new, base, time,"
		" taken, state) VALUES(?1,?2,?3,?4,?5,?6,-1,?7,?7,?8)", "iissssii", change,
		(int64_t)UPDATE_FILLED, repository, ref, old, new, now_us, (int64_t)UPDATE_ACCEPTED))
		return -1;
	*seq = db_last_id(q->db);
	return 0;
}

/* A baseline stands for what was pushed before it only as long as nobody reports. */
int queue_ref_set(struct queue *q, const struct ref_move *m, int64_t now_us, struct err *e)
{
	return db_exec(q->db, e, "INSERT INTO refs(repository, ref, oid, seq, time, held, covered, told,"
		" upd) VALUES(?1,?2,?3,1,?4,?5,?6,?7,?8) ON CONFLICT(repository, ref) DO UPDATE SET"
		" oid = ?3, seq = seq + 1, time = ?4, held = ?5, quiet = 0, upd = ?8,"
		" told = max(told, ?7), covered = CASE WHEN ?6 THEN ?6 WHEN quiet THEN 0"
		" ELSE covered END", "sssiiiii", m->repository, m->ref, m->oid, now_us,
		(int64_t)m->held, m->covered_us, m->told_us, m->update);
}

int queue_space_add(struct queue *q, const char *repository, const char *prefix, int64_t now_us,
	struct err *e)
{
	return db_exec(q->db, e, "INSERT OR IGNORE INTO spaces(repository, prefix, time)"
		" VALUES(?1,?2,?3)", "ssi", repository, prefix, now_us);
}

int queue_enrichment_put(struct queue *q, const char *json, int64_t *seq, struct err *e)
{
	if (db_exec(q->db, e, "INSERT INTO enrichments(body) VALUES(?1)", "s", json))
		return -1;
	*seq = db_last_id(q->db);
	return 0;
}

int queue_enrichment(struct queue *q, struct arena *a, int64_t seq, char **json, struct err *e)
{
	struct db_row r;
	int got;

	if (db_query(q->db, &r, e, "SELECT body FROM enrichments WHERE seq = ?1", "i", seq))
		return -1;
	got = db_next(&r, e);
	if (!got)
		return err_set(e, ERR_DATA, "enrichment number %lld is not in the queue",
			(long long)seq);
	if (got < 0)
		return -1;
	*json = arena_strdup(a, db_text(&r, 0));
	db_done(&r);
	return 0;
}

int queue_enrichment_link(struct queue *q, int64_t delivery, int64_t enrichment, struct err *e)
{
	return db_exec(q->db, e, "UPDATE deliveries SET enrichment = ?2 WHERE seq = ?1", "ii",
		delivery, enrichment);
}

/* ---- new deliveries ---- */

static void delivery_id(const struct new_delivery *d, char id[UUID_SIZE])
{
	const char *const parts[] = { d->change_id, d->ref, d->before, d->after, d->pipeline };
	struct digest_pieces p;
	unsigned char h[SHA256_SIZE];

	digest_pieces_init(&p);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		digest_pieces_add(&p, parts[i]);
	digest_pieces_end(&p, h);
	uuid_v8(h, id);
}

struct tail {				/* the open part of a lane */
	int64_t pos, head;		/* last position; seq of its head, 0: empty */
	enum delivery_state head_state;
};

static int lane_tail(struct queue *q, int64_t lane, struct tail *t, struct err *e)
{
	struct db_row r;
	int got;

	*t = (struct tail){ 0 };
	if (db_query(q->db, &r, e, "SELECT pos, head, seq, state FROM deliveries WHERE lane = ?1"
		" AND state < 4 ORDER BY pos", "i", lane))
		return -1;
	while ((got = db_next(&r, e)) > 0) {
		t->pos = db_int(&r, 0);
		if (db_int(&r, 1)) {
			t->head = db_int(&r, 2);
			t->head_state = (enum delivery_state)db_int(&r, 3);
		}
	}
	return got;
}

#define OVERTAKEN_TEXT "a newer update of the ref overtook it"
#define OVERTAKEN_ASKED "a newer update of the ref overtook it while it waited for approval"

/* A step of the ref's history, not what a person fired or replayed. */
#define IS_STEP(d) " substr(" d ".id, 15, 1) = '8' AND NOT EXISTS (SELECT 1" \
	" FROM updates u WHERE u.seq = " d ".upd AND u.kind = 2)"
/* It waits to be sent or to be approved; what was approved is sent. */
#define IS_LOOSE(d) " " d ".approved = 0 AND (" d ".state IN (0, 2) OR (" d ".state = 3 AND " d \
	".code = 'ApprovalRequired'))"
/* What a newer branch update may overtake: loose steps behind the last that is not, so
   that `before` reaches back over what is overtaken and nothing else. */
#define OVERTAKEN " d.lane = ?1 AND d.state < 4 AND" IS_LOOSE("d") " AND" IS_STEP("d") \
	" AND d.pos > coalesce((SELECT max(f.pos) FROM deliveries f WHERE f.lane = ?1 AND f.state < 4" \
	" AND NOT (" IS_LOOSE("f") ") AND" IS_STEP("f") "), 0)"
_Static_assert(UPDATE_FIRE == 2 && DELIVERY_HELD == 3, "as the two have it");

struct overtaken {
	char before[LIMIT_OID + 1];	/* of the first step among them */
	int64_t earliest;		/* the receiver wants nothing sooner */
	bool any;
};

static int overtaken_row(struct queue *q, const struct db_row *r, int64_t now, struct err *e)
{
	bool asked = db_int(r, 4) == DELIVERY_HELD;
	const struct journal_row row = { .time_us = now, .event = JOURNAL_SETTLE,
		.change = db_int(r, 1), .delivery = db_int(r, 0), .request = "",
		.response = "{\"state\":\"SUPERSEDED\"}", .code = "Superseded",
		.message = asked ? OVERTAKEN_ASKED : OVERTAKEN_TEXT,
		.extra = "{\"nextState\":\"SUPERSEDED\"}" };

	return queue_journal_add(q, &row, e) ||
		db_exec(q->db, e, "UPDATE deliveries SET state = ?2, settled = ?3, head = 0,"
			" code = 'Superseded', error = ?4 WHERE seq = ?1", "iiis", row.delivery,
			(int64_t)DELIVERY_SUPERSEDED, now, row.message) ? -1 : 0;
}

/* The newest branch update overtakes what waits: its `before` reaches back to the
   first of those it replaces. */
static int supersede(struct queue *q, int64_t lane, int64_t now, struct overtaken *o,
	struct err *e)
{
	struct db_row r;
	int got;

	if (db_query(q->db, &r, e, "SELECT d.seq, d.change, d.before, d.earliest, d.state FROM"
		" deliveries d WHERE" OVERTAKEN " ORDER BY d.upd", "i", lane))
		return -1;
	while ((got = db_next(&r, e)) > 0) {
		if (!o->any)
			memccpy(o->before, db_text(&r, 2), 0, LIMIT_OID + 1);
		o->any = true;
		if (db_int(&r, 3) > o->earliest)
			o->earliest = db_int(&r, 3);
		if (overtaken_row(q, &r, now, e)) {
			db_done(&r);
			return -1;
		}
	}
	return got < 0 || (o->any && queue_lane_advance(q, lane, now, e)) ? -1 : 0;
}

/* What arrives behind a waiting head makes the head due at once, though no more often
   than the first back-off nor before the receiver wants it, so that a fix is not kept
   back for hours. */
static int hurry(struct queue *q, int64_t head, int64_t now, int64_t apart, struct err *e)
{
	return db_exec(q->db, e, "UPDATE deliveries SET due = min(due, max(?2, last + ?3, earliest))"
		" WHERE seq = ?1", "iii", head, now, apart);
}

static int insert(struct queue *q, const struct new_delivery *d, const char *id,
	const struct overtaken *o, int64_t lane, const struct tail *t, int64_t now,
	struct err *e)
{
	return db_exec(q->db, e, "INSERT INTO deliveries(id, change, upd, pipeline, repository, ref,"
		" before, after, lane, pos, head, state, due, made, enrichment, code, error, expires)"
		" VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,max(?13, ?18),?13,?14,?15,?16,?17)",
		"siisssssiiiiiissii", id, d->change, d->update, d->pipeline, d->repository, d->ref,
		o->any ? o->before : d->before, d->after, lane, t->pos + 1, (int64_t)!t->head,
		(int64_t)(d->held ? DELIVERY_HELD : DELIVERY_READY), now, o->any ? 0 : d->enrichment,
		d->code ? d->code : "", d->error ? d->error : "", d->expires_us, o->earliest);
}

/* A tombstone is a delivery that a rebuilt queue knows as settled by the trail only. */
int queue_delivery_known(struct queue *q, const char *id, struct err *e)
{
	struct db_row r;
	int got;

	if (db_query(q->db, &r, e, "SELECT 1 FROM deliveries WHERE id = ?1 UNION ALL"
		" SELECT 1 FROM tombstones WHERE id = ?1", "s", id))
		return -1;
	got = db_next(&r, e);
	if (got > 0)
		db_done(&r);
	return got;
}

int queue_delivery_add(struct queue *q, const struct new_delivery *d, int64_t now_us,
	char id[UUID_SIZE], struct err *e)
{
	struct overtaken o = { .any = false };
	struct tail t = { 0 };
	int64_t lane;
	int there;

	delivery_id(d, id);
	there = queue_delivery_known(q, id, e);
	if (there)
		return there < 0 ? -1 : 0;
	lane = queue_lane(d->pipeline, d->parallel ? id : d->ref);
	if (d->supersede && supersede(q, lane, now_us, &o, e))
		return -1;
	if (!d->parallel && lane_tail(q, lane, &t, e))
		return -1;
	if (t.head && t.head_state == DELIVERY_WAITING && d->hurry_us &&
	    hurry(q, t.head, now_us, d->hurry_us, e))
		return -1;
	return insert(q, d, id, &o, lane, &t, now_us, e);
}

int queue_lane_advance(struct queue *q, int64_t lane, int64_t now_us, struct err *e)
{
	return db_exec(q->db, e, "UPDATE deliveries SET head = 1, due = CASE state WHEN 0 THEN ?2"
		" ELSE due END WHERE head = 0 AND seq = (SELECT seq FROM deliveries WHERE lane = ?1"
		" AND state < 4 ORDER BY pos LIMIT 1)", "ii", lane, now_us);
}

/* ---- what the sender itself observes ---- */

int queue_change_make(struct queue *q, const char *repository, int64_t now_us, int64_t *seq,
	char id[UUID_SIZE], struct err *e)
{
	if (uuid_v7(now_us, id))
		return err_sys(e, "cannot draw a change id");
	if (db_exec(q->db, e, "INSERT INTO changes(id, source, repository, path, time, taken, uid, user,"
		" actor, address, skip, reported, detail) VALUES(?1,?2,?3,'',?4,?4,?5,'refire','refire','',0,0,"
		" '{\"options\":[],\"claims\":{},\"vars\":{},\"shortened\":[]}')", "sisii", id,
		(int64_t)SOURCE_RECONCILE, repository, now_us, (int64_t)geteuid()))
		return -1;
	*seq = db_last_id(q->db);
	return 0;
}

int queue_observe(struct queue *q, int64_t change, const char *repository, const char *ref,
	const char *oid, int64_t base, int64_t now_us, int64_t wait_us, struct err *e)
{
	return db_exec(q->db, e, "INSERT INTO updates(change, kind, repository, ref, old, new, base,"
		" time, taken, wait) VALUES(?1,?2,?3,?4,'',?5,?6,?7,?7,?8)", "iisssiii", change,
		(int64_t)UPDATE_SEEN, repository, ref, oid, base, now_us, wait_us);
}

int queue_ref_unhold(struct queue *q, const char *repository, const char *ref, int64_t now_us,
	struct err *e)
{
	struct db_row r;
	int got;

	if (db_exec(q->db, e, "UPDATE refs SET held = 0 WHERE repository = ?1 AND ref = ?2", "ss",
		repository, ref))
		return -1;
	if (db_query(q->db, &r, e, "SELECT seq, lane FROM deliveries WHERE state < 4 AND state = ?1"
		" AND repository = ?2 AND ref = ?3 AND code = 'MassDisappearance'", "iss",
		(int64_t)DELIVERY_HELD, repository, ref))
		return -1;
	while ((got = db_next(&r, e)) > 0) {
		int64_t seq = db_int(&r, 0), lane = db_int(&r, 1);

		if (db_exec(q->db, e, "UPDATE deliveries SET state = ?2, settled = ?3, head = 0,"
			" error = 'the ref is there again' WHERE seq = ?1", "iii", seq,
			(int64_t)DELIVERY_DROPPED, now_us) || queue_lane_advance(q, lane, now_us, e)) {
			db_done(&r);
			return -1;
		}
	}
	return got;
}
