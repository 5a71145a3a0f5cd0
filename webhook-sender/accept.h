/*
 * accept.h - which of the reported moves of one ref really happened in which
 * order: the walk. Pure.
 *
 * Events of a ref apply as the longest walk from the stored value to the value
 * the repository shows, earliest hook time first (design, Accepting). Each event
 * is one edge, used once. A to B to A to B fires three times; a chain found out
 * of order fires in order; events on no walk are covered and never fired.
 *
 * Where the reports do not connect, the walk is what starts at the stored value,
 * followed by what ends at the shown one; the caller fills the steps between
 * (current value != old of the next event, and last new != shown), which nobody
 * reported. Such a piece is taken only once the patience of one of its events has
 * run out: while all are young, what is missing may be on its way. The first lies
 * later than the report that brought the stored value, the second later than the
 * first, so that no straggler is taken for either.
 */
#ifndef ACCEPT_H
#define ACCEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct accept_event {
	const char *old, *new;		/* object ids; zeros: none */
	int64_t time_us;
	bool young;			/* its patience runs */
};

struct accept_input {
	const char *stored;	/* NULL: not known. The earliest event began at it, but an
				   earlier one may be on its way if they are not one chain */
	int64_t since_us;	/* the time of the report that brought it there */
	const char *shown;	/* what the repository shows; NULL: it cannot be read */
	const struct accept_event *events;	/* earliest first */
	size_t n;
};

struct accept_result {
	size_t *walk;		/* indexes into events, to fire in order; the caller's, n of them */
	size_t nwalk;		/* 0: nothing goes now */
};

void accept_walk(const struct accept_input *in, struct accept_result *out);

/* The same object id; two spellings of "none" are the same. */
bool accept_same(const char *a, const char *b);

#endif
