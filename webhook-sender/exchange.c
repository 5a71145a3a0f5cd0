/* exchange.c - see exchange.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "curlset.h"
#include "exchange.h"
#include "route.h"

/* Shorter than the idle time-outs of common servers (Node and Apache: 5 s), so
   that a request seldom meets a connection that is just being closed. */
#define IDLE_S 4L

/* ---- libcurl's callbacks ---- */

static size_t on_body_wanted(char *to, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	size_t want = size * n < x->len - x->offset ? size * n : x->len - x->offset;
	ssize_t got;

	if (want == 0)
		return 0;
	got = pread(x->fd, to, want, (off_t)x->offset);
	if (got <= 0) {
		snprintf(x->detail, sizeof x->detail, "the body's file could not be read: %s",
			got < 0 ? strerror(errno) : "it became shorter");
		return CURL_READFUNC_ABORT;
	}
	x->offset += (size_t)got;
	return (size_t)got;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct exchange *x = arg;

	if (origin != SEEK_SET || offset < 0 || (size_t)offset > x->len)
		return CURL_SEEKFUNC_FAIL;
	x->offset = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

bool exchange_permits(struct exchange *x, const struct address *a)
{
	return !x->barred && !address_refused(&x->rules, a, &x->refusal);
}

/* A connection that another pipeline made, by other rules, is not used either. */
static bool peer_permitted(struct exchange *x, const char *ip)
{
	struct address a;

	return address_parse(ip, &a) && exchange_permits(x, &a);
}

/* The connection stands and the request is about to leave. libcurl would send it
   again when a kept connection breaks without an answer; the receiver may have
   acted on it, so that counts as this attempt's unknown outcome instead. */
static int on_ready(void *arg, char *ip, char *local_ip, int port, int local_port)
{
	struct exchange *x = arg;

	(void)local_ip;
	(void)local_port;
	if (!peer_permitted(x, ip) || x->sends++ > 0)
		return CURL_PREREQFUNC_ABORT;
	snprintf(x->address, sizeof x->address, strchr(ip, ':') ? "[%s]:%d" : "%s:%d", ip, port);
	return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;

	n *= size;
	x->head_read += n;
	if (x->head_read > LIMIT_ANSWER_HEADERS) {
		x->head_over = true;
		return 0;
	}
	if (n >= 5 && memcmp(line, "HTTP/", 5) == 0)
		buf_clear(&x->head);
	buf_add(&x->head, line, n);
	return n;
}

static size_t on_body(char *s, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	size_t room = LIMIT_ANSWER_READ - x->body_read, kept = LIMIT_ANSWER_KEPT - x->body.len;

	n *= size;
	if (n > room) {
		x->body_cut = true;
		n = room;
	}
	if (n > kept && !x->digest.ctx) {
		digest_stream_init(&x->digest);
		digest_stream_add(&x->digest, x->body.s, x->body.len);
	}
	if (x->digest.ctx)
		digest_stream_add(&x->digest, s, n);
	buf_add(&x->body, s, n < kept ? n : kept);
	x->body_read += n;
	return x->body_cut ? 0 : n;
}

/* What holds for every request. */
static CURLcode exchange_fix(struct exchange *x)
{
	CURL *c = x->easy;

	SET(c, CURLOPT_PRIVATE, x);
	SET(c, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(c, CURLOPT_FOLLOWLOCATION, 0L);
	SET(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(c, CURLOPT_PATH_AS_IS, 1L);
	SET(c, CURLOPT_NOSIGNAL, 1L);
	SET(c, CURLOPT_QUICK_EXIT, 1L);		/* do not wait for a resolver that hangs */
	SET(c, CURLOPT_MAXAGE_CONN, IDLE_S);
	SET(c, CURLOPT_ERRORBUFFER, x->detail);
	SET(c, CURLOPT_PREREQFUNCTION, on_ready);
	SET(c, CURLOPT_PREREQDATA, x);
	SET(c, CURLOPT_HEADERFUNCTION, on_header);
	SET(c, CURLOPT_HEADERDATA, x);
	SET(c, CURLOPT_WRITEFUNCTION, on_body);
	SET(c, CURLOPT_WRITEDATA, x);
	SET(c, CURLOPT_READFUNCTION, on_body_wanted);
	SET(c, CURLOPT_READDATA, x);
	SET(c, CURLOPT_SEEKFUNCTION, on_seek);
	SET(c, CURLOPT_SEEKDATA, x);
	return route_fix(c);
}

void exchange_free(struct exchange *x)
{
	char unused[2 * SHA256_SIZE + 1];

	if (x->digest.ctx)
		digest_stream_end(&x->digest, unused);
	curl_easy_cleanup(x->easy);
	buf_wipe(&x->url);
	buf_wipe(&x->settings);
	buf_wipe(&x->settings_now);
	buf_wipe(&x->lines);
	buf_release(&x->head);
	buf_release(&x->body);
	free(x->list);
	free(x);
}

struct exchange *exchange_new(struct http *h)
{
	struct exchange *x = mem_alloc(sizeof *x);

	x->h = h;
	x->fd = -1;
	buf_init(&x->url, LIMIT_URL);
	buf_init(&x->settings, 8 * LIMIT_PATH);
	buf_init(&x->settings_now, 8 * LIMIT_PATH);
	buf_init(&x->lines, MIB);
	buf_init(&x->head, LIMIT_ANSWER_HEADERS);
	buf_init(&x->body, LIMIT_ANSWER_KEPT);
	x->easy = curl_easy_init();
	if (!x->easy || exchange_fix(x) != CURLE_OK) {
		exchange_free(x);
		return NULL;
	}
	return x;
}

/* As libcurl wants them: a name without a value ends in ';'. */
static void exchange_lines(struct exchange *x, const struct headers *headers)
{
	size_t at = 0, n = headers->n + 1;

	buf_clear(&x->lines);
	for (size_t i = 0; i < headers->n; i++) {
		buf_str(&x->lines, headers->v[i].name);
		buf_str(&x->lines, *headers->v[i].value ? ": " : ";");
		buf_str(&x->lines, headers->v[i].value);
		buf_chr(&x->lines, '\0');
	}
	buf_add(&x->lines, "Expect:", sizeof "Expect:");
	if (x->lines.over)
		return;
	x->list = mem_grow(x->list, &x->list_cap, n, sizeof *x->list);
	for (size_t i = 0; i < n; i++) {
		x->list[i].data = x->lines.s + at;
		x->list[i].next = i + 1 < n ? &x->list[i + 1] : NULL;
		at += strlen(x->list[i].data) + 1;
	}
}

static CURLcode exchange_body(struct exchange *x, const struct request *r)
{
	bool get = strcmp(r->method, "GET") == 0, head = strcmp(r->method, "HEAD") == 0;
	bool post = !get && !head;

	x->fd = r->body.fd;
	x->len = r->body.len;
	x->offset = 0;
	/* the fields first: setting them makes it a POST */
	SET(x->easy, CURLOPT_POSTFIELDSIZE_LARGE, post ? (curl_off_t)r->body.len : (curl_off_t)0);
	SET(x->easy, CURLOPT_POSTFIELDS, !post || r->body.fd >= 0 ? NULL : r->body.s ? r->body.s : "");
	if (head)
		SET(x->easy, CURLOPT_NOBODY, 1L);
	else if (get)
		SET(x->easy, CURLOPT_HTTPGET, 1L);
	else
		SET(x->easy, CURLOPT_POST, 1L);
	SET(x->easy, CURLOPT_CUSTOMREQUEST,
		post && strcmp(r->method, "POST") != 0 ? r->method : NULL);
	return CURLE_OK;
}

static CURLcode exchange_url(struct exchange *x, const struct request *r)
{
	if (x->told && strcmp(x->url.s, r->url) == 0)
		return CURLE_OK;
	buf_clear(&x->url);
	buf_str(&x->url, r->url);
	SET(x->easy, CURLOPT_URL, r->url);
	return x->url.over ? CURLE_URL_MALFORMAT : CURLE_OK;
}

static CURLcode exchange_headers(struct exchange *x, const struct request *r)
{
	exchange_lines(x, &r->headers);
	SET(x->easy, CURLOPT_HTTPHEADER, x->list);
	return x->lines.over ? CURLE_BAD_FUNCTION_ARGUMENT : CURLE_OK;
}

static CURLcode exchange_times(struct exchange *x, const struct request *r)
{
	SET(x->easy, CURLOPT_TIMEOUT_MS, (long)((r->timeout_us + 999) / 1000));
	SET(x->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)((r->connect_timeout_us + 999) / 1000));
	return CURLE_OK;
}

static void exchange_clear(struct exchange *x)
{
	buf_clear(&x->head);
	buf_clear(&x->body);
	x->head_read = x->body_read = 0;
	x->head_over = x->body_cut = false;
	x->sends = 0;
	x->opened = 0;
	x->refusal.text[0] = '\0';
	x->result = CURLE_OK;
	x->address[0] = x->detail[0] = '\0';
}

CURLcode exchange_set(struct exchange *x, const struct request *r)
{
	CURLcode code;

	exchange_clear(x);
	code = route_set(x, r);
	if (code == CURLE_OK)
		code = exchange_url(x, r);
	x->told = code == CURLE_OK;
	if (code == CURLE_OK)
		code = exchange_headers(x, r);
	if (code == CURLE_OK)
		code = exchange_times(x, r);
	return code == CURLE_OK ? exchange_body(x, r) : code;
}

/* ---- the answer ---- */

static enum answer_kind kind_of_timeout(const struct exchange *x)
{
	curl_off_t resolved = 0;

	if (x->sends)
		return ANSWER_TIMEOUT;
	curl_easy_getinfo(x->easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
	return resolved ? ANSWER_CONNECT : ANSWER_RESOLVE;
}

static enum answer_kind kind_of_code(const struct exchange *x)
{
	switch (x->result) {
	case CURLE_COULDNT_RESOLVE_HOST: case CURLE_COULDNT_RESOLVE_PROXY:
		return ANSWER_RESOLVE;
	case CURLE_COULDNT_CONNECT:
		return ANSWER_CONNECT;
	case CURLE_SSL_CONNECT_ERROR: case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM: case CURLE_SSL_CIPHER: case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR: case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_SSL_CLIENTCERT: case CURLE_SSL_ENGINE_INITFAILED:
		return ANSWER_TLS;
	case CURLE_OPERATION_TIMEDOUT:
		return kind_of_timeout(x);
	case CURLE_UNSUPPORTED_PROTOCOL: case CURLE_URL_MALFORMAT:
	case CURLE_BAD_FUNCTION_ARGUMENT: case CURLE_FAILED_INIT:
		return x->sends ? ANSWER_BROKEN : ANSWER_REFUSED;
	case CURLE_OUT_OF_MEMORY:	/* 7.88's word for one header line over its 100 KiB */
		return x->sends ? ANSWER_TOO_BIG : ANSWER_BROKEN;
	default:
		return x->sends ? ANSWER_BROKEN : ANSWER_CONNECT;
	}
}

/* Refused: where nothing else was tried, or where the connection that stood was. */
static bool forbidden(const struct exchange *x)
{
	return *x->refusal.text && !x->sends &&
		(!x->opened || x->result == CURLE_ABORTED_BY_CALLBACK);
}

static enum answer_kind kind_of(const struct exchange *x, int status)
{
	if (forbidden(x))
		return ANSWER_FORBIDDEN;
	if (x->head_over)
		return ANSWER_TOO_BIG;
	if (x->result != CURLE_OK && !x->body_cut)
		return kind_of_code(x);
	return status >= 200 ? ANSWER_GOT : ANSWER_BROKEN;
}

/* A header as it came, with what may not stand in one shown as '?'. */
static void answer_header(struct headers *h, const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n);
	size_t name = colon ? (size_t)(colon - line) : 0, skip = name + 1;
	char *value;

	if (!colon)
		return;
	while (skip < n && (line[skip] == ' ' || line[skip] == '\t'))
		skip++;
	while (n > skip && strchr(" \t\r\n", line[n - 1]))
		n--;
	if (n - skip + name > LIMIT_HEADER)
		n = skip + (name < LIMIT_HEADER ? LIMIT_HEADER - name : 0);
	value = arena_memdup(h->a, line + skip, n - skip);
	for (size_t i = 0; i < n - skip; i++)
		if (((unsigned char)value[i] < 0x20 && value[i] != '\t') || value[i] == 0x7f)
			value[i] = '?';
	headers_add(h, arena_memdup(h->a, line, name), value);
}

static void answer_headers(struct headers *h, const struct buf *head)
{
	const char *p = head->s, *end = head->s + head->len;

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = nl ? (size_t)(nl - p) : (size_t)(end - p);

		if (*p != ' ' && *p != '\t' && strncmp(p, "HTTP/", 5) != 0)
			answer_header(h, p, n);
		p += n + (nl != NULL);
	}
}

static void answer_times(CURL *c, struct answer *out)
{
	curl_off_t dns = 0, connected = 0, tls = 0, total = 0;

	curl_easy_getinfo(c, CURLINFO_NAMELOOKUP_TIME_T, &dns);
	curl_easy_getinfo(c, CURLINFO_CONNECT_TIME_T, &connected);
	curl_easy_getinfo(c, CURLINFO_APPCONNECT_TIME_T, &tls);
	curl_easy_getinfo(c, CURLINFO_TOTAL_TIME_T, &total);
	out->dns_us = dns;
	out->connect_us = connected > dns ? connected - dns : 0;
	out->tls_us = tls > connected ? tls - connected : 0;
	out->total_us = total;
}

static void answer_address(const struct exchange *x, struct answer *out)
{
	char *ip = NULL;
	long port = 0;

	memcpy(out->address, x->address, sizeof out->address);
	if (*out->address)
		return;
	curl_easy_getinfo(x->easy, CURLINFO_PRIMARY_IP, &ip);
	curl_easy_getinfo(x->easy, CURLINFO_PRIMARY_PORT, &port);
	if (ip && *ip)
		snprintf(out->address, sizeof out->address, strchr(ip, ':') ? "[%s]:%ld" : "%s:%ld",
			ip, port);
}

static const char *detail_of(const struct exchange *x, enum answer_kind kind, int status)
{
	if (kind == ANSWER_GOT)
		return "";
	if (kind == ANSWER_FORBIDDEN)
		return x->refusal.text;
	if (x->sends > 1)
		return "the kept connection was closed without an answer";
	if (x->result == CURLE_OK)
		return status ? "only an interim (1xx) answer came" : "no status came";
	return *x->detail ? x->detail : curl_easy_strerror(x->result);
}

/* The first end of a certificate that the far side showed. */
static int64_t cert_until(CURL *c)
{
	struct curl_certinfo *info = NULL;
	int64_t first = 0;

	if (curl_easy_getinfo(c, CURLINFO_CERTINFO, &info) != CURLE_OK || !info)
		return 0;
	for (int i = 0; i < info->num_of_certs; i++)
		for (const struct curl_slist *l = info->certinfo[i]; l; l = l->next) {
			int64_t at = strncmp(l->data, "Expire date:", 12) == 0 ?
				(int64_t)curl_getdate(l->data + 12, NULL) : -1;

			if (at > 0 && (!first || at < first))
				first = at;
		}
	return first * US_PER_S;
}

void exchange_answer(struct exchange *x, struct arena *a, struct answer *out)
{
	long status = 0;

	curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
	*out = (struct answer){ .status = status < 200 ? 0 : (int)status, .sent = x->sends > 0,
		.body_len = x->body.len, .body_total = x->body_read, .body_cut = x->body_cut };
	out->kind = kind_of(x, (int)status);
	out->detail = arena_strdup(a, detail_of(x, out->kind, (int)status));
	out->headers.a = a;
	answer_headers(&out->headers, &x->head);
	out->body = arena_memdup(a, x->body.s, x->body.len);
	if (x->digest.ctx)
		digest_stream_end(&x->digest, out->body_sha256);
	else
		digest_sha256_hex(x->body.s, x->body.len, out->body_sha256);
	answer_address(x, out);
	out->cert_until_us = cert_until(x->easy);
	answer_times(x->easy, out);
}
