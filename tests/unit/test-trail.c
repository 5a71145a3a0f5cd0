/* test-trail.c - records: their fields and limits; the writer: each once, in order,
   whatever a crash left at the end of the file. */
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "tap.h"
#include "trail.h"
#include "trail_files.h"

static char dir[] = "/tmp/refire-trail-XXXXXX";
static const struct trail_context ctx = { "123456789012", "eu-west-1", "refire/test" };
static struct err e;

static json_t *render(const struct journal_row *r, const struct change_row *c,
	const struct delivery *d)
{
	struct buf b;
	json_t *j;

	buf_init(&b, 4 * MIB);
	trail_render(&ctx, r, c, d, &b);
	ok(b.len && b.s[b.len - 1] == '\n' && !memchr(b.s, '\n', b.len - 1), "one line");
	ok(b.len <= LIMIT_RECORD, "within 256 KB (%zu)", b.len);
	j = json_loads(b.s, 0, NULL);
	buf_release(&b);
	return j;
}

static const char *text(json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "(none)";
}

static void fields(void)
{
	static const char *const required[] = { "eventVersion", "userIdentity", "eventTime",
		"eventSource", "eventName", "awsRegion", "sourceIPAddress", "requestParameters",
		"responseElements", "eventID", "eventType", "eventCategory" };
	struct change_row c = { .seq = 1, .id = "01a20653-666a-7a0b-aa9c-07ae003b10d6",
		.source = SOURCE_POST_RECEIVE, .repository = "web", .path = "", .uid = 1000,
		.user = "git", .actor = "alice\x1b[31m", .address = "192.0.2.7" };
	struct journal_row r = { .seq = 7, .time_us = 0, .event = JOURNAL_PUSH, .change = 1,
		.request = "{\"a\":1}", .response = "", .code = "", .message = "",
		.extra = "{\"more\":true}" };
	json_t *j = render(&r, &c, NULL), *extra;

	for (size_t i = 0; i < sizeof(required) / sizeof(*required); i++)
		ok(json_object_get(j, required[i]) != NULL, "%s is there", required[i]);
	is_str(text(j, "eventVersion"), "1.11", "eventVersion");
	is_str(text(j, "eventTime"), "1970-01-01T00:00:00Z", "eventTime without a fraction");
	is_str(text(j, "sharedEventID"), c.id, "the change's id is shared");
	is_str(text(json_object_get(j, "userIdentity"), "principalId"), "uid:1000", "the uid");
	is_str(text(json_object_get(j, "userIdentity"), "userName"), "alice\x1b[31m", "the pusher");
	ok(json_is_null(json_object_get(j, "responseElements")), "null where there is none");
	extra = json_object_get(j, "additionalEventData");
	is_int((long)json_integer_value(json_object_get(extra, "sequence")), 7, "sequence");
	ok(json_is_true(json_object_get(extra, "more")), "what the row adds is merged");
	json_decref(j);
}

static void limits(void)
{
	char *big = malloc(200 * KIB);
	struct journal_row r = { .seq = 8, .event = JOURNAL_DELIVER, .request = big,
		.response = "", .code = "X", .message = big, .extra = "" };
	json_t *j, *omitted;

	memset(big, 'a', 200 * KIB - 1);
	big[200 * KIB - 1] = 0;
	memcpy(big + 1022, "\xc3\xa9", 2);
	j = render(&r, NULL, NULL);
	ok(j != NULL, "valid JSON with content over every limit");
	is_int((long)strlen(text(j, "errorMessage")), 1024,
		"errorMessage is cut to 1 KB at a character");
	omitted = json_object_get(json_object_get(j, "additionalEventData"), "omitted");
	is_str(json_string_value(json_array_get(omitted, 0)), "requestParameters",
		"what was left out is named");
	json_decref(j);
	free(big);
}

/* Every kind of event, with the longest names there can be: within the limits. */
static void every_event(void)
{
	static char ref[LIMIT_REF + 1], claim[LIMIT_CLAIM + 1];
	struct change_row c = { .id = "01a20653-666a-7a0b-aa9c-07ae003b10d6", .repository = "web",
		.path = "", .user = "git", .actor = claim, .address = claim };
	struct delivery d = { .id = "54a4912d-323c-846a-8ede-8a724bc8eb1c", .pipeline = "ci",
		.ref = ref };
	char *extra = malloc(LIMIT_RECORD_EXTRA + 1);

	memset(ref, '\x9b', LIMIT_REF);		/* not UTF-8 */
	memset(claim, '\x1b', LIMIT_CLAIM);
	memset(extra, 'x', LIMIT_RECORD_EXTRA);
	memcpy(extra, "{\"a\":\"", 6);
	memcpy(extra + LIMIT_RECORD_EXTRA - 2, "\"}", 3);
	for (int i = 0; i < JOURNAL_COUNT; i++) {
		struct journal_row r = { .seq = i + 1, .event = (enum journal_event)i, .request = "",
			.response = "", .code = "X", .message = "", .extra = extra };
		json_t *j = render(&r, &c, &d), *more = json_object_get(j, "additionalEventData");
		char *s = json_dumps(more, JSON_COMPACT);
		const char *type = text(j, "eventType");

		ok(*text(j, "eventName") && strstr(text(j, "eventSource"), ".refire"),
			"%s of %s", text(j, "eventName"), text(j, "eventSource"));
		ok(!strcmp(type, "AwsApiCall") || !strcmp(type, "AwsServiceEvent"), "%s", type);
		ok(s && strlen(s) <= LIMIT_RECORD_EXTRA, "additionalEventData within 28 KB");
		is_str(json_string_value(json_array_get(json_object_get(more, "omitted"), 0)),
			"additionalEventData", "what did not fit beside the rest is named");
		free(s);
		json_decref(j);
	}
	free(extra);
}

/* ---- the writer ---- */

static struct queue *q;

static void rows(int from, int to)
{
	queue_begin(q, &e);
	for (int i = from; i <= to; i++)
		queue_journal_add(q, &(struct journal_row){ .time_us = clock_wall_us(),
			.event = JOURNAL_MATCH, .request = "{}", .response = "", .code = "",
			.message = "", .extra = "" }, &e);
	queue_commit(q, &e);
}

static void export(bool sync)
{
	struct trail *w = trail_open(q, dir, &ctx);

	if (trail_export(w, &e) < 0)
		printf("# %s\n", e.text);
	if (sync)
		trail_sync(w, &e);
	trail_close(w);
}

static void path_of(char *out, size_t size)
{
	struct dirent *d;
	DIR *h = opendir(dir);

	while ((d = readdir(h)))
		if (trail_name_live(d->d_name))
			snprintf(out, size, "%s/%s", dir, d->d_name);
	closedir(h);
}

/* Sequence numbers 1..n, each once, in order. */
static int count(const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;
	int n = 0;

	while (f && getline(&line, &cap, f) > 0) {
		json_t *j = json_loads(line, 0, NULL);
		long seq = (long)json_integer_value(json_object_get(
			json_object_get(j, "additionalEventData"), "sequence"));

		n = seq == n + 1 ? n + 1 : -1000000;
		json_decref(j);
	}
	free(line);
	if (f)
		fclose(f);
	return n;
}

static void append(const char *path, const char *s)
{
	int fd = open(path, O_WRONLY | O_APPEND);

	if (write(fd, s, strlen(s)) < 0)
		printf("# cannot append\n");
	close(fd);
}

static void writer(void)
{
	char path[300], db[300];
	struct stat st;
	int64_t last;

	snprintf(db, sizeof(db), "%s/queue.db", dir);
	queue_open(db, QUEUE_WRITE, &q, &e);
	rows(1, 5);
	export(true);
	path_of(path, sizeof(path));
	is_int(count(path), 5, "five rows, five records");
	export(true);
	is_int(count(path), 5, "again: none is doubled");
	rows(6, 8);
	export(false);
	export(false);
	is_int(count(path), 8, "a crash before the cursor moved doubles none");
	append(path, "{\"eventVersion\":\"1.11\",\"torn");
	rows(9, 9);
	export(false);
	is_int(count(path), 9, "a torn last line is set aside and written again whole");
	stat(path, &st);
	if (truncate(path, st.st_size - 20))
		printf("# cannot cut\n");
	export(false);
	is_int(count(path), 9, "a cut last record is written again");
	trail_last_sequence(dir, &last, &e);
	is_int((long)last, 9, "the highest sequence number");
	queue_close(q);
}

static int is_torn(const struct dirent *d)
{
	return strstr(d->d_name, ".torn-") != NULL;
}

int main(void)
{
	struct dirent **v = NULL;
	int n;
	char cmd[64];

	plan_none();
	if (!mkdtemp(dir))
		return 1;
	fields();
	limits();
	every_event();
	writer();
	n = scandir(dir, &v, is_torn, NULL);
	is_int(n, 2, "both torn ends are kept beside");
	while (n > 0)
		free(v[--n]);
	free(v);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	if (system(cmd))
		printf("# %s failed\n", cmd);
	return tap_done();
}
