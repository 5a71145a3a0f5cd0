/* queue_clock.c - times of the queue when the clock that made them was set. */
#include "queue_db.h"

int queue_clamp_due(struct queue *q, int64_t latest_us, int64_t probe_us, struct err *e)
{
	if (db_exec(q->db, e, "UPDATE gates SET probe = ?1 WHERE probe > ?1", "i", probe_us))
		return -1;
	return db_exec(q->db, e, "UPDATE deliveries SET due = ?1, earliest = 0 WHERE head = 1 AND state IN (0, 2)"
		" AND due > ?1", "i", latest_us);
}

/* All that is compared with now; what only tells when something was stays. */
static int shift(struct queue *q, int64_t by, struct err *e)
{
	return db_exec(q->db, e, "UPDATE deliveries SET due = due + ?1,"
			" first = CASE first WHEN 0 THEN 0 ELSE first + ?1 END,"
			" last = CASE last WHEN 0 THEN 0 ELSE last + ?1 END,"
			" earliest = CASE earliest WHEN 0 THEN 0 ELSE earliest + ?1 END,"
			" expires = CASE expires WHEN 0 THEN 0 ELSE expires + ?1 END"
			" WHERE state < 4", "i", by) ||
		db_exec(q->db, e, "UPDATE updates SET taken = taken + ?1,"
			" wait = CASE wait WHEN 0 THEN 0 ELSE wait + ?1 END WHERE state = 0", "i", by) ||
		db_exec(q->db, e, "UPDATE gates SET since = CASE since WHEN 0 THEN 0 ELSE since + ?1 END,"
			" opened = CASE opened WHEN 0 THEN 0 ELSE opened + ?1 END,"
			" probe = CASE probe WHEN 0 THEN 0 ELSE probe + ?1 END,"
			" next = CASE next WHEN 0 THEN 0 ELSE next + ?1 END", "i", by) ? -1 : 0;
}

int queue_shift(struct queue *q, int64_t by_us, struct err *e)
{
	if (queue_begin(q, e))
		return -1;
	if (!shift(q, by_us, e))
		return queue_commit(q, e);
	queue_rollback(q);
	return -1;
}

int queue_mend_future(struct queue *q, int64_t now_us, struct err *e)
{
	return db_exec(q->db, e, "UPDATE deliveries SET due = ?1 + max(0, due - last), last = ?1,"
			" first = min(first, ?1), earliest = 0 WHERE head = 1 AND state IN (0, 2)"
			" AND due > ?1 AND last > ?1", "i", now_us) ||
		db_exec(q->db, e, "UPDATE updates SET wait = min(wait, ?1), taken = ?1 WHERE state = 0"
			" AND taken > ?1", "i", now_us) ||
		db_exec(q->db, e, "UPDATE gates SET since = min(since, ?1), opened = min(opened, ?1),"
			" probe = min(probe, ?1), next = min(next, ?1) WHERE since > ?1 OR opened > ?1", "i",
			now_us) ? -1 : 0;
}
