/*
 * queue_db.h - what the files of queue share: the schema's names and small steps.
 * Private to lib/queue*.c.
 */
#ifndef QUEUE_DB_H
#define QUEUE_DB_H

#include "db.h"
#include "queue.h"

struct queue {
	struct db *db;
	char served[LIMIT_CONF_NAME];	/* pipeline that the last claim ended with */
};

/* Columns of a gate, in the order queue_row_gate reads them, from column `from` on.
   Strings live as long as the row. */
#define GATE_COLUMNS \
	"g.held, g.code, g.reason, g.who, g.since, g.stopped, g.failures, g.suspect, g.several," \
	" g.opened, g.probe, g.probes, g.ramp, g.next"
#define GATE_COLUMN_COUNT 14
struct gate queue_row_gate(const struct db_row *r, int from);

/* For the test of their plans. */
extern const char queue_first_sql[], queue_take_sql[];
/* Of version 1, for the tests of upgrades. */
extern const char queue_schema_1[];

/* Columns of a delivery, in the order queue_row_delivery reads them, from
   `deliveries d JOIN changes c ON c.seq = d.change`. */
#define DELIVERY_COLUMNS \
	"d.seq, d.id, d.change, c.id, d.upd, c.source, d.pipeline, d.repository, d.ref," \
	" d.before, d.after, c.actor, d.state, d.head, d.attempts, d.due, d.made, d.first," \
	" d.settled, d.http_status, d.code, d.error, d.approved, d.expires"
#define DELIVERY_COLUMN_COUNT 24

/* Strings are copied into a. */
void queue_row_delivery(const struct db_row *r, struct arena *a, struct delivery *out);

#define JOURNAL_COLUMNS "seq, time, event, change, delivery, request, response, code, message, extra," \
	" actor, uid, call"
/* Hands out what a query for JOURNAL_COLUMNS finds, as queue_journal does. */
int queue_rows_journal(struct db_row *r, int (*cb)(const struct journal_row *r, void *arg),
	void *arg, struct err *e);

/* The lane of pipeline and ref: 63 bits of their digest. Two lanes that met by chance
   would only wait for each other. */
int64_t queue_lane(const char *pipeline, const char *ref);

/* 1 when the id is a delivery's, or a tombstone's; 0; -1. */
int queue_delivery_known(struct queue *q, const char *id, struct err *e);

/* A number of the table meta; 0 where it is not there. */
int queue_meta(struct queue *q, const char *key, int64_t *out, struct err *e);

/* Make the oldest open delivery of the lane its head, READY ones due now. */
int queue_lane_advance(struct queue *q, int64_t lane, int64_t now_us, struct err *e);
/* The same for the lane of one that was settled. */
int queue_delivery_release(struct queue *q, int64_t delivery, int64_t now_us, struct err *e);

#endif
