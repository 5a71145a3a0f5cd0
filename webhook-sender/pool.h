/*
 * pool.h - the bounded worker that enriches: a few threads, each with its own
 * repository handle, no shared state but the list of jobs.
 *
 * The main thread asks for what it needs and comes back when pool_fd becomes
 * readable; one slow diff holds back its own ref only. The same old..new of one
 * repository is computed once, however many refs moved by it.
 *
 *	job = pool_want(p, git_dir, ref, old, new);	NULL: still being computed
 *	if (job) use job->enrichment ... until pool_forget(p)
 */
#ifndef POOL_H
#define POOL_H

#include <stdint.h>

#include "enrich.h"

#define POOL_KEPT_S 300

struct pool;

struct pool_job {
	const struct enrichment *enrichment;
	bool used;			/* the caller's: it is done with, forget it */
	int64_t stored;			/* the caller's: its row in the queue, 0 none yet */
	int64_t stored_in;		/* the caller's: the transaction that made the row */
};

int pool_open(struct pool **out, int threads, struct err *e);
void pool_close(struct pool *p);		/* waits for what is under way */
int pool_fd(const struct pool *p);		/* readable when something was finished */
/* git_dir "" : no local repository. Strings are copied. */
struct pool_job *pool_want(struct pool *p, const char *git_dir, const char *ref,
	const char *old, const char *new);
/* Wait until nothing is under way, or the time is up. */
void pool_wait(struct pool *p, int timeout_ms);
/* Jobs not finished. */
size_t pool_busy(struct pool *p);
/* Free what is finished and was used; or was not for POOL_KEPT_S. Not what was handed out
   and must wait for others: to compute it again each time, slowly, would never end. */
void pool_forget(struct pool *p);

#endif
