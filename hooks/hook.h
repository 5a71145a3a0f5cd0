/*
 * hook.h - what refire's two git hooks share: a safe start, their settings, the
 * line a pusher sees, and the hook that was there before.
 *
 *	hook_begin(&h, "post-receive", argv);
 *	asked = hook_find(&h, &e);		1, 0 nobody asked here, -1
 *	... its own work ...
 *	hook_chain(&h, NULL);			becomes the earlier hook
 *
 * libc only, static, no allocation: a hook costs what an empty one costs.
 *
 * The earlier hook is the executable NAME.before-refire in the directory the
 * hook is run from, or, when the hook there is a symbolic link (gitolite links
 * every repository's hooks to common ones), in the directory it leads to.
 */
#ifndef HOOK_H
#define HOOK_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "hookconf.h"

#define HOOK_EARLIER ".before-refire"
#define HOOK_SHARED_CONF "refire.hook"
#define HOOK_SHARED_LEDGER "refire.installed"
/* Stands in the binaries of the hooks, and in nothing else: the installer knows
   its own by it. NAME follows. */
#define HOOK_MARK "@(#)refire-hook:"

struct hook {
	const char *name;		/* "post-receive" */
	char **argv;
	char git_dir[LIMIT_PATH];	/* resolved; of a linked worktree: the common one */
	char text[HOOKCONF_SIZE];	/* conf points into it */
	struct hookconf conf;
	void (*sigpipe)(int), (*sigxfsz)(int);	/* as they were */
	sigset_t mask;
	bool fds_open;			/* 0-2 are */
};

/* What came on stdin. */
struct hook_input {
	char *s;
	size_t len;
	bool whole;			/* false: there is more, or reading failed */
};

/* Opens what is closed of fds 0-2 on /dev/null; ignores SIGPIPE and SIGXFSZ and
   blocks HUP, INT and TERM, until hook_chain. */
void hook_begin(struct hook *h, const char *name, char **argv);

/* Fills git_dir and conf. 0: nobody asked for refire in this repository. -1: it
   was asked for, and cannot be done. */
int hook_find(struct hook *h, struct err *e);

/* All of stdin, at most LIMIT_SPOOL_FILE. */
int hook_read(struct hook_input *in, struct err *e);

/* "refire: <what>: <sentence><next>" as one line on stderr, escaped. */
void hook_say(const char *what, const char *sentence, const char *next);

/* Become the earlier hook, with the same arguments, signals and standard input:
   in's bytes and what is still unread, or, when in is NULL, stdin as it is.
   Returns 0 when there is none, and -1, having said so, when it cannot be run. */
int hook_chain(struct hook *h, const struct hook_input *in);

#endif
