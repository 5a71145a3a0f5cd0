/* Lookup: each condition by itself, needles against escapes, and the walk over
   files in both directions compared with reading every line. */
#include <jansson.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "lookup.h"
#include "records.h"
#include "tap.h"

static const char record[] =
	"{\"eventVersion\":\"1.11\",\"userIdentity\":{\"type\":\"Unknown\",\"principalId\":\"uid:1000\","
	"\"userName\":\"alice \\\"a\\\"\"},\"eventTime\":\"2026-11-23T01:02:03Z\","
	"\"eventSource\":\"webhook-sender.refire\",\"eventName\":\"DeliverWebhook\","
	"\"errorCode\":\"ReceiverError\",\"errorMessage\":\"it said 500\",\"requestParameters\":null,"
	"\"additionalEventData\":{\"sequence\":7,\"change\":\"019a0000-aaaa-7000-8000-000000000001\","
	"\"repository\":\"web\",\"delivery\":\"1f3a8c2d-0000-8000-8000-000000000002\","
	"\"pipeline\":\"web-deploy\",\"operator\":\"bob\"},"
	"\"requestID\":\"1f3a8c2d-0000-8000-8000-000000000002\",\"eventID\":\"5e000000-0000-8000-8000-00000000000e\","
	"\"readOnly\":false,\"resources\":[{\"ARN\":\"arn:refire:git:eu-west-1:0:web\"},"
	"{\"ARN\":\"arn:refire:pipeline:eu-west-1:0:team/web-deploy\"}],"
	"\"sharedEventID\":\"019a0000-aaaa-7000-8000-000000000001\"}";

/* 2026-11-23T01:02:03Z */
#define AT (INT64_C(1795395723) * US_PER_S)
#define Q(...) { .read_only = -1, __VA_ARGS__ }

static const struct {
	const char *name;
	struct lookup_query q;
	int want;
} cases[] = {
	{ "no condition", Q(), 1 },
	{ "event name", Q(.event_name = "DeliverWebhook"), 1 },
	{ "event name, other", Q(.event_name = "GitPush"), 0 },
	{ "event name, beginning only", Q(.event_name = "Deliver"), 0 },
	{ "event source", Q(.event_source = "webhook-sender.refire"), 1 },
	{ "a value of another field", Q(.event_source = "DeliverWebhook"), 0 },
	{ "event id", Q(.event_id = "5e000000-0000-8000-8000-00000000000e"), 1 },
	{ "user, with quotes in the name", Q(.username = "alice \"a\""), 1 },
	{ "user by number", Q(.username = "uid:1000"), 1 },
	{ "operator", Q(.username = "bob"), 1 },
	{ "user, other", Q(.username = "web"), 0 },
	{ "change", Q(.change = "019a0000-aaaa-7000-8000-000000000001"), 1 },
	{ "change, its beginning", Q(.change = "019a0000-aa"), 1 },
	{ "change is not a delivery", Q(.change = "1f3a8c2d"), 0 },
	{ "delivery, its beginning", Q(.delivery = "1f3a"), 1 },
	{ "delivery, its middle", Q(.delivery = "8c2d"), 0 },
	{ "pipeline", Q(.pipeline = "web-deploy"), 1 },
	{ "pipeline is not the repository", Q(.pipeline = "web"), 0 },
	{ "repository", Q(.repository = "web"), 1 },
	{ "error code", Q(.error_code = "ReceiverError"), 1 },
	{ "failed", Q(.failed = true), 1 },
	{ "read only", { .read_only = 1 }, 0 },
	{ "not read only", { .read_only = 0 }, 1 },
	{ "resource, whole ARN", Q(.resource = "arn:refire:git:eu-west-1:0:web"), 1 },
	{ "resource, last part after :", Q(.resource = "team/web-deploy"), 1 },
	{ "resource, last part after /", Q(.resource = "web-deploy"), 1 },
	{ "resource, a part of the last part", Q(.resource = "deploy"), 0 },
	{ "text", Q(.text = "it said 500"), 1 },
	{ "text with a quote", Q(.text = "alice \"a"), 1 },
	{ "text, case counts", Q(.text = "It said"), 0 },
	{ "since, the same second", Q(.since_us = AT), 1 },
	{ "since, later", Q(.since_us = AT + 1), 0 },
	{ "until, the same second", Q(.until_us = AT), 0 },
	{ "until, later", Q(.until_us = AT + 1), 1 },
	{ "all at once", Q(.event_name = "DeliverWebhook", .username = "bob", .repository = "web",
		.text = "500", .failed = true, .since_us = AT - 1, .until_us = AT + 1), 1 },
	{ "all but one", Q(.event_name = "DeliverWebhook", .username = "bob", .repository = "api"), 0 },
};

static void test_cases(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct lookup *l = lookup_new(&cases[i].q);
		json_t *r = NULL;

		is_int(lookup_match(l, record, sizeof record - 1, &r), cases[i].want, "%s", cases[i].name);
		json_decref(r);
		lookup_free(l);
	}
}

static void test_not_records(void)
{
	static const char *const lines[] = { "", "{", "[]", "7", "null", "{\"a\":1}}", "\xff", "{\"a\":\"\xff\"}" };
	struct lookup_query q = Q();
	struct lookup *l = lookup_new(&q);
	json_t *r;

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		is_int(lookup_match(l, lines[i], strlen(lines[i]), &r), -1, "not a record: %s", lines[i]);
	lookup_free(l);
}

static void test_get(void)
{
	json_t *r = json_loads(record, 0, NULL);

	is_str(lookup_text(r, "userIdentity.principalId"), "uid:1000", "a dotted path");
	is_str(lookup_text(r, "userIdentity.none.at.all"), "", "a path that leads nowhere");
	is_str(lookup_text(r, "additionalEventData"), "", "an object is no text");
	is_int(lookup_int(r, "additionalEventData.sequence"), 7, "a number");
	is_int(lookup_int(NULL, "x"), 0, "nothing at all");
	json_decref(r);
}

/* ---- the walk ---- */

#define LINES 4000
#define KINDS 7

static struct {
	int day;
	int kind;			/* pipeline-KIND; -1: no record; -2: far too long */
} made[LINES];

static void line_write(FILE *f, int i, size_t pad)
{
	if (made[i].kind == -1) {
		fprintf(f, "not a record %d \"pipeline-1\"\n", i);
		return;
	}
	if (made[i].kind == -2)
		pad = 9 * 1024 * 1024;
	fprintf(f, "{\"eventTime\":\"2026-11-%02dT00:00:00Z\",\"number\":%d,\"additionalEventData\":"
		"{\"pipeline\":\"pipeline-%d\"},\"pad\":\"%*s\"}\n", made[i].day, i, made[i].kind, (int)pad, "");
}

static void files_write(const char *dir, unsigned *seed)
{
	FILE *f = NULL;
	char path[256];

	for (int i = 0; i < LINES; i++) {
		size_t pad = rand_r(seed) % 50 ? (size_t)rand_r(seed) % 400 : (size_t)rand_r(seed) % 40000;

		made[i].day = 1 + i * 5 / LINES;
		made[i].kind = rand_r(seed) % 100 ? rand_r(seed) % KINDS : -1;
		if (i == 1234)
			made[i].kind = -2;
		if (i % 1000 == 999)
			pad = 700000;
		if (!f || made[i].day != made[i - 1].day) {
			if (f)
				fclose(f);
			snprintf(path, sizeof path, "%s/2026-11-%02d.jsonl", dir, made[i].day);
			f = fopen(path, "w");
		}
		line_write(f, i, pad);
	}
	fputs("{\"eventTime\":\"2026-11-05T00:00:00Z\",\"number\":-1,\"torn", f);
	fclose(f);
	snprintf(path, sizeof path, "%s/2026-11-01.jsonl.torn-5", dir);
	f = fopen(path, "w");
	fputs("{\"number\":-1}\n", f);
	fclose(f);
}

struct got {
	int *v, n, stop;
};

static int got_add(const char *line, size_t n, json_t *r, void *arg)
{
	struct got *g = arg;

	(void)line;
	(void)n;
	g->v[g->n++] = (int)lookup_int(r, "number");
	return g->stop && g->n == g->stop;
}

/* kind -1: any; days from .. to-1 */
static int expected(int kind, int from, int to, bool oldest, int stop, int *out)
{
	int n = 0;

	for (int j = 0; j < LINES; j++) {
		int i = oldest ? j : LINES - 1 - j;

		if (made[i].kind < 0 || (kind >= 0 && made[i].kind != kind))
			continue;
		if (made[i].day < from || made[i].day >= to)
			continue;
		out[n++] = i;
		if (stop && n == stop)
			break;
	}
	return n;
}

static void walk_one(const char *dir, int kind, int from, int to, bool oldest, int stop)
{
	static int want[LINES], found[LINES + 8];
	struct lookup_query q = Q();
	struct got g = { found, 0, stop };
	struct records w = { .oldest_first = oldest, .each = got_add, .arg = &g };
	char name[32], since[32], until[32];
	struct lookup *l;
	struct err e;
	int n = expected(kind, from, to, oldest, stop, want), rc;

	snprintf(name, sizeof name, "pipeline-%d", kind);
	snprintf(since, sizeof since, "2026-11-%02d", from);
	snprintf(until, sizeof until, "2026-11-%02d", to);
	q.pipeline = kind < 0 ? NULL : name;
	clock_parse(since, 0, &q.since_us);
	clock_parse(until, 0, &q.until_us);
	w.lookup = l = lookup_new(&q);
	rc = records_dir(&w, dir, &e);
	lookup_free(l);
	ok(rc == (stop && n == stop) && g.n == n && memcmp(want, found, (size_t)n * sizeof *want) == 0,
		"kind %d, days %d to %d, %s, stop at %d: %d of %d", kind, from, to,
		oldest ? "oldest first" : "newest first", stop, g.n, n);
	if (!stop && from == 1 && to == 9)
		is_int(w.torn, 1, "the torn end is told");
	if (!stop && from == 1 && to == 9 && kind < 0) {
		int bad = 0;

		for (int i = 0; i < LINES; i++)
			bad += made[i].kind < 0;
		is_int(w.unreadable, bad, "lines that are no records are counted");
	}
}

static void test_walk(unsigned seed)
{
	char dir[] = "/tmp/test-lookup-XXXXXX", command[64];

	note("seed %u", seed);
	if (!mkdtemp(dir)) {
		ok(false, "a directory");
		return;
	}
	files_write(dir, &seed);
	for (int oldest = 0; oldest < 2; oldest++) {
		for (int kind = -1; kind < 3; kind++)
			walk_one(dir, kind, 1, 9, oldest, 0);
		walk_one(dir, 2, 2, 4, oldest, 0);
		walk_one(dir, 2, 1, 9, oldest, 1);
		walk_one(dir, -1, 1, 9, oldest, 700);
		walk_one(dir, KINDS + 1, 1, 9, oldest, 0);
		walk_one(dir, 1, 7, 9, oldest, 0);
	}
	snprintf(command, sizeof command, "rm -rf %s", dir);
	if (system(command) != 0)
		note("left behind: %s", dir);
}

static void test_no_directory(void)
{
	struct lookup_query q = Q();
	struct records w = { .each = got_add };
	struct lookup *l = lookup_new(&q);
	struct err e;

	w.lookup = l;
	is_int(records_dir(&w, "/nonexistent/trail", &e), 0, "no directory is no records");
	lookup_free(l);
}

int main(int argc, char **argv)
{
	plan_none();
	test_cases();
	test_not_records();
	test_get();
	test_no_directory();
	test_walk(argc > 1 ? (unsigned)atoi(argv[1]) : (unsigned)time(NULL) ^ (unsigned)getpid());
	return tap_done();
}
