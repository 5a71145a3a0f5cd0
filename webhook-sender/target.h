/*
 * target.h - a kind of receiver: one file in targets/, one const struct, a line in
 * targets.c and one in lib/kinds.h (its keys). It starts a pipeline somewhere by one step
 * or several, and decides what to do; carrying it out is the sender's (http.h, program.h).
 *
 *	next(no answer) -> REQUEST, progress "message 1 of 2"
 *	   the sender commits the progress, sends, records the exchange
 *	next(answer)    -> REQUEST ... or SETTLED with a verdict
 *
 * It is given (struct attempt): what fired, as formats have it; its pipeline's settings;
 * the answer to its last step. Credentials it reads itself, from the files its settings
 * name (secrets.h), or keeps in memory (tokens.h). It makes no call that waits.
 *
 * What is saved: `progress`, in the queue, before the step it comes with begins. An
 * attempt that fails, or a sender that ends, resumes from it; nothing secret may be in it.
 * `stage` lives as long as the attempt: which step the answer belongs to.
 *
 * It judges an answer by policy.h, in its own words where it knows better (call_judge).
 *
 * Each step done is a record of its own: DeliverWebhook or RunProgram, or the service's
 * own call where the step names one. `refire fire --dry-run` walks through the steps as if
 * each went well, with answers of pretend(); `refire check` asks check(). What other
 * targets that make requests have in common is in call.h. docs/architecture.md walks
 * through adding one.
 */
#ifndef TARGET_H
#define TARGET_H

#include "format.h"
#include "message.h"
#include "program.h"

enum step_kind { STEP_REQUEST, STEP_PROGRAM, STEP_SETTLED };

struct step {
	enum step_kind kind;
	struct request request;		/* REQUEST */
	struct program program;		/* PROGRAM */
	struct verdict verdict;		/* SETTLED */
	/* eventSource and eventName of the record, as in "codepipeline.amazonaws.com
	   StartPipelineExecution"; NULL: the sender's own */
	const char *call;
	/* REQUEST: the answer is this token (tokens.h). While one delivery fetches it, others
	   that ask for the same wait, and are then asked again from the beginning. NULL: none */
	const char *token;
	bool private;			/* REQUEST: what a good answer says is not recorded */
	int stage;			/* comes back with the answer; 0 at the first call */
	bool past;			/* the last step did its work, and is not done again */
	char progress[LIMIT_PROGRESS];	/* saved before the step begins */
	size_t progress_len;
};

struct attempt {			/* what next() may read */
	const struct render_input *input;
	const struct config *config;
	const struct pipeline *pipeline;
	struct arena *arena;		/* lives for this attempt */
	int64_t attempt;		/* from 1 */
	int64_t now_us;
	const char *progress;		/* saved, "" at first */
	size_t progress_len;
	int stage;			/* of the step that was done */
	/* How that ended; both NULL: none was in this attempt. */
	const struct answer *answer;
	const struct program_end *ended;
};

struct target {
	const char *name;
	/* Is what its files hold right? Only `refire check` asks: a sender reads them when
	   they are needed. NULL: it has none. */
	int (*check)(const struct pipeline *p, struct err *e);
	/* Do its settings go together, as far as lib/kinds.h cannot say? key: the one to blame.
	   Asked when the configuration is read. NULL: they do. */
	int (*rule)(const struct pipeline *p, const char **key, struct err *e);
	/* out is empty. -1: the step cannot be made (secret unreadable ...): e.code ERR_TEMP
	   waits by the schedule, anything else holds the delivery for a person. */
	int (*next)(const struct attempt *t, struct step *out, struct err *e);
	/* A good answer to a step, for a dry run, where 200 and nothing is not one. out is
	   that. NULL: it always is. */
	void (*pretend)(const struct step *s, struct answer *out);
};

extern const struct target *const targets[];		/* ends with NULL */
const struct target *target_find(const char *name);
/* The rules of all pipelines' targets. The first error names file, line and key. */
int targets_check(const struct config *c, struct err *e);

#endif
