/*
 * proc.h - run another program: argv, no shell, an environment made from
 * nothing, file descriptors 0-2 only, a time limit, and its output bounded.
 *
 * The child gets PATH=/usr/local/bin:/usr/bin:/bin, LC_ALL=C.UTF-8, HOME and
 * what the caller lists; never GIT_*, LD_*, *_proxy, AWS_* of our own
 * environment. It leads its own process group, which is ended on time-out
 * (SIGTERM, a second later SIGKILL). A program left behind by the child that
 * keeps its output open (an ssh connection master) does not make proc_run wait.
 */
#ifndef PROC_H
#define PROC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "buf.h"
#include "err.h"

struct proc_run {
	const char *const *argv;	/* NULL-terminated; argv[0] looked up in PATH */
	const char *const *env;		/* "NAME=value", NULL-terminated; may be NULL */
	const char *cwd;		/* NULL: unchanged */
	const void *in;			/* fed to stdin; NULL: /dev/null */
	size_t in_len;
	int timeout_ms;			/* 0: none */
	struct buf *out;		/* stdout; NULL: /dev/null */
	struct buf *err;		/* stderr; NULL: /dev/null */
	/* A conversation, in place of in and out: called with each piece of stdout,
	   it adds to say what goes to stdin. 0: go on; 1: all is said, close stdin;
	   -1 with e: end the child, and proc_run fails with that. */
	int (*talk)(void *arg, const char *piece, size_t n, struct buf *say, struct err *e);
	void *talk_arg;
	bool keep_head;			/* what is over a limit is read and let go */
	const atomic_bool *stop;	/* becomes true: the child is ended as on time-out; may be NULL */
	/* results */
	int status;			/* exit status, or 128 + signal */
	bool timed_out;
	bool truncated;			/* out or err hit its limit; the child was ended, unless keep_head */
};

/* 0 when the program ran (see status), -1 when it could not be started. */
int proc_run(struct proc_run *r, struct err *e);

#endif
