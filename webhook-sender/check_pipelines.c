/* check_pipelines.c - is each pipeline whole: its target, its secrets, something
   it watches? See check.h. */
#include "check.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "kinds.h"
#include "target.h"

/* Does the pipeline name a repository that is configured? A glob counts when a name
   or, for repositories below a root, anything at all could match. */
static bool watches_something(const struct config *c, const struct pipeline *p)
{
	for (size_t i = 0; i < c->nrepositories; i++)
		if (*c->repositories[i].root || pipeline_watches(p, c->repositories[i].name))
			return true;
	return false;
}

static void risks_check(struct check *c, const struct pipeline *p)
{
	if (!watches_something(c->config, p))
		check_add(c, CHECK_WARN, "pipeline", p->name, "no configured repository matches its "
			"`repository`");
	if (!p->enabled)
		check_add(c, CHECK_WARN, "pipeline", p->name, "enabled = no");
	if (!p->tls_verify)
		check_add(c, CHECK_WARN, "pipeline", p->name, "tls-verify = no: whoever is in between can "
			"read and change what is sent");
	if (strncmp(p->url, "http://", 7) == 0 && strncmp(p->url, "http://127.", 11) != 0 &&
	    strncmp(p->url, "http://localhost", 16) != 0)
		check_add(c, CHECK_WARN, "pipeline", p->name, "its URL is plain http: whoever is in "
			"between can read and change what is sent");
	if (*p->ca_file && access(p->ca_file, R_OK) != 0)
		check_add(c, CHECK_FAIL, "pipeline", p->name, "ca-file: %s: %s", p->ca_file,
			strerror(errno));
}

/* Files that only the service has cannot be judged from here. */
static bool has_credential(const struct pipeline *p)
{
	const char *path;

	for (size_t i = 0; config_secret_file(p, i, &path); i++)
		if (strncmp(path, "%d/", 3) == 0)
			return true;
	return false;
}

/* The target, and of a format what it is and whether it is signed. */
static void said_ok(struct check *c, const struct pipeline *p)
{
	if (kind_takes(kind_find(p->target), "format"))
		check_add(c, CHECK_OK, "pipeline", p->name, "target %s, format %s%s", p->target,
			p->format, *p->secret_file ? ", signed" : ", not signed");
	else
		check_add(c, CHECK_OK, "pipeline", p->name, "target %s", p->target);
}

static void pipeline_check(struct check *c, const struct pipeline *p)
{
	const struct target *target = target_find(p->target);
	int64_t failed = c->count[CHECK_FAIL];
	const char *key, *path;
	struct err e;

	if (!target) {
		check_add(c, CHECK_FAIL, "pipeline", p->name, "this refire has no target `%s`", p->target);
		return;
	}
	for (size_t i = 0; (key = config_secret_file(p, i, &path)); i++)
		check_secrets(c, p->name, key, path);
	check_tls(c, p);
	if (!has_credential(p) && target->check && target->check(p, &e) && c->count[CHECK_FAIL] == failed)
		check_add(c, CHECK_FAIL, "pipeline", p->name, "%s", e.text);
	risks_check(c, p);
	if (c->count[CHECK_FAIL] == failed)
		said_ok(c, p);
}

void check_pipelines(struct check *c)
{
	for (size_t i = 0; i < c->config->npipelines; i++)
		pipeline_check(c, &c->config->pipelines[i]);
}
