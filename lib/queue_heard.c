/* queue_heard.c - see queue_heard.h. */
#include "queue_heard.h"

#include "clock.h"
#include "queue_db.h"

#define DAY_US (24 * 3600 * US_PER_S)
#define BITS "4611686018427387903"	/* HEARD_DAYS of them */
_Static_assert((INT64_C(1) << HEARD_DAYS) - 1 == INT64_C(4611686018427387903), "BITS");

/* A clock that was set back makes no day younger. */
int queue_heard_note(struct queue *q, const char *repository, enum source source,
	int64_t now_us, struct err *e)
{
	return db_exec(q->db, e, "INSERT INTO heard(repository, time, source, hooked, day, days)"
		" VALUES(?1,?2,?3,?4,?5,1) ON CONFLICT(repository) DO UPDATE SET time = ?2, source = ?3,"
		" hooked = max(hooked, ?4),"
		" days = (CASE WHEN ?5 > day THEN (days << (?5 - day)) | 1"
		"  ELSE days | (1 << (day - ?5)) END) & " BITS ", day = max(day, ?5)", "siiii",
		repository, now_us, (int64_t)source,
		source == SOURCE_POST_RECEIVE ? now_us : (int64_t)0, now_us / DAY_US);
}

int queue_heard_moved(struct queue *q, const struct heard_moves *m, int64_t now_us,
	struct err *e)
{
	return db_exec(q->db, e, "INSERT INTO heard(repository, time, source, hooked, day, days, moved,"
		" fired, idle, idle_since, idle_oid) VALUES(?1,?2,?6,0,?7,1,?2,?3*?2,?4,(?4>0)*?2,?5)"
		" ON CONFLICT(repository) DO UPDATE SET moved = ?2,"
		" fired = CASE WHEN ?3 THEN ?2 ELSE fired END,"
		" idle_since = CASE WHEN ?3 OR idle = 0 THEN (?4 > 0) * ?2 ELSE idle_since END,"
		" idle = CASE WHEN ?3 THEN ?4 ELSE idle + ?4 END,"
		" idle_oid = CASE WHEN ?4 THEN ?5 WHEN ?3 THEN '' ELSE idle_oid END", "siiisii",
		m->repository, now_us, (int64_t)m->fired, m->idle, m->idle ? m->oid : "",
		(int64_t)SOURCE_RECONCILE, now_us / DAY_US);
}

int queue_heard(struct queue *q, int (*cb)(const struct heard *h, void *arg), void *arg,
	struct err *e)
{
	struct db_row r;
	int got, stop = 0;

	if (db_query(q->db, &r, e, "SELECT repository, time, source, hooked, day, days, moved, fired,"
		" idle, idle_since, idle_oid FROM heard ORDER BY repository", ""))
		return -1;
	while (!stop && (got = db_next(&r, e)) != 0) {
		struct heard h;

		if (got < 0)
			return -1;
		h = (struct heard){ db_text(&r, 0), db_int(&r, 1), (enum source)db_int(&r, 2),
			db_int(&r, 3), db_int(&r, 4), (uint64_t)db_int(&r, 5), db_int(&r, 6),
			db_int(&r, 7), db_int(&r, 8), db_int(&r, 9), db_text(&r, 10) };
		stop = cb(&h, arg);
	}
	if (stop)
		db_done(&r);
	return stop;
}
