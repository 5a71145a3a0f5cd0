/*
 * fire.c - `refire fire PIPELINE`: start a pipeline by hand.
 *
 * What is to fire is resolved here and becomes one file in the spool, like a
 * push; filters are passed over and the accepted refs stay as they are. With
 * --dry-run nothing is written: refire-send shows what it would send.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "aim.h"
#include "args.h"
#include "clock.h"
#include "fs.h"
#include "json.h"
#include "log.h"
#include "match.h"
#include "mem.h"
#include "session.h"
#include "sibling.h"
#include "words.h"

#define VARS_MAX 128

enum {
	OPT_REF, OPT_COMMIT, OPT_REPOSITORY, OPT_VAR, OPT_DRY_RUN, OPT_CONFIG, OPT_JSON, OPT_HELP
};
static const struct args_option options[] = {
	[OPT_REF] = { "ref", 0, "REF", "a branch or tag, or refs/... in full; default: the branch of "
		"the repository's HEAD" },
	[OPT_COMMIT] = { "commit", 0, "OID", "this commit (anything git can resolve); default: what "
		"the ref points to" },
	[OPT_REPOSITORY] = { "repository", 0, "NAME", "which one, where the pipeline watches several" },
	[OPT_VAR] = { "var", 0, "NAME=VALUE", "a variable for the pipeline; may be repeated" },
	[OPT_DRY_RUN] = { "dry-run", 0, NULL, "send nothing; show what would be sent" },
	[OPT_CONFIG] = ARGS_OPTION_CONFIG,
	[OPT_JSON] = { "json", 0, NULL, "print one JSON object" },
	[OPT_HELP] = ARGS_OPTION_HELP,
	{ NULL, 0, NULL, NULL },
};
static const char *const synopsis[] = { "PIPELINE [OPTION...]", NULL };
static const struct args_usage usage = {
	.program = "refire fire", .synopsis = synopsis, .options = options,
	.summary = "Starts one pipeline by hand, for a ref as it is now or for a commit. Filters of\n"
		"the pipeline are not applied; the delivery waits its turn behind those under way.",
	.notes = "Other accounts than the owner of state-dir may fire when `pushers` lets them reach\n"
		"the spool and `operators` names them.",
};

struct request {
	struct arena arena;
	const char *config, *pipeline, *ref, *commit, *repository;
	struct name_value vars[VARS_MAX];
	size_t nvars;
	bool dry_run, json, help;
};

static bool var_name_ok(const char *s)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
	size_t n = strspn(s, letters);

	return n > 0 && s[n] == '\0' && !(s[0] >= '0' && s[0] <= '9');
}

static int var_option(struct request *r, const char *value, struct err *e)
{
	char *name = arena_strdup(&r->arena, value), *eq = strchr(name, '=');

	if (!eq)
		return args_refuse(&usage, e, "--var %s: expected NAME=VALUE", value);
	*eq = '\0';
	if (!var_name_ok(name))
		return args_refuse(&usage, e, "--var %s: a name is made of letters, digits and _, and "
			"begins with no digit", value);
	if (r->nvars == VARS_MAX || strlen(value) > LIMIT_OPTION)
		return args_refuse(&usage, e, "more than %d variables, or one is longer than %d bytes",
			VARS_MAX, LIMIT_OPTION);
	r->vars[r->nvars++] = (struct name_value){ name, eq + 1 };
	return 0;
}

static int option_set(struct request *r, const struct args *a, int k, struct err *e)
{
	switch (k) {
	case OPT_REF: r->ref = a->value; break;
	case OPT_COMMIT: r->commit = a->value; break;
	case OPT_REPOSITORY: r->repository = a->value; break;
	case OPT_VAR: return var_option(r, a->value, e);
	case OPT_DRY_RUN: r->dry_run = true; break;
	case OPT_CONFIG: r->config = a->value; break;
	case OPT_JSON: r->json = true; break;
	case OPT_HELP: r->help = true; break;
	}
	return 0;
}

/* ---- dry run ---- */

/* A file without a name that holds the record, at its start. */
static int record_file(const struct change *c, struct err *e)
{
	int fd = memfd_create("change", MFD_CLOEXEC);
	size_t len = 0;
	char *text = NULL;
	int rc;

	if (fd < 0)
		return err_sys(e, "cannot make a temporary file");
	rc = change_encode(c, &text, &len, e);
	if (rc == 0 && (fs_write(fd, text, len) || lseek(fd, 0, SEEK_SET) < 0))
		rc = err_sys(e, "cannot write a temporary file");
	free(text);
	if (rc == 0)
		return fd;
	close(fd);
	return -1;
}

/* Becomes refire-send; returns only on failure. */
static int dry_run(const struct session *s, const struct change *c, bool json, struct err *e)
{
	char sender[LIMIT_PATH];
	int fd;

	if (sibling_find("refire-send", sender, e))
		return -1;
	fd = record_file(c, e);
	if (fd < 0)
		return -1;
	if (dup2(fd, STDIN_FILENO) < 0)
		return err_sys(e, "cannot hand the change to %s", sender);
	fflush(stdout);
	execl(sender, "refire-send", "--config", s->config->path, "--dry-run",
		json ? "--json" : (char *)NULL, (char *)NULL);
	return err_sys(e, "cannot run %s", sender);
}

/* ---- for real ---- */

static void told_json(const struct aim *aim, const struct change *c)
{
	struct buf b;
	struct json j;

	buf_init(&b, 64 * KIB);
	json_init(&j, &b);
	json_object(&j);
	json_kv(&j, "change", c->id);
	json_kv(&j, "pipeline", aim->pipeline->name);
	json_kv(&j, "repository", aim->repository);
	json_key_bytes(&j, "ref", aim->ref, strlen(aim->ref));
	json_kv(&j, "commit", aim->commit);
	json_end(&j);
	puts(b.s);
	buf_release(&b);
}

static void told_text(const struct session *s, const struct aim *aim, const struct change *c)
{
	char owner[64];
	struct buf line, safe;

	buf_init(&line, 64 * KIB);
	buf_init(&safe, 256 * KIB);
	buf_fmt(&line, "%s: %s %s at ", aim->pipeline->name, aim->repository, aim->ref);
	words_oid(&line, aim->commit);
	log_safe(&safe, line.s, line.len);
	printf("%s\nchange %s\n", safe.s, c->id);
	if (s->who == SESSION_OTHER)
		printf("handed to the sender of %s, which goes by `operators` in its configuration\n",
			session_user(s->owner, owner, sizeof(owner)));
	else
		printf("follow it: refire queue list --change %s\n", c->id);
	buf_release(&line);
	buf_release(&safe);
}

static int fire(const struct session *s, const struct request *r, const struct aim *aim,
	const struct change *c, struct err *e)
{
	struct err why;

	if (session_spool(s, c, e))
		return -1;
	if (session_wake(s, &why) < 0)
		log_warn("it is in the spool, but no sender could be started: %s", why.text);
	if (r->json)
		told_json(aim, c);
	else
		told_text(s, aim, c);
	return 0;
}

static int aim_at(const struct session *s, const struct request *r, struct aim *aim, struct err *e)
{
	if (aim_pipeline(s->config, r->pipeline, aim, e) ||
	    aim_repository(s->config, r->repository, aim, e) ||
	    aim_commit(s->config, r->ref, r->commit, aim, e))
		return -1;
	if (*aim->unchecked)
		log_warn("taken as given: %s", aim->unchecked);
	if (!aim->pipeline->enabled)
		log_warn("[pipeline %s] has enabled = no; a fire by hand starts it all the same",
			aim->pipeline->name);
	return 0;
}

static int change_fill(struct change *c, struct ref_update *update, const struct aim *aim,
	struct request *r, struct err *e)
{
	*update = (struct ref_update){ .ref = aim->ref, .old = "", .new = aim->commit, .base = -1 };
	*c = (struct change){ .source = SOURCE_FIRE, .time_us = clock_wall_us(), .path = "",
		.repository = aim->repository, .pipeline = aim->pipeline->name,
		.updates = update, .nupdates = 1, .vars = r->vars, .nvars = r->nvars };
	return uuid_v7(c->time_us, c->id) ? err_sys(e, "cannot draw a random id") : 0;
}

static int fire_run(struct request *r, struct err *e)
{
	struct session s;
	struct ref_update update;
	struct change c;
	struct aim aim;
	int rc;

	if (session_open(&s, r->config, e))
		return -1;
	rc = aim_at(&s, r, &aim, e);
	if (rc == 0)
		rc = change_fill(&c, &update, &aim, r, e);
	if (rc == 0)
		rc = r->dry_run ? dry_run(&s, &c, r->json, e) : fire(&s, r, &aim, &c, e);
	session_close(&s);
	return rc;
}

static int request_read(struct request *r, int argc, char **argv, struct err *e)
{
	struct args a;
	int k;

	args_init(&a, &usage, argc, argv);
	while ((k = args_next(&a, e)) >= 0)
		if (option_set(r, &a, k, e))
			return -1;
	if (k == ARGS_BAD)
		return -1;
	if (r->help)
		return 0;
	if (a.nrest != 1)
		return args_refuse(&usage, e, a.nrest ? "one pipeline at a time" : "say which pipeline");
	r->pipeline = a.rest[0];
	return 0;
}

int main(int argc, char **argv)
{
	struct request r = { .config = NULL };
	struct err e;
	int rc;

	log_init("refire fire", false);
	arena_init(&r.arena);
	rc = request_read(&r, argc, argv, &e);
	if (rc == 0)
		rc = r.help ? words_help(&usage) : fire_run(&r, &e);
	arena_release(&r.arena);
	return words_end(rc ? log_exit(&e) : 0);
}
