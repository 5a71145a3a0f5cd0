/*
 * trail_seals.h - `refire trail seal`, `verify` and `key`: what keeps the trail honest.
 * Each returns the exit status, or -1 with err filled in.
 */
#ifndef TRAIL_SEALS_H
#define TRAIL_SEALS_H

#include <stdbool.h>

#include "session.h"

int seals_seal(const struct session *s, struct err *e);
/* key: file of a public key to trust, NULL those beside the trail. witness: one more file
   of heads, NULL none. all: also name what is valid. */
struct seals_verify {
	const char *key, *witness;
	bool all, json;
};
int seals_verify(const struct session *s, const struct seals_verify *v, struct err *e);
/* verb: NULL shows the key, "make", "rotate", or "export" (DER on standard output). */
int seals_key(const struct session *s, const char *verb, struct err *e);

#endif
