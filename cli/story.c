/* story.c - see story.h: the change, each ref of it, and why pipelines did not start. */
#include <jansson.h>

#include "story.h"

#include <string.h>

#include "clock.h"
#include "fs.h"
#include "lookup.h"
#include "match.h"
#include "words.h"

#define INDENT 20
#define REFS_SHOWN 6
#define PASSED_SHOWN 8			/* pipelines that did not start, of one ref */
#define OUT_MAX (16 * MIB)

void story_open(struct story *s, const struct session *session, struct queue *q, int64_t now_us)
{
	*s = (struct story){ .session = session, .q = q, .now_us = now_us };
	screen_init(&s->screen, stdout);
	arena_init(&s->arena);
	buf_init(&s->out, OUT_MAX);
	s->sender = fs_lock_held(session->paths.sender_lock, NULL) > 0;
}

void story_close(struct story *s)
{
	buf_release(&s->out);
	arena_release(&s->arena);
}

void story_line(struct story *s, enum style label_style, const char *label, enum style style,
	const char *text)
{
	screen_wrapped(&s->screen, &s->out, INDENT, label_style, label, style, text);
}

void story_clock(struct buf *out, int64_t us, int64_t now_us)
{
	char then[CLOCK_ISO_SIZE], now[CLOCK_ISO_SIZE];

	clock_iso(us, then);
	clock_iso(now_us, now);
	if (strlen(then) < 20)
		buf_str(out, then);
	else if (!strncmp(then, now, 10))
		buf_fmt(out, "%.8s", then + 11);
	else
		buf_fmt(out, "%.5s %.5s", then + 5, then + 11);
}

/* ---- who, what, when ---- */

static void deed_add(const struct change_row *c, struct buf *b)
{
	const char *where = *c->repository ? c->repository : c->path;

	switch (c->source) {
	case SOURCE_POST_RECEIVE:
		buf_fmt(b, "%s pushed to %s", c->actor, where);
		break;
	case SOURCE_FIRE:
		buf_fmt(b, "%s fired a pipeline by hand on %s", c->actor, where);
		break;
	case SOURCE_POLL:
		buf_fmt(b, "A poll found that %s had changed", where);
		break;
	default:
		buf_fmt(b, "A look at %s found a change that no hook had reported", where);
	}
	buf_str(b, c->skip ? ", with -o ci.skip" : "");
}

static void head_tell(struct story *s, const struct change_row *c)
{
	char iso[CLOCK_ISO_SIZE];
	struct buf b;

	buf_init(&b, 64 * KIB);
	deed_add(c, &b);
	screen_styled(&s->screen, &s->out, STYLE_BOLD, b.s);
	buf_clear(&b);
	buf_str(&b, ", ");
	words_when(&b, c->time_us, s->now_us);
	clock_iso(c->time_us, iso);
	if (strlen(iso) == 20)
		buf_fmt(&b, " (%.10s %.8s UTC)", iso, iso + 11);
	screen_styled(&s->screen, &s->out, STYLE_NONE, b.s);
	buf_chr(&s->out, '\n');
	buf_clear(&b);
	buf_fmt(&b, "%s", c->id);
	if (c->source == SOURCE_POST_RECEIVE || c->source == SOURCE_FIRE)
		buf_fmt(&b, ", by uid %lld (%s)%s%s", (long long)c->uid, c->user,
			*c->address ? " from " : "", c->address);
	story_line(s, STYLE_DIM, "  change", STYLE_DIM, b.s);
	if (!*c->repository) {
		buf_clear(&b);
		buf_fmt(&b, "no [repository] of the configuration has the path %s, so nothing was looked at: "
			"add one, then push again", c->path);
		story_line(s, STYLE_WARN, "  nothing started", STYLE_NONE, b.s);
	}
	buf_release(&b);
}

/* ---- one ref ---- */

/* The first line of the newest commit's message. */
static void subject_add(struct story *s, const struct story_update *u, struct buf *b)
{
	json_t *root, *commits;
	const char *text;
	struct err e;
	int64_t n;
	char *json;

	if (story_enrichment(s->q, &s->arena, u->enrichment, &json, &e) || !*json)
		return;
	root = json_loads(json, 0, NULL);
	commits = json_object_get(root, "commits");
	n = lookup_int(root, "total_commits");
	text = lookup_text(json_array_get(commits, json_array_size(commits) - 1), "message");
	if (n > 0)
		buf_fmt(b, ", %lld %s", (long long)n, n == 1 ? "commit" : "commits");
	if (*text)
		buf_fmt(b, ": \"%.*s\"", (int)(strcspn(text, "\n") > 60 ? 60 : strcspn(text, "\n")), text);
	json_decref(root);
}

static void move_add(struct story *s, const struct story_update *u, struct buf *b)
{
	if (oid_is_zero(u->new)) {
		buf_str(b, "deleted, was ");
		words_oid(b, u->old);
	} else if (oid_is_zero(u->old)) {
		buf_str(b, u->kind == UPDATE_EVENT ? "new at " : "at ");
		words_oid(b, u->new);
	} else {
		words_oid(b, u->old);
		buf_str(b, " to ");
		words_oid(b, u->new);
	}
	if (u->forced == 1 && *ref_branch(u->ref))
		buf_str(b, ", forced");
	if (u->coalesced)
		buf_str(b, ", in steps that nobody reported");
	subject_add(s, u, b);
}

static void ref_tell(struct story *s, const struct story_update *u)
{
	struct buf b, label;

	buf_init(&b, 64 * KIB);
	buf_init(&label, 8 * KIB);
	buf_str(&label, "  ");
	words_ref(&label, u->ref);
	move_add(s, u, &b);
	buf_chr(&s->out, '\n');
	story_line(s, STYLE_BOLD, label.s, STYLE_NONE, b.s);
	buf_release(&label);
	buf_release(&b);
}

/* ---- why an update fired nothing ---- */

struct reading {			/* journal rows of the change, for one ref */
	struct story *s;
	const struct story_update *u;
	const struct change_row *c;
	bool judged;			/* a MatchPipelines row has the ref */
	int64_t passed, matched;
	char *link;			/* why it was linked to another */
};

static void patterns_add(const struct list *l, struct buf *b)
{
	for (size_t i = 0; i < l->n && b->len < 300; i++)
		buf_fmt(b, "%s%s", i ? ", " : "", l->v[i]);
}

/* The filter's patterns as configured now, where the record names none. */
static void filter_add(const struct pipeline *p, const char *result, struct buf *b)
{
	const struct list *l = !p ? NULL : !strcmp(result, "FilteredByBranch") ? &p->branches :
		!strcmp(result, "FilteredByTag") ? &p->tags :
		!strcmp(result, "FilteredByPath") ? &p->paths : NULL;

	if (!l || !l->n)
		return;
	buf_str(b, " (");
	patterns_add(l, b);
	buf_chr(b, ')');
}

static void passed_tell(struct reading *r, const json_t *pipeline)
{
	const char *name = lookup_text(pipeline, "pipeline"), *result = lookup_text(pipeline, "result");
	const char *pattern = lookup_text(pipeline, "pattern");
	struct buf b, label;

	if (++r->passed > PASSED_SHOWN)
		return;
	buf_init(&b, 8 * KIB);
	buf_init(&label, 1 * KIB);
	buf_fmt(&label, "  %s", name);
	buf_fmt(&b, "not started: %s", lookup_text(pipeline, "reason"));
	if (*pattern)
		buf_fmt(&b, " (%s)", pattern);
	else
		filter_add(config_pipeline(r->s->session->config, name), result, &b);
	story_line(r->s, STYLE_BOLD, label.s, STYLE_DIM, b.s);
	buf_release(&label);
	buf_release(&b);
}

static void decision_read(struct reading *r, const json_t *decision)
{
	const json_t *pipeline;
	size_t i;

	if (strcmp(lookup_text(decision, "ref"), r->u->ref) != 0)
		return;
	r->judged = true;
	json_array_foreach(lookup_get(decision, "pipelines"), i, pipeline)
		if (*lookup_text(pipeline, "delivery"))
			r->matched++;
		else
			passed_tell(r, pipeline);
}

static int row_read(const struct journal_row *row, void *arg)
{
	struct reading *r = arg;
	const json_t *decision;
	json_t *json;
	size_t i;

	if (row->event == JOURNAL_LINK) {
		json = json_loads(row->request, 0, NULL);
		if (!strcmp(lookup_text(json, "ref"), r->u->ref))
			r->link = arena_strdup(&r->s->arena, row->message);
		json_decref(json);
	}
	if (row->event != JOURNAL_MATCH)
		return 0;
	json = json_loads(row->response, 0, NULL);
	json_array_foreach(lookup_get(json, "decisions"), i, decision)
		decision_read(r, decision);
	json_decref(json);
	return 0;
}

static void others_tell(struct reading *r)
{
	const struct config *c = r->s->session->config;
	int64_t others = 0;
	struct buf b;

	for (size_t i = 0; i < c->npipelines; i++)
		others += !pipeline_watches(&c->pipelines[i], r->u->repository);
	buf_init(&b, 8 * KIB);
	if (r->passed > PASSED_SHOWN)
		buf_fmt(&b, "%lld more pipelines did not start either", (long long)(r->passed - PASSED_SHOWN));
	if (!r->passed && !r->matched && r->u->kind != UPDATE_FIRE)
		buf_fmt(&b, "nothing started: no pipeline watches %s%s", r->u->repository,
			others ? "; all of them watch other repositories (`repository` in their sections)" : "");
	if (b.len)
		story_line(r->s, STYLE_DIM, "", STYLE_NONE, b.s);
	buf_release(&b);
}

/* The last move of a ref is kept, what it started is not. */
static void pruned_tell(struct reading *r, int64_t n)
{
	story_line(r->s, STYLE_DIM, "", STYLE_NONE, arena_fmt(&r->s->arena, "%lld %s that it started %s "
		"pruned (settled longer than `queue-keep` ago): `refire trail lookup --change %s`",
		(long long)n, n == 1 ? "delivery" : "deliveries", n == 1 ? "is" : "are", r->c->id));
}

static void pending_add(struct story *s, const struct story_update *u, struct buf *b)
{
	buf_str(b, "it waits to be judged: ");
	if (u->wait_us > s->now_us) {
		buf_str(b, "what came before it has not been reported yet; ");
		words_when(b, u->wait_us, s->now_us);
		buf_str(b, " it is judged as it is");
	} else if (s->sender) {
		buf_str(b, "the sender is at it");
	} else {
		buf_str(b, "no sender is at work: `refire send`");
	}
}

static int covered_add(struct reading *r, struct buf *b, struct err *e)
{
	struct story_update by;
	struct change_row c;
	int found;

	buf_fmt(b, "linked to another change: %s", r->link ? r->link : "another one covered this move");
	if (!r->u->covered_by)
		return 0;
	found = story_update(r->s->q, &r->s->arena, r->u->covered_by, &by, e);
	if (found <= 0)
		return found;
	if (queue_change(r->s->q, &r->s->arena, by.change, &c, e))
		return -1;
	buf_fmt(b, ". That one moved the ref to ");
	words_oid(b, by.new);
	buf_fmt(b, ": `refire explain %s`", c.id);
	return 0;
}

/* Why nothing was even matched; "" when it was. */
static int state_add(struct reading *r, struct buf *b, struct err *e)
{
	switch (r->u->state) {
	case UPDATE_PENDING:
		pending_add(r->s, r->u, b);
		return 0;
	case UPDATE_COVERED:
		return covered_add(r, b, e);
	case UPDATE_VOID:
		buf_str(b, "when it was judged, the ref was no longer as it had been seen: nothing to do");
		return 0;
	case UPDATE_BASELINE:
		buf_fmt(b, "it was there when refire first looked at these refs of %s. That is remembered and "
			"starts nothing, unless `baseline = fire` is in its section; to start one now: "
			"`refire fire PIPELINE --ref %s`", r->u->repository, r->u->ref);
		return 0;
	case UPDATE_HELD: case UPDATE_ACCEPTED:
		break;
	}
	return 0;
}

struct giving {
	struct story *s;
	const struct change_row *c;
	const struct story_focus *f;
	struct err *e;
	int64_t given;			/* deliveries of the update */
	bool failed;
};

static int delivery_give(const struct delivery *d, void *arg)
{
	struct giving *g = arg;

	if (g->f->delivery && g->f->delivery != d->seq)
		return 0;
	g->given++;
	g->failed = story_delivery(g->s, g->c, d, g->e) != 0;
	return g->failed ? -1 : 0;
}

static int update_tell(struct giving *g, const struct story_update *u)
{
	struct story *s = g->s;
	struct reading r = { .s = s, .u = u, .c = g->c };
	struct buf b;
	int failed;

	ref_tell(s, u);
	g->given = 0;
	if (story_deliveries(s->q, u->seq, delivery_give, g, g->e) < 0)
		return -1;
	if (g->f->delivery)
		return 0;
	buf_init(&b, 16 * KIB);
	failed = story_journal(s->q, u->change, row_read, &r, g->e) < 0 || state_add(&r, &b, g->e) < 0;
	if (!failed && b.len)
		story_line(s, STYLE_WARN, "  nothing started", STYLE_NONE, b.s);
	else if (!failed)
		others_tell(&r);
	if (!failed && r.matched > g->given)
		pruned_tell(&r, r.matched - g->given);
	buf_release(&b);
	return failed ? -1 : 0;
}

struct copies {
	struct arena *a;
	struct story_update v[REFS_SHOWN];
	size_t n;
	int64_t only;
};

static int update_take(const struct story_update *u, void *arg)
{
	struct copies *c = arg;
	struct story_update *to = &c->v[c->n];

	if (c->n == REFS_SHOWN || (c->only && c->only != u->seq))
		return 0;
	*to = *u;
	to->repository = arena_strdup(c->a, u->repository);
	to->ref = arena_strdup(c->a, u->ref);
	to->old = arena_strdup(c->a, u->old);
	to->new = arena_strdup(c->a, u->new);
	to->pipeline = arena_strdup(c->a, u->pipeline);
	c->n++;
	return 0;
}

int story_tell(struct story *s, const struct change_row *c, const struct story_focus *f,
	struct err *e)
{
	static const struct story_focus all = { 0, 0 };
	struct copies updates = { .a = &s->arena, .only = f ? f->update : 0 };
	struct giving g = { .s = s, .c = c, .f = f ? f : &all, .e = e };
	struct buf b;
	int64_t total;

	head_tell(s, c);
	if (story_updates(s->q, c->seq, updates.only ? -1 : REFS_SHOWN, &total, update_take, &updates,
		e) < 0)
		return -1;
	for (size_t i = 0; i < updates.n; i++)
		if (update_tell(&g, &updates.v[i]))
			return -1;
	if (total > (int64_t)updates.n) {
		buf_init(&b, 1 * KIB);
		buf_fmt(&b, "\n  and %lld more %s of this change: refire queue list --state all --change %s\n",
			(long long)(total - (int64_t)updates.n),
			total - (int64_t)updates.n == 1 ? "ref" : "refs", c->id);
		buf_add(&s->out, b.s, b.len);
		buf_release(&b);
	}
	return 0;
}
