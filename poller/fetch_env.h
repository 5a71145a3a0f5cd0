/*
 * fetch_env.h - the environment and the configuration that git has for a fetch, and no
 * other: no system's, no user's, no caller's. All of it is passed in the environment, so
 * that a token is in no argument list and in no file.
 *
 * Only the transport of the URL is allowed; credentials are those of the poll; nothing is
 * prompted for; no hook, no helper and no gc runs by itself; what comes is checked.
 */
#ifndef FETCH_ENV_H
#define FETCH_ENV_H

#include "look.h"

#define FETCH_SETTINGS 40

struct fetch_env {
	const char *v[2 * FETCH_SETTINGS + 16];	/* NULL-terminated; in the look's arena */
	size_t n;
	int settings;
};

/* -1: a token file cannot be read. */
int fetch_env(struct look *l, struct fetch_env *out, struct err *e);

#endif
