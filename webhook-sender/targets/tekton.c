/*
 * tekton.c - makes a PipelineRun (tekton.dev/v1) by the API of Kubernetes: POST
 * /apis/tekton.dev/v1/namespaces/NAMESPACE/pipelineruns. `project` is the namespace, `job`
 * the Pipeline. (An EventListener of Tekton Triggers is target = webhook.)
 *
 * The run's name is made from the delivery's id: of a request that is sent again the
 * service says 409, and nothing is started twice.
 */
#include "ci.h"

#define JOB_MAX 26			/* with "-" and the id 63, which is a label's limit */

static void write_params(struct json *j, const struct ci_values *v)
{
	json_key(j, "params");
	json_array(j);
	for (size_t i = 0; i < v->n; i++) {
		json_object(j);
		json_kv(j, "name", v->v[i].name);
		json_kv(j, "value", v->v[i].value);
		json_end(j);
	}
	json_end(j);
}

static void write_metadata(struct json *j, const struct attempt *t)
{
	const struct render_input *in = t->input;

	json_key(j, "metadata");
	json_object(j);
	json_kv(j, "name", arena_fmt(t->arena, "%.*s-%s", JOB_MAX, t->pipeline->job, in->delivery));
	json_key(j, "annotations");
	json_object(j);
	json_kv(j, "refire/change", in->change->id);
	json_kv(j, "refire/repository", in->name);
	json_kv(j, "refire/ref", in->ref);
	json_kv(j, "refire/commit", in->after);
	json_end(j);
	json_end(j);
}

static void write_body(const struct attempt *t, struct step *out, const struct ci_values *v)
{
	struct json j;
	struct buf b;

	buf_init(&b, LIMIT_BODY);
	json_init(&j, &b);
	json_object(&j);
	json_kv(&j, "apiVersion", "tekton.dev/v1");
	json_kv(&j, "kind", "PipelineRun");
	write_metadata(&j, t);
	json_key(&j, "spec");
	json_object(&j);
	json_key(&j, "pipelineRef");
	json_object(&j);
	json_kv(&j, "name", t->pipeline->job);
	json_end(&j);
	write_params(&j, v);
	json_end(&j);
	json_end(&j);
	call_body(t, &out->request, "application/json", &b);
	buf_release(&b);
}

static int make(const struct attempt *t, struct step *out, struct err *e)
{
	const char *project;
	struct ci_values v;
	int made;

	if (ci_begin(t, "POST", out, e) ||
	    ci_bearer(t, &out->request, "Authorization", "Bearer ", e))
		return -1;
	if ((made = ci_text(t, out, "project", t->pipeline->project, &project, e)) ||
	    (made = ci_values(t, out, &v, e)) ||
	    (made = ci_url(t, out, "", e, "/apis/tekton.dev/v1/namespaces/%s/pipelineruns",
			ci_encode(t->arena, project, false))))
		return made;
	write_body(t, out, &v);
	return call_configured(t, out, e);
}

static const struct ci_word words[] = {
	{ 401, OUTCOME_REJECTED, "ReceiverDenied", "Kubernetes does not know the token in token-file" },
	{ 403, OUTCOME_REJECTED, "ReceiverDenied", "the service account of token-file may not create "
		"pipelineruns.tekton.dev in this namespace" },
	{ 404, OUTCOME_REJECTED, "ReceiverRejected", "Kubernetes has no such namespace, or Tekton is not "
		"installed there" },
	{ 409, OUTCOME_OK, "", "" },
	{ 422, OUTCOME_REJECTED, "ReceiverRejected", "Kubernetes does not take the PipelineRun" },
	{ 0, OUTCOME_OK, NULL, NULL },
};

static int next(const struct attempt *t, struct step *out, struct err *e)
{
	return ci_next(t, out, make, words, e);
}

static int rule(const struct pipeline *p, const char **key, struct err *e)
{
	if (ci_rule(p, key, e))
		return -1;
	*key = "job";
	for (const char *s = p->job; *s; s++)
		if (!((*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') || *s == '-' || *s == '.'))
			return err_set(e, ERR_CONFIG, "`job` is the name of a Pipeline: small letters, digits, "
				"- and .");
	return 0;
}

extern const struct target target_tekton;
const struct target target_tekton = {
	.name = "tekton",
	.rule = rule,
	.check = ci_check,
	.next = next,
};
