/*
 * gitea.c - target gitea-dispatch: POST /api/v1/repos/OWNER/REPO/actions/workflows/FILE/dispatches
 * (Gitea 1.23 or later, Forgejo; the request is CreateActionWorkflowDispatch of its API).
 */
#include "ci.h"

static int make(const struct attempt *t, struct step *out, struct err *e)
{
	const char *project, *workflow, *ref;
	struct ci_values v;
	struct json j;
	struct buf b;
	int made;

	if (ci_begin(t, "POST", out, e) ||
	    ci_bearer(t, &out->request, "Authorization", "token ", e))
		return -1;
	if ((made = ci_text(t, out, "project", t->pipeline->project, &project, e)) ||
	    (made = ci_text(t, out, "workflow", t->pipeline->workflow, &workflow, e)) ||
	    (made = ci_ref(t, out, "{ref}", &ref, e)) ||
	    (made = ci_values(t, out, &v, e)) ||
	    (made = ci_url(t, out, "", e, "/api/v1/repos/%s/actions/workflows/%s/dispatches",
			ci_encode(t->arena, project, true),
			ci_encode(t->arena, workflow, false))))
		return made;
	buf_init(&b, LIMIT_BODY);
	json_init(&j, &b);
	json_object(&j);
	json_kv(&j, "ref", ref);
	ci_json(&j, "inputs", &v);
	json_end(&j);
	call_body(t, &out->request, "application/json", &b);
	buf_release(&b);
	return call_configured(t, out, e);
}

static const struct ci_word words[] = {
	{ 401, OUTCOME_REJECTED, "ReceiverDenied", "Gitea does not know the token in token-file" },
	{ 403, OUTCOME_REJECTED, "ReceiverDenied", "the token in token-file may not start workflows: it "
		"needs the scope write:repository" },
	{ 404, OUTCOME_REJECTED, "ReceiverRejected", "Gitea has no such repository or workflow file, the "
		"token may not see it, or it is older than 1.23" },
	{ 422, OUTCOME_REJECTED, "ReceiverRejected", "Gitea does not start the workflow: does it have "
		"`on: workflow_dispatch`, is the ref there, are the inputs those it names?" },
	{ 0, OUTCOME_OK, NULL, NULL },
};

static int next(const struct attempt *t, struct step *out, struct err *e)
{
	return ci_next(t, out, make, words, e);
}

extern const struct target target_gitea;
const struct target target_gitea = {
	.name = "gitea-dispatch",
	.rule = ci_rule,
	.check = ci_check,
	.next = next,
};
