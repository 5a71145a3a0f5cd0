/*
 * sender.h - what the stages of refire-send share: one process, the lock held. main (send.c) owns it; stages borrow it.
 *
 *	intake	spool files -> changes and updates			intake.h
 *	join	updates -> accepted refs, enrichment, deliveries	join.h
 *	attempt	due lane heads -> requests -> settled			attempt.h
 *	trail	journal rows -> records					trail.h
 *
 * Enrichment is computed by the pool's threads (pool.h), requests are carried by the
 * courier's (courier.h); everything else, the queue above all, is touched by the main
 * thread only.
 */
#ifndef SENDER_H
#define SENDER_H

#include "config.h"
#include "courier.h"
#include "pool.h"
#include "queue.h"
#include "spool.h"
#include "trail.h"

struct sender {
	struct config *config;
	struct spool_paths paths;
	struct queue *queue;
	struct trail *trail;
	struct courier *courier;
	struct pool *pool;
	char owner[UUID_SIZE];		/* names our leases */
	int64_t jumped_us;		/* by how much the clock was set under us, in all */
	size_t left_alone;		/* spool files of a newer version, at the last look */
};

#endif
