/*
 * azure.c - target azure-pipelines: POST /ORG/PROJECT/_apis/pipelines/ID/runs?api-version=7.1
 * (learn.microsoft.com, "Runs - Run Pipeline"), with a personal access token as the
 * password of basic authentication. `project` is ORG/PROJECT, `job` the pipeline's number.
 *
 * Without valid credentials the service answers 203 or 302 with its sign-in page.
 */
#include <string.h>

#include "ci.h"

static int rule(const struct pipeline *p, const char **key, struct err *e)
{
	if (ci_rule(p, key, e))
		return -1;
	*key = "job";
	if (p->job[strspn(p->job, "0123456789")])
		return err_set(e, ERR_CONFIG, "`job` is the number of the pipeline: definitionId in its "
			"address");
	*key = "project";
	return strchr(p->project, '/') ? 0 :
		err_set(e, ERR_CONFIG, "`project` is ORGANIZATION/PROJECT");
}

static void write_body(const struct attempt *t, struct step *out, const char *ref,
	const struct ci_values *v)
{
	static const char *const nest[] = { "resources", "repositories", "self" };
	struct json j;
	struct buf b;

	buf_init(&b, LIMIT_BODY);
	json_init(&j, &b);
	json_object(&j);
	for (size_t i = 0; i < 3; i++) {
		json_key(&j, nest[i]);
		json_object(&j);
	}
	json_kv(&j, "refName", ref);
	for (size_t i = 0; i < 3; i++)
		json_end(&j);
	json_key(&j, "variables");
	json_object(&j);
	for (size_t i = 0; i < v->n; i++) {
		json_key(&j, v->v[i].name);
		json_object(&j);
		json_kv(&j, "value", v->v[i].value);
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
	call_body(t, &out->request, "application/json", &b);
	buf_release(&b);
}

static int make(const struct attempt *t, struct step *out, struct err *e)
{
	const char *project, *ref;
	struct ci_values v;
	int made;

	if (ci_begin(t, "POST", out, e) || ci_basic(t, &out->request, "", e))
		return -1;
	if ((made = ci_text(t, out, "project", t->pipeline->project, &project, e)) ||
	    (made = ci_ref(t, out, "{ref}", &ref, e)) ||
	    (made = ci_values(t, out, &v, e)) ||
	    (made = ci_url(t, out, "https://dev.azure.com", e,
			"/%s/_apis/pipelines/%s/runs?api-version=7.1",
			ci_encode(t->arena, project, true), t->pipeline->job)))
		return made;
	write_body(t, out, ref, &v);
	return call_configured(t, out, e);
}

#define SIGN_IN "Azure DevOps wants somebody to sign in: the token in token-file is wrong or has expired"

static const struct ci_word words[] = {
	{ 203, OUTCOME_REJECTED, "ReceiverDenied", SIGN_IN },
	{ 302, OUTCOME_REJECTED, "ReceiverDenied", SIGN_IN },
	{ 400, OUTCOME_REJECTED, "ReceiverRejected", "Azure DevOps does not run it: is the ref there, and "
		"may these variables be set when a run is queued?" },
	{ 401, OUTCOME_REJECTED, "ReceiverDenied", "Azure DevOps does not take the token in token-file: it "
		"needs the scope Build (read and execute)" },
	{ 404, OUTCOME_REJECTED, "ReceiverRejected", "Azure DevOps has no such project, or no pipeline with "
		"the number in `job`" },
	{ 0, OUTCOME_OK, NULL, NULL },
};

static int next(const struct attempt *t, struct step *out, struct err *e)
{
	return ci_next(t, out, make, words, e);
}

extern const struct target target_azure;
const struct target target_azure = {
	.name = "azure-pipelines",
	.rule = rule,
	.check = ci_check,
	.next = next,
};
