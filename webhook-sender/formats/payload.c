/* payload.c - see payload.h. */
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "digest.h"
#include "match.h"
#include "payload.h"

static const struct payload_fit fits[] = {
	{ SIZE_MAX, SIZE_MAX, true },
	{ SIZE_MAX, SIZE_MAX, false },
	{ SIZE_MAX, 1024, false },
	{ 20, 1024, false },
	{ 0, 0, false },
};

/* ---- parts ---- */

struct part {
	struct part *next;
	void (*write)(struct json *j, const struct payload *p);
	const struct pipeline *pipeline;
	const struct payload_fit *fit;
	const char *s;
	size_t len;
};

struct payload_parts {
	struct arena *a;
	struct part *list;
};

struct payload_parts *payload_parts(struct arena *a)
{
	struct payload_parts *all = arena_alloc(a, sizeof(*all));

	all->a = a;
	return all;
}

static void part_keep(struct payload_parts *all, const struct part *p, const char *s)
{
	struct part *kept = arena_alloc(all->a, sizeof(*kept));

	*kept = *p;
	kept->s = arena_memdup(all->a, s, p->len);
	kept->next = all->list;
	all->list = kept;
}

void payload_part(struct json *j, const struct payload *p,
	void (*write)(struct json *j, const struct payload *p))
{
	const struct part want = { .write = write, .pipeline = p->in->pipeline, .fit = p->fit };
	struct part *k = p->in->parts ? p->in->parts->list : NULL, made = want;
	size_t from = j->b->len;

	while (k && (k->write != write || k->pipeline != want.pipeline || k->fit != want.fit))
		k = k->next;
	if (k) {
		buf_add(j->b, k->s, k->len);
		return;
	}
	write(j, p);
	made.len = j->b->len - from;
	if (p->in->parts && !j->b->over && j->indent == 0)
		part_keep(p->in->parts, &made, j->b->s + from);
}

/* ---- the body ---- */

static void payload_message_make(struct arena *a, const struct buf *b, const char *event,
	struct message *out)
{
	*out = (struct message){ .event = event, .content_type = "application/json",
		.headers.a = a, .body = { .s = arena_memdup(a, b->s, b->len), .len = b->len, .fd = -1 } };
	digest_sha256_hex(b->s, b->len, out->body.sha256);
}

int payload_render(const struct render_input *in, const struct detail *detail, struct arena *a,
	const char *event, void (*write)(struct json *j, const struct payload *p),
	struct message *out, struct err *e)
{
	return payload_render_own(in, detail, NULL, a, event, write, out, e);
}

int payload_render_own(const struct render_input *in, const struct detail *detail, const void *own,
	struct arena *a, const char *event, void (*write)(struct json *j, const struct payload *p),
	struct message *out, struct err *e)
{
	struct payload p = { .in = in, .detail = detail, .own = own, .a = a, .base = payload_base(in, a),
		.created = oid_is_zero(in->before), .deleted = oid_is_zero(in->after) };
	size_t ncommits = in->enrichment->ncommits;
	struct buf b;
	struct json j;

	buf_init(&b, LIMIT_BODY);
	for (size_t i = 0; i < sizeof fits / sizeof *fits; i++) {
		p.fit = &fits[i];
		p.first = ncommits > fits[i].commits ? ncommits - fits[i].commits : 0;
		buf_clear(&b);
		json_init(&j, &b);
		write(&j, &p);
		if (!b.over)
			break;
	}
	if (!b.over)
		payload_message_make(a, &b, event, out);
	else
		err_set(e, ERR_DATA, "the payload exceeds %d bytes, even without commits", LIMIT_BODY);
	buf_release(&b);
	return b.over ? -1 : 0;
}

/* Three pieces that together are one string's value. */
static void link_write(struct json *j, const char *key, const char *a, const char *b, const char *c)
{
	const char *pieces[] = { a, b, c };
	char text[LIMIT_URL + 4 * LIMIT_PATH];
	size_t len = 0;

	for (size_t i = 0; i < 3; i++)
		for (const char *s = pieces[i]; *s && len < sizeof text; s++)
			text[len++] = *s;
	json_key(j, key);
	json_strn(j, text, len);
}

void payload_link(struct json *j, const char *key, const char *base, const char *below)
{
	link_write(j, key, base, below, "");
}

void payload_commit_link(struct json *j, const char *key, const struct payload *p, const char *oid)
{
	link_write(j, key, p->base, "/commit/", oid);
}

void payload_encode(struct buf *b, const char *s, const char *keep)
{
	static const char unreserved[] = "-._~0123456789"
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	for (; *s; s++)
		if (strchr(unreserved, *s) || strchr(keep, *s))
			buf_chr(b, *s);
		else
			buf_fmt(b, "%%%02X", (unsigned char)*s);
}

const char *payload_base(const struct render_input *in, struct arena *a)
{
	const struct repository *r = in->repository;
	const char *url = r && r->web_url ? r->web_url : "", *star, *s;
	size_t n = strlen(url);
	struct buf b;

	buf_init(&b, LIMIT_URL + 4 * LIMIT_PATH);
	while (n && url[n - 1] == '/')
		n--;
	buf_add(&b, url, n);
	star = n ? strchr(r->name, '*') : NULL;
	if (!n) {
		buf_str(&b, "refire:");
		payload_encode(&b, in->name, "/");
	} else if (star && strlen(in->name) > (size_t)(star - r->name)) {
		buf_chr(&b, '/');
		payload_encode(&b, in->name + (star - r->name), "/");
	}
	s = arena_memdup(a, b.s, b.len);
	buf_release(&b);
	return s;
}

/* Offsets beyond a day, which only damaged commits have, are shown as UTC. */
char *payload_time(const struct person *p, char *out)
{
	bool odd = p->offset_min <= -1440 || p->offset_min >= 1440;

	return clock_iso_offset(p->time_s, odd ? 0 : p->offset_min, out);
}

size_t payload_message(const char *s, size_t max)
{
	size_t n = strlen(s);

	while (n && s[n - 1] == '\n')
		n--;
	if (n <= max)
		return n;
	for (n = max; n && ((unsigned char)s[n] & 0xc0) == 0x80;)
		n--;
	return n;
}

int64_t payload_id(const char *kind, const char *name)
{
	unsigned char sum[SHA256_SIZE];
	struct digest_pieces d;
	int64_t id = 0;

	digest_pieces_init(&d);
	digest_pieces_add(&d, kind);
	digest_pieces_add(&d, name);
	digest_pieces_end(&d, sum);
	for (int i = 0; i < 6; i++)
		id = id << 8 | sum[i];
	return id;
}

void payload_list(struct json *j, const char *key, bool known, const char *const *v, size_t n)
{
	json_key(j, key);
	if (!known) {
		json_null(j);
		return;
	}
	json_array(j);
	for (size_t i = 0; i < n; i++)
		json_str(j, v[i]);
	json_end(j);
}

const char *payload_event(const struct render_input *in, const char *created,
	const char *updated, const char *deleted)
{
	return oid_is_zero(in->after) ? deleted : oid_is_zero(in->before) ? created : updated;
}

void payload_uuid(const char *kind, const char *name, char out[UUID_SIZE])
{
	unsigned char sum[SHA256_SIZE];
	struct digest_pieces d;

	digest_pieces_init(&d);
	digest_pieces_add(&d, kind);
	digest_pieces_add(&d, name);
	digest_pieces_end(&d, sum);
	uuid_v8(sum, out);
}

void payload_message_id(const struct render_input *in, const char *event, char out[UUID_SIZE])
{
	if (*event)
		payload_uuid(in->delivery, event, out);
	else
		snprintf(out, UUID_SIZE, "%s", in->delivery);
}

bool payload_seen(const char *const *v, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(v[k], v[i]) == 0)
			return true;
	return false;
}

int payload_sign(struct headers *out, const char *name, const struct secret *s,
	const struct body *b, bool sha1)
{
	unsigned char mac[SHA256_SIZE];
	struct buf value;
	int result;

	buf_init(&value, 128);
	if (sha1)
		digest_hmac_sha1(s->s, s->len, b->s, b->len, mac);
	else
		digest_hmac_sha256(s->s, s->len, b->s, b->len, mac);
	buf_str(&value, sha1 ? "sha1=" : "sha256=");
	buf_hex(&value, mac, sha1 ? SHA1_SIZE : SHA256_SIZE);
	result = headers_add(out, name, value.s);
	buf_release(&value);
	return result;
}
