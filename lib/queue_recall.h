/*
 * queue_recall.h - what the trail and the journal remember of deliveries, for a
 * queue that lost some: which are settled, and which were made. Only the rebuild
 * uses it (and jansson with it).
 */
#ifndef QUEUE_RECALL_H
#define QUEUE_RECALL_H

#include "queue.h"

/* Inside a transaction. settled: deliveries not in the queue that must not be made
   again. recalled: deliveries made again, READY at the end of their lanes. */
int queue_recall(struct queue *q, const char *trail_dir, int64_t *settled, int64_t *recalled,
	struct err *e);

#endif
