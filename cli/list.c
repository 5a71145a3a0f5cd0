/* list.c - `refire queue list`: deliveries as rows, see ask.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "clock.h"
#include "json.h"
#include "log.h"
#include "match.h"
#include "words.h"

static const struct column wide[] = {
	{ "DELIVERY", 0, false }, { "STATE", 0, false }, { "PIPELINE", 8, false },
	{ "REPOSITORY", 8, false }, { "REF", 6, false }, { "COMMIT", 8, false },
	{ "TRIES", 0, true }, { "WHEN", 0, false }, { "WHY", 10, false },
};
/* What matters most, where there is little room: repository and ref share one. */
static const struct column narrow[] = {
	{ "DELIVERY", 0, false }, { "STATE", 0, false }, { "PIPELINE", 6, false },
	{ "REF", 8, false }, { "TRIES", 0, true }, { "WHEN", 0, false }, { "WHY", 8, false },
};
#define NARROW 110			/* columns of a terminal */

static const enum style state_styles[] = {
	[DELIVERY_READY] = STYLE_BUSY, [DELIVERY_INFLIGHT] = STYLE_BUSY,
	[DELIVERY_WAITING] = STYLE_WARN, [DELIVERY_HELD] = STYLE_HELD,
	[DELIVERY_DELIVERED] = STYLE_GOOD, [DELIVERY_FAILED] = STYLE_BAD,
	[DELIVERY_SUPERSEDED] = STYLE_DIM, [DELIVERY_DROPPED] = STYLE_DIM,
};
_Static_assert(sizeof(state_styles) / sizeof(*state_styles) == DELIVERY_COUNT, "one each");

enum style list_style(enum delivery_state s)
{
	return state_styles[s];
}

struct listing {
	const struct ask *ask;
	struct table table;
	bool narrow;
	struct buf line;
	int64_t n;
};

/* ---- JSON ---- */

static void member_time(struct json *j, const char *key, int64_t us)
{
	char text[CLOCK_ISO_SIZE];

	json_kv(j, key, us ? clock_iso(us, text) : NULL);
}

static bool scheduled(const struct delivery *d)
{
	return d->state == DELIVERY_READY || d->state == DELIVERY_WAITING;
}

void list_members(struct json *j, const struct delivery *d)
{
	json_kv(j, "delivery", d->id);
	json_kv(j, "change", d->change);
	json_kv(j, "pipeline", d->pipeline);
	json_kv(j, "repository", d->repository);
	json_key_bytes(j, "ref", d->ref, strlen(d->ref));
	json_kv(j, "before", d->before);
	json_kv(j, "after", d->after);
	json_kv(j, "state", delivery_word(d->state));
	member_time(j, "due", scheduled(d) ? d->due_us : 0);
	json_key(j, "http_status");
	if (d->http_status)
		json_int(j, d->http_status);
	else
		json_null(j);
	json_kv(j, "code", *d->code ? d->code : NULL);
	json_kv(j, "error", *d->error ? d->error : NULL);
	json_kv(j, "source", source_word(d->source));
	json_kv(j, "actor", d->actor);
	member_time(j, "made", d->made_us);
	member_time(j, "first", d->first_us);
	member_time(j, "settled", d->settled_us);
	json_key(j, "approved");
	json_bool(j, d->approved);
	member_time(j, "expires", d->state == DELIVERY_HELD ? d->expires_us : 0);
	json_key(j, "head");
	json_bool(j, d->head);
}

static void row_json(struct listing *l, const struct delivery *d)
{
	struct json j;

	buf_clear(&l->line);
	json_init(&j, &l->line);
	json_object(&j);
	list_members(&j, d);
	json_key(&j, "attempts");
	json_int(&j, d->attempts);
	json_end(&j);
	buf_chr(&l->line, '\n');
	fwrite(l->line.s, 1, l->line.len, stdout);
}

/* ---- for a person ---- */

/* When it goes next; how long it has been held; when it was settled. */
static void when_add(struct buf *b, const struct delivery *d, int64_t now)
{
	int64_t past = d->state == DELIVERY_HELD ? d->made_us : d->settled_us;

	if (d->state == DELIVERY_INFLIGHT || (scheduled(d) && d->head && d->due_us <= now))
		buf_str(b, "now");
	else if (scheduled(d) && !d->head)
		buf_str(b, "after others");
	else
		words_when(b, scheduled(d) ? d->due_us : past, now);
}

static void why_add(struct buf *b, const struct delivery *d)
{
	if (*d->code)
		buf_str(b, d->code);
	if (*d->code && *d->error)
		buf_str(b, ": ");
	buf_str(b, d->error);
}

static void cell(struct listing *l, enum style style)
{
	table_cell(&l->table, style, l->line.s);
	buf_clear(&l->line);
}

static void ref_cells(struct listing *l, const struct delivery *d)
{
	if (l->narrow) {
		buf_fmt(&l->line, "%s ", d->repository);
		words_ref(&l->line, d->ref);
		cell(l, STYLE_NONE);
		return;
	}
	table_cell(&l->table, STYLE_NONE, d->repository);
	words_ref(&l->line, d->ref);
	cell(l, STYLE_NONE);
	words_move(&l->line, d->before, d->after);
	cell(l, STYLE_DIM);
}

static void row_table(struct listing *l, const struct delivery *d)
{
	const struct ask *a = l->ask;

	buf_clear(&l->line);
	buf_fmt(&l->line, "%.*s", a->screen.terminal ? WORDS_ID : UUID_SIZE, d->id);
	cell(l, STYLE_BOLD);
	table_cell(&l->table, list_style(d->state), delivery_word(d->state));
	table_cell(&l->table, STYLE_NONE, d->pipeline);
	ref_cells(l, d);
	buf_fmt(&l->line, "%lld", (long long)d->attempts);
	cell(l, STYLE_NONE);
	when_add(&l->line, d, a->now_us);
	cell(l, STYLE_NONE);
	why_add(&l->line, d);
	cell(l, delivery_settled(d->state) && d->state != DELIVERY_FAILED ? STYLE_DIM : STYLE_WARN);
}

static int row_show(const struct delivery *d, void *arg)
{
	struct listing *l = arg;

	l->n++;
	if (l->ask->json)
		row_json(l, d);
	else
		row_table(l, d);
	return 0;
}

static void count_add(struct buf *b, const char *before, int64_t n, const char *word)
{
	if (n == 0)
		return;
	buf_str(b, before);
	words_count(b, n);
	buf_fmt(b, " %s", word);
}

/* "3 open (2 waiting, 1 held); 1,204 settled (1,200 delivered, 4 failed)" */
static void counts_print(const struct queue_counts *c)
{
	static const char *const words[] = {
		[DELIVERY_READY] = "ready", [DELIVERY_INFLIGHT] = "in flight",
		[DELIVERY_WAITING] = "waiting", [DELIVERY_HELD] = "held",
		[DELIVERY_DELIVERED] = "delivered", [DELIVERY_FAILED] = "failed",
		[DELIVERY_SUPERSEDED] = "superseded", [DELIVERY_DROPPED] = "dropped",
	};
	int64_t sum[2] = { 0, 0 };
	struct buf part[2], line;

	buf_init(&line, 4 * KIB);
	for (int i = 0; i < 2; i++)
		buf_init(&part[i], 1 * KIB);
	for (int i = 0; i < DELIVERY_COUNT; i++) {
		int settled = delivery_settled((enum delivery_state)i);

		count_add(&part[settled], sum[settled] ? ", " : "", c->by_state[i], words[i]);
		sum[settled] += c->by_state[i];
	}
	words_count(&line, sum[0]);
	buf_fmt(&line, " open%s%s%s; ", sum[0] ? " (" : "", part[0].s, sum[0] ? ")" : "");
	words_count(&line, sum[1]);
	buf_fmt(&line, " settled%s%s%s", sum[1] ? " (" : "", part[1].s, sum[1] ? ")" : "");
	count_add(&line, "; ", c->pending_updates, "ref updates taken in and not matched yet");
	buf_chr(&line, '\n');
	fwrite(line.s, 1, line.len, stdout);
	for (int i = 0; i < 2; i++)
		buf_release(&part[i]);
	buf_release(&line);
}

const char *list_ref(const char *ref, struct buf *b)
{
	if (!ref || strncmp(ref, "refs/", 5) == 0 || strcmp(ref, "HEAD") == 0)
		return ref;
	buf_fmt(b, "refs/heads/%s", ref);
	return b->s;
}

/* A person looks for what is still under way; a program, or who asks what became of
   one change, for everything. */
static unsigned states_of(const struct ask *a)
{
	const unsigned open = (1u << DELIVERY_DELIVERED) - 1;

	return a->states ? a->states : a->change || a->json ? 0 : open;
}

struct held {
	const struct ask *ask;
	struct buf *line;
};

static void held_line(const struct held *h, const struct gate *g)
{
	buf_fmt(h->line, "pipeline %s is held since ", g->pipeline);
	words_when(h->line, g->held_us, h->ask->now_us);
	buf_fmt(h->line, "%s%s%s%s: nothing of it is sent until `refire queue resume %s`",
		*g->who ? " by " : "", g->who, *g->reason ? " - " : "", g->reason, g->pipeline);
}

static int held_print(const struct gate *g, void *arg)
{
	struct held *h = arg;

	bool down = g->breaker.opened_us;

	if ((!g->held_us && !down) ||
	    (h->ask->pipeline && strcmp(h->ask->pipeline, g->pipeline) != 0))
		return 0;
	buf_clear(h->line);
	if (!g->held_us) {
		buf_fmt(h->line, "pipeline %s: its receiver is down; the next probe: ", g->pipeline);
		words_when(h->line, g->breaker.probe_us, h->ask->now_us);
	} else {
		held_line(h, g);
	}
	screen_print(&h->ask->screen, STYLE_HELD, h->line->s);
	putchar('\n');
	return 0;
}

static int listing_run(struct listing *l, struct queue *q, struct err *e)
{
	const struct ask *a = l->ask;
	struct queue_filter f = { .states = states_of(a), .pipeline = a->pipeline,
		.repository = a->repository, .change = a->change, .code = a->code, .since_us = a->since_us,
		.until_us = a->until_us,
		.limit = a->limit };
	struct queue_counts counts;
	struct buf ref;
	int rc;

	buf_init(&ref, 2 * LIMIT_REF);
	f.ref = list_ref(a->ref, &ref);
	l->narrow = a->screen.terminal && a->screen.width < NARROW;
	if (l->narrow)
		table_begin(&l->table, &a->screen, narrow, sizeof(narrow) / sizeof(*narrow));
	else
		table_begin(&l->table, &a->screen, wide, sizeof(wide) / sizeof(*wide));
	rc = queue_list(q, &f, row_show, l, e);
	table_end(&l->table);
	buf_release(&ref);
	if (rc || a->json)
		return rc;
	if (a->change && l->n == 0)
		log_info("no delivery of change %s; `refire trail lookup --change %s` tells what "
			"became of it", a->change, a->change);
	rc = queue_counts(q, a->pipeline, &counts, e);
	if (rc == 0)
		counts_print(&counts);
	return rc ? rc : queue_gates(q, held_print, &(struct held){ a, &l->line }, e);
}

int list_run(const struct ask *a, struct err *e)
{
	struct listing l = { .ask = a };
	struct queue *q;
	int rc = 0;

	if (store_open(&a->session, QUEUE_READ, &q, e))
		return -1;
	buf_init(&l.line, 1 * MIB);
	if (q)
		rc = listing_run(&l, q, e);
	else if (!a->json)
		puts("0 open; nothing was taken in so far");
	queue_close(q);
	buf_release(&l.line);
	return rc;
}
