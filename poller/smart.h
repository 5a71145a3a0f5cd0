/*
 * smart.h - looks over smart HTTP, many at once in one thread (libcurl's multi
 * interface; the poller's only file with curl/curl.h). Connections are kept and
 * reused.
 *
 * GET info/refs greets; where protocol 2 is spoken, POST asks ls-refs for the scope;
 * else the greeting holds all refs (gitprotocol-http(5)). Where look->speaks says what
 * the server will answer, the question comes first and saves the greeting; should it
 * not be answered well, the server is greeted after all. Any status but 200, a
 * redirect, a wrong content type and an answer without its end are failures, never
 * "no refs". No .netrc, no proxy variables, no prompt; http and https only.
 *
 *	smart_start(s, look)
 *	smart_wait(s, timeout_ms, fds, nfds)	until something moved
 *	while ((look = smart_take(s))) ...
 */
#ifndef SMART_H
#define SMART_H

#include <stddef.h>

#include "err.h"
#include "look.h"

#define SMART_MAX 256		/* at once; of one host the configuration says how many */

struct smart;

int smart_open(struct smart **out, struct err *e);
void smart_close(struct smart *s);	/* ends and frees what is under way */
/* The look belongs to s until smart_take; also when it fails at once. */
void smart_start(struct smart *s, struct look *l);
size_t smart_running(const struct smart *s);
/* Drives the transfers until one moves, a fd of fds is readable, or the time-out. */
int smart_wait(struct smart *s, int timeout_ms, const int *fds, size_t nfds, struct err *e);
/* A finished one, or NULL. */
struct look *smart_take(struct smart *s);

#endif
