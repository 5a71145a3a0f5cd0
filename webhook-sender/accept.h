/*
 * accept.h - which of the reported moves of one ref really happened in which
 * order: the walk. Pure.
 *
 * Events of a ref apply as the longest walk from the stored value to the value
 * the repository shows, earliest hook time first (design, Accepting). Each event
 * is one edge, used once. A to B to A to B fires three times; a chain found out
 * of order fires in order; events on no walk are covered and never fired.
 *
 * Where the reports do not connect and patience has run out, the walk is what
 * starts at the stored value followed by what ends at the shown one; the caller
 * fills the steps between (current value != old of the next event, and last new
 * != shown), which nobody reported.
 */
#ifndef ACCEPT_H
#define ACCEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct accept_event {
	const char *old, *new;		/* object ids; zeros: none */
	int64_t time_us;
};

enum accept_kind {
	ACCEPT_WAIT,		/* no walk from stored to shown yet, and patience is left */
	ACCEPT_WALK,		/* walk holds the events to fire in order (may be empty) */
};

struct accept_input {
	const char *stored;	/* NULL: nothing is known about this ref */
	const char *shown;	/* what the repository shows; NULL: it cannot be read */
	const struct accept_event *events;	/* earliest first */
	size_t n;
	bool patient;		/* reports may still be on their way */
};

struct accept_result {
	enum accept_kind kind;
	size_t *walk;		/* indexes into events; room for n is the caller's */
	size_t nwalk;
};

void accept_walk(const struct accept_input *in, struct accept_result *out);

/* The same object id; two spellings of "none" are the same. */
bool accept_same(const char *a, const char *b);

#endif
