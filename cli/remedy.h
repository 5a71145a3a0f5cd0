/*
 * remedy.h - what to do about a failure: errorCode, HTTP status and what is known
 * of the pipeline, to sentences for a person. Pure but for a look at the age of the
 * secret's file, which the caller brings.
 *
 *	remedy(&(struct remedy_case){ .code = "ReceiverDenied", .status = 401, ... }, &out)
 *
 * One row of a table per code and status; a code it does not know gets nothing.
 */
#ifndef REMEDY_H
#define REMEDY_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "config.h"

struct remedy_case {
	const char *code;		/* errorCode */
	int status;			/* HTTP, 0 none */
	const char *message;		/* of the failure: libcurl's own words are in it */
	const char *url;		/* as the trail has it: no user, no query */
	const char *location;		/* header of a redirect, "" */
	const char *allow;		/* header of 405, "" */
	const char *delivery;		/* its short id, for commands */
	const char *name;		/* of the pipeline */
	const struct pipeline *pipeline;	/* NULL: not configured any more */
	int64_t secret_us;		/* when its secret's file was written, 0 unknown */
	int64_t delivered_us;		/* when this pipeline delivered last, 0 never */
	bool again;			/* it will be tried again by itself */
	int64_t now_us;
};

/* Appends sentences, the last one with the command to type. Nothing for a code that
   needs nothing. */
void remedy(const struct remedy_case *c, struct buf *out);

#endif
