/*
 * gitlab.c - target gitlab-pipeline: POST /api/v4/projects/ID/trigger/pipeline with a
 * trigger token (docs.gitlab.com, "Pipeline trigger tokens API"). 201 is a pipeline made.
 */
#include "ci.h"

static int make(const struct attempt *t, struct step *out, struct err *e)
{
	const char *project, *ref, *token = ci_token(t, e);
	struct ci_values v;
	struct buf b;
	int made;

	if (!token || ci_begin(t, "POST", out, e))
		return -1;
	if ((made = ci_text(t, out, "project", t->pipeline->project, &project, e)) ||
	    (made = ci_ref(t, out, "{branch}{tag}", &ref, e)) ||
	    (made = ci_values(t, out, &v, e)) ||
	    (made = ci_url(t, out, "https://gitlab.com", e, "/api/v4/projects/%s/trigger/pipeline",
			ci_encode(t->arena, project, false))))
		return made;
	buf_init(&b, LIMIT_BODY);
	ci_form(&b, "", "", "token", token);
	ci_form(&b, "", "", "ref", ref);
	for (size_t i = 0; i < v.n; i++)
		ci_form(&b, "variables[", "]", v.v[i].name, v.v[i].value);
	call_body(t, &out->request, "application/x-www-form-urlencoded", &b);
	buf_wipe(&b);
	return call_configured(t, out, e);
}

static const struct ci_word words[] = {
	{ 400, OUTCOME_REJECTED, "ReceiverRejected", "GitLab makes no pipeline of it: is the ref there, "
		"and does its .gitlab-ci.yml have a job for triggers?" },
	{ 401, OUTCOME_REJECTED, "ReceiverDenied", "GitLab does not know the token in token-file" },
	{ 403, OUTCOME_REJECTED, "ReceiverDenied", "GitLab does not let the token's owner run pipelines "
		"for this ref (is it protected?)" },
	{ 404, OUTCOME_REJECTED, "ReceiverRejected", "GitLab has no such project, or the trigger token in "
		"token-file is not one of this project" },
	{ 0, OUTCOME_OK, NULL, NULL },
};

static int next(const struct attempt *t, struct step *out, struct err *e)
{
	return ci_next(t, out, make, words, e);
}

extern const struct target target_gitlab;
const struct target target_gitlab = {
	.name = "gitlab-pipeline",
	.rule = ci_rule,
	.check = ci_check,
	.next = next,
};
