/* targets.c - the table of kinds of receivers. Adding one: its file, a line here, and its
   keys in lib/kinds.h. */
#include <string.h>

#include "target.h"

extern const struct target target_azure, target_buildkite, target_circleci, target_drone,
	target_exec, target_gitea, target_github, target_gitlab, target_jenkins, target_tekton,
	target_webhook, target_woodpecker;

const struct target *const targets[] = {
	&target_webhook,
	&target_exec,
	&target_jenkins,
	&target_gitlab,
	&target_github,
	&target_gitea,
	&target_woodpecker,
	&target_drone,
	&target_buildkite,
	&target_circleci,
	&target_azure,
	&target_tekton,
	NULL,
};

const struct target *target_find(const char *name)
{
	for (size_t i = 0; targets[i]; i++)
		if (strcmp(targets[i]->name, name) == 0)
			return targets[i];
	return NULL;
}

static int pipeline_check(const struct config *c, const struct pipeline *p, struct err *e)
{
	const struct target *t = target_find(p->target);
	const char *key = "";
	struct err why;

	if (!t)
		return config_fail(c, SECTION_PIPELINE, p->name, "target", e,
			"this refire has no target `%s`", p->target);
	if (!t->rule || !t->rule(p, &key, &why))
		return 0;
	return config_fail(c, SECTION_PIPELINE, p->name, key, e, "pipeline `%s`: %s", p->name,
		why.text);
}

int targets_check(const struct config *c, struct err *e)
{
	for (size_t i = 0; i < c->npipelines; i++)
		if (pipeline_check(c, &c->pipelines[i], e))
			return -1;
	return 0;
}
