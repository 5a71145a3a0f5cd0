/* flight.c - one lease, one target's step machine, one verdict. See flight.h. */
#include "flight.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "backoff.h"
#include "clock.h"
#include "mirror.h"
#include "policy.h"

/* Strings of the claim live in the claim's arena, which ends with the call: copy. */
struct flight *flight_new(struct sender *s, struct share *share, const struct claim *c)
{
	struct flight *f = mem_alloc(sizeof(*f));
	struct delivery *d = &f->claim.d;

	arena_init(&f->arena);
	f->claim = *c;
	d->pipeline = arena_strdup(&f->arena, c->d.pipeline);
	d->repository = arena_strdup(&f->arena, c->d.repository);
	d->ref = arena_strdup(&f->arena, c->d.ref);
	d->before = arena_strdup(&f->arena, c->d.before);
	d->after = arena_strdup(&f->arena, c->d.after);
	d->actor = arena_strdup(&f->arena, c->d.actor);
	d->code = d->error = "";
	f->claim.progress = arena_memdup(&f->arena, c->progress, c->progress_len);
	f->share = share;
	f->config = config_hold(s->config);
	f->jumped = &s->jumped_us;
	f->jumped_before = s->jumped_us;
	return f;
}

void flight_free(struct flight *f)
{
	shares_end(f->share);
	known_release(f->known);
	config_free(f->config);
	free(f->rows);
	arena_release(&f->arena);
	free(f);
}

/* ---- the verdict ---- */

/* Drawn many at once. */
uint32_t flight_draw(void)
{
	static uint32_t drawn[64];
	static size_t left;

	if (!left) {
		if (getrandom(drawn, sizeof(drawn), GRND_NONBLOCK) != sizeof(drawn))
			return (uint32_t)clock_mono_us();
		left = sizeof(drawn) / sizeof(*drawn);
	}
	return drawn[--left];
}

static void settle(struct flight *f, const struct verdict *v)
{
	int64_t now = clock_wall_us();
	const struct pipeline *p = f->pipeline;
	struct policy_step next = policy_step(&(struct policy_input){
		.attempts = f->claim.d.attempts, .first_us = f->claim.d.first_us + *f->jumped - f->jumped_before,
		.paused_us = f->claim.paused_us, .now_us = now, .random = flight_draw(),
		.give_up_us = p && p->give_up_us ? p->give_up_us : f->config->give_up_us,
		.rejected_tries = p ? p->rejected_tries : 1,
		.schedule = p ? &p->retry_schedule : NULL }, v);

	f->settled = true;
	f->verdict = *v;
	f->s = (struct settlement){ .delivery = f->claim.d.seq, .state = next.state,
		.due_us = next.due_us, .http_status = v->http_status, .code = v->code,
		.error = v->text, .unknown = v->unknown,
		.earliest_us = v->not_before_us ? now + v->not_before_us : 0 };
}

static struct verdict verdict_of_err(struct flight *f, const struct err *e)
{
	return (struct verdict){ .outcome = e->code == ERR_TEMP || e->code == ERR_OS ?
			OUTCOME_RETRY : OUTCOME_HOLD,
		.code = e->code == ERR_TEMP || e->code == ERR_OS ? "NotReady" : "ConfigurationError",
		.text = arena_strdup(&f->arena, e->text) };
}

/* ---- the target's next step ---- */

void flight_advance(struct flight *f)
{
	struct attempt a = { .input = &f->input, .config = f->config, .pipeline = f->pipeline,
		.arena = &f->arena, .attempt = f->claim.d.attempts, .now_us = clock_wall_us(),
		.progress = f->claim.progress, .progress_len = f->claim.progress_len,
		.stage = f->answered ? f->step.stage : 0,
		.answer = f->answered && f->step.kind == STEP_REQUEST ? &f->answer : NULL,
		.ended = f->answered && f->step.kind == STEP_PROGRAM ? &f->ended : NULL };
	struct step next = { .stage = 0 };
	struct verdict v;
	struct err e;

	if (f->target->next(&a, &next, &e)) {
		v = verdict_of_err(f, &e);
		settle(f, &v);
	} else if (next.kind == STEP_SETTLED) {
		settle(f, &next.verdict);
	}
	if (f->answered)
		flight_record_exchange(f);
	if (f->settled)
		flight_record_settling(f);
	f->step = next;
	f->answered = false;
}

bool flight_progressed(const struct flight *f)
{
	return f->step.progress_len != f->claim.progress_len ||
		memcmp(f->step.progress, f->claim.progress, f->step.progress_len) != 0;
}

/* ---- before the first step ---- */

static void hold(struct flight *f, const char *code, const char *text)
{
	struct verdict v = { .outcome = OUTCOME_HOLD, .code = code, .text = text };

	settle(f, &v);
	flight_record_settling(f);
}

void flight_refuse(struct flight *f, const struct err *e)
{
	struct verdict v = verdict_of_err(f, e);

	if (v.outcome == OUTCOME_HOLD)
		v.code = answer_code(ANSWER_REFUSED);
	settle(f, &v);
	flight_record_settling(f);
}

/* Nothing of a pipeline that asks for approval leaves without, however it became due:
   asked for since, retried, replayed. */
static void ask(struct flight *f)
{
	char text[APPROVAL_TEXT_SIZE];

	f->expires_us = clock_wall_us() + f->pipeline->approval_timeout_us;
	hold(f, APPROVAL_CODE, arena_strdup(&f->arena, queue_approval_text(f->expires_us, text)));
}

/* It reaches further back than its update: what it overtook belongs to it. */
static int make_enrichment(struct flight *f, struct queue *q, struct err *e)
{
	char git_dir[LIMIT_PATH];
	struct enrichment made;
	struct repo *r = NULL;
	struct buf b;
	int failed;

	if (mirror_objects(f->config, f->claim.d.repository, git_dir))
		git_dir[0] = 0;
	if (!*git_dir || repo_open(git_dir, &r, NULL))
		r = NULL;
	enrich_compute(r, &f->arena, f->claim.d.ref, f->claim.d.before, f->claim.d.after,
		clock_mono_us() + LIMIT_ENRICH_S * US_PER_S / 10, &made);
	enrich_blame_mirror(&f->arena, git_dir, &made);
	if (r)
		repo_close(r);
	buf_init(&b, LIMIT_ENRICHMENT * 2);
	enrich_encode(&made, &b);
	failed = queue_begin(q, e) || queue_enrichment_put(q, b.s, &f->claim.enrichment, e) ||
		queue_enrichment_link(q, f->claim.d.seq, f->claim.enrichment, e) ||
		queue_commit(q, e);
	if (failed)
		queue_rollback(q);
	buf_release(&b);
	return failed ? -1 : 0;
}

int flight_know(struct flight *f, struct sender *s, struct knowns *k, struct err *e)
{
	f->known = known_get(k, s->queue, f->config, f->claim.d.change_seq,
		f->claim.enrichment, e);
	return f->known ? 0 : -1;
}

static void find_input(struct flight *f)
{
	f->input = (struct render_input){ .config = f->config, .pipeline = f->pipeline,
		.repository = config_repository(f->config, f->claim.d.repository),
		.change = &f->known->change, .delivery = f->claim.d.id,
		.name = f->claim.d.repository,
		.ref = f->claim.d.ref, .before = f->claim.d.before, .after = f->claim.d.after,
		.coalesced = f->claim.coalesced, .enrichment = &f->known->enrichment,
		.detail = &f->known->detail, .parts = f->known->parts };
}

/* After the commit of its lease: the first step. */
void flight_prepare(struct flight *f, struct sender *s, struct knowns *k)
{
	struct verdict v;
	struct err e;

	f->pipeline = config_pipeline(f->config, f->claim.d.pipeline);
	if (!f->pipeline) {
		hold(f, "PipelineGone", "no [pipeline] of this name is configured any more; put it back "
			"and `refire queue retry`, or drop it");
		return;
	}
	if (f->pipeline->approval == APPROVAL_REQUIRED && !f->claim.d.approved) {
		ask(f);
		return;
	}
	f->target = target_find(f->pipeline->target);
	if (!f->known && ((!f->claim.enrichment && make_enrichment(f, s->queue, &e)) ||
			flight_know(f, s, k, &e))) {
		v = verdict_of_err(f, &e);
		settle(f, &v);
		flight_record_settling(f);
		return;
	}
	find_input(f);
	flight_advance(f);
}
