/* trail.c - one journal row to one CloudTrail-shaped record: pure. */
#include "trail.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "digest.h"
#include "json.h"

struct event_info {
	const char *name, *source;
	bool read_only;
};
static const struct event_info events[] = {
#define X(id, name, source, ro) [JOURNAL_##id] = { name, source, ro },
	JOURNAL_LIST(X)
#undef X
};
_Static_assert(sizeof(events) / sizeof(*events) == JOURNAL_COUNT, "one row each");

/* What somebody asked for is a call; what refire does of itself a service event. */
static const char *event_type(enum journal_event e)
{
	switch (e) {
	case JOURNAL_PUSH:
	case JOURNAL_FIRE:
	case JOURNAL_DELIVER:
	case JOURNAL_RUN:
	case JOURNAL_RETRY:
	case JOURNAL_DROP:
	case JOURNAL_REPLAY:
	case JOURNAL_APPROVE:
	case JOURNAL_REJECT:
	case JOURNAL_REBUILD:
	case JOURNAL_RESUME:
		return "AwsApiCall";
	default:
		return "AwsServiceEvent";
	}
}

/* Cut to n bytes at a character's boundary; the JSON writer mends what is not UTF-8. */
static size_t shorten(const char *s, size_t n)
{
	size_t len = strlen(s);

	if (len <= n)
		return len;
	while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
		n--;
	return n;
}

static void short_text(struct json *j, const char *key, const char *s)
{
	json_key(j, key);
	json_strn(j, s, shorten(s, LIMIT_RECORD_SHORT));
}

/* Content over its limit is left out, as CloudTrail does, and named. taken: of the limit
   by what stands beside it. */
static const char *within(const char *json, size_t limit, size_t taken, const char *name,
	struct buf *omitted)
{
	if (strlen(json) + taken <= limit)
		return json;
	buf_fmt(omitted, "%s\"%s\"", omitted->len ? "," : "", name);
	return "";
}

/* Who asked: the operator of a command, else the pusher; refire for what nobody asked. */
static void identity(struct json *j, const struct journal_row *r, const struct change_row *c)
{
	bool pushed = c && (c->source == SOURCE_POST_RECEIVE || c->source == SOURCE_FIRE);
	bool operated = r->actor && *r->actor;
	char principal[32];

	json_key(j, "userIdentity");
	json_object(j);
	json_kv(j, "type", "Unknown");
	if (operated || pushed) {
		snprintf(principal, sizeof(principal), "uid:%lld",
			(long long)(operated ? r->uid : c->uid));
		json_kv(j, "principalId", principal);
		json_kv(j, "userName", operated ? r->actor : c->actor);
	} else {
		json_kv(j, "principalId", "refire");
		json_kv(j, "userName", "refire");
	}
	json_end(j);
}

static void event_id(const struct journal_row *r, const struct change_row *c,
	const struct delivery *d, char out[UUID_SIZE])
{
	struct digest_pieces p;
	unsigned char h[SHA256_SIZE];
	char text[64];

	snprintf(text, sizeof(text), "%lld %lld %d", (long long)r->seq, (long long)r->time_us,
		(int)r->event);
	digest_pieces_init(&p);
	digest_pieces_add(&p, text);
	digest_pieces_add(&p, c ? c->id : "");
	digest_pieces_add(&p, d ? d->id : "");
	digest_pieces_end(&p, h);
	uuid_v8(h, out);
}

/* The members of a JSON object without its braces. */
static void members(struct buf *b, const char *object)
{
	size_t n = strlen(object);

	if (n > 2) {
		buf_chr(b, ',');
		buf_add(b, object + 1, n - 2);
	}
}

#define OMITTED_ROOM 128		/* for the member that names what was left out */

static void extra(struct json *j, const struct journal_row *r, const struct change_row *c,
	const struct delivery *d, struct buf *omitted)
{
	size_t start;

	json_key(j, "additionalEventData");
	start = j->b->len;
	json_object(j);
	json_key(j, "sequence");
	json_int(j, r->seq);
	if (c) {
		json_kv(j, "change", c->id);
		json_kv(j, "source", source_word(c->source));
		json_kv(j, "repository", c->repository);
	}
	if (d) {
		json_kv(j, "delivery", d->id);
		json_kv(j, "pipeline", d->pipeline);
		json_key_bytes(j, "ref", d->ref, strlen(d->ref));
	}
	members(j->b, within(r->extra, LIMIT_RECORD_EXTRA, j->b->len - start + OMITTED_ROOM,
		"additionalEventData", omitted));
	if (omitted->len)
		buf_fmt(j->b, ",\"omitted\":[%s]", omitted->s);
	json_end(j);
}

static void resource(struct json *j, const struct trail_context *t, const char *service,
	const char *type, const char *name)
{
	struct buf arn;

	buf_init(&arn, LIMIT_PATH);
	buf_fmt(&arn, "arn:refire:%s:%s:%s:%s", service, t->region, t->account_id, name);
	json_object(j);
	json_kv(j, "ARN", arn.s);
	json_kv(j, "accountId", t->account_id);
	json_kv(j, "type", type);
	json_end(j);
	buf_release(&arn);
}

static void resources(struct json *j, const struct trail_context *t, const struct change_row *c,
	const struct delivery *d)
{
	if (!c && !d)
		return;
	json_key(j, "resources");
	json_array(j);
	if (c && *c->repository)
		resource(j, t, "git", "Refire::Git::Repository", c->repository);
	if (d)
		resource(j, t, "pipeline", "Refire::Pipeline::Pipeline", d->pipeline);
	json_end(j);
}

static void raw_or_null(struct json *j, const char *key, const char *json)
{
	json_key(j, key);
	if (*json)
		json_raw(j, json);
	else
		json_null(j);
}

/* The call of a service has the names that this service gives it. */
static void what(struct json *j, const struct journal_row *r)
{
	const struct event_info *info = &events[r->event];
	size_t n = r->call ? strcspn(r->call, " ") : 0;
	bool own = n && r->call[n];

	json_key(j, "eventSource");
	json_strn(j, own ? r->call : info->source, own ? n : strlen(info->source));
	json_kv(j, "eventName", own ? r->call + n + 1 : info->name);
}

void trail_render(const struct trail_context *t, const struct journal_row *r,
	const struct change_row *c, const struct delivery *d, struct buf *out)
{
	char when[CLOCK_ISO_SIZE], id[UUID_SIZE];
	const char *request, *response;
	struct buf omitted;
	struct json j;

	buf_init(&omitted, 128);
	request = within(r->request, LIMIT_RECORD_BIG, 0, "requestParameters", &omitted);
	response = within(r->response, LIMIT_RECORD_BIG, 0, "responseElements", &omitted);
	event_id(r, c, d, id);
	json_init(&j, out);
	json_object(&j);
	json_kv(&j, "eventVersion", "1.11");
	identity(&j, r, c);
	json_kv(&j, "eventTime", clock_iso(r->time_us, when));
	what(&j, r);
	json_kv(&j, "awsRegion", t->region);
	json_kv(&j, "sourceIPAddress", c && *c->address ? c->address : "localhost");
	short_text(&j, "userAgent", t->user_agent);
	if (*r->code)
		short_text(&j, "errorCode", r->code);
	if (*r->message)
		short_text(&j, "errorMessage", r->message);
	raw_or_null(&j, "requestParameters", request);
	raw_or_null(&j, "responseElements", response);
	extra(&j, r, c, d, &omitted);
	if (d || c)
		json_kv(&j, "requestID", d ? d->id : c->id);
	json_kv(&j, "eventID", id);
	json_key(&j, "readOnly");
	json_bool(&j, events[r->event].read_only);
	resources(&j, t, c, d);
	json_kv(&j, "eventType", event_type(r->event));
	json_key(&j, "managementEvent");
	json_bool(&j, true);
	json_kv(&j, "recipientAccountId", t->account_id);
	if (c)
		json_kv(&j, "sharedEventID", c->id);
	json_kv(&j, "eventCategory", "Management");
	json_end(&j);
	buf_chr(out, '\n');
	buf_release(&omitted);
}
