/*
 * circleci.c - POST /api/v2/project/SLUG/pipeline {branch | tag, parameters}, with the
 * header Circle-Token (CircleCI API v2, "Trigger a new pipeline"). 201 is a pipeline made.
 */
#include <string.h>

#include "match.h"
#include "ci.h"

static int make(const struct attempt *t, struct step *out, struct err *e)
{
	bool tag = !*t->pipeline->run_ref && *ref_tag(t->input->ref);
	const char *project, *ref;
	struct ci_values v;
	struct json j;
	struct buf b;
	int made;

	if (ci_begin(t, "POST", out, e) ||
	    ci_bearer(t, &out->request, "Circle-Token", "", e))
		return -1;
	if ((made = ci_text(t, out, "project", t->pipeline->project, &project, e)) ||
	    (made = ci_ref(t, out, "{branch}{tag}", &ref, e)) ||
	    (made = ci_values(t, out, &v, e)) ||
	    (made = ci_url(t, out, "https://circleci.com", e, "/api/v2/project/%s/pipeline",
			ci_encode(t->arena, project, true))))
		return made;
	buf_init(&b, LIMIT_BODY);
	json_init(&j, &b);
	json_object(&j);
	json_kv(&j, tag ? "tag" : "branch", ref);
	if (v.n)
		ci_json(&j, "parameters", &v);
	json_end(&j);
	call_body(t, &out->request, "application/json", &b);
	buf_release(&b);
	return call_configured(t, out, e);
}

static const struct ci_word words[] = {
	{ 400, OUTCOME_REJECTED, "ReceiverRejected", "CircleCI does not take it: are the parameters "
		"declared in the configuration of this branch, as strings?" },
	{ 401, OUTCOME_REJECTED, "ReceiverDenied", "CircleCI does not know the token in token-file: it "
		"must be a personal API token" },
	{ 404, OUTCOME_REJECTED, "ReceiverRejected", "CircleCI has no project of this slug (such as "
		"gh/ORG/REPO), or the token may not see it" },
	{ 0, OUTCOME_OK, NULL, NULL },
};

static int next(const struct attempt *t, struct step *out, struct err *e)
{
	return ci_next(t, out, make, words, e);
}

extern const struct target target_circleci;
const struct target target_circleci = {
	.name = "circleci",
	.rule = ci_rule,
	.check = ci_check,
	.next = next,
};
