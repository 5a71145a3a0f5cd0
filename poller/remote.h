/*
 * remote.h - a URL of the configuration, taken apart. Pure.
 *
 * http, https, ssh, git, and scp's user@host:path. Anything else is refused: no
 * ext:: helper, no file, and no part that a program could take for an option. What
 * is shown, logged and stored never holds a user or a password.
 */
#ifndef REMOTE_H
#define REMOTE_H

#include "err.h"
#include "mem.h"

enum remote_kind { REMOTE_HTTP, REMOTE_SSH, REMOTE_GIT };

struct remote {
	enum remote_kind kind;
	const char *user, *password;	/* decoded; "" none */
	const char *host;		/* without brackets */
	const char *port;		/* digits, "" the usual one */
	const char *path;		/* as the far side shall see it */
	const char *base;		/* http: the URL without user, password, final slash */
	const char *shown;		/* for people */
};

int remote_parse(struct arena *a, const char *url, struct remote *out, struct err *e);
/* For people, of any URL, also one that remote_parse refuses. */
const char *remote_shown(struct arena *a, const char *url);
/* Whom it reaches, as a key: "https://git.example.org:8443". */
const char *remote_host(struct arena *a, const struct remote *r);
/* A path as one word of a remote shell, quoted as git does it. */
const char *remote_quote(struct arena *a, const char *path);

#endif
