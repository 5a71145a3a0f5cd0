/*
 * webhook.c - POST the messages of a delivery to a URL, one after the other.
 *
 * Progress is "FORMAT INDEX/COUNT" once the first message has been accepted, so that
 * a retry goes on with the one that was not; before that there is nothing to save.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../target.h"
#include "buf.h"
#include "expand.h"
#include "http.h"
#include "policy.h"
#include "secrets.h"

/* ---- progress ---- */

/* The message to send now. What was saved under another format does not count. */
static size_t progress_read(const struct attempt *t, size_t count)
{
	size_t n = strlen(t->pipeline->format), index;
	char text[LIMIT_CONF_NAME], *end;

	if (t->progress_len <= n || t->progress_len >= sizeof text)
		return 0;
	memcpy(text, t->progress, t->progress_len);
	text[t->progress_len] = '\0';
	if (memcmp(text, t->pipeline->format, n) != 0 || text[n] != ' ')
		return 0;
	index = strtoul(text + n + 1, &end, 10);
	return *end == '/' && strtoul(end + 1, NULL, 10) == count && index < count ? index : 0;
}

static void progress_write(const struct attempt *t, size_t index, size_t count, struct step *out)
{
	out->progress_len = 0;
	if (index)
		out->progress_len = (size_t)snprintf(out->progress, sizeof out->progress, "%s %zu/%zu",
			t->pipeline->format, index, count);
}

/* ---- the request ---- */

/* The URL as configured, or the first line of its file. */
static const char *url_template(const struct pipeline *p, struct arena *a, struct err *e)
{
	struct secrets lines;

	if (*p->url)
		return p->url;
	if (secrets_load(p->url_file, &lines, e)) {
		err_wrap(e, "url-file");
		return NULL;
	}
	return arena_memdup(a, lines.v[0].s, lines.v[0].len);
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
	const char *text = url_template(t->pipeline, t->arena, e);
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
		else if (b.over || headers_add(&out->request.headers, name, b.s))
			result = refuse(t, out, arena_fmt(t->arena, "the header `%s`", name));
	}
	buf_release(&b);
	return result;
}

static int add_signature(const struct attempt *t, const struct format *f, const struct message *m,
	struct headers *h, struct err *e)
{
	struct secrets secrets = { 0 };

	if (*t->pipeline->secret_file && secrets_load(t->pipeline->secret_file, &secrets, e))
		return err_wrap(e, "secret-file");
	return f->sign(m, &secrets, t->now_us, h, e);
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

static int make_request(const struct attempt *t, const struct format *f, const struct message *m,
	struct step *out, struct err *e)
{
	const struct pipeline *p = t->pipeline;
	int made;

	out->request = (struct request){ .method = "POST", .body = m->body,
		.headers.a = t->arena, .timeout_us = p->timeout_us,
		.connect_timeout_us = p->connect_timeout_us, .ca_file = p->ca_file,
		.tls_verify = p->tls_verify, .addresses = &p->addresses };
	made = make_url(t, out, e);
	if (made == 0)
		made = add_own(t, m, &out->request.headers, e);
	if (made == 0)
		made = add_signature(t, f, m, &out->request.headers, e);
	if (made == 0)
		made = add_configured(t, out, e);
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

static int next(const struct attempt *t, struct step *out, struct err *e)
{
	const struct format *f = format_of(t->pipeline, e);
	size_t count, index, n;
	struct message *m;

	if (!f)
		return -1;
	count = f->count ? f->count(t->input) : 1;
	index = progress_read(t, count);
	out->kind = STEP_REQUEST;
	out->event_source = out->event_name = "";
	if (t->answer) {
		out->verdict = policy_judge(t->answer, t->now_us, t->arena);
		index += out->verdict.outcome == OUTCOME_OK;
		if (out->verdict.outcome != OUTCOME_OK || index == count)
			out->kind = STEP_SETTLED;
	}
	progress_write(t, index == count ? index - 1 : index, count, out);
	if (out->kind == STEP_SETTLED)
		return 0;
	if (f->render(t->input, t->arena, &m, &n, e))
		return -1;
	return make_request(t, f, &m[index], out, e);
}

/* ---- the check ---- */

static int check_url(const struct pipeline *p, struct arena *a, struct err *e)
{
	const char *url = url_template(p, a, e);

	if (!url)
		return -1;
	if (url_steered(url, e))
		return -1;
	if (expand_check(url, e) || http_check_url(url, e))
		return err_wrap(e, *p->url ? "url" : "url-file");
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

	arena_init(&a);
	result = !format_of(p, e) || check_url(p, &a, e) || check_headers(p, &a, e) ? -1 : 0;
	if (result == 0 && *p->secret_file && secrets_check(p->secret_file, e))
		result = err_wrap(e, "secret-file");
	arena_release(&a);
	return result;
}

const struct target target_webhook = {
	.name = "webhook",
	.help = "POST each message to a URL",
	.check = check,
	.next = next,
};
