/* ci.c - see ci.h. */
#include <jansson.h>

#include "ci.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "expand.h"
#include "policy.h"

#define SAID_MAX 200			/* bytes of what the service says, in a sentence */

/* ---- the address ---- */

int ci_begin(const struct attempt *t, const char *method, struct step *out, struct err *e)
{
	out->kind = STEP_REQUEST;
	if (call_begin(t, method, &out->request, e))
		return -1;
	return headers_add(&out->request.headers, "Accept", "application/json") ?
		err_set(e, ERR_BUG, "a header could not be added") : 0;
}

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		(c && strchr("-_~.", c));
}

/* A part of dots alone would climb: servers take ".." out of a path. */
static void encode_part(struct buf *b, const char *s, size_t n)
{
	bool dots = strspn(s, ".") >= n;

	for (size_t i = 0; i < n; i++)
		if (is_plain(s[i]) && !(dots && s[i] == '.'))
			buf_chr(b, s[i]);
		else
			buf_fmt(b, "%%%02X", (unsigned char)s[i]);
}

const char *ci_encode(struct arena *a, const char *s, bool slashes)
{
	const char *out;
	struct buf b;

	buf_init(&b, 3 * LIMIT_URL);
	for (size_t n; *s; s += n + (s[n] == '/' && slashes)) {
		n = slashes ? strcspn(s, "/") : strlen(s);
		encode_part(&b, s, n);
		if (slashes && s[n])
			buf_chr(&b, '/');
	}
	out = arena_memdup(a, b.s, b.len);
	buf_release(&b);
	return out;
}

int ci_url(const struct attempt *t, struct step *out, const char *base, struct err *e,
	const char *fmt, ...)
{
	char path[LIMIT_URL];
	va_list ap;
	size_t n;
	int made = 0, len;

	if (*t->pipeline->url || *t->pipeline->url_file)
		made = call_url(t, out, e);
	else
		out->request.url = base;
	if (made)
		return made;
	va_start(ap, fmt);
	len = vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	n = strlen(out->request.url);
	while (n && out->request.url[n - 1] == '/')
		n--;
	if (len < 0 || n + (size_t)len > LIMIT_URL)
		return call_refuse(t, out, "the url");
	out->request.url = arena_fmt(t->arena, "%.*s%s", (int)n, out->request.url, path);
	return 0;
}

/* ---- what is handed over ---- */

int ci_text(const struct attempt *t, struct step *out, const char *key, const char *text,
	const char **value, struct err *e)
{
	struct buf b;
	int result = -1;

	buf_init(&b, LIMIT_HEADER);
	if (expand(&b, text, t->input, false, t->arena, e) == 0)
		result = b.over ? call_refuse(t, out, arena_fmt(t->arena, "`%s`", key)) : 0;
	*value = arena_memdup(t->arena, b.s, b.len);
	buf_release(&b);
	return result;
}

int ci_ref(const struct attempt *t, struct step *out, const char *usual, const char **ref,
	struct err *e)
{
	const char *text = *t->pipeline->run_ref ? t->pipeline->run_ref : usual;
	int made = ci_text(t, out, "run-ref", text, ref, e);

	if (made || **ref)
		return made;
	out->kind = STEP_SETTLED;
	out->verdict = (struct verdict){ .outcome = OUTCOME_FAIL, .code = "NothingToStart",
		.text = arena_fmt(t->arena, "`%s` is empty for %s, and the service starts nothing without "
			"it: set run-ref, or leave such changes out by on, branches or tags", text,
			t->input->ref) };
	return 1;
}

int ci_values(const struct attempt *t, struct step *out, struct ci_values *v,
	struct err *e)
{
	const struct list *l = &t->pipeline->variables;
	int made = 0;

	*v = (struct ci_values){ arena_alloc(t->arena, (l->n + 1) * sizeof(*v->v)), 0 };
	for (size_t i = 0; i < l->n && made == 0; i++) {
		size_t n = strcspn(l->v[i], "=");

		v->v[i].name = arena_memdup(t->arena, l->v[i], n);
		made = ci_text(t, out, "variables", l->v[i] + n + 1, &v->v[i].value, e);
		v->n++;
	}
	return made;
}

void ci_json(struct json *j, const char *key, const struct ci_values *v)
{
	json_key(j, key);
	json_object(j);
	for (size_t i = 0; i < v->n; i++)
		json_kv(j, v->v[i].name, v->v[i].value);
	json_end(j);
}

void ci_form(struct buf *b, const char *prefix, const char *suffix, const char *name,
	const char *value)
{
	if (b->len)
		buf_chr(b, '&');
	encode_part(b, prefix, strlen(prefix));
	encode_part(b, name, strlen(name));
	encode_part(b, suffix, strlen(suffix));
	buf_chr(b, '=');
	encode_part(b, value, strlen(value));
}

/* ---- credentials ---- */

static int token_check(const char *line, struct err *e)
{
	for (const char *s = line; *s; s++)
		if ((unsigned char)*s <= 0x20 || *s == 0x7f)
			return err_set(e, ERR_CONFIG, "a token has no blanks and no control characters");
	return *line ? 0 : err_set(e, ERR_CONFIG, "it is empty");
}

static const struct secrets_kind token_lines = { token_check };

const char *ci_token(const struct attempt *t, struct err *e)
{
	struct secret_lines lines;

	if (secrets_load(t->pipeline->token_file, &token_lines, t->now_us, &lines, e)) {
		err_wrap(e, "token-file");
		return NULL;
	}
	t->arena->secret = true;
	return arena_memdup(t->arena, lines.v[0].key.s, lines.v[0].key.len);
}

static int add_hidden(struct request *r, const char *name, const char *value, struct err *e)
{
	return headers_add_hidden(&r->headers, name, value) ?
		err_set(e, ERR_CONFIG, "token-file: it cannot stand in a header") : 0;
}

int ci_bearer(const struct attempt *t, struct request *r, const char *header,
	const char *scheme, struct err *e)
{
	const char *token = ci_token(t, e);

	return token ? add_hidden(r, header, arena_fmt(t->arena, "%s%s", scheme, token), e) : -1;
}

int ci_basic(const struct attempt *t, struct request *r, const char *user, struct err *e)
{
	const char *token = ci_token(t, e), *pair;
	struct buf b;
	int failed;

	if (!token)
		return -1;
	pair = arena_fmt(t->arena, "%s:%s", user, token);
	buf_init(&b, LIMIT_HEADER);
	buf_str(&b, "Basic ");
	digest_base64(&b, pair, strlen(pair));
	failed = add_hidden(r, "Authorization", b.s, e);
	buf_wipe(&b);
	return failed;
}

/* ---- the answer ---- */

const char *ci_member(const struct attempt *t, const char *name)
{
	json_t *all = json_loadb(t->answer->body, t->answer->body_len, 0, NULL);
	const json_t *member = json_object_get(all, name);
	char *text = json_is_string(member) || !member ? NULL :
		json_dumps(member, JSON_COMPACT | JSON_ENCODE_ANY);
	const char *out = NULL;

	if (json_is_string(member))
		out = arena_strdup(t->arena, json_string_value(member));
	else if (text && !json_is_null(member))
		out = arena_strdup(t->arena, text);
	free(text);
	json_decref(all);
	return out;
}

/* ": \"Workflow does not have 'workflow_dispatch' trigger\"" */
static const char *said(const struct attempt *t)
{
	static const char *const names[] = { "message", "error", "errors", "detail" };
	const char *text = NULL;

	for (size_t i = 0; !text && i < sizeof(names) / sizeof(*names); i++)
		text = ci_member(t, names[i]);
	return text && *text ? arena_fmt(t->arena, "; it says \"%.*s\"", SAID_MAX, text) : "";
}

static const struct ci_word *word_of(const struct ci_word *words, int status)
{
	for (; words && words->status; words++)
		if (words->status == status)
			return words;
	return NULL;
}

void ci_judge(const struct attempt *t, struct step *out, const struct ci_word *words)
{
	struct verdict *v = &out->verdict;
	const struct ci_word *w = word_of(words, t->answer->status);
	bool got = t->answer->kind == ANSWER_GOT;

	out->kind = STEP_SETTLED;
	*v = policy_judge(t->answer, t->now_us, t->arena);
	if (got && w) {
		v->outcome = w->outcome;
		v->code = w->code;
		v->text = *w->text ? arena_fmt(t->arena, "HTTP %d: %s", t->answer->status, w->text) : "";
	}
	if (got && *v->text)
		v->text = arena_fmt(t->arena, "%s%s", v->text, said(t));
	out->past = v->outcome == OUTCOME_OK;
}

int ci_next(const struct attempt *t, struct step *out,
	int (*make)(const struct attempt *t, struct step *out, struct err *e),
	const struct ci_word *words, struct err *e)
{
	if (!t->answer)
		return make(t, out, e) < 0 ? -1 : 0;
	ci_judge(t, out, words);
	return 0;
}

/* ---- rules and check ---- */

int ci_check(const struct pipeline *p, struct err *e)
{
	return call_check(p, e) || call_check_file("token-file", p->token_file, &token_lines, e) ?
		-1 : 0;
}

static int variable_rule(const char *entry, struct err *e)
{
	size_t n = strcspn(entry, "=");

	if (!n || !entry[n])
		return err_set(e, ERR_CONFIG, "`variables`: `%.100s` is not NAME=value", entry);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)entry[i] <= 0x20 || entry[i] == '{' || entry[i] == 0x7f)
			return err_set(e, ERR_CONFIG, "`variables`: a name has no blanks and no placeholder");
	return expand_check(entry + n, e) ? err_wrap(e, "`variables`") : 0;
}

int ci_rule(const struct pipeline *p, const char **key, struct err *e)
{
	const struct { const char *key, *text; } texts[] = {
		{ "url", p->url }, { "project", p->project }, { "job", p->job },
		{ "workflow", p->workflow }, { "run-ref", p->run_ref },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		*key = texts[i].key;
		if (expand_check(texts[i].text, e))
			return err_wrap(e, "`%s`", *key);
	}
	*key = "url";
	if (p->url[strcspn(p->url, "?#")])
		return err_set(e, ERR_CONFIG, "`url` is where the service is, without a query");
	*key = "variables";
	for (size_t i = 0; i < p->variables.n; i++)
		if (variable_rule(p->variables.v[i], e))
			return -1;
	return 0;
}
