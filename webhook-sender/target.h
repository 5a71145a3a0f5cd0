/*
 * target.h - a kind of receiver, as a step machine: one file in targets/, one
 * const struct.
 *
 * The attempt engine calls next() with what was saved (at most LIMIT_PROGRESS
 * bytes, committed under the lease before each effect) and the last answer; it
 * says what to do now. A retry resumes from the saved state. Each exchange is
 * one journal row.
 *
 *	next(no answer) -> REQUEST, progress "message 1 of 2"
 *	   engine commits progress, sends, journals the exchange
 *	next(answer)    -> REQUEST ... or SETTLED with a verdict
 */
#ifndef TARGET_H
#define TARGET_H

#include "format.h"
#include "message.h"

enum step_kind { STEP_REQUEST, STEP_SETTLED };

struct step {
	enum step_kind kind;
	struct request request;		/* REQUEST */
	const char *event_source;	/* for the record: "" means webhook-sender.refire */
	const char *event_name;		/* "" means DeliverWebhook */
	struct verdict verdict;		/* SETTLED */
	char progress[LIMIT_PROGRESS];	/* saved before the effect */
	size_t progress_len;
	bool past;			/* the last request was accepted, and is not sent again */
};

struct attempt {			/* what next() may read */
	const struct render_input *input;
	const struct config *config;
	const struct pipeline *pipeline;
	struct arena *arena;		/* lives for this attempt */
	int64_t attempt;		/* from 1 */
	int64_t now_us;
	const char *progress;		/* saved state, "" at first */
	size_t progress_len;
	const struct answer *answer;	/* of the last request in this attempt; NULL first */
};

struct target {
	const char *name;
	const char *help;
	/* Is the pipeline's configuration whole for this kind? */
	int (*check)(const struct pipeline *p, struct err *e);
	/* -1: the request cannot be made (secret unreadable ...): e.code ERR_TEMP waits by
	   the schedule, anything else holds the delivery for a person. */
	int (*next)(const struct attempt *t, struct step *out, struct err *e);
};

extern const struct target target_webhook;
extern const struct target *const targets[];		/* ends with NULL */
const struct target *target_find(const char *name);

#endif
