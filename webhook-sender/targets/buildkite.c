/*
 * buildkite.c - POST /v2/organizations/ORG/pipelines/PIPELINE/builds
 * (buildkite.com/docs, "Builds API"). `project` is ORG/PIPELINE. 201 is a build made.
 */
#include <string.h>

#include "ci.h"

static int rule(const struct pipeline *p, const char **key, struct err *e)
{
	const char *slash = strchr(p->project, '/');

	if (ci_rule(p, key, e))
		return -1;
	*key = "project";
	return slash && slash > p->project && slash[1] && !strchr(slash + 1, '/') ? 0 :
		err_set(e, ERR_CONFIG, "`project` is ORGANIZATION/PIPELINE, as in the pipeline's address");
}

static void write_body(const struct attempt *t, struct step *out, const char *branch,
	const char *commit, const struct ci_values *v)
{
	struct json j;
	struct buf b;

	buf_init(&b, LIMIT_BODY);
	json_init(&j, &b);
	json_object(&j);
	json_kv(&j, "commit", commit);
	json_kv(&j, "branch", branch);
	ci_json(&j, "env", v);
	json_key(&j, "meta_data");
	json_object(&j);
	json_kv(&j, "refire-delivery", t->input->delivery);
	json_end(&j);
	json_end(&j);
	call_body(t, &out->request, "application/json", &b);
	buf_release(&b);
}

static int make(const struct attempt *t, struct step *out, struct err *e)
{
	const char *project, *branch, *commit, *slash;
	struct ci_values v;
	int made;

	if (ci_begin(t, "POST", out, e) ||
	    ci_bearer(t, &out->request, "Authorization", "Bearer ", e))
		return -1;
	if ((made = ci_text(t, out, "project", t->pipeline->project, &project, e)) ||
	    (made = ci_ref(t, out, "{branch}{tag}", &branch, e)) ||
	    (made = ci_text(t, out, "commit", *t->pipeline->run_ref ? "HEAD" : "{commit}", &commit, e)) ||
	    (made = ci_values(t, out, &v, e)))
		return made;
	slash = project + strcspn(project, "/");
	made = ci_url(t, out, "https://api.buildkite.com", e, "/v2/organizations/%s/pipelines/%s/builds",
		ci_encode(t->arena, arena_memdup(t->arena, project, (size_t)(slash - project)), false),
		ci_encode(t->arena, *slash ? slash + 1 : "", false));
	if (made)
		return made;
	write_body(t, out, branch, *commit ? commit : "HEAD", &v);
	return call_configured(t, out, e);
}

static const struct ci_word words[] = {
	{ 401, OUTCOME_REJECTED, "ReceiverDenied", "Buildkite does not know the token in token-file" },
	{ 403, OUTCOME_REJECTED, "ReceiverDenied", "the token in token-file lacks the scope write_builds, "
		"or access to this organization" },
	{ 404, OUTCOME_REJECTED, "ReceiverRejected", "Buildkite has no such pipeline in this organization" },
	{ 422, OUTCOME_REJECTED, "ReceiverRejected", "Buildkite does not take this build: does the pipeline "
		"build this branch?" },
	{ 0, OUTCOME_OK, NULL, NULL },
};

static int next(const struct attempt *t, struct step *out, struct err *e)
{
	return ci_next(t, out, make, words, e);
}

extern const struct target target_buildkite;
const struct target target_buildkite = {
	.name = "buildkite",
	.rule = rule,
	.check = ci_check,
	.next = next,
};
