/* join.c - stage 2: one round over the pending updates. */
#include "join.h"

#include <string.h>

#include "clock.h"
#include "decide.h"
#include "plan.h"

#define REFS 500			/* in one round, one transaction */
#define STEP_BACK_US 200000
#define POOL_PATIENCE_MS 40		/* then the round goes on without the slow ones */

struct round {
	struct sender *s;
	struct arena arena;
	int64_t now;
	struct pending *v;
	size_t n;
	struct plan *plans;
	size_t nplans;
	struct decide decide;
	struct change_row change;	/* the last read: a push's refs come one after the other */
	int64_t transaction;		/* tells this round's stored enrichments */
};

static bool same_ref(const struct pending *a, const struct pending *b)
{
	return !strcmp(a->ref, b->ref) && !strcmp(a->repository, b->repository);
}

/* ---- deciding, nothing written ---- */

static int plan_all(struct round *r, struct err *e)
{
	struct plan_repos *repos = plan_repos_open();
	int failed = 0;
	size_t from = 0, to;

	r->plans = arena_alloc(&r->arena, (REFS + 1) * sizeof(*r->plans));
	for (; from < r->n && !failed; from = to) {
		for (to = from + 1; to < r->n && same_ref(&r->v[from], &r->v[to]); to++)
			;
		failed = plan_ref(r->s, repos, &r->arena, r->v + from, to - from, r->now,
			&r->plans[r->nplans++], e);
	}
	plan_repos_close(repos);
	return failed;
}

/* A step nobody would hear of needs no enrichment. */
static void ask(struct round *r, const struct plan *p, struct plan_step *s)
{
	s->wants_job = s->fire || decide_wants(r->s->config, p->repository, p->ref, s->old, s->new,
		s->p && s->p->skip);
	if (s->wants_job)
		s->job = pool_want(r->s->pool, p->objects, p->ref, s->old, s->new);
}

static void ask_all(struct round *r)
{
	for (size_t i = 0; i < r->nplans; i++)
		for (size_t k = 0; k < r->plans[i].nsteps; k++)
			ask(r, &r->plans[i], &r->plans[i].steps[k]);
}

/* Is every enrichment there? Asks again for those that were under way. */
static bool ready(struct round *r, struct plan *p)
{
	for (size_t i = 0; i < p->nsteps; i++) {
		struct plan_step *s = &p->steps[i];

		if (s->wants_job && !s->job)
			s->job = pool_want(r->s->pool, p->objects, p->ref, s->old, s->new);
		if (s->wants_job && !s->job)
			return false;
	}
	return true;
}

/* ---- writing, inside the transaction ---- */

static int store_enrichment(struct round *r, struct pool_job *job, struct err *e)
{
	struct buf b;
	int failed;

	if (job->stored_in == r->transaction)
		return 0;
	buf_init(&b, LIMIT_ENRICHMENT * 2);
	enrich_encode(job->enrichment, &b);
	failed = queue_enrichment_put(r->s->queue, b.s, &job->stored, e);
	buf_release(&b);
	job->stored_in = r->transaction;
	return failed;
}

/* The change a step belongs to; for one nobody reported, a change of our own. */
static int change_of(struct round *r, const struct plan *p, const struct plan_step *s,
	struct change_row *out, struct err *e)
{
	char id[UUID_SIZE];
	int64_t seq;

	if (s->p)
		seq = s->p->change;
	else if (queue_change_make(r->s->queue, p->repository, r->now, &seq, id, e))
		return -1;
	if (seq != r->change.seq && queue_change(r->s->queue, &r->arena, seq, &r->change, e))
		return -1;
	*out = r->change;
	return 0;
}

static int accept_update(struct round *r, const struct plan *p, const struct plan_step *s,
	const struct change_row *c, int64_t enrichment, int64_t *update, struct err *e)
{
	int forced = s->job ? (int)s->job->enrichment->forced : TRI_UNKNOWN;

	if (s->p)
		*update = s->p->seq;
	else if (queue_update_fill(r->s->queue, c->seq, p->repository, p->ref, s->old, s->new,
			r->now, update, e))
		return -1;
	return queue_update_settle(r->s->queue, *update, s->hold ? UPDATE_HELD : UPDATE_ACCEPTED, 0,
		forced, s->coalesced, enrichment, e);
}

static int move_ref(struct round *r, const struct plan *p, const struct plan_step *s,
	int64_t update, struct err *e)
{
	if (s->fire)
		return 0;
	return queue_ref_set(r->s->queue, &(struct ref_move){ .repository = p->repository,
		.ref = p->ref, .oid = s->hold ? s->old : s->new, .held = s->hold, .update = update,
		.covered_us = s->covered_us, .told_us = s->coalesced ? 0 : s->p->time_us },
		r->now, e);
}

static int apply_step(struct round *r, const struct plan *p, struct plan_step *s, struct err *e)
{
	struct change_row c;
	int64_t update;

	if (s->job && store_enrichment(r, s->job, e))
		return -1;
	if (change_of(r, p, s, &c, e) ||
	    accept_update(r, p, s, &c, s->job ? s->job->stored : 0, &update, e) ||
	    move_ref(r, p, s, update, e))
		return -1;
	return decide_step(&r->decide, &(struct decide_input){ .change = c.seq, .update = update,
		.enrichment = s->job ? s->job->stored : 0,
		.change_id = arena_strdup(&r->arena, c.id), .repository = p->repository,
		.ref = p->ref, .old = s->old, .new = s->new,
		.pipeline = s->fire ? s->p->pipeline : "", .skip = c.skip && !s->fire,
		.hold = s->hold, .rich = s->job ? s->job->enrichment : NULL }, e);
}

/* Who asks why nothing fired finds the answer here. */
static int journal_link(struct round *r, const struct plan *p, const struct plan_mark *m,
	struct err *e)
{
	struct journal_row row = { .time_us = r->now, .event = JOURNAL_LINK, .change = m->p->change,
		.response = "", .code = "CoveredByAnother", .message = m->why, .extra = "" };
	struct buf b;
	struct json j;
	int failed;

	buf_init(&b, LIMIT_RECORD_BIG);
	json_init(&j, &b);
	json_object(&j);
	json_kv(&j, "repositoryName", p->repository);
	json_key_bytes(&j, "ref", p->ref, strlen(p->ref));
	json_kv(&j, "before", m->p->old);
	json_kv(&j, "commit", m->p->new);
	json_kv(&j, "accepted", p->at ? p->at : "");
	json_end(&j);
	row.request = b.s;
	failed = queue_journal_add(r->s->queue, &row, e);
	buf_release(&b);
	return failed;
}

/* The row as the steps have left it. */
static int apply_mark(struct round *r, const struct plan *p, const struct plan_mark *m,
	const struct accepted_ref *row, struct err *e)
{
	if (m->state == UPDATE_PENDING)
		return queue_update_defer(r->s->queue, m->p->seq, m->rebase ? row->base : m->p->base,
			m->until_us, e);
	if (m->state == UPDATE_COVERED && journal_link(r, p, m, e))
		return -1;
	return queue_update_settle(r->s->queue, m->p->seq, m->state,
		m->state == UPDATE_COVERED ? row->update : 0, TRI_UNKNOWN, false, 0, e);
}

/* The repository has gone on and nobody told: judge that as an observation of ours. */
static int observe(struct round *r, const struct plan *p, const struct accepted_ref *row,
	struct err *e)
{
	char id[UUID_SIZE];
	int64_t change;

	if (queue_change_make(r->s->queue, p->repository, r->now, &change, id, e))
		return -1;
	return queue_observe(r->s->queue, change, p->repository, p->ref, p->observe, row->base, r->now,
		r->now + WALK_PATIENCE_US, e);
}

static int apply_plan(struct round *r, struct plan *p, struct err *e)
{
	struct accepted_ref row;

	for (size_t i = 0; i < p->nsteps; i++)
		if (apply_step(r, p, &p->steps[i], e))
			return -1;
	if (!p->nmarks && !p->observe && !p->unhold)
		return 0;
	if (queue_ref(r->s->queue, p->repository, p->ref, &row, e))
		return -1;
	for (size_t i = 0; i < p->nmarks; i++)
		if (apply_mark(r, p, &p->marks[i], &row, e))
			return -1;
	if (p->unhold && queue_ref_unhold(r->s->queue, p->repository, p->ref, r->now, e))
		return -1;
	return p->observe ? observe(r, p, &row, e) : 0;
}

/* Slow ones step back when they fill the round, so that refs behind them get their
   turn. */
static int step_back(struct round *r, const struct plan *p, struct err *e)
{
	if (r->nplans < REFS)
		return 0;
	for (size_t i = 0; i < r->n; i++)
		if (!strcmp(r->v[i].ref, p->ref) && !strcmp(r->v[i].repository, p->repository) &&
		    queue_update_defer(r->s->queue, r->v[i].seq, r->v[i].base,
			r->now + STEP_BACK_US, e))
			return -1;
	return 0;
}

static void done_with(struct plan *p)
{
	for (size_t i = 0; i < p->nsteps; i++)
		if (p->steps[i].job)
			p->steps[i].job->used = true;
}

static int apply_all(struct round *r, int *settled, bool *busy, struct err *e)
{
	if (queue_begin(r->s->queue, e))
		return -1;
	r->transaction = clock_mono_us();
	decide_open(&r->decide, r->s, r->now);
	for (size_t i = 0; i < r->nplans; i++) {
		if (!ready(r, &r->plans[i])) {
			*busy = true;
			if (step_back(r, &r->plans[i], e))
				goto fail;
			continue;
		}
		if (apply_plan(r, &r->plans[i], e))
			goto fail;
		done_with(&r->plans[i]);
		(*settled)++;
	}
	if (!decide_close(&r->decide, e))
		return 0;
	goto rollback;
fail:
	decide_close(&r->decide, NULL);
rollback:
	queue_rollback(r->s->queue);
	return -1;
}

/* What is pending and stands accepted, as it is at one moment. */
static int look(struct round *r, struct join_state *out, struct err *e)
{
	int failed;

	if (queue_begin_reading(r->s->queue, e))
		return -1;
	failed = queue_pending(r->s->queue, &r->arena, r->now, REFS, &r->v, &r->n, &out->next_us, e) ||
		(r->n && plan_all(r, e)) ? -1 : 0;
	queue_rollback(r->s->queue);
	return failed;
}

static int run(struct round *r, struct join_state *out, struct err *e)
{
	int settled = 0;

	if (look(r, out, e))
		return -1;
	if (!r->n)
		return 0;
	ask_all(r);
	pool_wait(r->s->pool, POOL_PATIENCE_MS);
	if (apply_all(r, &settled, &out->busy, e))
		return -1;
	out->begun = true;
	out->more = r->nplans >= REFS;
	return settled;
}

int join_run(struct sender *s, struct join_state *out, struct err *e)
{
	struct round r = { .s = s, .now = clock_wall_us() };
	int settled;

	*out = (struct join_state){ 0 };
	arena_init(&r.arena);
	settled = run(&r, out, e);
	pool_forget(s->pool);
	arena_release(&r.arena);
	return settled;
}
