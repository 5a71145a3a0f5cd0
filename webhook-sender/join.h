/*
 * join.h - stage 2: pending updates are accepted, enriched, matched, and become
 * deliveries.
 *
 * For each ref with something pending: read the accepted row and what the
 * repository shows, find the walk (accept.h), judge observations, ask the pool
 * for what each step means, and, once that is there, store all of it in one
 * transaction: the accepted ref, the deliveries, the journal. A ref whose
 * enrichment is still under way waits; the others go on.
 */
#ifndef JOIN_H
#define JOIN_H

#include "sender.h"

struct join_state {
	int64_t next_us;	/* a deferred ref falls due (wall clock); 0 none */
	bool busy;		/* the pool still works for a ref: come back on pool_fd */
	bool more;		/* more refs are ready than one round takes */
	bool begun;		/* out: a transaction stands open, with what was joined */
};

/* One round. Returns the number of refs settled, or -1. The caller commits what was
   begun, together with the leases of what was joined: one sync the fewer. */
int join_run(struct sender *s, struct join_state *out, struct err *e);

#endif
