/*
 * trail.c - `refire trail`: what happened, who
 * caused it, what the far side answered.
 *
 * Records are shown as a table for a person, or as stored with --json.
 */
#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "clock.h"
#include "follow.h"
#include "log.h"
#include "lookup.h"
#include "records.h"
#include "session.h"
#include "table.h"
#include "trail_seals.h"
#include "words.h"

#define LIMIT_SCREEN 50		/* rows on a terminal where no --limit is given */

enum {
	OPT_EVENT_NAME, OPT_USERNAME, OPT_EVENT_SOURCE, OPT_EVENT_ID, OPT_READ_ONLY,
	OPT_RESOURCE, OPT_CHANGE, OPT_DELIVERY, OPT_PIPELINE, OPT_REPOSITORY, OPT_ERROR_CODE,
	OPT_FAILED, OPT_SINCE, OPT_UNTIL, OPT_TEXT, OPT_LIMIT, OPT_OLDEST_FIRST, OPT_KEY,
	OPT_WITNESS, OPT_ALL, OPT_CONFIG, OPT_JSON, OPT_RECORDS, OPT_HELP
};
static const struct args_option options[] = {
	[OPT_EVENT_NAME] = { "event-name", 0, "NAME", "GitPush, MatchPipelines, DeliverWebhook, ..." },
	[OPT_USERNAME] = { "username", 0, "NAME", "who caused it (or uid:NUMBER)" },
	[OPT_EVENT_SOURCE] = { "event-source", 0, "NAME", "git.refire, webhook-sender.refire, ..." },
	[OPT_EVENT_ID] = { "event-id", 0, "ID", "one record" },
	[OPT_READ_ONLY] = { "read-only", 0, "BOOL", "records that changed nothing (true), or did (false)" },
	[OPT_RESOURCE] = { "resource", 0, "NAME", "an ARN of its resources, or its last part" },
	[OPT_CHANGE] = { "change", 0, "ID", "everything about one change (the id, or its beginning)" },
	[OPT_DELIVERY] = { "delivery", 0, "ID", "everything about one delivery" },
	[OPT_PIPELINE] = { "pipeline", 0, "NAME", "records about this pipeline" },
	[OPT_REPOSITORY] = { "repository", 0, "NAME", "records about this repository" },
	[OPT_ERROR_CODE] = { "error-code", 0, "CODE", "records that failed with this code" },
	[OPT_FAILED] = { "failed", 0, NULL, "records that failed" },
	[OPT_SINCE] = { "since", 0, "TIME", "from 2026-11-23, 2026-11-23T01:02Z, or an age: 90s, 2h, 3d" },
	[OPT_UNTIL] = { "until", 0, "TIME", "before that time" },
	[OPT_TEXT] = { "text", 0, "TEXT", "this text anywhere in the record; case counts" },
	[OPT_LIMIT] = { "limit", 'n', "N", "at most N records; 0: all (50 on a terminal, else all)" },
	[OPT_OLDEST_FIRST] = { "oldest-first", 0, NULL, "begin with the oldest record" },
	[OPT_KEY] = { "key", 0, "FILE", "verify: trust this public key (as `key export` writes it) alone" },
	[OPT_WITNESS] = { "witness", 0, "FILE", "verify: heads that were noted elsewhere" },
	[OPT_ALL] = { "all", 0, NULL, "verify: also name what is valid" },
	[OPT_CONFIG] = ARGS_OPTION_CONFIG,
	[OPT_JSON] = { "json", 0, NULL, "print whole records as they are stored, one a line" },
	[OPT_RECORDS] = { "records", 0, NULL, "lookup: print one document, {\"Records\": [...]}" },
	[OPT_HELP] = ARGS_OPTION_HELP,
	{ NULL, 0, NULL, NULL },
};
static const char *const synopsis[] = { "[lookup] [OPTION...]", "follow [OPTION...]", "seal",
	"verify [--key FILE] [--witness FILE] [--all] [--json]", "key [make|rotate|export]", NULL };
static const struct args_usage usage = {
	.program = "refire trail", .synopsis = synopsis, .options = options,
	.summary = "Shows the trail: one record for each thing that was done, in the form of AWS\n"
		"CloudTrail's. `lookup` finds records, the newest first; `follow` shows records as\n"
		"they are written. Several conditions must all hold. `seal` seals what there is now,\n"
		"without waiting for the hour; `verify` tells whether what was sealed is still as it\n"
		"was (exit status 1: not); `key` shows the key that signs, makes a first or another\n"
		"one, or prints the public one (PKCS#1 DER).",
	.notes = "Records of one push share its change id:\n"
		"  refire trail lookup --change ID --oldest-first",
};

static const struct column wide[] = {
	{ "TIME", 0, false }, { "EVENT", 0, false }, { "WHO", 5, false },
	{ "REPOSITORY", 6, false }, { "PIPELINE", 6, false }, { "REF", 5, false },
	{ "RESULT", 12, false },
};
#define WIDE (sizeof(wide) / sizeof(*wide))
/* Where there is little room: no year, and one column of where it happened. */
static const struct column narrow[] = {
	{ "TIME (UTC)", 0, false }, { "EVENT", 0, false }, { "WHO", 5, false },
	{ "WHERE", 12, false }, { "RESULT", 12, false },
};
#define NARROW (sizeof(narrow) / sizeof(*narrow))
#define NARROW_WIDTH 110		/* columns of a terminal */

struct show {
	struct screen screen;
	struct table table;
	bool json, narrow, streaming;	/* streaming: each row at once */
	bool document;			/* {"Records":[...]} */
	struct screen errors;		/* where progress is shown */
	int percent;			/* shown last, -1 none */
	bool limited;			/* by us: nobody asked for a limit */
	long long limit, shown;
};

/* ---- one record for a person ---- */

static void ref_add(const json_t *r, struct buf *out)
{
	const char *ref = lookup_text(r, "additionalEventData.ref");
	const json_t *list = lookup_get(r, "requestParameters.references");
	int64_t n = lookup_int(r, "requestParameters.referenceCount");

	if (!*ref)
		ref = lookup_text(json_array_get(list, 0), "ref");
	words_ref(out, ref);
	if (n > 1)
		buf_fmt(out, " +%lld", (long long)n - 1);
}

static const char *pipeline_of(const json_t *r)
{
	const char *name = lookup_text(r, "additionalEventData.pipeline");

	return *name ? name : lookup_text(r, "requestParameters.pipelineName");
}

/* Who gave a command, else who caused the change. */
static const char *who(const json_t *r)
{
	const char *name = lookup_text(r, "additionalEventData.operator");

	return *name ? name : lookup_text(r, "userIdentity.userName");
}

/* MatchPipelines: how many of the pipelines that watch the repository were fired. */
static void matches_add(const json_t *decisions, struct buf *out)
{
	const json_t *decision, *pipeline;
	size_t i, k, n = 0, matched = 0;

	json_array_foreach(decisions, i, decision)
		json_array_foreach(lookup_get(decision, "pipelines"), k, pipeline) {
			n++;
			matched += strncmp(lookup_text(pipeline, "result"), "Matched", 7) == 0;
		}
	buf_fmt(out, "%zu of %zu %s", matched, n, n == 1 ? "pipeline" : "pipelines");
}

static void result_add(const json_t *r, struct buf *out)
{
	const char *code = lookup_text(r, "errorCode"), *message = lookup_text(r, "errorMessage");
	int64_t status = lookup_int(r, "responseElements.status");

	if (*code)
		buf_fmt(out, "%s%s%s", code, *message ? ": " : "", message);
	else if (status)
		buf_fmt(out, "%lld", (long long)status);
	else if (lookup_get(r, "responseElements.decisions"))
		matches_add(lookup_get(r, "responseElements.decisions"), out);
	else
		buf_str(out, "ok");
}

/* "web main", "web main: web-deploy" */
static void where_add(const json_t *r, struct buf *out)
{
	const char *pipeline = pipeline_of(r);

	buf_fmt(out, "%s ", lookup_text(r, "additionalEventData.repository"));
	ref_add(r, out);
	if (*pipeline)
		buf_fmt(out, ": %s", pipeline);
}

static void cells_narrow(struct show *s, const json_t *r, struct buf *b)
{
	const char *time = lookup_text(r, "eventTime");

	if (strlen(time) == 20)
		buf_fmt(b, "%.5s %.8s", time + 5, time + 11);
	else
		buf_str(b, time);
	table_cell(&s->table, STYLE_DIM, b->s);
	table_cell(&s->table, STYLE_NONE, lookup_text(r, "eventName"));
	table_cell(&s->table, STYLE_NONE, who(r));
	buf_clear(b);
	where_add(r, b);
	table_cell(&s->table, STYLE_NONE, b->s);
}

static void cells_wide(struct show *s, const json_t *r, struct buf *b)
{
	table_cell(&s->table, STYLE_DIM, lookup_text(r, "eventTime"));
	table_cell(&s->table, STYLE_NONE, lookup_text(r, "eventName"));
	table_cell(&s->table, STYLE_NONE, who(r));
	table_cell(&s->table, STYLE_NONE, lookup_text(r, "additionalEventData.repository"));
	table_cell(&s->table, STYLE_NONE, pipeline_of(r));
	ref_add(r, b);
	table_cell(&s->table, STYLE_NONE, b->s);
}

static void row_add(struct show *s, const json_t *r)
{
	bool failed = *lookup_text(r, "errorCode");
	struct buf b;

	buf_init(&b, 64 * KIB);
	if (s->narrow)
		cells_narrow(s, r, &b);
	else
		cells_wide(s, r, &b);
	buf_clear(&b);
	result_add(r, &b);
	table_cell(&s->table, failed ? STYLE_BAD : STYLE_GOOD, b.s);
	buf_release(&b);
}

static int record_show(const char *line, size_t n, json_t *record, void *arg)
{
	struct show *s = arg;

	if (s->document)
		printf("%s\n%.*s", s->shown ? "," : "", (int)n, line);
	else if (s->json) {
		fwrite(line, 1, n, stdout);
		putchar('\n');
	} else {
		row_add(s, record);
	}
	if (s->streaming)
		fflush(stdout);
	s->shown++;
	return s->limit > 0 && s->shown >= s->limit ? 1 : 0;
}

/* ---- the two verbs ---- */

/* A result in a file that ends early is still a result; the person is told. */
static void walk_remarks(const struct records *w)
{
	if (w->torn)
		log_warn("the last line of %s is not whole yet; it was passed over",
			w->torn == 1 ? "a file" : "some files");
	if (w->unreadable)
		log_warn("%lld %s not records and passed over", (long long)w->unreadable,
			w->unreadable == 1 ? "line is" : "lines are");
}

/* On a terminal, and only while nothing else is being printed there. */
static void progress_show(size_t done, size_t files, void *arg)
{
	struct show *s = arg;
	int percent = files ? (int)(done * 100 / files) : 100;

	if (!s->errors.terminal || files < 20 || percent == s->percent || (s->shown && s->streaming))
		return;
	s->percent = percent;
	fprintf(stderr, "\r%3d %% of %zu files", percent, files);
}

static void progress_end(const struct show *s)
{
	if (s->percent >= 0)
		fprintf(stderr, "\r\033[K");
}

static int lookup_run(struct show *s, const struct lookup *l, bool oldest_first,
	const char *dir, struct err *e)
{
	struct records w = { .lookup = l, .oldest_first = oldest_first,
		.each = record_show, .arg = s, .progress = progress_show };
	int rc;

	s->percent = -1;
	screen_init(&s->errors, stderr);
	if (s->document)
		fputs("{\"Records\":[", stdout);
	rc = records_dir(&w, dir, e);
	progress_end(s);
	if (s->document)
		fputs("\n]}\n", stdout);
	else if (!s->json)
		table_end(&s->table);
	fflush(stdout);
	if (rc < 0)
		return -1;
	walk_remarks(&w);
	if (s->shown == 0 && !s->json)
		log_info("no record matches");
	if (rc > 0 && s->limited)
		log_info("the first %lld; --limit 0 shows all", s->shown);
	return 0;
}

/* Rows that come one at a time cannot be measured: the columns have fixed widths. */
static int follow_run(struct show *s, const struct lookup *l, const char *dir, struct err *e)
{
	struct follow f = { .lookup = l, .each = record_show, .arg = s };
	static const int widths[WIDE] = { 20, 16, 10, 16, 16, 20, 24 };
	static const int less[NARROW] = { 14, 16, 10, 24, 24 };

	s->streaming = true;
	if (!s->json)
		table_stream(&s->table, s->narrow ? less : widths);
	return follow_dir(&f, dir, e);
}

static int time_option(const struct args *a, const char *name, int64_t *out, struct err *e)
{
	if (clock_parse(a->value, clock_wall_us(), out) == 0)
		return 0;
	return args_refuse(&usage, e, "--%s %s: expected a time such as 2026-11-23, "
		"2026-11-23T01:02:03Z or an age such as 90s, 15m, 2h, 3d", name, a->value);
}

struct request {
	const char *config;
	struct lookup_query query;
	struct seals_verify verify;
	bool oldest_first, json, document, help;
	long long limit;		/* -1: not given */
};

static int bool_option(const struct args *a, struct lookup_query *q, struct err *e)
{
	bool value;

	if (args_bool(a, "read-only", &value, e))
		return -1;
	q->read_only = value;
	return 0;
}

static int option_set(struct request *r, const struct args *a, int k, struct err *e)
{
	struct lookup_query *q = &r->query;

	switch (k) {
	case OPT_CONFIG: r->config = a->value; break;
	case OPT_EVENT_NAME: q->event_name = a->value; break;
	case OPT_USERNAME: q->username = a->value; break;
	case OPT_EVENT_SOURCE: q->event_source = a->value; break;
	case OPT_EVENT_ID: q->event_id = a->value; break;
	case OPT_READ_ONLY: return bool_option(a, q, e);
	case OPT_RESOURCE: q->resource = a->value; break;
	case OPT_CHANGE: q->change = a->value; break;
	case OPT_DELIVERY: q->delivery = a->value; break;
	case OPT_PIPELINE: q->pipeline = a->value; break;
	case OPT_REPOSITORY: q->repository = a->value; break;
	case OPT_ERROR_CODE: q->error_code = a->value; break;
	case OPT_FAILED: q->failed = true; break;
	case OPT_SINCE: return time_option(a, "since", &q->since_us, e);
	case OPT_UNTIL: return time_option(a, "until", &q->until_us, e);
	case OPT_TEXT: q->text = a->value; break;
	case OPT_LIMIT: return args_number(a, "limit", 0, &r->limit, e);
	case OPT_OLDEST_FIRST: r->oldest_first = true; break;
	case OPT_KEY: r->verify.key = a->value; break;
	case OPT_WITNESS: r->verify.witness = a->value; break;
	case OPT_ALL: r->verify.all = true; break;
	case OPT_RECORDS: r->json = r->document = true; break;
	case OPT_JSON: r->json = r->verify.json = true; break;
	case OPT_HELP: r->help = true; break;
	}
	return 0;
}

static int records_run(const struct request *r, const struct session *session, bool follow,
	struct err *e)
{
	struct show s = { .json = r->json, .document = r->document, .limit = r->limit };
	struct lookup *l;
	int rc;

	screen_init(&s.screen, stdout);
	s.limited = s.limit < 0 && s.screen.terminal && !s.json && !follow;
	if (s.limit < 0)
		s.limit = s.limited ? LIMIT_SCREEN : 0;
	s.narrow = s.screen.terminal && s.screen.width < NARROW_WIDTH;
	table_begin(&s.table, &s.screen, s.narrow ? narrow : wide, s.narrow ? NARROW : WIDE);
	l = lookup_new(&r->query);
	rc = follow ? follow_run(&s, l, session->paths.trail, e)
		: lookup_run(&s, l, r->oldest_first, session->paths.trail, e);
	lookup_free(l);
	return rc < 0 ? -1 : 0;
}

static int verb_run(const struct request *r, const struct session *session, char **rest, int nrest,
	struct err *e)
{
	const char *verb = nrest ? rest[0] : "lookup", *more = nrest > 1 ? rest[1] : NULL;

	if (!strcmp(verb, "key") && nrest < 3 && (!more || !strcmp(more, "make") ||
	    !strcmp(more, "rotate") || !strcmp(more, "export")))
		return seals_key(session, more, e);
	if (more)
		return args_refuse(&usage, e, "unexpected `%s`", rest[nrest - 1]);
	if (!strcmp(verb, "lookup") || !strcmp(verb, "follow"))
		return records_run(r, session, !strcmp(verb, "follow"), e);
	if (!strcmp(verb, "seal"))
		return seals_seal(session, e);
	if (!strcmp(verb, "verify"))
		return seals_verify(session, &r->verify, e);
	return args_refuse(&usage, e, "expected lookup, follow, seal, verify or key, not `%s`", verb);
}

/* The exit status, or -1. */
static int trail_run(const struct request *r, char **rest, int nrest, struct err *e)
{
	struct session session;
	int rc;

	if (session_open(&session, r->config, e))
		return -1;
	rc = session.who == SESSION_OTHER ? session_refuse(&session, "trail", e) :
		verb_run(r, &session, rest, nrest, e);
	session_close(&session);
	return rc;
}

int main(int argc, char **argv)
{
	struct request r = { .query.read_only = -1, .limit = -1 };
	struct args a;
	struct err e;
	int k, status;

	log_init("refire trail", false);
	args_init(&a, &usage, argc, argv);
	while ((k = args_next(&a, &e)) >= 0)
		if (option_set(&r, &a, k, &e))
			return log_exit(&e);
	if (k == ARGS_BAD)
		return log_exit(&e);
	if (r.help)
		return words_help(&usage);
	status = trail_run(&r, a.rest, a.nrest, &e);
	return status < 0 ? log_exit(&e) : words_end(status);
}
