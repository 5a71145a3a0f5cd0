/*
 * ssh.h - how the ssh program is run, for a look and for the fetch into a mirror:
 * batch mode, no forwarding, an unknown host refused, time-outs. Connections are shared:
 * the first one to an account stays open for SSH_PERSIST_S, and its own keys only.
 */
#ifndef SSH_H
#define SSH_H

#include "look.h"

#define SSH_PERSIST_S 60

struct ssh_command {
	const char *v[64];		/* NULL-terminated */
	size_t n;
};

/* "ssh" and its options; the strings are the look's, or in its arena. */
void ssh_options(struct look *l, struct ssh_command *c);
void ssh_word(struct ssh_command *c, const char *s);

#endif
