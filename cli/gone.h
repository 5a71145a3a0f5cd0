/*
 * gone.h - what the queue does not have because it was pruned: to be told from what
 * never was.
 */
#ifndef GONE_H
#define GONE_H

#include "queue.h"
#include "session.h"

/* what: the beginning of the id of a change or a delivery, or of a commit's. 1 it was
   pruned, and e (ERR_NOENT) says so; 0 nothing is known of it, -1. The trail is read only
   where something was pruned at all. */
int gone_find(const struct session *s, struct queue *q, const char *what, struct err *e);

#endif
