/*
 * woodpecker.c - POST /api/repos/ID/pipelines {branch, variables}; where `project` is
 * OWNER/NAME, its number is asked for first: GET /api/repos/lookup/OWNER/NAME. (Woodpecker's
 * server/api/pipeline.go, CreatePipeline; its event is `manual`.)
 */
#include <string.h>

#include "ci.h"

enum { LOOKUP = 1, START };

static int begin(const struct attempt *t, const char *method, struct step *out, struct err *e)
{
	return ci_begin(t, method, out, e) ||
		ci_bearer(t, &out->request, "Authorization", "Bearer ", e) ? -1 : 0;
}

static int lookup(const struct attempt *t, struct step *out, const char *project, struct err *e)
{
	int made = ci_url(t, out, "", e, "/api/repos/lookup/%s",
		ci_encode(t->arena, project, true));

	out->stage = LOOKUP;
	return made ? made : call_configured(t, out, e);
}

static int start(const struct attempt *t, struct step *out, const char *id, struct err *e)
{
	struct ci_values v;
	const char *branch;
	struct json j;
	struct buf b;
	int made;

	if ((made = ci_ref(t, out, "{branch}", &branch, e)) ||
	    (made = ci_values(t, out, &v, e)) ||
	    (made = ci_url(t, out, "", e, "/api/repos/%s/pipelines", id)))
		return made;
	out->stage = START;
	out->request.method = "POST";
	buf_init(&b, LIMIT_BODY);
	json_init(&j, &b);
	json_object(&j);
	json_kv(&j, "branch", branch);
	ci_json(&j, "variables", &v);
	json_end(&j);
	call_body(t, &out->request, "application/json", &b);
	buf_release(&b);
	return call_configured(t, out, e);
}

static const struct ci_word words[] = {
	{ 400, OUTCOME_REJECTED, "ReceiverRejected", "Woodpecker does not run it: is the branch on the "
		"forge?" },
	{ 401, OUTCOME_REJECTED, "ReceiverDenied", "Woodpecker does not know the token in token-file" },
	{ 403, OUTCOME_REJECTED, "ReceiverDenied", "the token's user may not push to this repository in "
		"Woodpecker" },
	{ 404, OUTCOME_REJECTED, "ReceiverRejected", "Woodpecker has no such repository, or the token's "
		"user may not see it" },
	{ 0, OUTCOME_OK, NULL, NULL },
};

static bool is_number(const char *s)
{
	return *s && !s[strspn(s, "0123456789")];
}

static int first(const struct attempt *t, struct step *out, struct err *e)
{
	const char *project;
	int made;

	if (begin(t, is_number(t->pipeline->project) ? "POST" : "GET", out, e))
		return -1;
	made = ci_text(t, out, "project", t->pipeline->project, &project, e);
	if (made)
		return made;
	return is_number(project) ? start(t, out, project, e) : lookup(t, out, project, e);
}

static int next(const struct attempt *t, struct step *out, struct err *e)
{
	const char *id;

	if (!t->answer)
		return first(t, out, e) < 0 ? -1 : 0;
	ci_judge(t, out, words);
	if (t->stage != LOOKUP || out->verdict.outcome != OUTCOME_OK)
		return 0;
	id = ci_member(t, "id");
	if (!id || !is_number(id)) {
		out->verdict = (struct verdict){ .outcome = OUTCOME_FAIL, .code = "ReceiverRejected",
			.http_status = t->answer->status,
			.text = "what answers at `url` is not Woodpecker: it names no repository id" };
		return 0;
	}
	*out = (struct step){ .kind = STEP_REQUEST };
	return begin(t, "POST", out, e) || start(t, out, id, e) < 0 ? -1 : 0;
}

static void pretend(const struct step *s, struct answer *out)
{
	static const char found[] = "{\"id\":1}";

	if (s->stage != LOOKUP)
		return;
	out->body = found;
	out->body_len = sizeof(found) - 1;
}

extern const struct target target_woodpecker;
const struct target target_woodpecker = {
	.name = "woodpecker",
	.rule = ci_rule,
	.check = ci_check,
	.next = next,
	.pretend = pretend,
};
