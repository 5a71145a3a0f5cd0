/*
 * flight.h - one delivery under way: its lease, its target's step machine, its verdict,
 * and the rows that tell of it. Private to attempt.c, which owns the flights, moves them
 * through the transactions and carries out what they ask for.
 *
 *	f = flight_new(sender, share, claim);	its lease is about to be committed
 *	flight_prepare(f, ...)			it was: f->step is the first thing to do
 *	flight_advance(f)			the step is done: f->step is the next one
 *
 * Each of these may settle the flight instead; then f->s is what becomes of the delivery.
 */
#ifndef FLIGHT_H
#define FLIGHT_H

#include "known.h"
#include "sender.h"
#include "share.h"
#include "target.h"

struct flight {
	struct flight *next;		/* of attempt.c's lists */
	struct arena arena;
	struct share *share;
	struct config *config;		/* held while we use its pipeline */
	const struct pipeline *pipeline;
	const struct target *target;
	struct claim claim;
	struct known *known;		/* NULL: could not be read, or not yet */
	struct render_input input;
	struct step step;
	struct answer answer;		/* to step.request */
	struct program_end ended;	/* of step.program */
	const char *fetching;		/* the token it fetches; NULL: none */
	bool answered;			/* one of these is there, and not looked at yet */
	int exchanges;
	const int64_t *jumped;		/* the sender's, and what it was when we began: the claim's */
	int64_t jumped_before;		/* times are of before */
	bool settled;			/* the target is done: s holds the outcome */
	struct verdict verdict;
	struct settlement s;
	int64_t expires_us;		/* HELD for approval, until then */
	struct journal_row *rows;	/* to be written */
	size_t nrows, rows_cap;
};

struct flight *flight_new(struct sender *s, struct share *share, const struct claim *c);
void flight_free(struct flight *f);
/* Its change and enrichment. -1: prepare tries again, and judges that. */
int flight_know(struct flight *f, struct sender *s, struct knowns *k, struct err *e);
void flight_prepare(struct flight *f, struct sender *s, struct knowns *k);
/* Ask the target; the exchange that led here is recorded with what follows from it. */
void flight_advance(struct flight *f);
/* The step could not be begun, and nothing was sent. */
void flight_refuse(struct flight *f, const struct err *e);
/* Does the next step have something to save before it may begin? */
bool flight_progressed(const struct flight *f);
/* For the jitter of waits. */
uint32_t flight_draw(void);

/* flight_record.c: rows for the journal, collected until the transaction. */
void flight_record_exchange(struct flight *f);
/* A record of its own where no exchange tells, and where a person should look. */
void flight_record_settling(struct flight *f);

#endif
