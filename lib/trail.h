/*
 * trail.h - records shaped like AWS CloudTrail's (record contents, version 1.11).
 *
 * Live records are JSON lines in STATE/trail/, by the hour of the journal row
 * (trail_files.h), until they are sealed (trail_seal.h). Only the sender that holds
 * its lock writes them, from journal rows after the queue's cursor; each carries its
 * journal sequence number in additionalEventData.sequence, so that rendering twice is
 * seen and skipped.
 *
 * One record, one line of JSON: UTF-8 with control and bidi characters escaped:
 *	eventVersion "1.11", userIdentity {type "Unknown", principalId "uid:1000",
 *	userName}, eventTime, eventSource, eventName, awsRegion, sourceIPAddress,
 *	userAgent, [errorCode, errorMessage,] requestParameters, responseElements,
 *	additionalEventData {sequence, change, source, repository, [delivery, pipeline,
 *	ref,] ...}, requestID (the delivery's id, else the change's), eventID,
 *	readOnly, resources [{ARN, accountId, type}], eventType, managementEvent,
 *	recipientAccountId, sharedEventID (the change's id), eventCategory
 */
#ifndef TRAIL_H
#define TRAIL_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "queue.h"

struct trail_context {
	const char *account_id, *region, *user_agent;
};

/* Pure: one journal row to one line (with the final newline). change and d may be
   NULL. Limits are CloudTrail's: what is over is shortened or omitted as published,
   and named in additionalEventData.omitted. */
void trail_render(const struct trail_context *t, const struct journal_row *r,
	const struct change_row *change, const struct delivery *d, struct buf *out);

/* The writer: only the sender that holds its lock has one.
 *
 *	w = trail_open(q, dir, &ctx);
 *	trail_take(w, &row, ...);		saves reading it back; may be left out
 *	trail_export(w, e);			after each commit; first sets a torn last line aside
 *	trail_sync(w, e);			now and then, and before leaving
 *	trail_close(w);
 *
 * Lines are appended after each export; the queue's cursor moves at trail_sync,
 * once they are durable. What a crash leaves between is recognised by its sequence
 * number and not written twice. What cannot be written stays in the journal: a full or
 * failing disk under the trail holds up nothing else. */
struct trail;
struct trail *trail_open(struct queue *q, const char *dir, const struct trail_context *t);
/* A row that this process has just committed: rendered from memory if it is the next
   one, else left for the export to read. */
void trail_take(struct trail *w, const struct journal_row *r, const struct change_row *change,
	const struct delivery *d);
/* Render every journal row not yet written. The number of records, or -1: then none
   of them counts and the next call tries again. */
int64_t trail_export(struct trail *w, struct err *e);
/* Render what was written before this sequence number, so that it can be taken next. */
void trail_catch_up(struct trail *w, int64_t seq);
int trail_sync(struct trail *w, struct err *e);
int64_t trail_written(const struct trail *w);	/* sequence number of the last record */
void trail_close(struct trail *w);
/* Where the hour has turned (or always): all is written and durable, and what comes goes
   into a new file: those there are may be sealed (trail_seal.h). */
int trail_turn(struct trail *w, int64_t now_us, bool always, struct err *e);

/* The highest sequence number in the files of dir; 0 none. For the rebuild of a queue,
   whose journal goes on from there. */
int trail_last_sequence(const char *dir, int64_t *seq, struct err *e);

#endif
