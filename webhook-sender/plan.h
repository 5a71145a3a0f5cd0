/*
 * plan.h - what one ref's pending updates come to, decided before anything is
 * written: the steps to fire in order, what is covered, void or deferred.
 *
 * plan_ref reads the queue and the repository; it writes nothing.
 */
#ifndef PLAN_H
#define PLAN_H

#include "accept.h"
#include "sender.h"

struct plan_step {
	const struct pending *p;	/* NULL: nobody reported it */
	const char *old, *new;
	bool coalesced;
	int64_t covered_us;		/* coalesced: it accounts for all moves until then */
	bool hold;			/* part of a mass disappearance */
	bool fire;			/* by hand: one pipeline, the accepted ref untouched */
	struct pool_job *job;		/* enrichment, where one is needed */
	bool wants_job;
};

struct plan_mark {			/* an update that fires nothing */
	const struct pending *p;
	enum update_state state;	/* COVERED, VOID; PENDING: deferred */
	int64_t until_us;		/* deferred */
	bool rebase;			/* deferred: it was made after what moves the row now */
	const char *why;
};

struct plan {
	const char *repository, *ref;
	const char *objects;		/* where commits and paths are read: the repository, or
					   its mirror; "" there is none */
	struct accepted_ref row;
	const char *shown;		/* NULL: could not be read */
	struct plan_step *steps;
	size_t nsteps;
	struct plan_mark *marks;
	size_t nmarks;
	const char *at;			/* where the steps lead; NULL: not known */
	bool unhold;			/* a held disappearance was undone */
	const char *observe;		/* the repository has gone on to this: look again in 2 s */
};

struct plan_repos;			/* open repository handles of this round */
struct plan_repos *plan_repos_open(void);
void plan_repos_close(struct plan_repos *r);

/* v[0..n-1] are the pending updates of one ref, earliest first. */
int plan_ref(struct sender *s, struct plan_repos *repos, struct arena *a,
	const struct pending *v, size_t n, int64_t now_us, struct plan *out, struct err *e);

#endif
