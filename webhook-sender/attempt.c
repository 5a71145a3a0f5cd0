/* attempt.c - moves flights: lease, step, transaction, the next step. */
#include "attempt.h"

#include <stdlib.h>
#include <string.h>

#include "breaker.h"
#include "clock.h"
#include "flight.h"
#include "log.h"
#include "redact.h"
#include "tokens.h"

struct attempts {
	struct sender *sender;
	struct shares *shares;
	struct knowns *knowns;
	struct programs *programs;	/* NULL: none was run yet */
	struct flight *parked;		/* each waits for a token that another one fetches */
	struct flight *commit, **commit_end;
	size_t running, settled;	/* settled: those of commit */
	struct attempt_tally tally;
};

struct attempts *attempts_open(struct sender *s)
{
	struct attempts *t = mem_alloc(sizeof(*t));

	t->sender = s;
	t->shares = shares_open(s);
	t->knowns = knowns_open();
	t->commit_end = &t->commit;
	return t;
}

static void leave(struct attempts *t, struct flight *f)
{
	flight_free(f);
	t->running--;
}

static void leave_all(struct attempts *t, struct flight *list)
{
	struct flight *next;

	for (struct flight *f = list; f; f = next) {
		next = f->next;
		leave(t, f);
	}
}

void attempts_close(struct attempts *t)
{
	programs_close(t->programs);
	leave_all(t, t->commit);
	leave_all(t, t->parked);
	shares_close(t->shares);
	knowns_close(t->knowns);
	free(t);
}

const struct queue_door *attempts_door(const struct attempts *t)
{
	return shares_door(t->shares);
}

size_t attempts_running(const struct attempts *t)
{
	return t->running;
}

size_t attempts_settled(const struct attempts *t)
{
	return t->settled;
}

const struct attempt_tally *attempts_tally(const struct attempts *t)
{
	return &t->tally;
}

bool attempts_dirty(const struct attempts *t)
{
	return t->commit != NULL;
}

int attempts_fd(const struct attempts *t)
{
	return t->programs ? programs_fd(t->programs) : -1;
}

static void to_commit(struct attempts *t, struct flight *f)
{
	f->next = NULL;
	t->settled += f->settled;
	*t->commit_end = f;
	t->commit_end = &f->next;
}

/* ---- steps ---- */

static int start_program(struct attempts *t, struct flight *f, struct err *e)
{
	if (!t->programs && programs_open(&t->programs, e))
		return -1;
	return programs_start(t->programs, &f->step.program, f, e);
}

/* With its last request of one: others need not wait any more. */
static void fetched(struct flight *f)
{
	if (f->fetching)
		tokens_fetched(f->fetching);
	f->fetching = NULL;
}

static void refuse(struct attempts *t, struct flight *f, const struct err *why)
{
	fetched(f);
	flight_refuse(f, why);
	to_commit(t, f);
}

static void launch(struct attempts *t, struct flight *f)
{
	struct err e;

	if (f->step.token && !f->fetching && !tokens_fetch(f->step.token)) {
		f->next = t->parked;
		t->parked = f;
		return;
	}
	f->fetching = f->step.token;
	f->exchanges++;
	if (f->step.kind != STEP_PROGRAM)
		courier_send(t->sender->courier, &f->step.request, &f->arena, f);
	else if (start_program(t, f, &e))
		refuse(t, f, &e);
}

/* What is settled, or has something to write first, goes through the transaction. */
static void go(struct attempts *t, struct flight *f)
{
	if (f->settled || f->nrows || flight_progressed(f))
		to_commit(t, f);
	else
		launch(t, f);
}

/* Those who waited for a token that nobody fetches any more ask their targets again: it
   is there, or one of them is to fetch it. */
static void unpark(struct attempts *t)
{
	struct flight *list = t->parked, *next;

	t->parked = NULL;
	for (struct flight *f = list; f; f = next) {
		next = f->next;
		if (tokens_fetching(f->step.token)) {
			f->next = t->parked;
			t->parked = f;
		} else {
			flight_advance(f);
			go(t, f);
		}
	}
}

static void done(struct attempts *t, struct flight *f)
{
	f->answered = true;
	flight_advance(f);
	if (f->settled || !f->step.token)
		fetched(f);
	to_commit(t, f);
}

static int collect_answers(struct attempts *t)
{
	const struct err *refused;
	struct answer answer;
	void *tag;
	int n = 0;

	for (; courier_next(t->sender->courier, &tag, &answer, &refused); n++) {
		struct flight *f = tag;

		if (refused) {
			refuse(t, f, refused);
			continue;
		}
		f->answer = answer;
		redact_answer(f->pipeline, &f->step.request, &f->answer, &f->arena);
		done(t, f);
	}
	return n;
}

static int collect_programs(struct attempts *t)
{
	struct program_end end;
	struct arena a;
	void *tag;
	int n = 0;

	if (!t->programs)
		return 0;
	for (;; n++) {
		struct flight *f;

		arena_init(&a);
		if (!programs_next(t->programs, &a, &tag, &end))
			break;
		f = tag;
		f->ended = end;
		arena_adopt(&f->arena, &a);
		done(t, f);
	}
	arena_release(&a);
	return n;
}

int attempts_collect(struct attempts *t)
{
	int n = collect_answers(t) + collect_programs(t);

	unpark(t);
	courier_go(t->sender->courier);
	return n;
}

/* ---- committing ---- */

/* The receiver says that it is gone: everything of the pipeline would hear the same. */
static int hold_pipeline(struct attempts *t, const struct flight *f, struct err *e)
{
	const struct gate_order o = { .pipeline = f->claim.d.pipeline, .code = f->verdict.code,
		.reason = f->verdict.text, .who = "", .now_us = clock_wall_us(),
		.change = f->claim.d.change_seq, .delivery = f->claim.d.seq };
	bool did;

	if (queue_gate_hold(t->sender->queue, &o, &did, e))
		return -1;
	if (did)
		log_warn("pipeline %s is held: %s", o.pipeline, o.reason);
	return 0;
}

/* What the attempt says about the receiver. Of a receiver that is well nothing is
   kept, and nothing is read. */
static int step_breaker(struct attempts *t, struct flight *f, struct err *e)
{
	bool *calm = share_calm(f->share);
	int64_t now = clock_wall_us();
	struct breaker_input in = { .outcome = f->verdict.outcome, .sent = f->exchanges > 0,
		.answered = f->verdict.http_status != 0, .delivery = f->claim.d.seq,
		.began_us = f->claim.began_us, .now_us = now,
		.failures = f->pipeline ? f->pipeline->breaker_failures : 0,
		.limit = (int64_t)share_limit(f->config, f->pipeline) };
	struct breaker b;
	struct gate g;
	enum breaker_news news;

	if (*calm && (!in.sent || in.outcome != OUTCOME_RETRY))
		return 0;
	if (queue_gate(t->sender->queue, &f->arena, f->claim.d.pipeline, &g, e) < 0)
		return -1;
	b = g.breaker;
	in.wait_us = backoff_wait_us(f->pipeline ? &f->pipeline->retry_schedule : NULL,
		(int)b.probes + 1, flight_draw());
	news = breaker_step(&b, &in);
	*calm = breaker_calm(&b);
	if (queue_gate_breaker(t->sender->queue, &g, &b, now, e))
		return -1;
	if (news == BREAKER_OPENED)
		log_warn("pipeline %s: its receiver failed %lld times in a row, it is probed with one "
			"delivery at a time: %s", g.pipeline, (long long)b.failures, f->verdict.text);
	if (news == BREAKER_CLOSED)
		log_info("pipeline %s: its receiver is back", g.pipeline);
	return 0;
}

/* Each row gets its place in the journal. */
static int write_rows(struct queue *q, struct flight *f, struct err *e)
{
	for (size_t i = 0; i < f->nrows; i++) {
		if (queue_journal_add(q, &f->rows[i], e))
			return -1;
		f->rows[i].seq = queue_journal_last(q);
	}
	return 0;
}

static int write_flight(struct attempts *t, struct flight *f, struct err *e)
{
	struct queue *q = t->sender->queue;

	if (write_rows(q, f, e))
		return -1;
	if (f->settled && f->verdict.outcome == OUTCOME_GONE && hold_pipeline(t, f, e))
		return -1;
	if (f->settled && step_breaker(t, f, e))
		return -1;
	if (f->settled && queue_settle(q, t->sender->owner, &f->s, clock_wall_us(), e))
		return -1;
	if (f->settled)
		return f->expires_us && f->s.applied ?
			queue_approval_ask(q, f->claim.d.seq, f->expires_us, e) : 0;
	return queue_checkpoint(q, t->sender->owner, f->claim.d.seq, f->step.progress,
		f->step.progress_len, f->step.past, e);
}

static void count(struct attempt_tally *t, enum delivery_state s)
{
	switch (s) {
	case DELIVERY_DELIVERED:
		t->delivered++;
		break;
	case DELIVERY_WAITING:
		t->waiting++;
		break;
	case DELIVERY_HELD:
		t->held++;
		break;
	default:
		t->failed++;
	}
}

static void after_commit(struct attempts *t, struct flight *f)
{
	for (size_t i = 0; i < f->nrows; i++)
		trail_take(t->sender->trail, &f->rows[i], f->known ? &f->known->change : NULL,
			&f->claim.d);
	f->nrows = 0;
	if (f->settled) {
		count(&t->tally, f->s.state);
		leave(t, f);
		return;
	}
	if (f->step.past)
		f->claim.unknown = 0;
	f->claim.progress = arena_memdup(&f->arena, f->step.progress, f->step.progress_len);
	f->claim.progress_len = f->step.progress_len;
	launch(t, f);
}

/* ---- a turn ---- */

struct turn {
	struct flight *ended;		/* since the last turn */
	struct claim *claims;
	size_t nclaims;
	struct flight **begun;
	struct arena arena;
};

/* What ended has left its slots to those that are leased in the same transaction;
   unless that fails. */
static void leave_slots(struct turn *n, bool leave)
{
	for (struct flight *f = n->ended; f; f = f->next)
		if (f->settled)
			share_leave(f->share, leave);
}

static int lease(struct attempts *t, struct turn *n, struct err *e)
{
	size_t most = (size_t)t->sender->config->concurrency, running = t->running - t->settled;
	int failed;

	if (running >= most)
		return 0;
	leave_slots(n, true);
	failed = queue_lease(t->sender->queue, &n->arena, t->sender->owner, clock_wall_us(),
		shares_door(t->shares), most - running, &n->claims, &n->nclaims, e);
	leave_slots(n, false);
	return failed;
}

/* What they need is read in the same transaction; what fails here fails again, and is
   judged, in prepare. */
static void begin_flights(struct attempts *t, struct turn *n)
{
	struct err unused;

	n->begun = arena_alloc(&n->arena, (n->nclaims + 1) * sizeof(*n->begun));
	for (size_t i = 0; i < n->nclaims; i++) {
		n->begun[i] = flight_new(t->sender, shares_begin(t->shares, n->claims[i].d.pipeline),
			&n->claims[i]);
		t->running++;
		if (n->begun[i]->claim.enrichment)
			flight_know(n->begun[i], t->sender, t->knowns, &unused);
	}
}

static int write_turn(struct attempts *t, struct turn *n, bool claim, struct err *e)
{
	for (struct flight *f = n->ended; f; f = f->next)
		if (write_flight(t, f, e))
			return -1;
	if (claim && lease(t, n, e))
		return -1;
	begin_flights(t, n);
	if (!queue_commit(t->sender->queue, e))
		return 0;
	for (size_t i = 0; i < n->nclaims; i++)
		leave(t, n->begun[i]);
	return -1;
}

static void after_turn(struct attempts *t, struct turn *n)
{
	struct flight *next;

	t->commit = NULL;
	t->commit_end = &t->commit;
	t->settled = 0;
	if (n->ended && n->ended->nrows)
		trail_catch_up(t->sender->trail, n->ended->rows[0].seq);
	for (struct flight *f = n->ended; f; f = next) {
		next = f->next;
		after_commit(t, f);
	}
	for (size_t i = 0; i < n->nclaims; i++) {
		flight_prepare(n->begun[i], t->sender, t->knowns);
		go(t, n->begun[i]);
	}
	courier_go(t->sender->courier);
}

int attempts_turn(struct attempts *t, bool claim, bool begun, struct err *e)
{
	struct turn n = { .ended = t->commit };
	int failed;

	if (!begun && queue_begin(t->sender->queue, e))
		return -1;
	arena_init(&n.arena);
	failed = write_turn(t, &n, claim, e);
	if (failed)
		queue_rollback(t->sender->queue);
	else
		after_turn(t, &n);
	arena_release(&n.arena);
	return failed;
}
