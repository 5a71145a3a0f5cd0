/*
 * github.c - target github-dispatch: a repository_dispatch (`event-type`) or a
 * workflow_dispatch (`workflow`) by GitHub's REST API. 204 is all that it says.
 *
 * Who asks is a token, or a GitHub App: then a JWT signed with the App's key brings the
 * number of its installation in the repository (where it is not configured) and an
 * access token, which is good for an hour and kept in memory (tokens.h).
 *
 *	GET  /repos/OWNER/REPO/installation			by JWT	-> id
 *	POST /app/installations/ID/access_tokens		by JWT	-> token, expires_at
 *	POST /repos/OWNER/REPO/dispatches			by token
 *	POST /repos/OWNER/REPO/actions/workflows/FILE/dispatches	by token
 */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "fs.h"
#include "jwt.h"
#include "policy.h"
#include "ci.h"
#include "tokens.h"

#define PUBLIC_API "https://api.github.com"
#define EARLY_US (300 * US_PER_S)	/* a token is not used in its last minutes */
#define TOKEN_US (3600 * US_PER_S)	/* where its answer does not say */
#define NOW_US (10 * US_PER_S)
#define KEY_MAX (64 * KIB)

enum { INSTALLATION = 1, ACCESS, DISPATCH };

static int begin(const struct attempt *t, const char *method, int stage, struct step *out,
	struct err *e)
{
	struct headers *h = &out->request.headers;

	*out = (struct step){ .kind = STEP_REQUEST, .stage = stage };
	if (call_begin(t, method, &out->request, e))
		return -1;
	return headers_add(h, "Accept", "application/vnd.github+json") ||
		headers_add(h, "X-GitHub-Api-Version", "2022-11-28") ?
		err_set(e, ERR_BUG, "a header could not be added") : 0;
}

static int authorize(struct request *r, struct arena *a, const char *token, struct err *e)
{
	return headers_add_hidden(&r->headers, "Authorization", arena_fmt(a, "Bearer %s", token)) ?
		err_set(e, ERR_BUG, "a token cannot stand in a header") : 0;
}

/* ---- the App ---- */

static bool is_app(const struct pipeline *p)
{
	return *p->app_key_file;
}

/* One for each App, place and repository. */
static const char *token_key(const struct attempt *t)
{
	const struct pipeline *p = t->pipeline;

	return arena_fmt(t->arena, "github %s %s %s %s", p->app_id, p->installation_id, p->url,
		*p->installation_id ? "" : p->project);
}

static int authorize_app(const struct attempt *t, struct step *out, struct err *e)
{
	const char *path = t->pipeline->app_key_file, *jwt = NULL;
	char *pem;
	size_t n;
	int failed;

	if (fs_check_private(path, true, e) || fs_read_path(path, KEY_MAX, &pem, &n, NULL, e)) {
		e->code = ERR_TEMP;
		return err_wrap(e, "app-key-file");
	}
	t->arena->secret = true;
	failed = jwt_make(t->arena, pem, n, t->pipeline->app_id, t->now_us, &jwt, e);
	explicit_bzero(pem, n);
	free(pem);
	if (failed)
		return err_wrap(e, "app-key-file: %s", path);
	out->token = token_key(t);
	return authorize(&out->request, t->arena, jwt, e);
}

static int ask_installation(const struct attempt *t, struct step *out, struct err *e)
{
	const char *project;
	int made;

	if (begin(t, "GET", INSTALLATION, out, e) || authorize_app(t, out, e))
		return -1;
	made = ci_text(t, out, "project", t->pipeline->project, &project, e);
	return made ? made : ci_url(t, out, PUBLIC_API, e, "/repos/%s/installation",
		ci_encode(t->arena, project, true));
}

static int ask_access(const struct attempt *t, struct step *out, const char *id, struct err *e)
{
	if (begin(t, "POST", ACCESS, out, e) || authorize_app(t, out, e))
		return -1;
	out->private = true;
	return ci_url(t, out, PUBLIC_API, e, "/app/installations/%s/access_tokens",
		ci_encode(t->arena, id, false));
}

static void keep_access(const struct attempt *t, const char *token)
{
	const char *until = ci_member(t, "expires_at");
	int64_t until_us = t->now_us + TOKEN_US, said_us;

	if (until && !clock_parse(until, t->now_us, &said_us))
		until_us = said_us;
	until_us -= EARLY_US;
	if (until_us <= t->now_us)
		until_us = t->now_us + NOW_US;	/* the dispatch that it was fetched for */
	tokens_put(token_key(t), token, until_us);
}

/* ---- the dispatch ---- */

static void write_change(struct json *j, const struct attempt *t, const struct ci_values *v,
	const char *ref, const char *commit)
{
	const struct render_input *in = t->input;

	json_key(j, "client_payload");
	json_object(j);
	json_kv(j, "ref", ref);
	json_kv(j, "sha", commit);
	json_kv(j, "before", in->before);
	json_kv(j, "after", in->after);
	json_kv(j, "repository", in->name);
	json_kv(j, "actor", in->change->actor);
	json_kv(j, "delivery", in->delivery);
	ci_json(j, "variables", v);
	json_end(j);
}

static int write_body(const struct attempt *t, struct step *out, struct err *e)
{
	const struct pipeline *p = t->pipeline;
	const char *ref, *commit = "";
	struct ci_values v;
	struct json j;
	struct buf b;
	int made;

	if ((made = ci_values(t, out, &v, e)) ||
	    (made = ci_ref(t, out, *p->workflow ? "{branch}{tag}" : "{ref}", &ref, e)) ||
	    (made = ci_text(t, out, "commit", "{commit}", &commit, e)))
		return made;
	buf_init(&b, LIMIT_BODY);
	json_init(&j, &b);
	json_object(&j);
	if (*p->workflow) {
		json_kv(&j, "ref", ref);
		ci_json(&j, "inputs", &v);
	} else {
		json_kv(&j, "event_type", p->event_type);
		write_change(&j, t, &v, ref, commit);
	}
	json_end(&j);
	call_body(t, &out->request, "application/json", &b);
	buf_release(&b);
	return 0;
}

static int dispatch(const struct attempt *t, struct step *out, struct err *e)
{
	const struct pipeline *p = t->pipeline;
	const char *token = is_app(p) ? tokens_get(token_key(t), t->now_us) : ci_token(t, e);
	const char *project, *workflow, *path;
	int made;

	if (!token)
		return is_app(p) ? err_set(e, ERR_TEMP, "the access token is gone") : -1;
	if (begin(t, "POST", DISPATCH, out, e) || authorize(&out->request, t->arena, token, e))
		return -1;
	if ((made = ci_text(t, out, "project", p->project, &project, e)) ||
	    (made = ci_text(t, out, "workflow", p->workflow, &workflow, e)))
		return made;
	path = *workflow ? arena_fmt(t->arena, "/actions/workflows/%s",
		ci_encode(t->arena, workflow, false)) : "";
	made = ci_url(t, out, PUBLIC_API, e, "/repos/%s%s/dispatches",
		ci_encode(t->arena, project, true), path);
	if (!made)
		made = write_body(t, out, e);
	return made ? made : call_configured(t, out, e);
}

static int first(const struct attempt *t, struct step *out, struct err *e)
{
	const struct pipeline *p = t->pipeline;

	if (!is_app(p) || tokens_get(token_key(t), t->now_us))
		return dispatch(t, out, e);
	return *p->installation_id ? ask_access(t, out, p->installation_id, e) :
		ask_installation(t, out, e);
}

/* ---- answers ---- */

static const struct ci_word token_words[] = {
	{ 401, OUTCOME_REJECTED, "ReceiverDenied", "GitHub does not know the token in token-file, or it "
		"has expired" },
	{ 403, OUTCOME_REJECTED, "ReceiverDenied", "the token may not do this: a fine-grained one needs "
		"Contents (write) for event-type, Actions (write) for workflow" },
	{ 404, OUTCOME_REJECTED, "ReceiverRejected", "GitHub has no such repository or workflow, or who "
		"asks may not write to it" },
	{ 422, OUTCOME_REJECTED, "ReceiverRejected", "GitHub does not start it: does the workflow have `on: "
		"workflow_dispatch`, is the ref there, are the inputs those it names?" },
	{ 0, OUTCOME_OK, NULL, NULL },
}, app_words[] = {
	{ 401, OUTCOME_REJECTED, "ReceiverDenied", "GitHub does not take the App's signature: do app-id "
		"and app-key-file belong together, and is this machine's clock right?" },
	{ 404, OUTCOME_REJECTED, "ReceiverRejected", "the App is not installed in this repository, or has "
		"no installation of this number" },
	{ 0, OUTCOME_OK, NULL, NULL },
};

/* 403 and 429 may be a limit (docs.github.com, "Rate limits for the REST API"): then it says
   when it is over. */
static void judge_limit(const struct attempt *t, struct verdict *v)
{
	const char *left = headers_get(&t->answer->headers, "X-RateLimit-Remaining");
	const char *reset = headers_get(&t->answer->headers, "X-RateLimit-Reset");
	const char *after = headers_get(&t->answer->headers, "Retry-After");
	int64_t wait_us = 0;

	if (t->answer->status != 403 || (!after && !(left && strcmp(left, "0") == 0)))
		return;
	if (after)
		wait_us = policy_retry_after(after, t->now_us);
	else if (reset)
		wait_us = strtoll(reset, NULL, 10) * US_PER_S - t->now_us;
	v->outcome = OUTCOME_RETRY;
	v->code = "ReceiverThrottled";
	v->text = arena_fmt(t->arena, "HTTP 403: GitHub wants fewer requests");
	v->not_before_us = wait_us < 0 ? 0 : wait_us > 24 * 3600 * US_PER_S ? 24 * 3600 * US_PER_S :
		wait_us;
}

static int not_github(const struct attempt *t, struct step *out)
{
	out->kind = STEP_SETTLED;
	out->verdict = (struct verdict){ .outcome = OUTCOME_FAIL, .code = "ReceiverRejected",
		.http_status = t->answer->status,
		.text = "what answers at `url` is not GitHub's API: it names no installation or token" };
	return 1;
}

static int next(const struct attempt *t, struct step *out, struct err *e)
{
	bool dispatched = t->stage == DISPATCH;
	const char *what;

	if (!t->answer)
		return first(t, out, e) < 0 ? -1 : 0;
	ci_judge(t, out, dispatched ? token_words : app_words);
	judge_limit(t, &out->verdict);
	if (dispatched && is_app(t->pipeline) && t->answer->status == 401)
		tokens_drop(token_key(t));
	if (dispatched || out->verdict.outcome != OUTCOME_OK)
		return 0;
	what = ci_member(t, t->stage == ACCESS ? "token" : "id");
	if (!what)
		return not_github(t, out) < 0 ? -1 : 0;
	if (t->stage == INSTALLATION)
		return ask_access(t, out, what, e) < 0 ? -1 : 0;
	keep_access(t, what);
	return dispatch(t, out, e) < 0 ? -1 : 0;
}

static void pretend(const struct step *s, struct answer *out)
{
	static const char made[] = "{\"id\":1,\"token\":\"dry-run\"}";

	if (s->stage == DISPATCH)
		return;
	out->body = made;
	out->body_len = sizeof(made) - 1;
}

/* ---- rule and check ---- */

static int rule(const struct pipeline *p, const char **key, struct err *e)
{
	const char *slash = strchr(p->project, '/');

	if (ci_rule(p, key, e))
		return -1;
	*key = "project";
	if (!slash || slash == p->project || !slash[1] || strchr(slash + 1, '/'))
		return err_set(e, ERR_CONFIG, "`project` is OWNER/REPOSITORY");
	*key = "app-key-file";
	if (is_app(p) != (*p->app_id != '\0'))
		return err_set(e, ERR_CONFIG, "`app-key-file` and `app-id` go together");
	*key = "installation-id";
	if (*p->installation_id && (!is_app(p) ||
			p->installation_id[strspn(p->installation_id, "0123456789")]))
		return err_set(e, ERR_CONFIG, "`installation-id` is a number, and goes with `app-id`");
	*key = "event-type";
	return strlen(p->event_type) > 100 ? err_set(e, ERR_CONFIG, "`event-type` is longer than 100 "
		"characters") : 0;
}

static int check(const struct pipeline *p, struct err *e)
{
	const char *jwt;
	struct arena a;
	char *pem;
	size_t n;
	int failed;

	if (ci_check(p, e))
		return -1;
	if (!is_app(p))
		return 0;
	if (fs_check_private(p->app_key_file, true, e) ||
	    fs_read_path(p->app_key_file, KEY_MAX, &pem, &n, NULL, e))
		return err_wrap(e, "app-key-file");
	arena_init(&a);
	a.secret = true;
	failed = jwt_make(&a, pem, n, p->app_id, 0, &jwt, e);
	arena_release(&a);
	explicit_bzero(pem, n);
	free(pem);
	return failed ? err_wrap(e, "app-key-file: %s", p->app_key_file) : 0;
}

extern const struct target target_github;
const struct target target_github = {
	.name = "github-dispatch",
	.rule = rule,
	.check = check,
	.next = next,
	.pretend = pretend,
};
