/* story_delivery.c - what became of one delivery: its state in a sentence, its attempts,
   and what to do. */
#include <jansson.h>

#include "story.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "lookup.h"
#include "remedy.h"
#include "words.h"

#define FIRST 2				/* steps that are shown; those between are counted */
#define LAST 4

struct telling {
	struct story *s;
	const struct delivery *d;
	int64_t steps, at;		/* rows in all; the one at hand */
	bool counting, deeds;		/* deeds: others than exchanges are among them */
	/* of the last exchange */
	char *url, *location, *allow;
};

/* ---- the steps ---- */

static const char *plural(int64_t n)
{
	return n == 1 ? "attempt" : "attempts";
}

static void again_add(struct telling *t, const json_t *extra, struct buf *b)
{
	int64_t due;

	if (strcmp(lookup_text(extra, "nextState"), "WAITING") != 0 ||
	    clock_parse(lookup_text(extra, "due"), 0, &due))
		return;
	buf_str(b, "; again at ");
	story_clock(b, due, t->s->now_us);
}

static void exchange_add(struct telling *t, const struct journal_row *r, const json_t *extra,
	const json_t *response, struct buf *b)
{
	buf_fmt(b, "attempt %lld", (long long)lookup_int(extra, "attempt"));
	if (lookup_int(extra, "exchange") > 1)
		buf_fmt(b, ", request %lld", (long long)lookup_int(extra, "exchange"));
	buf_str(b, ": ");
	if (*r->message)
		buf_str(b, r->message);
	else if (*r->code)
		buf_str(b, r->code);
	else
		buf_fmt(b, "HTTP %lld", (long long)lookup_int(response, "status"));
	if (!*r->code && lookup_int(extra, "totalUs")) {
		buf_str(b, " after ");
		words_span(b, lookup_int(extra, "totalUs"));
	}
	again_add(t, extra, b);
}

/* What a person or the sender did beside the exchanges. */
static const char *deed(enum journal_event event)
{
	switch (event) {
	case JOURNAL_RETRY: return "sent again";
	case JOURNAL_REPLAY: return "replayed";
	case JOURNAL_DROP: return "dropped";
	case JOURNAL_APPROVE: return "approved";
	case JOURNAL_HOLD: return "its pipeline was held";
	case JOURNAL_RESUME: return "its pipeline was resumed";
	case JOURNAL_OPEN: return "its receiver counts as down";
	case JOURNAL_CLOSE: return "its receiver answers again";
	case JOURNAL_SETTLE: return "settled";
	default: return "noted";
	}
}

static void deed_add(const struct journal_row *r, const json_t *request, const json_t *response,
	struct buf *b)
{
	const char *reason = lookup_text(request, "reason"), *state = lookup_text(response, "state");

	buf_str(b, *state ? state : deed(r->event));
	if (r->actor && *r->actor)
		buf_fmt(b, " by %s", r->actor);
	if (*r->message && r->event == JOURNAL_SETTLE)
		buf_fmt(b, ": %s", r->message);
	else if (*reason && r->actor && *r->actor)
		buf_fmt(b, ": %s", reason);
}

static char *kept(struct story *s, const char *text)
{
	return arena_strdup(&s->arena, text);
}

/* A header's value, whatever the case of its name. */
static const char *header(const json_t *response, const char *name)
{
	const json_t *headers = lookup_get(response, "headers"), *value;
	const char *key;

	for (void *i = json_object_iter((json_t *)(uintptr_t)headers); i;
	     i = json_object_iter_next((json_t *)(uintptr_t)headers, i)) {
		key = json_object_iter_key(i);
		value = json_object_iter_value(i);
		if (!strcasecmp(key, name) && json_is_string(value))
			return json_string_value(value);
	}
	return "";
}

static void step_print(struct telling *t, const struct journal_row *r)
{
	json_t *request = json_loads(r->request, 0, NULL), *response = json_loads(r->response, 0, NULL);
	json_t *extra = json_loads(r->extra, 0, NULL);
	struct buf b, when;

	buf_init(&b, 64 * KIB);
	buf_init(&when, 64);
	if (journal_is_attempt(r->event)) {
		t->url = kept(t->s, lookup_text(request, "url"));
		t->location = kept(t->s, header(response, "Location"));
		t->allow = kept(t->s, header(response, "Allow"));
		exchange_add(t, r, extra, response, &b);
	} else {
		deed_add(r, request, response, &b);
	}
	buf_str(&when, "    ");
	story_clock(&when, r->time_us, t->s->now_us);
	if (t->s->whole || t->at < FIRST || t->at >= t->steps - LAST)
		story_line(t->s, STYLE_DIM, when.s, STYLE_NONE, b.s);
	else if (t->at == FIRST) {
		buf_clear(&b);
		buf_fmt(&b, "(%lld more)", (long long)(t->steps - FIRST - LAST));
		story_line(t->s, STYLE_DIM, "", STYLE_DIM, b.s);
	}
	buf_release(&when);
	buf_release(&b);
	json_decref(request);
	json_decref(response);
	json_decref(extra);
}

/* A settling that only repeats the exchange before it is left out. */
static int step(const struct journal_row *r, void *arg)
{
	struct telling *t = arg;

	if (r->event == JOURNAL_SETTLE && t->at > 0)
		return 0;
	t->deeds = t->deeds || !journal_is_attempt(r->event);
	if (!t->counting)
		step_print(t, r);
	t->at++;
	return 0;
}

/* One attempt that went well is told by the sentence before. */
static int steps_tell(struct telling *t, struct err *e)
{
	t->counting = true;
	if (queue_journal(t->s->q, 0, t->d->seq, 0, step, t, e) < 0)
		return -1;
	t->steps = t->at;
	t->at = 0;
	t->counting = t->d->attempts == 1 && t->d->state == DELIVERY_DELIVERED && !t->deeds &&
		!t->s->whole;
	return queue_journal(t->s->q, 0, t->d->seq, 0, step, t, e) < 0 ? -1 : 0;
}

/* ---- the state in a sentence ---- */

static void gate_add(const struct gate *g, int64_t now_us, struct buf *b)
{
	if (g->held_us) {
		buf_fmt(b, "; %s is held ", g->pipeline);
		words_when(b, g->held_us, now_us);
		if (*g->who)
			buf_fmt(b, " by %s", g->who);
		if (*g->reason)
			buf_fmt(b, " (%s)", g->reason);
		buf_fmt(b, ", nothing of it is sent: `refire queue resume %s`", g->pipeline);
	} else if (g->breaker.opened_us) {
		buf_str(b, "; its receiver counts as down since ");
		words_when(b, g->breaker.opened_us, now_us);
		buf_str(b, " and is probed by one delivery, next ");
		words_when(b, g->breaker.probe_us, now_us);
	}
}

static int waiting_add(struct story *s, const struct delivery *d, struct buf *b, struct err *e)
{
	struct delivery ahead;
	struct gate g;
	int found;

	found = queue_gate(s->q, &s->arena, d->pipeline, &g, e);
	if (found < 0)
		return -1;
	if (found && (g.held_us || g.breaker.opened_us)) {
		gate_add(&g, s->now_us, b);
		return 0;
	}
	if (!d->head) {
		found = story_ahead(s->q, &s->arena, d->seq, &ahead, e);
		if (found > 0)
			buf_fmt(b, "; it goes after delivery %.*s of the same pipeline and ref, which is %s",
				WORDS_ID, ahead.id, delivery_word(ahead.state));
		return found < 0 ? -1 : 0;
	}
	if (d->due_us > s->now_us) {
		buf_str(b, "; next try ");
		words_when(b, d->due_us, s->now_us);
		buf_str(b, ", at ");
		story_clock(b, d->due_us, s->now_us);
	} else {
		buf_str(b, "; it is due");
	}
	if (!s->sender && d->due_us <= s->now_us)
		buf_str(b, ", and no sender is at work: `refire send`");
	return 0;
}

static void done_add(const struct change_row *c, const struct delivery *d, struct buf *b)
{
	if (d->settled_us >= c->time_us) {
		buf_chr(b, ' ');
		words_span(b, d->settled_us - c->time_us);
		buf_fmt(b, " after %s", c->source == SOURCE_POST_RECEIVE ? "the push" :
			c->source == SOURCE_FIRE ? "it was fired" : "it was seen");
	}
	if (d->http_status)
		buf_fmt(b, ": HTTP %d", d->http_status);
	if (d->attempts > 1)
		buf_fmt(b, " at attempt %lld", (long long)d->attempts);
}

/* The last attempt's line, which follows, has it. */
static bool told_by_attempt(const struct delivery *d)
{
	return d->attempts && d->state != DELIVERY_SUPERSEDED && d->state != DELIVERY_DROPPED &&
		d->state != DELIVERY_READY;
}

static int sentence(struct story *s, const struct change_row *c, const struct delivery *d,
	struct buf *b, struct err *e)
{
	if (d->state == DELIVERY_DELIVERED) {
		done_add(c, d, b);
		return 0;
	}
	if (d->state == DELIVERY_INFLIGHT) {
		buf_str(b, ": a request is under way");
		return 0;
	}
	if (d->attempts)
		buf_fmt(b, " after %lld %s", (long long)d->attempts, plural(d->attempts));
	if (*d->error && !told_by_attempt(d))
		buf_fmt(b, ": %s", d->error);
	if (d->state == DELIVERY_READY || d->state == DELIVERY_WAITING)
		return waiting_add(s, d, b, e);
	if (d->state == DELIVERY_SUPERSEDED)
		buf_str(b, "; the newer one stands for this one too (mode = superseded)");
	return 0;
}

static enum style style_of(enum delivery_state state)
{
	switch (state) {
	case DELIVERY_DELIVERED: return STYLE_GOOD;
	case DELIVERY_FAILED: return STYLE_BAD;
	case DELIVERY_HELD: return STYLE_HELD;
	case DELIVERY_INFLIGHT: return STYLE_BUSY;
	case DELIVERY_WAITING: case DELIVERY_READY: return STYLE_WARN;
	default: return STYLE_DIM;
	}
}

/* ---- what to do ---- */

static int delivered_take(const struct queue_pipeline *p, void *arg)
{
	struct remedy_case *c = arg;

	if (!strcmp(p->pipeline, c->name))
		c->delivered_us = p->delivered_us;
	return 0;
}

static int64_t written_us(const struct pipeline *p)
{
	struct stat st;

	if (!p || !*p->secret_file || stat(p->secret_file, &st))
		return 0;
	return (int64_t)st.st_mtim.tv_sec * US_PER_S;
}

static int remedy_tell(struct telling *t, struct err *e)
{
	const struct delivery *d = t->d;
	struct story *s = t->s;
	char id[WORDS_ID + 1];
	struct remedy_case c = { .code = d->code, .status = d->http_status, .message = d->error,
		.url = t->url ? t->url : "", .location = t->location ? t->location : "",
		.allow = t->allow ? t->allow : "", .delivery = id, .name = d->pipeline,
		.pipeline = config_pipeline(s->session->config, d->pipeline), .now_us = s->now_us,
		.again = d->state == DELIVERY_WAITING };
	struct buf b;

	if (!*d->code || d->state == DELIVERY_DELIVERED || d->state == DELIVERY_INFLIGHT)
		return 0;
	memccpy(id, d->id, 0, WORDS_ID);
	id[WORDS_ID] = '\0';
	c.secret_us = written_us(c.pipeline);
	if (queue_pipelines(s->q, delivered_take, &c, e) < 0)
		return -1;
	buf_init(&b, 16 * KIB);
	remedy(&c, &b);
	if (b.len)
		story_line(s, STYLE_BOLD, "    what to do", STYLE_NONE, b.s);
	buf_release(&b);
	return 0;
}

int story_delivery(struct story *s, const struct change_row *c, const struct delivery *d,
	struct err *e)
{
	struct telling t = { .s = s, .d = d };
	struct buf b, label;
	int failed;

	s->failed = s->failed || d->state == DELIVERY_FAILED || d->state == DELIVERY_HELD;
	buf_init(&b, 64 * KIB);
	buf_init(&label, 1 * KIB);
	buf_fmt(&label, "  %s", d->pipeline);
	buf_str(&b, delivery_word(d->state));
	failed = sentence(s, c, d, &b, e);
	buf_fmt(&b, " (delivery %.*s)", WORDS_ID, d->id);
	if (!failed)
		story_line(s, STYLE_BOLD, label.s, style_of(d->state), b.s);
	buf_release(&label);
	buf_release(&b);
	return failed || steps_tell(&t, e) || remedy_tell(&t, e) ? -1 : 0;
}
