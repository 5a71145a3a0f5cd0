/*
 * pass.h - the poller at work, with poller.lock held: start what is due, wait, end
 * what came back, until nothing is left (a pass) or it is told to stop (resident).
 *
 * One loop in one thread owns the queue, the spool and all state; looks run in
 * libcurl's handles and in worker threads and come back to it. A slow or silent
 * server costs its own slot and no other's.
 *
 *	pass_open(&p, &config, options, &paths, signals, e);
 *	pass_run(p, e);
 *	fs_unlock(lock);
 *	if (pass_waits(p, e)) ...	hints came meanwhile: lock and run again
 *	pass_close(p);
 */
#ifndef PASS_H
#define PASS_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "err.h"
#include "spool.h"

struct pass_options {
	bool watch;			/* resident */
	bool hints_only;
	bool json, quiet;
	const char *config_path;	/* as given, for a reload; NULL: searched for */
	const char *sender;		/* refire-send; NULL: nobody is woken */
	const char *const *names;	/* names or globs; NULL: what is due */
	size_t nnames;
};

struct pass_tally {
	size_t looked, changed, failed;
	bool stopped;			/* by a signal */
};

struct pass;

/* *config is p's while it is open, and replaced by a reload. signals: signals_open. */
int pass_open(struct pass **out, struct config **config, const struct pass_options *o,
	const struct spool_paths *paths, int signals, struct err *e);
int pass_run(struct pass *p, struct err *e);
/* After the lock was given up: does a hint wait that nobody looked at? From then on p
   does only those. */
bool pass_waits(struct pass *p);
const struct pass_tally *pass_result(const struct pass *p);
void pass_close(struct pass *p);

#endif
