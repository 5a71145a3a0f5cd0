/*
 * drone.c - POST /api/repos/OWNER/NAME/builds?branch=&commit=&NAME=value
 * (docs.drone.io, "Build Create"). The build has the event `custom`.
 */
#include "ci.h"

static int make(const struct attempt *t, struct step *out, struct err *e)
{
	const char *project, *branch, *commit;
	struct ci_values v;
	struct buf query;
	int made;

	if (ci_begin(t, "POST", out, e) ||
	    ci_bearer(t, &out->request, "Authorization", "Bearer ", e))
		return -1;
	if ((made = ci_text(t, out, "project", t->pipeline->project, &project, e)) ||
	    (made = ci_ref(t, out, "{branch}", &branch, e)) ||
	    (made = ci_text(t, out, "commit", "{commit}", &commit, e)) ||
	    (made = ci_values(t, out, &v, e)))
		return made;
	buf_init(&query, LIMIT_URL);
	ci_form(&query, "", "", "branch", branch);
	if (!*t->pipeline->run_ref && *commit)
		ci_form(&query, "", "", "commit", commit);
	for (size_t i = 0; i < v.n; i++)
		ci_form(&query, "", "", v.v[i].name, v.v[i].value);
	made = query.over ? call_refuse(t, out, "the url") :
		ci_url(t, out, "", e, "/api/repos/%s/builds?%s",
			ci_encode(t->arena, project, true), query.s);
	buf_release(&query);
	return made ? made : call_configured(t, out, e);
}

static const struct ci_word words[] = {
	{ 401, OUTCOME_REJECTED, "ReceiverDenied", "Drone does not know the token in token-file" },
	{ 403, OUTCOME_REJECTED, "ReceiverDenied", "the token's user may not write to this repository in "
		"Drone" },
	{ 404, OUTCOME_REJECTED, "ReceiverRejected", "Drone has no such repository (is it activated?), or "
		"its branch or commit is not on the forge" },
	{ 0, OUTCOME_OK, NULL, NULL },
};

static int next(const struct attempt *t, struct step *out, struct err *e)
{
	return ci_next(t, out, make, words, e);
}

extern const struct target target_drone;
const struct target target_drone = {
	.name = "drone",
	.rule = ci_rule,
	.check = ci_check,
	.next = next,
};
