/* call.c - see call.h. */
#include "call.h"

#include <string.h>

#include "digest.h"
#include "expand.h"
#include "fs.h"
#include "http.h"
#include "policy.h"

/* ---- what a line of a file must be ---- */

static int url_steered(const char *url, struct err *e)
{
	if (!expand_in_authority(url))
		return 0;
	return err_set(e, ERR_CONFIG, "url: a placeholder may stand in the path or query, not "
		"before: whoever pushes would choose the host");
}

static int url_check(const char *url, struct err *e)
{
	return url_steered(url, e) || expand_check(url, e) || http_check_url(url, e) ? -1 : 0;
}

static int login_check(const char *line, struct err *e)
{
	size_t n = strcspn(line, ":");

	for (const char *s = line; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return err_set(e, ERR_CONFIG, "it has a control character");
	return n && n < LIMIT_CONF_NAME && line[n] ? 0 :
		err_set(e, ERR_CONFIG, "expected user:password");
}

const struct secrets_kind call_url_lines = { url_check }, call_header_lines = { config_header_check },
	call_login_lines = { login_check };

/* ---- the request ---- */

/* How the receiver is reached. The key of a certificate is a secret, too. */
static int add_route(const struct attempt *t, struct request *r, struct err *e)
{
	const struct pipeline *p = t->pipeline;
	struct secret_lines lines;

	r->tls_cert = p->tls_cert;
	r->tls_key = p->tls_key;
	r->tls_13 = p->tls_min == TLS_MIN_13;
	r->http_1 = !p->http2;
	r->proxy = p->proxy;
	if (*p->tls_cert && fs_check_private(*p->tls_key ? p->tls_key : p->tls_cert, true, e)) {
		e->code = ERR_TEMP;
		return err_wrap(e, *p->tls_key ? "tls-key" : "tls-cert");
	}
	if (!*p->proxy_login_file)
		return 0;
	if (secrets_load(p->proxy_login_file, &call_login_lines, t->now_us, &lines, e))
		return err_wrap(e, "proxy-login-file");
	t->arena->secret = true;
	r->proxy_login = arena_strdup(t->arena, lines.v[0].key.s);
	return 0;
}

int call_begin(const struct attempt *t, const char *method, struct request *r, struct err *e)
{
	const struct pipeline *p = t->pipeline;
	struct headers *h = &r->headers;

	*r = (struct request){ .method = method, .secret = "", .headers.a = t->arena,
		.body = { .s = "", .fd = -1 }, .timeout_us = p->timeout_us,
		.connect_timeout_us = p->connect_timeout_us, .ca_file = p->ca_file,
		.tls_verify = p->tls_verify, .addresses = &p->addresses };
	if (headers_add(h, "User-Agent", t->config->user_agent) ||
		headers_add(h, "X-Refire-Delivery", t->input->delivery) ||
		headers_add(h, "X-Refire-Change", t->input->change->id) ||
		headers_add(h, "X-Refire-Attempt", arena_fmt(t->arena, "%lld", (long long)t->attempt)))
		return err_set(e, ERR_CONFIG, "`user-agent` cannot stand in a header");
	return add_route(t, r, e);
}

void call_body(const struct attempt *t, struct request *r, const char *type, const struct buf *b)
{
	headers_add(&r->headers, "Content-Type", type);
	r->body = (struct body){ .s = arena_memdup(t->arena, b->s, b->len), .fd = -1,
		.len = b->len };
	digest_sha256_hex(b->s, b->len, r->body.sha256);
}

static void settle(struct step *out, enum outcome outcome, const char *text)
{
	out->kind = STEP_SETTLED;
	out->verdict = (struct verdict){ .outcome = outcome, .code = answer_code(ANSWER_REFUSED),
		.text = text };
}

int call_refuse(const struct attempt *t, struct step *out, const char *what)
{
	settle(out, OUTCOME_FAIL, arena_fmt(t->arena, "%s cannot be sent: with this delivery's values "
		"it holds a control character or becomes too long", what));
	return 1;
}

/* The URL as configured, or the first line of its file that is valid. */
static const char *url_template(const struct attempt *t, struct err *e)
{
	const struct pipeline *p = t->pipeline;
	struct secret_lines lines;

	if (!*p->url_file)
		return p->url;
	if (secrets_load(p->url_file, &call_url_lines, t->now_us, &lines, e)) {
		err_wrap(e, "url-file");
		return NULL;
	}
	t->arena->secret = true;
	return arena_memdup(t->arena, lines.v[0].key.s, lines.v[0].key.len);
}

int call_url(const struct attempt *t, struct step *out, struct err *e)
{
	const char *text = url_template(t, e);
	struct buf b;
	int result = -1;

	if (!text || url_steered(text, e))
		return -1;
	buf_init(&b, LIMIT_URL);
	if (expand(&b, text, t->input, true, t->arena, e) == 0)
		result = b.over ? call_refuse(t, out, "the url") : 0;
	out->request.url = arena_memdup(t->arena, b.s, b.len);
	buf_release(&b);
	return result;
}

/* ---- further headers ---- */

/* "Name: value" in its two parts. */
static const char *header_value(const char *line, size_t *name_len)
{
	*name_len = strcspn(line, ":");
	line += *name_len + (line[*name_len] == ':');
	return line + strspn(line, " \t");
}

static int add_configured(const struct attempt *t, struct step *out, struct err *e)
{
	const struct list *l = &t->pipeline->headers;
	struct buf b;
	int result = 0;

	buf_init(&b, LIMIT_HEADER);
	for (size_t i = 0; i < l->n && result == 0; i++) {
		size_t n;
		const char *value = header_value(l->v[i], &n), *name = arena_memdup(t->arena, l->v[i], n);

		buf_clear(&b);
		if (expand(&b, value, t->input, false, t->arena, e))
			result = -1;
		else if (b.over || headers_add_hidden(&out->request.headers, name, b.s))
			result = call_refuse(t, out, arena_fmt(t->arena, "the header `%s`", name));
	}
	buf_release(&b);
	return result;
}

/* Of several lines with one name the first that is valid is sent. */
static int add_from_file(const struct attempt *t, struct step *out, struct err *e)
{
	struct headers *h = &out->request.headers;
	size_t before = h->n;
	struct secret_lines lines;

	if (!*t->pipeline->header_file)
		return 0;
	if (secrets_load(t->pipeline->header_file, &call_header_lines, t->now_us, &lines, e))
		return err_wrap(e, "header-file");
	t->arena->secret = true;
	for (size_t i = 0; i < lines.n; i++) {
		size_t n;
		const char *value = header_value(lines.v[i].key.s, &n);
		const char *name = arena_memdup(t->arena, lines.v[i].key.s, n);
		const struct headers so_far = { .v = h->v + before, .n = h->n - before };

		if (!headers_get(&so_far, name) && headers_add_hidden(h, name, value))
			return err_set(e, ERR_BUG, "header-file: a header could not be added");
	}
	return 0;
}

int call_configured(const struct attempt *t, struct step *out, struct err *e)
{
	int made = add_configured(t, out, e);

	return made ? made : add_from_file(t, out, e);
}

/* ---- the check ---- */

int call_check_file(const char *key, const char *path, const struct secrets_kind *kind,
	struct err *e)
{
	struct secrets_text text;

	if (!*path)
		return 0;
	if (secrets_read(path, kind, &text, e))
		return err_wrap(e, "%s", key);
	secrets_release(&text);
	return 0;
}

static int check_headers(const struct pipeline *p, struct arena *a, struct err *e)
{
	struct headers h = { .a = a };

	for (size_t i = 0; i < p->headers.n; i++) {
		size_t n;
		const char *value = header_value(p->headers.v[i], &n);
		const char *name = arena_memdup(a, p->headers.v[i], n);

		if (expand_check(value, e))
			return err_wrap(e, "headers: `%s`", name);
		if (headers_add(&h, name, value))
			return err_set(e, ERR_CONFIG, "headers: `%s` is not Name: value", name);
	}
	return 0;
}

int call_check(const struct pipeline *p, struct err *e)
{
	struct arena a;
	int result;

	if (call_check_file("url-file", p->url_file, &call_url_lines, e) ||
	    call_check_file("header-file", p->header_file, &call_header_lines, e) ||
	    call_check_file("proxy-login-file", p->proxy_login_file, &call_login_lines, e))
		return -1;
	if (*p->url && url_check(p->url, e))
		return err_wrap(e, "url");
	arena_init(&a);
	result = check_headers(p, &a, e);
	arena_release(&a);
	return result;
}
