/*
 * known.h - what the deliveries of one change have in common, read and decoded once:
 * the change, its details, the enrichment, and parts of payloads that are the same for
 * each of them (payload.h, payload_part).
 *
 * The last few are kept, for the deliveries that follow; one that is in use lives until
 * its last user releases it. It goes with the configuration it was made under.
 *
 *	k = known_get(all, queue, config, change, enrichment, e);
 *	... k->change, k->enrichment ...
 *	known_release(k);
 */
#ifndef KNOWN_H
#define KNOWN_H

#include "config.h"
#include "detail.h"
#include "enrich.h"
#include "queue.h"

struct known {
	int64_t enrichment_seq;
	struct config *config;		/* held */
	struct arena arena;
	struct change_row change;
	struct detail detail;
	struct enrichment enrichment;
	struct payload_parts *parts;	/* payload.c's; in arena */
	size_t users;
};

struct knowns;
struct knowns *knowns_open(void);
void knowns_close(struct knowns *all);

/* Sequence numbers of the change and of its enrichment. NULL: the queue failed, or what
   it has is damaged. */
struct known *known_get(struct knowns *all, struct queue *q, struct config *c, int64_t change,
	int64_t enrichment, struct err *e);
void known_release(struct known *k);	/* NULL does nothing */

#endif
