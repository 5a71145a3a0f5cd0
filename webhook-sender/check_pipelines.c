/* check_pipelines.c - is each pipeline whole: its target, its secrets, something
   it watches? See check.h. */
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs.h"
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

/* A file that holds a secret: private, readable, and not empty. */
static void secret_check(struct check *c, const struct pipeline *p, const char *key,
	const char *path)
{
	char *text;
	size_t n;
	struct err e;

	if (!*path)
		return;
	if (fs_check_private(path, true, &e) ||
	    fs_read_path(path, LIMIT_SECRET, &text, &n, NULL, &e)) {
		check_add(c, CHECK_FAIL, "pipeline", p->name, "%s: %s", key, e.text);
		return;
	}
	if (n == 0 || (n == 1 && text[0] == '\n'))
		check_add(c, CHECK_FAIL, "pipeline", p->name, "%s: %s is empty", key, path);
	free(text);
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

static void pipeline_check(struct check *c, const struct pipeline *p)
{
	const struct target *target = target_find(p->target);
	int64_t failed = c->count[CHECK_FAIL];
	struct err e;

	if (!target) {
		check_add(c, CHECK_FAIL, "pipeline", p->name, "this refire has no target `%s`", p->target);
		return;
	}
	secret_check(c, p, "secret-file", p->secret_file);
	secret_check(c, p, "url-file", p->url_file);
	if (target->check(p, &e) && c->count[CHECK_FAIL] == failed)
		check_add(c, CHECK_FAIL, "pipeline", p->name, "%s", e.text);
	risks_check(c, p);
	if (c->count[CHECK_FAIL] == failed)
		check_add(c, CHECK_OK, "pipeline", p->name, "target %s%s%s%s", p->target,
			*p->format ? ", format " : "", p->format,
			*p->secret_file ? ", signed" : ", not signed");
}

void check_pipelines(struct check *c)
{
	for (size_t i = 0; i < c->config->npipelines; i++)
		pipeline_check(c, &c->config->pipelines[i]);
}
