/*
 * webhook.c - POST the messages of a delivery to a URL, one after the other.
 *
 * Progress is "FORMAT INDEX/COUNT" once the first message has been accepted, so that
 * a retry goes on with the one that was not; before that there is nothing to save.
 *
 * Where a request has room for one signature, the newest secret makes it. A receiver
 * that answers 401 or 403 may not have changed over yet: the same message goes again
 * in the same attempt, signed by the secret before, if that is still valid. The
 * progress then ends in " ATTEMPT ID", which the rest of that attempt keeps to; the
 * next attempt begins with the newest again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../target.h"
#include "buf.h"
#include "expand.h"
#include "fs.h"
#include "http.h"
#include "policy.h"
#include "secrets.h"

/* ---- progress ---- */

struct place {
	size_t index;			/* the message to send now */
	char secret[SECRET_ID];		/* id of the one to sign with; "" the newest */
};

/* What was saved under another format does not count, nor an earlier attempt's secret. */
static struct place progress_read(const struct attempt *t, size_t count)
{
	size_t n = strlen(t->pipeline->format);
	char text[LIMIT_CONF_NAME], id[SECRET_ID] = "";
	struct place p = { 0 }, none = { 0 };
	size_t of = 0;
	int64_t attempt = 0;

	if (t->progress_len <= n || t->progress_len >= sizeof text)
		return none;
	memcpy(text, t->progress, t->progress_len);
	text[t->progress_len] = '\0';
	if (memcmp(text, t->pipeline->format, n) != 0 ||
	    sscanf(text + n, " %zu/%zu %" SCNd64 " %8[0-9a-f]", &p.index, &of, &attempt, id) < 2 ||
	    of != count || p.index >= count)
		return none;
	if (attempt == t->attempt)
		memcpy(p.secret, id, sizeof id);
	return p;
}

static void progress_write(const struct attempt *t, const struct place *p, size_t count,
	struct step *out)
{
	int n = 0;

	if (p->index || *p->secret)
		n = snprintf(out->progress, sizeof out->progress, "%s %zu/%zu", t->pipeline->format,
			p->index, count);
	if (*p->secret)
		n += snprintf(out->progress + n, sizeof out->progress - (size_t)n, " %" PRId64 " %s",
			t->attempt, p->secret);
	out->progress_len = (size_t)n;
}

/* ---- the request ---- */

static int url_check(const char *url, struct err *e);

static int login_check(const char *line, struct err *e)
{
	size_t n = strcspn(line, ":");

	for (const char *s = line; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return err_set(e, ERR_CONFIG, "it has a control character");
	return n && n < LIMIT_CONF_NAME && line[n] ? 0 :
		err_set(e, ERR_CONFIG, "expected user:password");
}

static const struct secrets_kind url_lines = { url_check }, header_lines = { config_header_check },
	login_lines = { login_check };

/* The URL as configured, or the first line of its file that is valid. */
static const char *url_template(const struct attempt *t, struct err *e)
{
	const struct pipeline *p = t->pipeline;
	struct secret_lines lines;

	if (*p->url)
		return p->url;
	if (secrets_load(p->url_file, &url_lines, t->now_us, &lines, e)) {
		err_wrap(e, "url-file");
		return NULL;
	}
	t->arena->secret = true;
	return arena_memdup(t->arena, lines.v[0].key.s, lines.v[0].key.len);
}

static int url_steered(const char *url, struct err *e)
{
	if (!expand_in_authority(url))
		return 0;
	return err_set(e, ERR_CONFIG, "url: a placeholder may stand in the path or query, not "
		"before: whoever pushes would choose the host");
}

static void settle(struct step *out, enum outcome outcome, const char *text)
{
	out->kind = STEP_SETTLED;
	out->verdict = (struct verdict){ .outcome = outcome, .code = answer_code(ANSWER_REFUSED),
		.text = text };
}

/* What the pusher's words make impossible fails this delivery, no other. */
static int refuse(const struct attempt *t, struct step *out, const char *what)
{
	settle(out, OUTCOME_FAIL, arena_fmt(t->arena, "%s cannot be sent: with this delivery's values "
		"it holds a control character or becomes too long", what));
	return 1;
}

/* 0, 1 settled, -1 */
static int make_url(const struct attempt *t, struct step *out, struct err *e)
{
	const char *text = url_template(t, e);
	struct buf b;
	int result = -1;

	if (!text || url_steered(text, e))
		return -1;
	buf_init(&b, LIMIT_URL);
	if (expand(&b, text, t->input, true, t->arena, e) == 0)
		result = b.over ? refuse(t, out, "the url") : 0;
	out->request.url = arena_memdup(t->arena, b.s, b.len);
	buf_release(&b);
	return result;
}

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
			result = refuse(t, out, arena_fmt(t->arena, "the header `%s`", name));
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
	if (secrets_load(t->pipeline->header_file, &header_lines, t->now_us, &lines, e))
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

/* All that are valid, the chosen one first; where it is not valid any more, the newest. */
static struct secrets secrets_ordered(struct arena *a, const struct secret_lines *lines,
	const char *chosen, size_t *first)
{
	struct secrets s = { arena_alloc(a, lines->n * sizeof *s.v), 0 };

	*first = 0;
	for (size_t i = 0; i < lines->n; i++)
		if (strcmp(lines->v[i].id, chosen) == 0)
			*first = i;
	s.v[s.n++] = lines->v[*first].key;
	for (size_t i = 0; i < lines->n; i++)
		if (i != *first)
			s.v[s.n++] = lines->v[i].key;
	return s;
}

/* The ids of the secrets that signed, for the record. */
static const char *signers(struct arena *a, const struct format *f, const struct secret_lines *l,
	size_t first)
{
	const char *ids = arena_strdup(a, l->v[first].id);

	for (size_t i = 0; f->all_sign && i < l->n; i++)
		if (i != first)
			ids = arena_fmt(a, "%s, %s", ids, l->v[i].id);
	return ids;
}

static int add_signature(const struct attempt *t, const struct format *f, const struct message *m,
	const char *chosen, struct request *r, struct err *e)
{
	struct secrets secrets = { 0 };
	struct secret_lines lines;
	size_t first;

	if (*t->pipeline->secret_file) {
		if (secrets_load(t->pipeline->secret_file, NULL, t->now_us, &lines, e))
			return err_wrap(e, "secret-file");
		secrets = secrets_ordered(t->arena, &lines, chosen, &first);
		r->secret = signers(t->arena, f, &lines, first);
		r->previous = first > 0;
	}
	return f->sign(m, &secrets, t->now_us, &r->headers, e);
}

static int add_own(const struct attempt *t, const struct message *m, struct headers *h, struct err *e)
{
	for (size_t i = 0; i < m->headers.n; i++)
		if (headers_add(h, m->headers.v[i].name, m->headers.v[i].value))
			return err_set(e, ERR_BUG, "a header of the format could not be added");
	if (headers_add(h, "Content-Type", m->content_type) ||
		headers_add(h, "User-Agent", t->config->user_agent) ||
		headers_add(h, "X-Refire-Delivery", t->input->delivery) ||
		headers_add(h, "X-Refire-Change", t->input->change->id) ||
		headers_add(h, "X-Refire-Attempt", arena_fmt(t->arena, "%lld", (long long)t->attempt)))
		return err_set(e, ERR_CONFIG, "`user-agent` cannot stand in a header");
	return 0;
}

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
	if (secrets_load(p->proxy_login_file, &login_lines, t->now_us, &lines, e))
		return err_wrap(e, "proxy-login-file");
	t->arena->secret = true;
	r->proxy_login = arena_strdup(t->arena, lines.v[0].key.s);
	return 0;
}

static int make_request(const struct attempt *t, const struct format *f, const struct message *m,
	const char *secret, struct step *out, struct err *e)
{
	const struct pipeline *p = t->pipeline;
	int made;

	out->request = (struct request){ .method = "POST", .body = m->body, .secret = "",
		.headers.a = t->arena, .timeout_us = p->timeout_us,
		.connect_timeout_us = p->connect_timeout_us, .ca_file = p->ca_file,
		.tls_verify = p->tls_verify, .addresses = &p->addresses };
	made = add_route(t, &out->request, e);
	if (made == 0)
		made = make_url(t, out, e);
	if (made == 0)
		made = add_own(t, m, &out->request.headers, e);
	if (made == 0)
		made = add_signature(t, f, m, secret, &out->request, e);
	if (made == 0)
		made = add_configured(t, out, e);
	if (made == 0)
		made = add_from_file(t, out, e);
	return made < 0 ? -1 : 0;
}

/* ---- the steps ---- */

static const struct format *format_of(const struct pipeline *p, struct err *e)
{
	const struct format *f = format_find(p->format);

	if (!f)
		err_set(e, ERR_CONFIG, "unknown format `%s`", p->format);
	return f;
}

/* After a refusal of the newest secret's signature: is there one before, still valid? */
static bool previous_secret(const struct attempt *t, const struct format *f, struct place *p)
{
	struct secret_lines lines;
	struct err e;

	if (t->answer->kind != ANSWER_GOT || (t->answer->status != 401 && t->answer->status != 403) ||
	    f->all_sign || *p->secret || !*t->pipeline->secret_file ||
	    secrets_load(t->pipeline->secret_file, NULL, t->now_us, &lines, &e) || lines.n < 2)
		return false;
	memcpy(p->secret, lines.v[1].id, sizeof p->secret);
	return true;
}

static void judge(const struct attempt *t, const struct format *f, size_t count, struct place *p,
	struct step *out)
{
	out->verdict = policy_judge(t->answer, t->now_us, t->arena);
	out->past = out->verdict.outcome == OUTCOME_OK;
	if (out->past ? ++p->index == count : !previous_secret(t, f, p))
		out->kind = STEP_SETTLED;
	if (p->index == count)
		p->index--;
}

static int next(const struct attempt *t, struct step *out, struct err *e)
{
	const struct format *f = format_of(t->pipeline, e);
	struct message *m;
	struct place p;
	size_t count, n;

	if (!f)
		return -1;
	count = f->count ? f->count(t->input) : 1;
	p = progress_read(t, count);
	out->kind = STEP_REQUEST;
	out->event_source = out->event_name = "";
	if (t->answer)
		judge(t, f, count, &p, out);
	progress_write(t, &p, count, out);
	if (out->kind == STEP_SETTLED)
		return 0;
	if (f->render(t->input, t->arena, &m, &n, e))
		return -1;
	return make_request(t, f, &m[p.index], p.secret, out, e);
}

/* ---- the check ---- */

static int url_check(const char *url, struct err *e)
{
	return url_steered(url, e) || expand_check(url, e) || http_check_url(url, e) ? -1 : 0;
}

static int check_file(const char *key, const char *path, const struct secrets_kind *kind,
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

static int check(const struct pipeline *p, struct err *e)
{
	struct arena a;
	int result;

	if (!format_of(p, e) || check_file("url-file", p->url_file, &url_lines, e) ||
	    check_file("secret-file", p->secret_file, NULL, e) ||
	    check_file("header-file", p->header_file, &header_lines, e) ||
	    check_file("proxy-login-file", p->proxy_login_file, &login_lines, e))
		return -1;
	if (*p->url && url_check(p->url, e))
		return err_wrap(e, "url");
	if (format_of(p, e)->check && format_of(p, e)->check(p, e))
		return -1;
	arena_init(&a);
	result = check_headers(p, &a, e);
	arena_release(&a);
	return result;
}

const struct target target_webhook = {
	.name = "webhook",
	.help = "POST each message to a URL",
	.check = check,
	.next = next,
};
