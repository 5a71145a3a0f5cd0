/*
 * cloudevents.h - attributes of CloudEvents 1.0.2 in HTTP headers ("Binary content
 * mode" of its HTTP protocol binding), for the dialects that are bound to it.
 *
 * Values are ASCII alone: receivers were found not to decode what is percent-encoded
 * there, so ids and subjects are made of URI characters to begin with.
 */
#ifndef CLOUDEVENTS_H
#define CLOUDEVENTS_H

#include "identity.h"

struct cloudevent {
	const char *id, *source, *type, *subject;
	int64_t time_us;
};

int cloudevents_headers(struct headers *out, const struct cloudevent *c, struct err *e);
/* A name as part of a URI: "feature/x". */
const char *cloudevents_text(struct arena *a, const char *s);

#endif
