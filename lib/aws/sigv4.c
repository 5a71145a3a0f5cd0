/* sigv4.c - see sigv4.h: the pieces of a URL, the canonical request, the signature. */
#include "aws/sigv4.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "clock.h"
#include "digest.h"
#include "limits.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define CANONICAL_MAX (256 * KIB)
#define HEX_SHA256 (2 * SHA256_SIZE + 1)

struct span {
	const char *s;
	size_t n;
};
struct url {
	struct span host, path, query;	/* host with a port that is not the scheme's own */
};
struct pair {
	const char *name, *value;
};
struct pairs {
	struct pair *v;
	size_t n;
};

/* ---- encoding ---- */

void sigv4_encode(struct buf *b, const char *s, size_t n, bool keep_slash)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if ((c < 0x80 && isalnum(c)) || (c && strchr("-_.~", c)) || (keep_slash && c == '/')) {
			buf_chr(b, (char)c);
		} else {
			buf_chr(b, '%');
			buf_chr(b, digits[c >> 4]);
			buf_chr(b, digits[c & 15]);
		}
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static const char *decode(struct arena *a, struct span t, size_t *len)
{
	char *out = arena_alloc(a, t.n + 1), *to = out;

	for (size_t i = 0; i < t.n; i++) {
		int hi = t.s[i] == '%' && i + 2 < t.n ? hex_digit(t.s[i + 1]) : -1;
		int lo = hi >= 0 ? hex_digit(t.s[i + 2]) : -1;

		if (lo >= 0) {
			*to++ = (char)(hi << 4 | lo);
			i += 2;
		} else {
			*to++ = t.s[i];
		}
	}
	*len = (size_t)(to - out);
	return out;
}

static const char *recode(struct arena *a, struct span t, bool keep_slash)
{
	size_t n;
	const char *plain = decode(a, t, &n), *made;
	struct buf b;

	buf_init(&b, CANONICAL_MAX);
	sigv4_encode(&b, plain, n, keep_slash);
	made = arena_memdup(a, b.s, b.len);
	buf_release(&b);
	return made;
}

void sigv4_date(int64_t now_us, char out[SIGV4_DATE_SIZE])
{
	time_t s = (time_t)(now_us / US_PER_S);
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(out, SIGV4_DATE_SIZE, "%Y%m%dT%H%M%SZ", &tm);
}

/* ---- the URL ---- */

static bool ends_with(struct span t, const char *end)
{
	size_t n = strlen(end);

	return t.n > n && memcmp(t.s + t.n - n, end, n) == 0;
}

static int url_split(const char *text, struct url *u, struct err *e)
{
	bool tls = strncmp(text, "https://", 8) == 0;
	const char *s = tls ? text + 8 : text + 7, *at;

	if (!tls && strncmp(text, "http://", 7) != 0)
		return err_set(e, ERR_CONFIG, "a URL of http or https is expected");
	u->host = (struct span){ s, strcspn(s, "/?#") };
	at = memchr(u->host.s, '@', u->host.n);
	if (at)
		u->host = (struct span){ at + 1, u->host.n - (size_t)(at + 1 - s) };
	s += strcspn(s, "/?#");
	if (ends_with(u->host, tls ? ":443" : ":80"))
		u->host.n -= tls ? 4 : 3;
	if (u->host.n == 0)
		return err_set(e, ERR_CONFIG, "the URL has no host");
	u->path = (struct span){ s, strcspn(s, "?#") };
	s += u->path.n;
	u->query = (struct span){ s + (*s == '?'), *s == '?' ? strcspn(s + 1, "#") : 0 };
	return 0;
}

/* Without empty, "." and ".." segments (RFC 3986, 5.2.4; S3 does not do this). */
static struct span path_normal(struct arena *a, struct span p)
{
	char *out = arena_alloc(a, p.n + 2);
	size_t len = 0, n;

	for (size_t i = 0; i < p.n; i += n + 1) {
		const char *s = p.s + i, *slash = memchr(s, '/', p.n - i);

		n = slash ? (size_t)(slash - s) : p.n - i;
		if (n == 2 && memcmp(s, "..", 2) == 0) {
			while (len && out[--len] != '/')
				;
		} else if (n && !(n == 1 && *s == '.')) {
			out[len++] = '/';
			memcpy(out + len, s, n);
			len += n;
		}
	}
	if (len == 0 || (p.n && p.s[p.n - 1] == '/'))
		out[len++] = '/';
	return (struct span){ out, len };
}

static void add_path(struct buf *b, struct arena *a, const struct sigv4 *r, struct span path)
{
	struct span p;

	if (strcmp(r->service, "s3") == 0) {
		buf_str(b, path.n ? recode(a, path, true) : "/");
		return;
	}
	p = path_normal(a, path);
	sigv4_encode(b, p.s, p.n, true);
}

static int pair_order(const void *x, const void *y)
{
	const struct pair *a = x, *b = y;
	int d = strcmp(a->name, b->name);

	return d ? d : strcmp(a->value, b->value);
}

/* Those of the URL, with room for more, encoded. */
static struct pairs query_pairs(struct arena *a, struct span q, size_t room)
{
	struct pairs p = { NULL, 0 };
	size_t n, count = 1;

	for (size_t i = 0; i < q.n; i++)
		count += q.s[i] == '&';
	p.v = arena_alloc(a, (count + room) * sizeof *p.v);
	for (size_t i = 0; i < q.n; i += n + 1) {
		const char *s = q.s + i, *end = memchr(s, '&', q.n - i), *eq;
		struct span name, value = { "", 0 };

		n = end ? (size_t)(end - s) : q.n - i;
		eq = memchr(s, '=', n);
		name = (struct span){ s, eq ? (size_t)(eq - s) : n };
		if (eq)
			value = (struct span){ eq + 1, n - name.n - 1 };
		if (n)
			p.v[p.n++] = (struct pair){ recode(a, name, false), recode(a, value, false) };
	}
	return p;
}

static void add_pairs(struct buf *b, struct pairs *p)
{
	if (p->n)
		qsort(p->v, p->n, sizeof *p->v, pair_order);
	for (size_t i = 0; i < p->n; i++)
		buf_fmt(b, "%s%s=%s", i ? "&" : "", p->v[i].name, p->v[i].value);
}

/* ---- headers ---- */

static bool header_signed(const char *name)
{
	static const char *const not[] = { "authorization", "connection", "content-length", "expect",
		"transfer-encoding", "user-agent", "x-amzn-trace-id", NULL };

	for (size_t i = 0; not[i]; i++)
		if (strcasecmp(not[i], name) == 0)
			return false;
	return true;
}

static const char *lower(struct arena *a, const char *s)
{
	char *out = arena_strdup(a, s);

	for (char *c = out; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return out;
}

/* Trimmed, and runs of blanks within as one space. */
static const char *squeeze(struct arena *a, const char *s)
{
	char *out = arena_alloc(a, strlen(s) + 1), *to = out;

	for (; *s; s++) {
		bool blank = *s == ' ' || *s == '\t';

		if (!blank)
			*to++ = *s;
		else if (to > out && to[-1] != ' ')
			*to++ = ' ';
	}
	while (to > out && to[-1] == ' ')
		to--;
	*to = '\0';
	return out;
}

/* Sorted by name; those of one name joined, in the order they came. */
static void pairs_put(struct arena *a, struct pairs *p, const char *name, const char *value)
{
	size_t at = 0;

	name = lower(a, name);
	value = squeeze(a, value);
	while (at < p->n && strcmp(p->v[at].name, name) < 0)
		at++;
	if (at < p->n && strcmp(p->v[at].name, name) == 0) {
		p->v[at].value = arena_fmt(a, "%s,%s", p->v[at].value, value);
		return;
	}
	memmove(p->v + at + 1, p->v + at, (p->n - at) * sizeof *p->v);
	p->v[at] = (struct pair){ name, value };
	p->n++;
}

static struct pairs header_pairs(const struct sigv4 *r, struct arena *a, struct span host)
{
	struct pairs p = { arena_alloc(a, (r->nheaders + 4) * sizeof *p.v), 0 };

	pairs_put(a, &p, "host", arena_memdup(a, host.s, host.n));
	for (size_t i = 0; i < r->nheaders; i++)
		if (header_signed(r->headers[i].name) && strcasecmp(r->headers[i].name, "host") != 0)
			pairs_put(a, &p, r->headers[i].name, r->headers[i].value);
	return p;
}

static const char *signed_names(struct arena *a, const struct pairs *p)
{
	const char *s = "";

	for (size_t i = 0; i < p->n; i++)
		s = arena_fmt(a, "%s%s%s", s, i ? ";" : "", p->v[i].name);
	return s;
}

/* ---- the signature ---- */

/* What one signature is made of. */
struct work {
	const struct sigv4 *r;
	struct arena *a;
	struct url url;
	struct pairs headers, query;
	const char *names, *scope, *sha256;
	char date[SIGV4_DATE_SIZE];
};

static int work_begin(struct work *w, const struct sigv4 *r, struct arena *a, struct err *e)
{
	*w = (struct work){ .r = r, .a = a, .sha256 = r->sha256 };
	if (url_split(r->url, &w->url, e))
		return -1;
	sigv4_date(r->now_us, w->date);
	w->scope = arena_fmt(a, "%.8s/%s/%s/aws4_request", w->date, r->region, r->service);
	w->headers = header_pairs(r, a, w->url.host);
	w->query = query_pairs(a, w->url.query, 6);
	return 0;
}

static void add_canonical(struct buf *b, struct work *w)
{
	buf_fmt(b, "%s\n", w->r->method);
	add_path(b, w->a, w->r, w->url.path);
	buf_chr(b, '\n');
	add_pairs(b, &w->query);
	buf_chr(b, '\n');
	for (size_t i = 0; i < w->headers.n; i++)
		buf_fmt(b, "%s:%s\n", w->headers.v[i].name, w->headers.v[i].value);
	buf_fmt(b, "\n%s\n%s", w->names, w->sha256);
}

/* HMAC over a chain of date, region, service, "aws4_request", then the text. */
static void hmac_chain(const struct sigv4 *r, const char *date, const char *text,
	char hex[HEX_SHA256])
{
	const char *secret = r->keys->secret;
	size_t n = strlen(secret);
	char *first = mem_alloc(n + 5);
	unsigned char key[SHA256_SIZE], raw[SHA256_SIZE];
	const char *const steps[] = { r->region, r->service, "aws4_request", text };
	struct buf b;

	memcpy(first, "AWS4", 4);
	memcpy(first + 4, secret, n);
	digest_hmac_sha256(first, n + 4, date, 8, key);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		digest_hmac_sha256(key, sizeof key, steps[i], strlen(steps[i]), raw);
		memcpy(key, raw, sizeof key);
	}
	explicit_bzero(first, n + 4);
	free(first);
	buf_init(&b, HEX_SHA256);
	buf_hex(&b, key, sizeof key);
	memcpy(hex, b.s, HEX_SHA256);
	buf_release(&b);
	explicit_bzero(key, sizeof key);
}

static int work_sign(struct work *w, char hex[HEX_SHA256], struct err *e)
{
	char hash[HEX_SHA256];
	struct buf b;

	buf_init(&b, CANONICAL_MAX);
	add_canonical(&b, w);
	digest_sha256_hex(b.s, b.len, hash);
	if (b.over) {
		buf_release(&b);
		return err_set(e, ERR_DATA, "the request's address and headers exceed %d bytes",
			CANONICAL_MAX);
	}
	buf_clear(&b);
	buf_fmt(&b, ALGORITHM "\n%s\n%s\n%s", w->date, w->scope, hash);
	hmac_chain(w->r, w->date, b.s, hex);
	buf_release(&b);
	return 0;
}

/* The headers that the signature brings, S3's hash of the body with them. */
static void work_own_headers(struct work *w, struct sigv4_signed *out)
{
	const struct sigv4 *r = w->r;

	*out = (struct sigv4_signed){ .date = arena_strdup(w->a, w->date), .token = r->keys->token,
		.sha256 = strcmp(r->service, "s3") == 0 ? r->sha256 : "" };
	pairs_put(w->a, &w->headers, "x-amz-date", out->date);
	if (*out->token)
		pairs_put(w->a, &w->headers, "x-amz-security-token", out->token);
	if (*out->sha256)
		pairs_put(w->a, &w->headers, "x-amz-content-sha256", out->sha256);
	w->names = signed_names(w->a, &w->headers);
}

int sigv4_sign(const struct sigv4 *r, struct arena *a, struct sigv4_signed *out, struct err *e)
{
	char hex[HEX_SHA256];
	struct work w;

	if (work_begin(&w, r, a, e))
		return -1;
	work_own_headers(&w, out);
	if (work_sign(&w, hex, e))
		return -1;
	out->authorization = arena_fmt(a, ALGORITHM " Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		r->keys->access, w.scope, w.names, hex);
	return 0;
}

int sigv4_canonical(const struct sigv4 *r, struct arena *a, struct buf *out, struct err *e)
{
	struct sigv4_signed own;
	struct work w;

	if (work_begin(&w, r, a, e))
		return -1;
	work_own_headers(&w, &own);
	add_canonical(out, &w);
	return 0;
}

/* ---- presigned URLs ---- */

static void query_put(struct work *w, const char *name, const char *value)
{
	struct span t = { value, strlen(value) };
	struct buf b;

	buf_init(&b, CANONICAL_MAX);
	sigv4_encode(&b, t.s, t.n, false);
	w->query.v[w->query.n++] = (struct pair){ name, arena_memdup(w->a, b.s, b.len) };
	buf_release(&b);
}

const char *sigv4_presign(const struct sigv4 *r, int64_t seconds, struct arena *a, struct err *e)
{
	char hex[HEX_SHA256];
	const char *url = NULL;
	struct work w;
	struct buf b;

	if (work_begin(&w, r, a, e))
		return NULL;
	w.names = signed_names(a, &w.headers);
	query_put(&w, "X-Amz-Algorithm", ALGORITHM);
	query_put(&w, "X-Amz-Credential", arena_fmt(a, "%s/%s", r->keys->access, w.scope));
	query_put(&w, "X-Amz-Date", w.date);
	query_put(&w, "X-Amz-Expires", arena_fmt(a, "%lld", (long long)seconds));
	query_put(&w, "X-Amz-SignedHeaders", w.names);
	if (*r->keys->token)
		query_put(&w, "X-Amz-Security-Token", r->keys->token);
	if (work_sign(&w, hex, e))
		return NULL;
	buf_init(&b, CANONICAL_MAX);
	buf_add(&b, r->url, (size_t)(w.url.path.s - r->url) + w.url.path.n);
	buf_str(&b, w.url.path.n ? "?" : "/?");
	add_pairs(&b, &w.query);
	url = arena_fmt(a, "%s&X-Amz-Signature=%s", b.s, hex);
	buf_release(&b);
	return url;
}

/* ---- CodeCommit's password ---- */

/* git-codecommit.REGION.amazonaws.com[.cn], also -fips and with a port. */
static const char *codecommit_region(struct arena *a, const char *host, size_t n)
{
	static const char *const begins[] = { "git-codecommit.", "git-codecommit-fips.", NULL };
	const char *s, *dot;

	for (size_t i = 0; begins[i]; i++) {
		size_t k = strlen(begins[i]);

		if (n <= k || memcmp(host, begins[i], k) != 0)
			continue;
		s = host + k;
		dot = memchr(s, '.', n - k);
		return dot && dot > s && strncmp(dot, ".amazonaws.com", 14) == 0 ?
			arena_memdup(a, s, (size_t)(dot - s)) : NULL;
	}
	return NULL;
}

int sigv4_codecommit(const char *host, const char *path, const struct aws_keys *keys,
	int64_t now_us, struct arena *a, const char **user, const char **password, struct err *e)
{
	size_t n = strcspn(host, ":");
	struct sigv4 r = { .method = "GIT", .region = codecommit_region(a, host, n),
		.service = "codecommit", .keys = keys, .now_us = now_us };
	char date[SIGV4_DATE_SIZE], hash[HEX_SHA256], hex[HEX_SHA256];
	const char *text;

	if (!r.region)
		return err_set(e, ERR_CONFIG, "`%.100s` is no host of CodeCommit: "
			"git-codecommit.REGION.amazonaws.com is expected", host);
	sigv4_date(now_us, date);
	text = arena_fmt(a, "GIT\n/%s\n\nhost:%.*s\n\nhost\n", path + (*path == '/'), (int)n, host);
	digest_sha256_hex(text, strlen(text), hash);
	/* the time without its Z, in the text that is signed alone */
	text = arena_fmt(a, ALGORITHM "\n%.15s\n%.8s/%s/codecommit/aws4_request\n%s", date, date,
		r.region, hash);
	hmac_chain(&r, date, text, hex);
	*user = *keys->token ? arena_fmt(a, "%s%%%s", keys->access, keys->token) : keys->access;
	*password = arena_fmt(a, "%s%s", date, hex);
	return 0;
}
