/*
 * generic.h - refire's own fields of a change, which other dialects carry as their
 * data. docs/format-generic.md describes each.
 */
#ifndef GENERIC_H
#define GENERIC_H

#include "payload.h"

/* Into the open object. p->detail is set. */
void generic_fields(struct json *j, const struct payload *p);
/* X-Hub-Signature-256 by the newest secret, X-Refire-Signature by all. */
int generic_sign(const struct message *m, const struct secrets *s, int64_t now_us,
	struct headers *out, struct err *e);

#endif
