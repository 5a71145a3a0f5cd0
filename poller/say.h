/*
 * say.h - what a person (or a program, --json) is told of a pass: one line for a
 * repository where something was found or went wrong, and on a terminal a line of
 * progress while a pass is long. Everything from outside is escaped.
 */
#ifndef SAY_H
#define SAY_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "report.h"
#include "roster.h"

struct say {
	bool json, quiet;
	bool terminal;			/* stderr is one */
	bool shown;			/* a progress line stands there */
	int64_t began_us, last_us;	/* monotonic */
};

void say_init(struct say *s, bool json, bool quiet);
/* A look that ended: l failed, or r says what it found. repeated: the same failure as
   last time, in a resident. */
void say_look(struct say *s, const struct watched *w, const struct look *l,
	const struct report *r, bool repeated);
/* HEAD leads to another branch than before. */
void say_head(struct say *s, const struct watched *w, const char *was);
/* How the fetch into its mirror went, when there is something to say. */
void say_mirror(struct say *s, const struct watched *w, const struct look *l);
/* Back after failures. */
void say_recovered(struct say *s, const struct watched *w);
void say_error(struct say *s, const struct err *e);
void say_progress(struct say *s, size_t done, size_t total, size_t changed, size_t failed);
/* Take the progress line away. */
void say_clear(struct say *s);

#endif
