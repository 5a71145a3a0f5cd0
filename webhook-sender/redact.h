/*
 * redact.h - what is shown of a request and its answer: never a secret. One place for
 * records, dry runs and whatever else shows them.
 *
 * By name: headers that the configuration gives, and those whose names speak of
 * tokens, cookies, keys or authorization. By value: what the pipeline's files of
 * secrets hold, and the user and query of its URL, where a far side repeats them.
 */
#ifndef REDACT_H
#define REDACT_H

#include "config.h"
#include "message.h"

#define REDACTED "[redacted]"

bool redact_hides(const struct header *h);
/* Masks the pipeline's secrets in the body that was kept, the headers and the detail.
   The digest stays that of what came. */
void redact_answer(const struct pipeline *p, const struct request *r, struct answer *a,
	struct arena *arena);

#endif
