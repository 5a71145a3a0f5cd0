/*
 * store.h - the queue of a session: apart from session.h, so that `refire fire`
 * does not link a database.
 */
#ifndef STORE_H
#define STORE_H

#include "queue.h"
#include "session.h"

/* 0 and the queue; 0 and NULL when there is none yet; ERR_PERM with a sentence for
   anyone but the owner. */
int store_open(const struct session *s, enum queue_open mode, struct queue **out,
	struct err *e);

#endif
