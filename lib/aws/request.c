/* request.c - see request.h. */
#include "aws/request.h"

#include <string.h>

#include "digest.h"
#include "limits.h"

void aws_call_header(struct aws_call *c, const char *name, const char *value)
{
	if (c->nheaders < AWS_HEADERS)
		c->headers[c->nheaders++] = (struct sigv4_header){ name, value };
}

void aws_param(struct buf *b, const char *name, const char *value)
{
	buf_fmt(b, "&%s=", name);
	sigv4_encode(b, value, strlen(value), false);
}

const char *aws_s3_path(struct arena *a, const char *bucket, const char *key, const char *query)
{
	const char *path;
	struct buf b;

	buf_init(&b, LIMIT_URL);
	buf_chr(&b, '/');
	sigv4_encode(&b, bucket, strlen(bucket), false);
	buf_chr(&b, '/');
	sigv4_encode(&b, key, strlen(key), true);
	buf_str(&b, query);
	path = arena_memdup(a, b.s, b.len);
	buf_release(&b);
	return path;
}

const char *aws_event_name(struct arena *a, enum aws_service s, const char *operation)
{
	return arena_fmt(a, "%s.amazonaws.com %s", aws_services[s].host, operation);
}

static void add(struct aws_request *r, const char *name, const char *value)
{
	r->headers[r->nheaders++] = (struct sigv4_header){ name, value };
}

/* What the service's protocol puts to body and headers. */
static void add_protocol(const struct aws_call *c, struct arena *a, struct aws_request *out)
{
	const struct aws_service_facts *f = &aws_services[c->service];

	if (f->protocol == AWS_JSON) {
		add(out, "Content-Type", arena_fmt(a, "application/x-amz-json-%s", f->version));
		add(out, "X-Amz-Target", arena_fmt(a, "%s.%s", f->target, c->operation));
	} else if (f->protocol == AWS_QUERY) {
		add(out, "Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
		out->body = arena_fmt(a, "Action=%s&Version=%s%s", c->operation, f->version,
			c->body ? c->body : "");
		out->len = strlen(out->body);
	}
}

static const char *hash(struct arena *a, const struct aws_request *r)
{
	char hex[2 * SHA256_SIZE + 1];

	digest_sha256_hex(r->body ? r->body : "", r->len, hex);
	return arena_strdup(a, hex);
}

static int add_signature(const struct aws_call *c, const char *region, const struct aws_keys *keys,
	int64_t now_us, struct arena *a, struct aws_request *out, struct err *e)
{
	struct sigv4_signed s;

	if (sigv4_sign(&(struct sigv4){ out->method, out->url, out->headers, out->nheaders, out->sha256,
			aws_signing_region(c->service, region), aws_services[c->service].host, keys, now_us },
			a, &s, e))
		return -1;
	add(out, "Authorization", s.authorization);
	add(out, "X-Amz-Date", s.date);
	if (*s.token)
		add(out, "X-Amz-Security-Token", s.token);
	if (*s.sha256)
		add(out, "X-Amz-Content-SHA256", s.sha256);
	return 0;
}

int aws_request_make(const struct aws_call *c, const char *endpoint, const char *region,
	const struct aws_keys *keys, int64_t now_us, struct arena *a, struct aws_request *out,
	struct err *e)
{
	*out = (struct aws_request){ .method = c->method ? c->method : "POST", .body = c->body,
		.len = c->len, .url = arena_fmt(a, "%s%s", endpoint, c->path ? c->path : "/") };
	add_protocol(c, a, out);
	for (size_t i = 0; i < c->nheaders; i++)
		add(out, c->headers[i].name, c->headers[i].value);
	out->sha256 = c->sha256 ? c->sha256 : hash(a, out);
	return keys ? add_signature(c, region, keys, now_us, a, out, e) : 0;
}
