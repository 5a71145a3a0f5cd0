/* describe.c - an exchange as JSON, without its secrets. */
#include "describe.h"

#include <string.h>

#include "clock.h"
#include "digest.h"
#include "json.h"
#include "redact.h"

#define HEADERS 60
#define HEADER_VALUE 1024

static const char *const outcomes[] = {
	[OUTCOME_OK] = "ok", [OUTCOME_RETRY] = "retry", [OUTCOME_REJECTED] = "rejected",
	[OUTCOME_FAIL] = "fail", [OUTCOME_HOLD] = "hold", [OUTCOME_GONE] = "gone",
};

const char *outcome_word(enum outcome o)
{
	return outcomes[o];
}

void describe_url(struct buf *out, const char *url, bool hidden)
{
	const char *host = strstr(url, "://"), *end, *at;

	if (!host)
		return;
	host += 3;
	end = host + strcspn(host, "/?#");
	at = memrchr(host, '@', (size_t)(end - host));
	buf_add(out, url, (size_t)(host - url));
	host = at ? at + 1 : host;
	buf_add(out, host, (size_t)(end - host));
	if (hidden)
		buf_str(out, "/...");
	else
		buf_add(out, end, strcspn(end, "?#"));
}

static void headers(struct json *j, const struct headers *h, size_t max)
{
	json_key(j, "headers");
	json_object(j);
	for (size_t i = 0; i < h->n && i < max; i++) {
		size_t n = strlen(h->v[i].value);

		json_key(j, h->v[i].name);
		if (redact_hides(&h->v[i]))
			json_str(j, REDACTED);
		else
			json_strn(j, h->v[i].value, n > HEADER_VALUE ? HEADER_VALUE : n);
	}
	json_end(j);
}

void describe_request(struct buf *out, const struct pipeline *p, const struct request *r)
{
	struct buf url;
	struct json j;

	buf_init(&url, LIMIT_URL);
	describe_url(&url, r->url, *p->url_file != 0);
	json_init(&j, out);
	json_object(&j);
	json_kv(&j, "method", r->method);
	json_kv(&j, "url", url.s);
	if (r->proxy && *r->proxy)
		json_kv(&j, "proxy", r->proxy);
	headers(&j, &r->headers, HEADERS);
	json_key(&j, "bodyBytes");
	json_int(&j, (int64_t)r->body.len);
	json_kv(&j, "bodySha256", r->body.sha256);
	if (r->secret && *r->secret)
		json_kv(&j, "secretId", r->secret);
	if (r->previous) {
		json_key(&j, "previousSecret");
		json_bool(&j, true);
	}
	json_end(&j);
	buf_release(&url);
}

static void answer(struct buf *out, const struct answer *a, size_t max_headers, size_t max_body)
{
	size_t n = a->body_len > max_body ? max_body : a->body_len;
	struct json j;

	json_init(&j, out);
	json_object(&j);
	json_key(&j, "status");
	json_int(&j, a->status);
	headers(&j, &a->headers, max_headers);
	json_key(&j, "body");
	json_strn(&j, a->body ? a->body : "", n);
	json_key(&j, "bodyBytes");
	json_int(&j, (int64_t)a->body_total);
	if (*a->body_sha256)
		json_kv(&j, "bodySha256", a->body_sha256);
	json_key(&j, "bodyTruncated");
	json_bool(&j, a->body_cut || n < a->body_total);
	json_end(&j);
}

void describe_answer(struct buf *out, const struct answer *a)
{
	size_t start = out->len;

	if (!a->status)
		return;
	answer(out, a, HEADERS, LIMIT_ANSWER_KEPT);
	if (!out->over && out->len - start <= LIMIT_RECORD_BIG)
		return;
	out->len = start;
	out->over = false;
	answer(out, a, 5, 4 * KIB);
}

void describe_program(struct buf *out, const struct program *p)
{
	char sha256[2 * SHA256_SIZE + 1];
	struct json j;

	digest_sha256_hex(p->in, p->in_len, sha256);
	json_init(&j, out);
	json_object(&j);
	json_key(&j, "command");
	json_array(&j);
	for (size_t i = 0; p->argv[i]; i++)
		json_str(&j, p->argv[i]);
	json_end(&j);
	json_kv(&j, "directory", p->directory);
	json_key(&j, "environment");
	json_array(&j);
	for (size_t i = 0; p->env[i]; i++)
		json_strn(&j, p->env[i], strcspn(p->env[i], "="));
	json_end(&j);
	json_kv_int(&j, "inputBytes", (int64_t)p->in_len);
	json_kv(&j, "inputSha256", sha256);
	json_end(&j);
}

void describe_end(struct buf *out, const struct program_end *end)
{
	struct json j;

	if (end->why_not)
		return;
	json_init(&j, out);
	json_object(&j);
	json_kv_int(&j, "exitStatus", end->status);
	if (end->timed_out)
		json_kv_bool(&j, "timedOut", true);
	json_key(&j, "output");
	json_strn(&j, end->output, end->output_len);
	json_kv_bool(&j, "outputTruncated", end->output_cut);
	json_end(&j);
}

static void answer_times(struct json *j, const struct answer *a)
{
	if (*a->address)
		json_kv(j, "address", a->address);
	json_kv_int(j, "dnsUs", a->dns_us);
	json_kv_int(j, "connectUs", a->connect_us);
	json_kv_int(j, "tlsUs", a->tls_us);
	json_kv_int(j, "totalUs", a->total_us);
}

void describe_extra(struct buf *out, const struct describe_extra *x)
{
	char when[CLOCK_ISO_SIZE];
	struct json j;

	json_init(&j, out);
	json_object(&j);
	json_key(&j, "attempt");
	json_int(&j, x->attempt);
	json_key(&j, "exchange");
	json_int(&j, x->exchange);
	if (x->duplicate) {
		json_key(&j, "possibleDuplicate");
		json_bool(&j, true);
	}
	if (x->answer)
		answer_times(&j, x->answer);
	else
		json_kv_int(&j, "totalUs", x->took_us);
	if (x->verdict) {
		json_kv(&j, "outcome", outcome_word(x->verdict->outcome));
		json_kv(&j, "nextState", delivery_word(x->next));
		if (x->next == DELIVERY_WAITING)
			json_kv(&j, "due", clock_iso(x->due_us, when));
	}
	json_end(&j);
}
