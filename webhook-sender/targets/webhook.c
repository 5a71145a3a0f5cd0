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

#include "call.h"
#include "policy.h"

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

static int add_own(const struct message *m, struct request *r, struct err *e)
{
	for (size_t i = 0; i < m->headers.n; i++)
		if (headers_add(&r->headers, m->headers.v[i].name, m->headers.v[i].value))
			return err_set(e, ERR_BUG, "a header of the format could not be added");
	if (headers_add(&r->headers, "Content-Type", m->content_type))
		return err_set(e, ERR_BUG, "the format's Content-Type could not be added");
	r->body = m->body;
	return 0;
}

static int make_request(const struct attempt *t, const struct format *f, const struct message *m,
	const char *secret, struct step *out, struct err *e)
{
	int made = call_begin(t, "POST", &out->request, e);

	if (made == 0)
		made = call_url(t, out, e);
	if (made == 0)
		made = add_own(m, &out->request, e);
	if (made == 0)
		made = add_signature(t, f, m, secret, &out->request, e);
	if (made == 0)
		made = call_configured(t, out, e);
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

static int check(const struct pipeline *p, struct err *e)
{
	const struct format *f = format_of(p, e);

	if (!f || call_check(p, e) || call_check_file("secret-file", p->secret_file, NULL, e))
		return -1;
	return f->check ? f->check(p, e) : 0;
}

extern const struct target target_webhook;
const struct target target_webhook = {
	.name = "webhook",
	.check = check,
	.next = next,
};
