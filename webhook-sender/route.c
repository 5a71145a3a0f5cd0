/* route.c - see route.h. */
#include "route.h"

#include <string.h>

#include "curlset.h"

CURLcode route_fix(CURL *c)
{
	SET(c, CURLOPT_NOPROXY, "");
	SET(c, CURLOPT_PROXYAUTH, (long)CURLAUTH_BASIC);
	SET(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(c, CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(c, CURLOPT_KEYPASSWD, "");		/* OpenSSL would ask at the terminal */
	return CURLE_OK;
}

static const char *or_none(const char *s)
{
	return s ? s : "";
}

/* All of it in one text, to see whether anything differs. */
static void settings_join(struct buf *b, const struct request *r)
{
	const char *const parts[] = { r->ca_file, r->tls_cert, r->tls_key, r->proxy, r->proxy_login };

	buf_clear(b);
	buf_chr(b, r->tls_verify ? 'v' : '-');
	buf_chr(b, r->tls_13 ? '3' : '2');
	buf_chr(b, r->http_1 ? '1' : '2');
	buf_chr(b, r->look ? 'l' : '-');
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		buf_str(b, or_none(parts[i]));
		buf_chr(b, '\n');
	}
}

static CURLcode tls_set(CURL *c, const struct request *r)
{
	const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);
	const char *ca = or_none(r->ca_file), *cert = or_none(r->tls_cert), *key = or_none(r->tls_key);

	SET(c, CURLOPT_SSL_VERIFYPEER, r->tls_verify ? 1L : 0L);
	SET(c, CURLOPT_SSL_VERIFYHOST, r->tls_verify ? 2L : 0L);
	SET(c, CURLOPT_CAINFO, *ca ? ca : v->cainfo);
	SET(c, CURLOPT_CAPATH, *ca ? NULL : v->capath);
	/* One's own may change at any time; the system's are many and seldom do. */
	SET(c, CURLOPT_CA_CACHE_TIMEOUT, *ca ? 0L : 3600L);
	SET(c, CURLOPT_SSLCERT, *cert ? cert : NULL);
	SET(c, CURLOPT_SSLKEY, *key ? key : *cert ? cert : NULL);
	SET(c, CURLOPT_SSLVERSION,
		(long)(r->tls_13 ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2));
	SET(c, CURLOPT_HTTP_VERSION,
		(long)(r->http_1 ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));
	SET(c, CURLOPT_CERTINFO, r->look ? 1L : 0L);
	SET(c, CURLOPT_FRESH_CONNECT, r->look ? 1L : 0L);
	return CURLE_OK;
}

/* libcurl decodes %XX in both parts. */
static void escaped(struct buf *b, const char *s, size_t n)
{
	buf_clear(b);
	for (size_t i = 0; i < n; i++)
		if (s[i] == '%')
			buf_str(b, "%25");
		else
			buf_chr(b, s[i]);
}

/* "user:password", as it stands. */
static CURLcode login_set(CURL *c, const char *login, struct buf *b)
{
	size_t n = strcspn(login, ":");

	escaped(b, login, n);
	SET(c, CURLOPT_PROXYUSERNAME, *login ? b->s : NULL);
	login += n + (login[n] == ':');
	escaped(b, login, strlen(login));
	SET(c, CURLOPT_PROXYPASSWORD, *login ? b->s : NULL);
	return CURLE_OK;
}

static CURLcode proxy_set(CURL *c, const struct request *r)
{
	CURLcode code;
	struct buf b;

	SET(c, CURLOPT_PROXY, or_none(r->proxy));
	buf_init(&b, 4 * LIMIT_SECRET);
	code = login_set(c, or_none(r->proxy_login), &b);
	buf_wipe(&b);
	return code;
}

/* A proxy resolves names itself, by its own rules; an address in the URL can be judged
   here. In the form that libcurl makes of every spelling. */
static void host_judge(struct exchange *x, const struct request *r)
{
	CURLU *u = curl_url();
	struct address a;
	char *host = NULL;

	if (u && curl_url_set(u, CURLUPART_URL, r->url, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK && address_parse(host, &a))
		x->barred = address_refused(r->addresses, &a, &x->refusal);
	curl_free(host);
	curl_url_cleanup(u);
}

/* The proxy itself is named by the configuration alone: lists that refuse receivers do
   not count for it, the built-in one does. */
static void addresses_set(struct exchange *x, const struct request *r)
{
	x->barred = false;
	x->rules = (struct address_rules){ .allow = { { NULL, 0 } } };
	if (r->addresses)
		x->rules = *r->addresses;
	if (!*or_none(r->proxy))
		return;
	memset(x->rules.deny, 0, sizeof x->rules.deny);
	host_judge(x, r);
}

CURLcode route_set(struct exchange *x, const struct request *r)
{
	CURLcode code = CURLE_OK;
	struct buf was;

	addresses_set(x, r);
	settings_join(&x->settings_now, r);
	if (x->settings_now.over)
		return CURLE_BAD_FUNCTION_ARGUMENT;
	if (x->told && strcmp(x->settings.s, x->settings_now.s) == 0)
		return CURLE_OK;
	code = tls_set(x->easy, r);
	if (code == CURLE_OK)
		code = proxy_set(x->easy, r);
	was = x->settings;
	x->settings = x->settings_now;
	x->settings_now = was;
	return code;
}
