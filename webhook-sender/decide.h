/*
 * decide.h - which pipelines a step starts, and the record of why the others did
 * not: one MatchPipelines row for the steps of one change.
 *
 *	decide_open(&d, s, now);
 *	decide_step(&d, ...);		many, inside the join's transaction
 *	decide_close(&d, e);		writes what is left
 */
#ifndef DECIDE_H
#define DECIDE_H

#include "json.h"
#include "match.h"
#include "plan.h"
#include "queue_heard.h"

struct decide {
	struct sender *s;
	int64_t now_us;
	int64_t change;			/* of the rows collected; 0 none */
	struct buf request, response;
	struct json req, res;
	size_t steps;
	bool fired;			/* one of them started a pipeline */
	enum match_reason first;	/* why the first one did not */
	bool skipped;			/* at least one pipeline watched and did not start */
	struct heard_moves moves;	/* of one repository, to be noted */
};

void decide_open(struct decide *d, struct sender *s, int64_t now_us);

/* Would any pipeline start? Then the step needs its enrichment. */
bool decide_wants(const struct config *c, const char *repository, const char *ref,
	const char *old, const char *new, bool skip);

struct decide_input {
	int64_t change, update, enrichment;	/* their rows */
	const char *change_id, *repository, *ref, *old, *new;
	const char *pipeline;			/* fire: this one only, whatever it filters */
	bool skip, hold;
	const struct enrichment *rich;		/* NULL: none was needed */
};
int decide_step(struct decide *d, const struct decide_input *in, struct err *e);
int decide_close(struct decide *d, struct err *e);

#endif
