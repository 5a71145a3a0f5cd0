/* decide.c - match the pipelines, make the deliveries, record why. */
#include "decide.h"

#include <string.h>

#define STEPS 200			/* in one record */
#define BYTES (60 * KIB)

static void start(struct decide *d)
{
	buf_clear(&d->request);
	buf_clear(&d->response);
	json_init(&d->req, &d->request);
	json_init(&d->res, &d->response);
	d->steps = 0;
	d->fired = d->skipped = false;
	d->change = 0;
}

void decide_open(struct decide *d, struct sender *s, int64_t now_us)
{
	*d = (struct decide){ .s = s, .now_us = now_us };
	buf_init(&d->request, LIMIT_RECORD_BIG);
	buf_init(&d->response, LIMIT_RECORD_BIG);
	start(d);
}

static struct match_input input_of(const char *repository, const char *ref, const char *old,
	const char *new, bool skip)
{
	return (struct match_input){ .repository = repository, .ref = ref, .before = old,
		.after = new, .skip = skip };
}

bool decide_wants(const struct config *c, const char *repository, const char *ref,
	const char *old, const char *new, bool skip)
{
	struct match_input in = input_of(repository, ref, old, new, skip);

	for (size_t i = 0; i < c->npipelines; i++)
		if (match_fires(match_pipeline(&c->pipelines[i], &in, NULL)))
			return true;
	return false;
}

static int flush(struct decide *d, struct err *e)
{
	struct journal_row row = { .time_us = d->now_us, .event = JOURNAL_MATCH,
		.change = d->change, .code = "", .message = "", .extra = "" };
	int failed;

	if (!d->steps)
		return 0;
	json_end(&d->req);
	json_end(&d->req);
	json_end(&d->res);
	json_end(&d->res);
	if (!d->fired) {
		row.code = d->skipped ? match_word(d->first) : "NoPipeline";
		row.message = d->skipped ? match_text(d->first) : "no pipeline watches this repository";
	}
	row.request = d->request.over ? "" : d->request.s;
	row.response = d->response.over ? "" : d->response.s;
	failed = queue_journal_add(d->s->queue, &row, e);
	start(d);
	return failed;
}

static int begin(struct decide *d, const struct decide_input *in, struct err *e)
{
	if ((d->change != in->change || d->steps == STEPS || d->request.len > BYTES ||
	     d->response.len > BYTES) && flush(d, e))
		return -1;
	if (!d->steps) {
		d->change = in->change;
		json_object(&d->req);
		json_kv(&d->req, "repositoryName", in->repository);
		json_key(&d->req, "references");
		json_array(&d->req);
		json_object(&d->res);
		json_key(&d->res, "decisions");
		json_array(&d->res);
	}
	d->steps++;
	return 0;
}

static void describe(struct decide *d, const struct decide_input *in)
{
	json_object(&d->req);
	json_kv(&d->req, "commit", in->new);
	json_key_bytes(&d->req, "ref", in->ref, strlen(in->ref));
	json_kv(&d->req, "before", in->old);
	if (in->rich && in->rich->forced != TRI_UNKNOWN) {
		json_key(&d->req, "forced");
		json_bool(&d->req, in->rich->forced == TRI_YES);
	}
	json_end(&d->req);
}

static int deliver(struct decide *d, const struct decide_input *in, const struct pipeline *p,
	enum match_reason why, struct err *e)
{
	struct new_delivery n = { .update = in->update, .change = in->change,
		.enrichment = in->enrichment, .change_id = in->change_id, .pipeline = p->name,
		.repository = in->repository, .ref = in->ref, .before = in->old, .after = in->new,
		.held = in->hold, .parallel = p->mode == MODE_PARALLEL,
		.hurry_us = backoff_first_us(&p->retry_schedule),
		.supersede = p->mode == MODE_SUPERSEDED && *ref_branch(in->ref) && !*in->pipeline };
	char id[UUID_SIZE], asked[APPROVAL_TEXT_SIZE];

	if (p->approval == APPROVAL_REQUIRED) {
		n.held = true;
		n.code = APPROVAL_CODE;
		n.expires_us = d->now_us + p->approval_timeout_us;
		n.error = queue_approval_text(n.expires_us, asked);
	}
	if (in->hold) {
		n.expires_us = 0;
		n.code = "MassDisappearance";
		n.error = "many refs vanished at once: `refire queue retry` fires it, `drop` lets it be";
	}
	if (queue_delivery_add(d->s->queue, &n, d->now_us, id, e))
		return -1;
	d->fired = true;
	json_object(&d->res);
	json_kv(&d->res, "pipeline", p->name);
	json_kv(&d->res, "result", match_word(why));
	json_kv(&d->res, "delivery", id);
	if (n.held)
		json_kv(&d->res, "held", n.code);
	json_end(&d->res);
	return 0;
}

static void pass_over(struct decide *d, const struct pipeline *p, enum match_reason why,
	const char *pattern)
{
	if (!d->skipped)
		d->first = why;
	d->skipped = true;
	json_object(&d->res);
	json_kv(&d->res, "pipeline", p->name);
	json_kv(&d->res, "result", match_word(why));
	json_kv(&d->res, "reason", match_text(why));
	if (pattern)
		json_kv(&d->res, "pattern", pattern);
	json_end(&d->res);
}

static int one_pipeline(struct decide *d, const struct decide_input *in,
	const struct match_input *m, const struct pipeline *p, struct err *e)
{
	const char *pattern = NULL;
	enum match_reason why;

	if (*in->pipeline) {
		if (strcmp(in->pipeline, p->name))
			return 0;
		return deliver(d, in, p, MATCH_MATCHED, e);
	}
	why = match_pipeline(p, m, &pattern);
	if (match_fires(why))
		return deliver(d, in, p, why, e);
	if (why != MATCH_REPOSITORY)
		pass_over(d, p, why, pattern);
	return 0;
}

static int note_moves(struct decide *d, struct err *e)
{
	const struct heard_moves m = d->moves;

	d->moves = (struct heard_moves){ 0 };
	return m.repository ? queue_heard_moved(d->s->queue, &m, d->now_us, e) : 0;
}

/* Strings of a step live as long as the round. */
static int count_move(struct decide *d, const struct decide_input *in, bool fired, struct err *e)
{
	struct heard_moves *m = &d->moves;

	if (in->skip || *in->pipeline)
		return 0;
	if (m->repository && strcmp(m->repository, in->repository) && note_moves(d, e))
		return -1;
	m->repository = in->repository;
	m->oid = in->new;
	m->fired |= fired;
	m->idle = fired ? 0 : m->idle + 1;
	return 0;
}

int decide_step(struct decide *d, const struct decide_input *in, struct err *e)
{
	const struct config *c = d->s->config;
	struct match_input m = input_of(in->repository, in->ref, in->old, in->new, in->skip);
	bool before;
	int failed = 0;

	if (begin(d, in, e))
		return -1;
	before = d->fired;
	d->fired = false;
	if (in->rich && in->rich->paths_known) {
		m.paths_known = true;
		m.paths = in->rich->paths;
		m.npaths = in->rich->npaths;
	}
	describe(d, in);
	json_object(&d->res);
	json_key_bytes(&d->res, "ref", in->ref, strlen(in->ref));
	if (in->rich && *in->rich->why_not)
		json_key_bytes(&d->res, "unknown", in->rich->why_not, strlen(in->rich->why_not));
	json_key(&d->res, "pipelines");
	json_array(&d->res);
	for (size_t i = 0; i < c->npipelines && !failed; i++)
		failed = one_pipeline(d, in, &m, &c->pipelines[i], e);
	json_end(&d->res);
	json_end(&d->res);
	if (!failed)
		failed = count_move(d, in, d->fired, e);
	d->fired |= before;
	return failed;
}

int decide_close(struct decide *d, struct err *e)
{
	int failed = flush(d, e) || note_moves(d, e) ? -1 : 0;

	buf_release(&d->request);
	buf_release(&d->response);
	return failed;
}
