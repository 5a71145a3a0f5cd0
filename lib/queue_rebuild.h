/*
 * queue_rebuild.h - a damaged queue made new, nothing recorded lost.
 *
 * A copy of the damaged file is kept, and the new one takes its place once it is
 * whole. What can still be read is copied row by row. Deliveries that the trail and
 * the journal say were made are made again where they are missing; those they show
 * as settled are not (a delivery's id follows from its change, so it is known
 * again). Changes of the last 7 days that are missing come back from spool/done/
 * through the spool and are judged again. What was delivered but reached neither the file nor the trail
 * may go out twice, under the same delivery id.
 *
 * The caller holds sender.lock and poller.lock.
 */
#ifndef QUEUE_REBUILD_H
#define QUEUE_REBUILD_H

#include "queue.h"
#include "spool.h"

struct queue_rebuilt {
	char aside[LIMIT_PATH];		/* where a copy of it is kept; "" there was none */
	int64_t changes, deliveries, refs, journal;	/* rows read from it */
	bool whole;			/* all of it could be read */
	int64_t settled;		/* deliveries known as settled by the trail */
	int64_t recalled;		/* deliveries made again from the trail's decisions */
	int64_t respooled;		/* files put back from done/ */
};
int queue_rebuild(const struct spool_paths *p, struct queue_rebuilt *out, struct err *e);

#endif
