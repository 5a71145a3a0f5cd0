/*
 * trail_seal.h - live files to sealed ones, and the hourly digests over them.
 *
 * Each step is done again after a crash, with the same result:
 *	1. a sealed file is written beside, synced, renamed; its name and bytes follow from
 *	   the records
 *	2. the digest that lists it: from here on it counts as sealed
 *	3. the head of the chain goes to the witnesses
 *	4. the live file is removed
 * Until 4 readers read the live file (trail_files.h); sealed files that no digest lists
 * and a live file covers are removed before 1.
 *
 * Who calls it holds the sender's lock, and has had the trail turn (trail_turn): live
 * files of hours that are over have no writer.
 */
#ifndef TRAIL_SEAL_H
#define TRAIL_SEAL_H

#include <stdbool.h>

#include <stdatomic.h>

#include "settings.h"
#include "trail_files.h"

struct trail_seal {
	const char *dir;		/* STATE/trail */
	const char *account, *region, *bucket;
	struct list witness;		/* "syslog", or absolute paths */
	int64_t now_us;
	bool all;			/* also the hour that is not over */
	const atomic_bool *stop;	/* set: end after the digest at hand; NULL */
	int64_t until;			/* all: files that begin after this sequence stay live */
};
struct trail_sealed {			/* what was done */
	int64_t records, files, digests;
};
int trail_seal(const struct trail_seal *s, struct trail_sealed *out, struct err *e);

/* "END OBJECT SIGNATURE": the head of a chain, as a witness has it. */
#define TRAIL_WITNESS_SYSLOG "syslog"
#define TRAIL_WITNESS_WORD "refire-trail-head"

#endif
