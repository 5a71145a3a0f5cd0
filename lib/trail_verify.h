/*
 * trail_verify.h - is what was sealed still as it was? File by file, from the oldest
 * digest to the newest, then what no digest lists, then the witnesses.
 *
 * Every byte of digests, signatures and sealed files counts: a sealed file is compared by
 * the hash of its content (as CloudTrail's validator does) and of the file itself,
 * which also shows bytes after its end. That the newest digests were removed shows only
 * in what a witness noted; without one it cannot be seen, and the report says so.
 */
#ifndef TRAIL_VERIFY_H
#define TRAIL_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "rsa.h"
#include "settings.h"

enum trail_state {
	TRAIL_VALID,
	TRAIL_CHANGED,			/* not as it was sealed */
	TRAIL_MISSING,			/* listed, and not there */
	TRAIL_CUT,			/* a witness saw a chain that went on */
	TRAIL_UNLISTED,			/* there, and no digest lists it */
	TRAIL_STATES
};
extern const char *const trail_state_words[TRAIL_STATES];

struct trail_verdict {
	enum trail_state state;
	bool digest;			/* else a log file */
	const char *object, *why;	/* why: "" */
};
struct trail_verify {
	const char *dir, *bucket;
	struct list witness;		/* files; "syslog" is passed over */
	const struct rsa *key;		/* the one to trust, NULL: those in dir */
	/* Each file; may be NULL. */
	void (*each)(const struct trail_verdict *v, void *arg);
	void (*progress)(size_t done, size_t files, void *arg);
	void *arg;
	/* results */
	int64_t digests[TRAIL_STATES], logs[TRAIL_STATES];
	int64_t from_us, to_us;		/* of the chain */
	int64_t witnessed;		/* heads that witnesses know */
	int64_t unsealed;		/* live files: nothing is said of them */
};
/* 0 all that is there was looked at, whatever it is; -1 it could not be. */
int trail_verify(struct trail_verify *v, struct err *e);
bool trail_verify_good(const struct trail_verify *v);

#endif
