/*
 * detach.h - start a program that outlives us, holding nothing of ours. libc
 * only: the hook wakes a sender with it.
 *
 * A background child that keeps stdout or stderr of a hook open makes the push
 * wait for it (measured: seconds), so the child gets its own session, fds 0-2 on
 * /dev/null, all others closed, cwd / and an environment made from nothing: PATH
 * and LC_ALL.
 */
#ifndef DETACH_H
#define DETACH_H

#include "err.h"

/* argv[0] is an absolute path. Returns at once; the caller never waits for the
   program itself. 0, or -1 when it could not be forked or executed. */
int detach_run(const char *const *argv, struct err *e);

#endif
