/*
 * program.h - runs programs of the user's own, many at once, and says how each ended.
 *
 * No shell: an argument list. The environment is made from nothing (proc.h): PATH, HOME,
 * LC_ALL and what the caller lists; so are the descriptors. Each leads its own process
 * group, which is ended at its time limit: SIGTERM, a second later SIGKILL. Of its output
 * (both streams, as they come) the beginning is kept, the rest read and let go.
 *
 * A thread waits for each of them; the caller is one thread, and hears of the end by a
 * descriptor. It runs as the account of its caller and can read what that can: it is not
 * a cage, but no secret is handed to it.
 *
 *	programs_open(&p, e);
 *	programs_start(p, &program, tag, e);	many
 *	... until programs_fd(p) is readable
 *	while (programs_next(p, &arena, &tag, &end)) ...
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "mem.h"

struct program {
	const char *const *argv;	/* NULL-terminated; argv[0] looked up in PATH */
	const char *const *env;		/* "NAME=value", NULL-terminated; may be NULL */
	const char *directory;		/* to run in; NULL: the caller's own */
	const char *in;			/* on its standard input */
	size_t in_len;
	int64_t timeout_us;		/* 0: none */
};

struct program_end {
	const char *why_not;		/* it could not be run; NULL: it ran */
	int status;			/* exit status, or 128 + signal */
	bool timed_out;
	const char *output;		/* its first LIMIT_OUTPUT bytes, NUL behind */
	size_t output_len;
	bool output_cut;		/* there was more */
	int64_t took_us;
};

struct programs;
int programs_open(struct programs **out, struct err *e);
/* Ends what still runs. NULL does nothing. */
void programs_close(struct programs *p);
/* What program points at is copied. -1: nothing was started, and no end follows. */
int programs_start(struct programs *p, const struct program *program, void *tag, struct err *e);
int programs_fd(const struct programs *p);
/* One that has ended; its strings in a. false: none now. */
bool programs_next(struct programs *p, struct arena *a, void **tag, struct program_end *out);

#endif
