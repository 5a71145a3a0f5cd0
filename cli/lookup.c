/* lookup.c - a query, and one record against it; see lookup.h. */
#include <jansson.h>

#include "lookup.h"

#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "json.h"
#include "limits.h"
#include "mem.h"

#define NEEDLES_MAX 12

struct needle {
	char *s;
	size_t n;
};

struct lookup {
	struct arena arena;
	struct lookup_query q;
	struct needle needles[NEEDLES_MAX];	/* narrowest first */
	size_t n;
};

/* ---- compiling a query ---- */

enum ends { ENDS_OPEN, ENDS_LEFT, ENDS_RIGHT, ENDS_BOTH };	/* where quotes are certain */

/* Text as the trail's writer would have put it, with its quotes where they are certain. */
static void needle_add(struct lookup *l, const char *text, enum ends ends)
{
	struct buf b;
	struct json j;
	size_t left = ends == ENDS_OPEN || ends == ENDS_RIGHT;
	size_t right = ends == ENDS_OPEN || ends == ENDS_LEFT;

	if (!text || !*text || l->n == NEEDLES_MAX)
		return;
	buf_init(&b, 1 * MIB);
	json_init(&j, &b);
	json_str(&j, text);
	l->needles[l->n].n = b.len - left - right;
	l->needles[l->n].s = arena_memdup(&l->arena, b.s + left, b.len - left - right);
	l->n++;
	buf_release(&b);
}

static const char *keep(struct lookup *l, const char *s)
{
	return s ? arena_strdup(&l->arena, s) : NULL;
}

static void query_copy(struct lookup *l, const struct lookup_query *q)
{
	l->q = *q;
	l->q.event_name = keep(l, q->event_name);
	l->q.event_source = keep(l, q->event_source);
	l->q.event_id = keep(l, q->event_id);
	l->q.username = keep(l, q->username);
	l->q.resource = keep(l, q->resource);
	l->q.change = keep(l, q->change);
	l->q.delivery = keep(l, q->delivery);
	l->q.pipeline = keep(l, q->pipeline);
	l->q.repository = keep(l, q->repository);
	l->q.error_code = keep(l, q->error_code);
	l->q.text = keep(l, q->text);
}

/* In the order of how few records usually hold them. */
struct lookup *lookup_new(const struct lookup_query *q)
{
	struct lookup *l = mem_alloc(sizeof(*l));

	arena_init(&l->arena);
	query_copy(l, q);
	needle_add(l, q->event_id, ENDS_BOTH);
	needle_add(l, q->delivery, ENDS_LEFT);
	needle_add(l, q->change, ENDS_LEFT);
	needle_add(l, q->text, ENDS_OPEN);
	needle_add(l, q->error_code, ENDS_BOTH);
	if (q->failed)
		needle_add(l, "errorCode", ENDS_BOTH);
	needle_add(l, q->username, ENDS_BOTH);
	needle_add(l, q->pipeline, ENDS_BOTH);
	needle_add(l, q->resource, ENDS_RIGHT);
	needle_add(l, q->repository, ENDS_BOTH);
	needle_add(l, q->event_name, ENDS_BOTH);
	needle_add(l, q->event_source, ENDS_BOTH);
	return l;
}

const char *lookup_needle(const struct lookup *l, size_t *n)
{
	*n = l->n > 0 ? l->needles[0].n : 0;
	return l->n > 0 ? l->needles[0].s : NULL;
}

/* An index has ids alone, in their own letters. */
const char *lookup_id(const struct lookup *l)
{
	const char *id = l->q.event_id ? l->q.event_id : l->q.delivery ? l->q.delivery : l->q.change;

	return id && *id && !id[strspn(id, "0123456789abcdef-")] ? id : NULL;
}

bool lookup_span(const struct lookup *l, int64_t from_us, int64_t to_us)
{
	return (!l->q.since_us || to_us > l->q.since_us) && (!l->q.until_us || from_us < l->q.until_us);
}

void lookup_free(struct lookup *l)
{
	if (!l)
		return;
	arena_release(&l->arena);
	free(l);
}

/* ---- one record ---- */

const json_t *lookup_get(const json_t *record, const char *path)
{
	while (record && *path) {
		size_t n = strcspn(path, ".");
		char key[64];

		if (n >= sizeof(key))
			return NULL;
		memcpy(key, path, n);
		key[n] = '\0';
		record = json_object_get(record, key);
		path += n + (path[n] == '.');
	}
	return record;
}

const char *lookup_text(const json_t *record, const char *path)
{
	const char *s = json_string_value(lookup_get(record, path));

	return s ? s : "";
}

int64_t lookup_int(const json_t *record, const char *path)
{
	return json_integer_value(lookup_get(record, path));
}

static bool field_is(const json_t *record, const char *path, const char *want)
{
	return !want || strcmp(lookup_text(record, path), want) == 0;
}

static bool field_begins(const json_t *record, const char *path, const char *want)
{
	return strncmp(lookup_text(record, path), want, strlen(want)) == 0;
}

static bool id_is(const json_t *record, const char *one, const char *other, const char *want)
{
	return !want || field_begins(record, one, want) || field_begins(record, other, want);
}

/* Who caused it, by name or number; for a command, who gave it. */
static bool user_is(const json_t *record, const char *want)
{
	return !want || field_is(record, "userIdentity.userName", want)
		|| field_is(record, "userIdentity.principalId", want)
		|| field_is(record, "additionalEventData.operator", want);
}

static bool pipeline_is(const json_t *record, const char *want)
{
	return !want || field_is(record, "additionalEventData.pipeline", want)
		|| field_is(record, "requestParameters.pipelineName", want);
}

/* The whole ARN, or what stands after one of its separators. */
static bool arn_is(const char *arn, const char *want)
{
	size_t n = strlen(arn), m = strlen(want);

	if (n < m || strcmp(arn + n - m, want) != 0)
		return false;
	return n == m || arn[n - m - 1] == ':' || arn[n - m - 1] == '/';
}

static bool resource_is(const json_t *record, const char *want)
{
	const json_t *list = lookup_get(record, "resources"), *item;
	size_t i;

	if (!want)
		return true;
	json_array_foreach(list, i, item)
		if (arn_is(lookup_text(item, "ARN"), want))
			return true;
	return false;
}

static bool read_only_is(const json_t *record, int want)
{
	const json_t *value = lookup_get(record, "readOnly");

	return want < 0 || (json_is_boolean(value) && json_is_true(value) == (want == 1));
}

static bool time_is(const json_t *record, int64_t since, int64_t until)
{
	int64_t at;

	if (!since && !until)
		return true;
	if (clock_parse(lookup_text(record, "eventTime"), 0, &at))
		return false;
	return (!since || at >= since) && (!until || at < until);
}

static bool record_is(const json_t *r, const struct lookup_query *q)
{
	return field_is(r, "eventName", q->event_name)
		&& field_is(r, "eventSource", q->event_source)
		&& field_is(r, "eventID", q->event_id)
		&& user_is(r, q->username)
		&& id_is(r, "sharedEventID", "additionalEventData.change", q->change)
		&& id_is(r, "additionalEventData.delivery", "requestID", q->delivery)
		&& pipeline_is(r, q->pipeline)
		&& field_is(r, "additionalEventData.repository", q->repository)
		&& field_is(r, "errorCode", q->error_code)
		&& (!q->failed || *lookup_text(r, "errorCode"))
		&& read_only_is(r, q->read_only)
		&& resource_is(r, q->resource)
		&& time_is(r, q->since_us, q->until_us);
}

int lookup_match(const struct lookup *l, const char *line, size_t n, json_t **record)
{
	json_t *r;

	for (size_t i = 0; i < l->n; i++)
		if (!memmem(line, n, l->needles[i].s, l->needles[i].n))
			return 0;
	r = json_loadb(line, n, 0, NULL);
	if (!json_is_object(r)) {
		json_decref(r);
		return -1;
	}
	if (!record_is(r, &l->q)) {
		json_decref(r);
		return 0;
	}
	*record = r;
	return 1;
}
