/*
 * show.c - `refire queue show ID`: one delivery, whole: why it is where it is,
 * the change it came from, and every attempt with the answer it got.
 *
 * The journal rows of a delivery are read as the sender wrote them:
 *	request		{"method","url","headers":{},"bodyBytes","bodySha256"}
 *	response	{"status","headers":{},"body","bodyBytes","bodyTruncated"}
 *	extra		{"attempt","address","dnsUs","connectUs","tlsUs","totalUs",...}
 */
#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "clock.h"
#include "gone.h"
#include "json.h"
#include "kinds.h"
#include "log.h"
#include "lookup.h"
#include "match.h"
#include "words.h"

#define LABEL 12
#define BODY_LINES 24		/* of an answer, for a person */
#define SHOW_MAX (64 * MIB)

struct showing {
	const struct ask *ask;
	const struct delivery *d;
	struct buf out;
	struct json json;
};

/* ---- lines ---- */

/* "label       " and room for the rest of the line. */
static void label(struct showing *s, const char *name)
{
	struct buf b;

	buf_init(&b, 256);
	buf_fmt(&b, "%-*s", LABEL, name);
	screen_styled(&s->ask->screen, &s->out, STYLE_DIM, b.s);
	buf_release(&b);
}

static void text(struct showing *s, const char *value)
{
	log_safe(&s->out, value, strlen(value));
}

static void field(struct showing *s, const char *name, const char *value)
{
	if (!*value)
		return;
	label(s, name);
	text(s, value);
	buf_chr(&s->out, '\n');
}

static void field_time(struct showing *s, const char *name, int64_t us)
{
	char iso[CLOCK_ISO_SIZE];

	if (!us)
		return;
	label(s, name);
	buf_fmt(&s->out, "%s, ", clock_iso(us, iso));
	words_when(&s->out, us, s->ask->now_us);
	buf_chr(&s->out, '\n');
}

/* ---- the delivery ---- */

static void state_show(struct showing *s)
{
	const struct delivery *d = s->d;
	struct buf why;

	label(s, "state");
	screen_styled(&s->ask->screen, &s->out, list_style(d->state), delivery_word(d->state));
	buf_chr(&s->out, '\n');
	if (!*d->code && !*d->error)
		return;
	buf_init(&why, 64 * KIB);
	buf_fmt(&why, "%s%s%s", d->code, *d->code && *d->error ? ": " : "", d->error);
	screen_wrapped(&s->ask->screen, &s->out, LABEL, STYLE_DIM, "why", STYLE_NONE, why.s);
	buf_release(&why);
}

static void approval_show(struct showing *s)
{
	const struct config *c = s->ask->session.config;
	const struct pipeline *p = config_pipeline(c, s->d->pipeline);
	const struct list *l = p && p->approvers.n ? &p->approvers : &c->approvers;

	field(s, "next", "`refire approve` sends it, `refire reject` gives it up");
	if (!p || !l->n)
		return;
	label(s, "approvers");
	for (size_t i = 0; i < l->n; i++) {
		buf_str(&s->out, i ? ", " : "");
		text(s, l->v[i]);
	}
	buf_chr(&s->out, '\n');
	field_time(s, "expires", s->d->expires_us);
}

static void next_show(struct showing *s)
{
	const struct delivery *d = s->d;

	if (d->state == DELIVERY_HELD && strcmp(d->code, APPROVAL_CODE) == 0)
		approval_show(s);
	else if (d->state == DELIVERY_HELD)
		field(s, "next", "waits for a person: `refire queue retry` sends it, `drop` gives it up");
	else if (d->state == DELIVERY_INFLIGHT)
		field(s, "next", "a request is under way");
	else if (delivery_settled(d->state))
		field_time(s, "settled", d->settled_us);
	else if (!d->head)
		field(s, "next", "after the deliveries before it in its lane (same pipeline and ref)");
	else if (d->due_us <= s->ask->now_us)
		field(s, "next", "now: it goes as soon as a sender runs");
	else
		field_time(s, "next try", d->due_us);
}

static void pipeline_show(struct showing *s)
{
	const struct pipeline *p = config_pipeline(s->ask->session.config, s->d->pipeline);

	label(s, "pipeline");
	text(s, s->d->pipeline);
	if (!p)
		buf_str(&s->out, "  (not in the configuration any more)");
	else if (kind_takes(kind_find(p->target), "format"))
		buf_fmt(&s->out, "  (target %s, format %s)", p->target, p->format);
	else
		buf_fmt(&s->out, "  (target %s)", p->target);
	buf_chr(&s->out, '\n');
}

static void delivery_show(struct showing *s)
{
	const struct delivery *d = s->d;

	field(s, "delivery", d->id);
	state_show(s);
	next_show(s);
	pipeline_show(s);
	field(s, "repository", d->repository);
	field(s, "ref", d->ref);
	field(s, "before", oid_is_zero(d->before) ? "none: the ref was created" : d->before);
	field(s, "after", oid_is_zero(d->after) ? "none: the ref was deleted" : d->after);
	field_time(s, "made", d->made_us);
}

/* ---- the change ---- */

static const char *const source_verbs[] = {
	[SOURCE_POST_RECEIVE] = "pushed by", [SOURCE_RECONCILE] = "seen by",
	[SOURCE_POLL] = "seen by", [SOURCE_FIRE] = "fired by",
};
_Static_assert(sizeof(source_verbs) / sizeof(*source_verbs) == SOURCE_COUNT, "one each");

static void who_show(struct showing *s, const struct change_row *c)
{
	label(s, source_verbs[c->source]);
	text(s, c->source == SOURCE_RECONCILE || c->source == SOURCE_POLL ? "refire" : c->actor);
	buf_str(&s->out, " (Unix user ");
	text(s, c->user);
	buf_fmt(&s->out, ", uid %lld)", (long long)c->uid);
	if (*c->address) {
		buf_str(&s->out, " from ");
		text(s, c->address);
	}
	buf_chr(&s->out, '\n');
}

static void detail_show(struct showing *s, const char *detail)
{
	json_t *j = json_loads(detail, 0, NULL), *value;
	const char *name;
	size_t i;

	json_array_foreach(json_object_get(j, "options"), i, value)
		field(s, "option", json_string_value(value) ? json_string_value(value) : "");
	json_object_foreach(json_object_get(j, "vars"), name, value) {
		label(s, "variable");
		text(s, name);
		buf_chr(&s->out, '=');
		text(s, json_string_value(value) ? json_string_value(value) : "");
		buf_chr(&s->out, '\n');
	}
	json_object_foreach(json_object_get(j, "claims"), name, value) {
		label(s, "claim");
		text(s, name);
		buf_chr(&s->out, '=');
		text(s, json_string_value(value) ? json_string_value(value) : "");
		buf_chr(&s->out, '\n');
	}
	json_array_foreach(json_object_get(j, "shortened"), i, value)
		field(s, "shortened", json_string_value(value) ? json_string_value(value) : "");
	json_decref(j);
}

static void change_show(struct showing *s, const struct change_row *c)
{
	buf_chr(&s->out, '\n');
	field(s, "change", c->id);
	who_show(s, c);
	field(s, "reported by", source_word(c->source));
	field_time(s, "at", c->time_us);
	field(s, "path", c->path);
	detail_show(s, c->detail);
}

/* ---- attempts ---- */

static void headers_show(struct showing *s, const json_t *headers, const char *mark)
{
	json_t *all = (json_t *)(uintptr_t)headers, *value;	/* jansson knows no const here */
	const char *name;

	json_object_foreach(all, name, value) {
		buf_fmt(&s->out, "  %s ", mark);
		text(s, name);
		buf_str(&s->out, ": ");
		text(s, json_string_value(value) ? json_string_value(value) : "");
		buf_chr(&s->out, '\n');
	}
}

static void request_show(struct showing *s, const json_t *r)
{
	if (!*lookup_text(r, "method"))
		return;
	buf_str(&s->out, "  > ");
	text(s, lookup_text(r, "method"));
	buf_chr(&s->out, ' ');
	text(s, lookup_text(r, "url"));
	buf_chr(&s->out, '\n');
	headers_show(s, lookup_get(r, "headers"), ">");
	buf_str(&s->out, "  > body of ");
	words_bytes(&s->out, lookup_int(r, "bodyBytes"));
	if (*lookup_text(r, "bodySha256")) {
		buf_str(&s->out, ", SHA-256 ");
		text(s, lookup_text(r, "bodySha256"));
	}
	buf_chr(&s->out, '\n');
}

static void body_show(struct showing *s, const char *body)
{
	int lines = 0;

	while (*body && lines++ < BODY_LINES) {
		size_t n = strcspn(body, "\n");

		buf_str(&s->out, "  < | ");
		log_safe(&s->out, body, n && body[n - 1] == '\r' ? n - 1 : n);
		buf_chr(&s->out, '\n');
		body += n + (body[n] == '\n');
	}
	if (*body)
		buf_str(&s->out, "  < | ... (--json shows the rest)\n");
}

static void response_show(struct showing *s, const json_t *r)
{
	int64_t status = lookup_int(r, "status"), size = lookup_int(r, "bodyBytes");

	if (!status)
		return;
	buf_fmt(&s->out, "  < HTTP %lld\n", (long long)status);
	headers_show(s, lookup_get(r, "headers"), "<");
	body_show(s, lookup_text(r, "body"));
	buf_str(&s->out, size ? "  < body of " : "  < no body");
	if (size)
		words_bytes(&s->out, size);
	if (*lookup_text(r, "bodySha256")) {
		buf_str(&s->out, ", SHA-256 ");
		text(s, lookup_text(r, "bodySha256"));
	}
	if (json_is_true(lookup_get(r, "bodyTruncated")))
		buf_str(&s->out, " or more: reading stopped there");
	buf_chr(&s->out, '\n');
}

static void program_show(struct showing *s, const json_t *request, const json_t *response)
{
	const json_t *word;
	size_t i;

	json_array_foreach(lookup_get(request, "command"), i, word) {
		buf_str(&s->out, i ? " " : "  $ ");
		text(s, json_string_value(word) ? json_string_value(word) : "");
	}
	if (i)
		buf_chr(&s->out, '\n');
	body_show(s, lookup_text(response, "output"));
	if (json_is_true(lookup_get(response, "outputTruncated")))
		buf_str(&s->out, "  < | ... (the rest was not kept)\n");
}

static void span_add(struct showing *s, const char *name, const json_t *extra, const char *key)
{
	int64_t us = lookup_int(extra, key);

	if (us <= 0)
		return;
	buf_fmt(&s->out, ", %s ", name);
	words_span(&s->out, us);
}

static void timing_show(struct showing *s, const struct journal_row *r, const json_t *extra)
{
	const char *address = lookup_text(extra, "address");

	if (!lookup_int(extra, "totalUs") && !*address)
		return;
	buf_str(&s->out, "  ");
	text(s, *address ? address : r->event == JOURNAL_RUN ? "ran" : "not connected");
	span_add(s, "name", extra, "dnsUs");
	span_add(s, "connect", extra, "connectUs");
	span_add(s, "TLS", extra, "tlsUs");
	span_add(s, "in all", extra, "totalUs");
	buf_chr(&s->out, '\n');
}

static const char *event_word(enum journal_event e)
{
	static const char *const words[] = {
#define X(name, event, source, ro) [JOURNAL_##name] = event,
		JOURNAL_LIST(X)
#undef X
	};
	return e < JOURNAL_COUNT ? words[e] : "?";
}

/* "attempt 2", "attempt 2, request 3", "RetryDelivery". */
static void what_add(struct buf *b, const struct journal_row *r, const json_t *extra)
{
	int64_t exchange = lookup_int(extra, "exchange");

	if (!journal_is_attempt(r->event)) {
		buf_str(b, event_word(r->event));
		return;
	}
	buf_fmt(b, "attempt %lld", (long long)lookup_int(extra, "attempt"));
	if (exchange > 1)
		buf_fmt(b, ", request %lld", (long long)exchange);
	if (r->call && *r->call)
		buf_fmt(b, ", %s", r->call + strcspn(r->call, " ") + 1);
}

/* What came of it: an attempt's verdict; who gave a command, and why; the state that
   a delivery was left in. */
static void outcome_add(struct buf *b, const struct journal_row *r, const json_t *request,
	const json_t *response, const json_t *extra)
{
	const char *by = lookup_text(extra, "operator"), *reason = lookup_text(request, "reason");

	if (!*by)
		by = lookup_text(extra, "approver");
	if (!*reason)
		reason = lookup_text(request, "summary");
	if (lookup_get(response, "attempts"))
		buf_fmt(b, "%s after %lld %s", lookup_text(response, "state"),
			(long long)lookup_int(response, "attempts"),
			lookup_int(response, "attempts") == 1 ? "attempt" : "attempts");
	else if (*by)
		buf_fmt(b, "by %s%s%s", by, *reason ? ": " : "", reason);
	else if (*r->code)
		buf_fmt(b, "%s%s%s", r->code, *r->message ? ": " : "", r->message);
	else
		buf_str(b, "ok");
}

static void heading_show(struct showing *s, const struct journal_row *r, const json_t *request,
	const json_t *response, const json_t *extra)
{
	const struct screen *screen = &s->ask->screen;
	char iso[CLOCK_ISO_SIZE];
	struct buf what, outcome;

	buf_init(&what, 1 * KIB);
	buf_init(&outcome, 64 * KIB);
	what_add(&what, r, extra);
	outcome_add(&outcome, r, request, response, extra);
	buf_chr(&s->out, '\n');
	screen_styled(screen, &s->out, STYLE_BOLD, what.s);
	buf_fmt(&s->out, "  %s\n", clock_iso(r->time_us, iso));
	screen_wrapped(screen, &s->out, 2, STYLE_NONE, "", *r->code ? STYLE_BAD : STYLE_GOOD,
		outcome.s);
	buf_release(&what);
	buf_release(&outcome);
}

static int journal_show(const struct journal_row *r, void *arg)
{
	struct showing *s = arg;
	json_t *request = json_loads(r->request, 0, NULL), *extra = json_loads(r->extra, 0, NULL);
	json_t *response = json_loads(r->response, 0, NULL);

	heading_show(s, r, request, response, extra);
	if (r->event == JOURNAL_DELIVER) {
		request_show(s, request);
		timing_show(s, r, extra);
		response_show(s, response);
	} else if (r->event == JOURNAL_RUN) {
		program_show(s, request, response);
		timing_show(s, r, extra);
	}
	json_decref(request);
	json_decref(response);
	json_decref(extra);
	return 0;
}

static int show_text(struct showing *s, struct queue *q, const struct change_row *c,
	struct err *e)
{
	delivery_show(s);
	change_show(s, c);
	if (queue_journal(q, 0, s->d->seq, 0, journal_show, s, e) < 0)
		return -1;
	if (!s->d->attempts)
		buf_str(&s->out, "\nnot tried yet\n");
	return 0;
}

/* ---- JSON ---- */

static void raw(struct json *j, const char *key, const char *json)
{
	json_key(j, key);
	if (*json)
		json_raw(j, json);
	else
		json_null(j);
}

static int journal_json(const struct journal_row *r, void *arg)
{
	struct showing *s = arg;
	struct json *j = &s->json;
	char iso[CLOCK_ISO_SIZE];

	json_object(j);
	json_key(j, "sequence");
	json_int(j, r->seq);
	json_kv(j, "time", clock_iso_us(r->time_us, iso));
	json_kv(j, "event", event_word(r->event));
	json_kv(j, "code", *r->code ? r->code : NULL);
	json_kv(j, "message", *r->message ? r->message : NULL);
	raw(j, "request", r->request);
	raw(j, "response", r->response);
	raw(j, "extra", r->extra);
	json_end(j);
	return 0;
}

static int attempts_json(const struct journal_row *r, void *arg)
{
	return journal_is_attempt(r->event) ? journal_json(r, arg) : 0;
}

static int actions_json(const struct journal_row *r, void *arg)
{
	return journal_is_attempt(r->event) ? 0 : journal_json(r, arg);
}

static void change_json(struct json *j, const struct change_row *c)
{
	char iso[CLOCK_ISO_SIZE];

	json_key(j, "reported");
	json_object(j);
	json_kv(j, "time", clock_iso_us(c->time_us, iso));
	json_kv(j, "taken", clock_iso_us(c->taken_us, iso));
	json_key(j, "uid");
	json_int(j, c->uid);
	json_kv(j, "user", c->user);
	json_kv(j, "address", *c->address ? c->address : NULL);
	json_kv(j, "path", *c->path ? c->path : NULL);
	json_key(j, "skip");
	json_bool(j, c->skip);
	raw(j, "detail", c->detail);
	json_end(j);
}

static int show_json(struct showing *s, struct queue *q, const struct change_row *c,
	struct err *e)
{
	struct json *j = &s->json;

	json_init(j, &s->out);
	json_object(j);
	list_members(j, s->d);
	change_json(j, c);
	json_key(j, "attempts");
	json_array(j);
	if (queue_journal(q, 0, s->d->seq, 0, attempts_json, s, e) < 0)
		return -1;
	json_end(j);
	json_key(j, "actions");
	json_array(j);
	if (queue_journal(q, 0, s->d->seq, 0, actions_json, s, e) < 0)
		return -1;
	json_end(j);
	json_end(j);
	buf_chr(&s->out, '\n');
	return 0;
}

/* ---- */

static int show_delivery(const struct ask *a, struct queue *q, struct arena *arena, struct err *e)
{
	struct showing s = { .ask = a };
	struct change_row c;
	struct delivery d;
	int rc;

	if (queue_find(q, arena, a->ids[0], &d, e)) {
		struct err unknown = *e;

		if (e->code == ERR_NOENT && gone_find(&a->session, q, a->ids[0], e) == 0)
			*e = unknown;
		return -1;
	}
	if (queue_change(q, arena, d.change_seq, &c, e))
		return -1;
	s.d = &d;
	buf_init(&s.out, SHOW_MAX);
	rc = a->json ? show_json(&s, q, &c, e) : show_text(&s, q, &c, e);
	if (rc == 0)
		fwrite(s.out.s, 1, s.out.len, stdout);
	buf_release(&s.out);
	return rc;
}

int show_run(const struct ask *a, struct err *e)
{
	struct arena arena;
	struct queue *q;
	int rc;

	if (store_open(&a->session, QUEUE_READ, &q, e))
		return -1;
	arena_init(&arena);
	if (q)
		rc = show_delivery(a, q, &arena, e);
	else
		rc = err_set(e, ERR_NOENT, "no delivery has the id %s: nothing was taken in so far",
			a->ids[0]);
	arena_release(&arena);
	queue_close(q);
	return rc;
}
