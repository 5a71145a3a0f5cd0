/*
 * signals.h - SIGTERM, SIGINT and SIGHUP as something to read (signalfd), so that
 * a loop that waits for descriptors misses none. Opened before any thread.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include "err.h"

enum signal_said { SIGNAL_NONE, SIGNAL_STOP, SIGNAL_RELOAD };

/* A descriptor, readable when there is something; -1. SIGPIPE is ignored from now. */
int signals_open(struct err *e);
/* The next one, SIGNAL_NONE when there is none. */
enum signal_said signals_next(int fd);

#endif
