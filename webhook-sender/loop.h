/*
 * loop.h - the sender at work: one thread that waits for spool files, finished
 * requests, the pool and signals, and drives the stages in turn.
 */
#ifndef LOOP_H
#define LOOP_H

#include "attempt.h"
#include "sender.h"

enum loop_mode {
	LOOP_ONCE,		/* take in, send what is due, leave */
	LOOP_LINGER,		/* started by a hook: stay while retries fall due soon */
	LOOP_WATCH,		/* resident */
};

/* Until the mode says to leave, or SIGTERM or SIGINT. -1: the queue or the spool
   failed and this mode does not wait for better times. */
int loop_run(struct sender *s, struct attempts *t, enum loop_mode mode, struct err *e);
/* SIGTERM or SIGINT came: do not take the lock again. */
bool loop_stopped(void);
/* Block the signals the loop reads; before threads are made. */
int loop_signals(struct err *e);

#endif
