/*
 * hookconf.h - what an installed hook knows, in a file of its own.
 *
 * The hook reads no configuration: it must work in whatever environment a push
 * brings, and cost nothing. The installer writes, and the hook reads, lines of
 * a word and an absolute path, each exactly once, in any order:
 *
 *	refire-hook 1
 *	spool /var/lib/refire
 *	sender /usr/local/libexec/refire/refire-send
 *	poller /usr/local/libexec/refire/refire-poll
 *	config /etc/refire/refire.conf
 *
 * It stands in GITDIR/refire/hook, or, in a hooks directory that serves many
 * repositories (gitolite's common hooks), beside the hook as refire.hook. libc only.
 */
#ifndef HOOKCONF_H
#define HOOKCONF_H

#include <stddef.h>

#include "err.h"

#define HOOKCONF_SIZE (5 * LIMIT_PATH)

struct hookconf {
	const char *spool;	/* state-dir */
	const char *sender, *poller, *config;
};

/* text (len bytes, room for a NUL after them) is modified; the paths point into
   it. ERR_CONFIG with the line and what is wrong there. */
int hookconf_parse(char *text, size_t len, struct hookconf *out, struct err *e);
/* The length written into out (HOOKCONF_SIZE bytes), or -1 when a path is not
   absolute, too long, or has a control character. */
int hookconf_print(const struct hookconf *c, char *out, struct err *e);
/* Read and parse the file at path by way of text (HOOKCONF_SIZE bytes).
   ERR_NOENT when it is not there. */
int hookconf_read(const char *path, char *text, struct hookconf *out, struct err *e);

#endif
