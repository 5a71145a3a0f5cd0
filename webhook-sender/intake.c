/* intake.c - stage 1: spool files to changes. */
#include "intake.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "json.h"

#define BATCH 500			/* files in one transaction */
#define BATCH_BYTES (64 * MIB)

struct item {				/* one file of the batch */
	const struct spool_entry *entry;
	char *text;
	struct change change;
	const char *refused;		/* why its writer may not do that; NULL */
};

struct batch {
	struct sender *s;
	struct arena arena;
	struct item *items;
	struct queue_intake *intake;
	size_t n, changes;
	size_t bytes;
	int64_t now;
};

/* The configured name for what a change names: its path (a hook), or its repository. */
static void resolve(struct batch *b, struct queue_intake *q)
{
	const struct change *c = q->change;
	const struct repository *r;
	char name[LIMIT_PATH], real[LIMIT_PATH];

	if (*c->path) {
		r = config_repository_at(b->s->config, c->path, name);
		if (!r && realpath(c->path, real))
			r = config_repository_at(b->s->config, real, name);
		q->repository = r ? arena_strdup(&b->arena, name) : "";
	} else {
		r = config_repository(b->s->config, c->repository);
		q->repository = r ? c->repository : "";
	}
	q->baseline_fires = r && r->baseline == BASELINE_FIRE;
}

static int journal(struct batch *b, enum journal_event event, const char *code,
	const char *message, const char *name, struct err *e)
{
	struct journal_row row = { .time_us = b->now, .event = event, .response = "",
		.code = code, .message = message, .extra = "" };
	struct buf request;
	struct json j;
	int failed;

	buf_init(&request, LIMIT_RECORD_BIG);
	json_init(&j, &request);
	json_object(&j);
	json_kv(&j, "file", name);
	json_end(&j);
	row.request = request.s;
	failed = queue_journal_add(b->s->queue, &row, e);
	buf_release(&request);
	return failed;
}

static int set_aside(struct batch *b, const struct spool_entry *entry, const char *reason,
	struct err *e)
{
	if (spool_quarantine(&b->s->paths, entry, reason, e))
		return -1;
	return journal(b, JOURNAL_QUARANTINE, "UnreadableFile", reason, entry->name, e);
}

/* ---- who may do what, by the file's owner ---- */

static bool is_owner(const struct sender *s, const struct change *c)
{
	struct stat st;

	return c->uid == 0 || (!stat(s->paths.new_, &st) && st.st_uid == c->uid);
}

static bool may_operate(const struct sender *s, const struct change *c)
{
	for (size_t i = 0; i < s->config->operators.n; i++)
		if (!strcmp(s->config->operators.v[i], c->user))
			return true;
	return is_owner(s, c);
}

static bool is_decision(const struct change *c)
{
	return c->command && (!strcmp(c->verb, "approve") || !strcmp(c->verb, "reject"));
}

/* A push is anybody's who can write the repository, which the join looks into. */
static const char *refusal(const struct sender *s, const struct change *c)
{
	if (is_decision(c))
		return NULL;		/* by `approvers` of each pipeline: see decide */
	if ((c->command || c->source == SOURCE_FIRE) && !may_operate(s, c))
		return "the file's owner is not among `operators` in refire.conf";
	if (!c->command && c->observed && !is_owner(s, c))
		return "only the account that owns state-dir reports what it observed";
	return NULL;
}

/* 0 taken into the batch or dealt with, -1 when the spool itself fails. */
static int read_one(struct batch *b, const struct spool_entry *entry, struct err *e)
{
	struct item *it = &b->items[b->n];
	struct err why;
	size_t len;
	uid_t uid;

	*it = (struct item){ .entry = entry };
	if (spool_read(&b->s->paths, entry, &it->text, &len, &uid, &why)) {
		if (why.code == ERR_DATA || why.code == ERR_PERM)
			return set_aside(b, entry, why.text, e);
		if (why.code == ERR_NOENT)
			return 0;
		*e = why;
		return -1;
	}
	if (change_decode(&b->arena, it->text, len, uid, &it->change, &why)) {
		free(it->text);
		if (why.code != ERR_TEMP)
			return set_aside(b, entry, why.text, e);
		b->s->left_alone++;
		return 0;
	}
	b->n++;
	b->bytes += len;
	it->refused = refusal(b->s, &it->change);
	if (!it->change.command && !it->refused) {
		b->intake[b->changes].change = &it->change;
		resolve(b, &b->intake[b->changes++]);
	}
	return 0;
}

/* ---- commands of other users ---- */

static int refuse(struct batch *b, const struct change *c, const char *code, const char *why,
	struct err *e)
{
	struct journal_row row = { .time_us = b->now, .event = JOURNAL_REFUSE,
		.actor = c->user, .uid = (int64_t)c->uid, .response = "",
		.code = code, .message = why };
	struct buf request, extra;
	struct json j;
	int failed;

	buf_init(&request, LIMIT_RECORD_BIG);
	buf_init(&extra, LIMIT_RECORD_EXTRA);
	json_init(&j, &request);
	json_object(&j);
	json_kv(&j, "verb", c->command ? c->verb : source_word(c->source));
	if (*c->pipeline)
		json_kv(&j, "pipelineName", c->pipeline);
	json_key(&j, "deliveries");
	json_array(&j);
	for (size_t i = 0; i < c->ndeliveries && i < 1000; i++)
		json_str(&j, c->deliveries[i]);
	json_end(&j);
	json_end(&j);
	json_init(&j, &extra);
	json_object(&j);
	json_kv(&j, "operator", c->user);
	json_key(&j, "operatorUid");
	json_int(&j, (int64_t)c->uid);
	json_end(&j);
	row.request = request.s;
	row.extra = extra.s;
	failed = queue_journal_add(b->s->queue, &row, e);
	buf_release(&request);
	buf_release(&extra);
	return failed;
}

static bool may_decide(const struct delivery *d, const char *by, void *arg)
{
	const struct sender *s = arg;
	const struct pipeline *p = config_pipeline(s->config, d->pipeline);

	return p && config_approves(s->config, p, by);
}

static int decide(struct batch *b, const struct change *c, struct queue_command *v, struct err *e)
{
	const struct queue_decision o = { .approve = !strcmp(c->verb, "approve"), .by = c->user,
		.uid = (int64_t)c->uid, .summary = c->reason, .now_us = b->now, .may = may_decide,
		.arg = b->s };

	if (queue_decide(b->s->queue, &o, v, c->ndeliveries, e))
		return -1;
	for (size_t i = 0; i < c->ndeliveries; i++)
		if (v[i].outcome == COMMAND_DENIED)
			return refuse(b, c, "AccessDenied", "the file's owner is not among `approvers` of "
				"each pipeline; what is another's stays as it is", e);
	return 0;
}

static int obey(struct batch *b, const struct change *c, struct err *e)
{
	struct queue_command *v;

	if (is_decision(c) && strlen(c->reason) > LIMIT_SUMMARY)
		return refuse(b, c, "InvalidSummary", "a summary is at most 512 bytes", e);
	if (!is_decision(c) && strcmp(c->verb, "retry") && strcmp(c->verb, "drop"))
		return refuse(b, c, "UnknownCommand", "expected retry, drop, approve or reject", e);
	v = arena_alloc(&b->arena, c->ndeliveries * sizeof(*v));
	for (size_t i = 0; i < c->ndeliveries; i++)
		v[i].delivery = c->deliveries[i];
	if (is_decision(c))
		return decide(b, c, v, e);
	return queue_command(b->s->queue, c->verb, c->user, (int64_t)c->uid, c->reason, b->now, v,
		c->ndeliveries, e);
}

/* ---- the batch ---- */

static int store(struct batch *b, struct err *e)
{
	if (b->changes && queue_accept(b->s->queue, b->now, b->intake, b->changes, e))
		return -1;
	for (size_t i = 0; i < b->n; i++) {
		const struct change *c = &b->items[i].change;
		const char *refused = b->items[i].refused;

		if (refused ? refuse(b, c, "AccessDenied", refused, e) : c->command && obey(b, c, e))
			return -1;
		if (spool_done(&b->s->paths, b->items[i].entry, c->id, e))
			return -1;
	}
	return 0;
}

static int run_batch(struct batch *b, const struct spool_list *l, size_t *at, struct err *e)
{
	int failed = 0;

	arena_init(&b->arena);
	b->n = b->changes = b->bytes = 0;
	b->now = clock_wall_us();
	while (!failed && *at < l->n && b->n < BATCH && b->bytes < BATCH_BYTES)
		failed = read_one(b, &l->v[(*at)++], e);
	if (!failed)
		failed = store(b, e);
	for (size_t i = 0; i < b->n; i++)
		free(b->items[i].text);
	arena_release(&b->arena);
	return failed;
}

int intake_run(struct sender *s, struct err *e)
{
	struct batch b = { .s = s };
	struct spool_list l = { 0 };
	size_t at = 0;
	int failed = 0, n = 0;

	if (spool_scan(&s->paths, false, 100000, &l, e))
		return -1;
	s->left_alone = 0;
	if (!l.n)
		return 0;
	b.items = mem_alloc(BATCH * sizeof(*b.items));
	b.intake = mem_alloc(BATCH * sizeof(*b.intake));
	while (!failed && at < l.n) {
		failed = run_batch(&b, &l, &at, e);
		n += (int)b.n;
	}
	free(b.items);
	free(b.intake);
	spool_list_release(&l);
	return failed ? -1 : n;
}

bool intake_waiting(struct sender *s)
{
	struct spool_list l = { 0 };
	struct err e;
	bool any = !spool_scan(&s->paths, false, s->left_alone + 1, &l, &e) &&
		l.n > s->left_alone;

	spool_list_release(&l);
	return any;
}
