/*
 * trail.h - records shaped like AWS CloudTrail's (record contents, version 1.11).
 *
 * Live records are JSON lines in STATE/trail/YYYY-MM-DD.jsonl, by the UTC day of
 * the journal row. Only the sender that holds its lock writes them, from journal
 * rows after the queue's cursor; each carries its journal sequence number in
 * additionalEventData.sequence, so that rendering twice is seen and skipped.
 *
 * One record, one line, ASCII-safe JSON:
 *	eventVersion "1.11", userIdentity {type "Unknown", principalId "uid:1000",
 *	userName}, eventTime, eventSource, eventName, awsRegion, sourceIPAddress,
 *	userAgent, [errorCode, errorMessage,] requestParameters, responseElements,
 *	additionalEventData {sequence, change, source, repository, [delivery, pipeline,
 *	ref, attempt,] ...}, requestID (the delivery's id, else the change's), eventID,
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

/* Render every journal row after the cursor into dir and move the cursor. Durable
   before the cursor moves. Returns the number of records, or -1. */
int64_t trail_export(struct queue *q, const char *dir, const struct trail_context *t,
	struct err *e);

#endif
