/*
 * jenkins.c - three ways to start a job (`trigger`):
 *
 *	notify	 GET  /git/notifyCommit?url=&branches=&sha1=&token=: jobs that use this
 *		 repository look at it (git plugin, GitStatus.java)
 *	build	 GET  /crumbIssuer/api/json	-> crumbRequestField, crumb
 *		 POST /job/FOLDER/job/NAME/buildWithParameters, with the crumb and its session's
 *		 cookie. A user with an API token needs none: 404, or a crumb that is not
 *		 wanted, does no harm. 201 is a place in the queue.
 *	generic	 POST /generic-webhook-trigger/invoke, the change as JSON, the token in a
 *		 header (Generic Webhook Trigger plugin)
 */
#include <string.h>
#include <strings.h>

#include "match.h"
#include "ci.h"

enum { CRUMB = 1, START };

static int begin(const struct attempt *t, const char *method, int stage, struct step *out,
	struct err *e)
{
	*out = (struct step){ .kind = STEP_REQUEST };
	out->stage = stage;
	if (ci_begin(t, method, out, e))
		return -1;
	return *t->pipeline->username ?
		ci_basic(t, &out->request, t->pipeline->username, e) : 0;
}

/* ---- notify ---- */

/* The repository as the jobs know it. */
static const char *git_url(const struct attempt *t)
{
	const struct repository *r = t->input->repository;

	return *t->pipeline->git_url || !r ? t->pipeline->git_url : r->url;
}

static int notify(const struct attempt *t, struct step *out, struct err *e)
{
	const char *token = NULL, *branch = ref_branch(t->input->ref), *commit, *url;
	struct buf query;
	int made;

	if (begin(t, "GET", START, out, e) || !(token = ci_token(t, e)))
		return -1;
	if ((made = ci_text(t, out, "git-url", git_url(t), &url, e)) ||
	    (made = ci_text(t, out, "commit", "{commit}", &commit, e)))
		return made;
	if (!*url)
		return err_set(e, ERR_CONFIG, "git-url is not set, and repository %s has no url: Jenkins "
			"needs the address that its jobs use", t->input->name);
	buf_init(&query, LIMIT_URL);
	ci_form(&query, "", "", "url", url);
	if (*branch)
		ci_form(&query, "", "", "branches", branch);
	if (*commit)
		ci_form(&query, "", "", "sha1", commit);
	ci_form(&query, "", "", "token", token);
	made = query.over ? call_refuse(t, out, "the url") :
		ci_url(t, out, "", e, "/git/notifyCommit?%s", query.s);
	buf_wipe(&query);
	return made ? made : call_configured(t, out, e);
}

/* ---- build ---- */

static int crumb(const struct attempt *t, struct step *out, struct err *e)
{
	int made;

	if (begin(t, "GET", CRUMB, out, e))
		return -1;
	out->private = true;
	made = ci_url(t, out, "", e, "/crumbIssuer/api/json");
	return made ? made : call_configured(t, out, e);
}

/* a/b as Jenkins has it: a/job/b. */
static const char *job_path(const struct attempt *t, const char *job)
{
	const char *path = ci_encode(t->arena, job, true);
	const char *out = "", *slash;

	while ((slash = strchr(path, '/'))) {
		out = arena_fmt(t->arena, "%s/job/%.*s", out, (int)(slash - path), path);
		path = slash + 1;
	}
	return arena_fmt(t->arena, "%s/job/%s", out, path);
}

/* The crumb, and the session that it belongs to: the first part of its cookies. */
static int add_crumb(const struct attempt *t, struct request *r, struct err *e)
{
	const char *field = ci_member(t, "crumbRequestField"), *value = ci_member(t, "crumb");
	const struct headers *h = &t->answer->headers;

	if (t->answer->status == 404 || !field || !value)
		return 0;
	if (headers_add_hidden(&r->headers, field, value))
		return err_set(e, ERR_CONFIG, "the crumb that came from `url` cannot stand in a header");
	for (size_t i = 0; i < h->n; i++) {
		const char *cookie = h->v[i].value;

		if (strcasecmp(h->v[i].name, "Set-Cookie") == 0 && headers_add_hidden(&r->headers,
				"Cookie", arena_memdup(t->arena, cookie, strcspn(cookie, ";"))))
			return err_set(e, ERR_CONFIG, "the cookie that came from `url` cannot be sent back");
	}
	return 0;
}

static int build(const struct attempt *t, struct step *out, struct err *e)
{
	struct ci_values v;
	const char *job;
	struct buf b;
	int made;

	if (begin(t, "POST", START, out, e) || add_crumb(t, &out->request, e))
		return -1;
	if ((made = ci_text(t, out, "job", t->pipeline->job, &job, e)) ||
	    (made = ci_values(t, out, &v, e)) ||
	    (made = ci_url(t, out, "", e, "%s/%s", job_path(t, job),
			v.n ? "buildWithParameters" : "build")))
		return made;
	buf_init(&b, LIMIT_BODY);
	for (size_t i = 0; i < v.n; i++)
		ci_form(&b, "", "", v.v[i].name, v.v[i].value);
	call_body(t, &out->request, "application/x-www-form-urlencoded", &b);
	buf_release(&b);
	return call_configured(t, out, e);
}

/* ---- generic ---- */

static int generic(const struct attempt *t, struct step *out, struct err *e)
{
	struct message *m;
	size_t n;
	int made;

	if (begin(t, "POST", START, out, e) || ci_bearer(t, &out->request, "token", "", e) ||
	    format_generic.render(t->input, t->arena, &m, &n, e))
		return -1;
	out->request.body = m->body;
	headers_add(&out->request.headers, "Content-Type", m->content_type);
	made = ci_url(t, out, "", e, "/generic-webhook-trigger/invoke");
	return made ? made : call_configured(t, out, e);
}

/* ---- steps ---- */

static const struct ci_word notify_words[] = {
	{ 400, OUTCOME_REJECTED, "ReceiverRejected", "Jenkins does not take it: is git-url the address that "
		"its jobs use?" },
	{ 401, OUTCOME_REJECTED, "ReceiverDenied", "Jenkins wants a notifyCommit access token: Manage "
		"Jenkins, Security, Git plugin notifyCommit access tokens" },
	{ 403, OUTCOME_REJECTED, "ReceiverDenied", "Jenkins does not know the notifyCommit access token in "
		"token-file" },
	{ 404, OUTCOME_REJECTED, "ReceiverRejected", "there is no git plugin at this address: is `url` the "
		"root of Jenkins?" },
	{ 0, OUTCOME_OK, NULL, NULL },
}, build_words[] = {
	{ 400, OUTCOME_REJECTED, "ReceiverRejected", "Jenkins does not take it: has the job parameters "
		"(then `variables` is needed), and of these names?" },
	{ 401, OUTCOME_REJECTED, "ReceiverDenied", "Jenkins does not know username with the API token in "
		"token-file" },
	{ 403, OUTCOME_REJECTED, "ReceiverDenied", "username may not build this job: it needs Job/Build and "
		"Job/Read" },
	{ 404, OUTCOME_REJECTED, "ReceiverRejected", "Jenkins has no such job, or username may not see it; "
		"folders are parts of `job`: FOLDER/NAME" },
	{ 302, OUTCOME_OK, "", "" },	/* old ones send a browser back to the job */
	{ 0, OUTCOME_OK, NULL, NULL },
}, generic_words[] = {
	{ 404, OUTCOME_REJECTED, "ReceiverRejected", "no job has a Generic Webhook Trigger with the token in "
		"token-file, or the plugin is not installed" },
	{ 0, OUTCOME_OK, NULL, NULL },
};

static const struct ci_word *const words[] = {
	[TRIGGER_NOTIFY] = notify_words, [TRIGGER_BUILD] = build_words,
	[TRIGGER_GENERIC] = generic_words,
};

static int first(const struct attempt *t, struct step *out, struct err *e)
{
	switch ((enum trigger)t->pipeline->trigger) {
	case TRIGGER_BUILD:
		return crumb(t, out, e);
	case TRIGGER_GENERIC:
		return generic(t, out, e);
	case TRIGGER_NOTIFY:
		break;
	}
	return notify(t, out, e);
}

static int next(const struct attempt *t, struct step *out, struct err *e)
{
	if (!t->answer)
		return first(t, out, e) < 0 ? -1 : 0;
	ci_judge(t, out, words[t->pipeline->trigger]);
	if (t->stage == CRUMB && (out->verdict.outcome == OUTCOME_OK || t->answer->status == 404))
		return build(t, out, e) < 0 ? -1 : 0;
	return 0;
}

static void pretend(const struct step *s, struct answer *out)
{
	static const char made[] = "{\"crumbRequestField\":\"Jenkins-Crumb\",\"crumb\":\"dry-run\"}";

	if (s->stage != CRUMB)
		return;
	out->body = made;
	out->body_len = sizeof(made) - 1;
}

static int rule(const struct pipeline *p, const char **key, struct err *e)
{
	bool builds = p->trigger == TRIGGER_BUILD;

	if (ci_rule(p, key, e))
		return -1;
	*key = "job";
	if (builds && !*p->job)
		return err_set(e, ERR_CONFIG, "`trigger = build` needs `job`, such as FOLDER/NAME");
	if (!builds && *p->job)
		return err_set(e, ERR_CONFIG, "`job` goes with `trigger = build`");
	*key = "username";
	if (builds != (*p->username != '\0'))
		return err_set(e, ERR_CONFIG, "`username`, whose API token is in token-file, goes with "
			"`trigger = build`, which needs it");
	if (strpbrk(p->username, ":\t"))
		return err_set(e, ERR_CONFIG, "`username` cannot have a colon or a tab");
	*key = "variables";
	return p->variables.n && !builds ? err_set(e, ERR_CONFIG, "`variables` goes with `trigger = "
		"build`") : 0;
}

extern const struct target target_jenkins;
const struct target target_jenkins = {
	.name = "jenkins",
	.rule = rule,
	.check = ci_check,
	.next = next,
	.pretend = pretend,
};
