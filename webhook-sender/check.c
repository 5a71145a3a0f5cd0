/*
 * check.c - `refire check`: is everything in place for pushes to fire? The
 * configuration, files and their permissions, repositories, pipelines, disk
 * space, and with --online whether receivers can be reached.
 *
 * It changes nothing. Permissions are those of the account it runs as, which
 * should be the one that owns state-dir.
 */
#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "json.h"
#include "log.h"
#include "secrets.h"
#include "target.h"

#define TEXT_COLUMN 30
#define FINDING_MAX (64 * KIB)

enum { OPT_ONLINE, OPT_CONFIG, OPT_JSON, OPT_HELP };
static const struct args_option options[] = {
	[OPT_ONLINE] = { "online", 0, NULL, "also connect to every receiver (TLS verified; a HEAD "
		"request without a payload: any answer counts as reachable)" },
	[OPT_CONFIG] = ARGS_OPTION_CONFIG,
	[OPT_JSON] = ARGS_OPTION_JSON,
	[OPT_HELP] = ARGS_OPTION_HELP,
	{ NULL, 0, NULL, NULL },
};
static const char *const synopsis[] = { "[--online] [OPTION...]", NULL };
static const struct args_usage usage = {
	.program = "refire check", .synopsis = synopsis, .options = options,
	.summary = "Checks the configuration, permissions, repositories, pipelines and disk space.\n"
		"Run it as the account that owns state-dir.",
	.notes = "Exit status: 0 nothing failed (warnings do not count); 1 something failed;\n"
		"78 the configuration is refused.",
};

static const struct {
	const char *word;
	enum style style;
} levels[CHECK_LEVELS] = {
	[CHECK_OK] = { "ok", STYLE_GOOD },
	[CHECK_WARN] = { "warn", STYLE_WARN },
	[CHECK_FAIL] = { "fail", STYLE_BAD },
};

static void finding_json(enum check_level level, const char *subject, const char *name,
	const char *text)
{
	struct json j;
	struct buf b;

	buf_init(&b, 8 * FINDING_MAX);
	json_init(&j, &b);
	json_object(&j);
	json_kv(&j, "result", levels[level].word);
	json_kv(&j, "subject", subject);
	json_kv(&j, "name", *name ? name : NULL);
	json_kv(&j, "text", text);
	json_end(&j);
	puts(b.s);
	buf_release(&b);
}

static void finding_text(const struct check *c, enum check_level level, const char *subject,
	const char *name, const char *text)
{
	struct buf first;

	buf_init(&first, LIMIT_PATH);
	buf_fmt(&first, "%-4s  %s%s%s", levels[level].word, subject, *name ? " " : "", name);
	screen_wrap(&c->screen, TEXT_COLUMN, levels[level].style, first.s, STYLE_NONE, text);
	buf_release(&first);
}

void check_add(struct check *c, enum check_level level, const char *subject, const char *name,
	const char *fmt, ...)
{
	struct buf b;
	va_list ap;

	buf_init(&b, FINDING_MAX);
	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);
	c->count[level]++;
	if (c->json)
		finding_json(level, subject, name, b.s);
	else
		finding_text(c, level, subject, name, b.s);
	fflush(stdout);
	buf_release(&b);
}

static void configuration_refused(const struct err *e, void *arg)
{
	check_add(arg, CHECK_FAIL, "configuration", "", "%s", e->text);
}

static void summary_print(const struct check *c)
{
	if (c->json)
		return;
	printf("\n%lld ok, %lld %s, %lld failed\n", (long long)c->count[CHECK_OK],
		(long long)c->count[CHECK_WARN], c->count[CHECK_WARN] == 1 ? "warning" : "warnings",
		(long long)c->count[CHECK_FAIL]);
}

static int check_run(struct check *c, const char *path, bool online, struct err *e)
{
	struct config *config;

	if (config_survey(path, configuration_refused, c) > 0) {
		summary_print(c);
		return ERR_CONFIG;
	}
	if (config_load(path, &config, e))
		return log_exit(e);
	c->config = config;
	if (targets_check(config, e)) {
		configuration_refused(e, c);
		summary_print(c);
		config_free(config);
		return ERR_CONFIG;
	}
	check_add(c, CHECK_OK, "configuration", "", "%s: %zu %s, %zu %s", config->path,
		config->npipelines, config->npipelines == 1 ? "pipeline" : "pipelines",
		config->nrepositories, config->nrepositories == 1 ? "repository section" :
		"repository sections");
	if (spool_paths(&c->paths, config->state_dir, e)) {
		configuration_refused(e, c);
	} else {
		check_files(c);
		check_repositories(c);
		check_pipelines(c);
		if (online)
			check_online(c);
	}
	summary_print(c);
	config_free(config);
	return c->count[CHECK_FAIL] ? ERR_FAILED : 0;
}

int main(int argc, char **argv)
{
	struct check c = { .json = false };
	const char *config = NULL;
	bool online = false;
	struct args a;
	struct buf help;
	struct err e;
	int k;

	log_init("refire check", false);
	secrets_private();
	args_init(&a, &usage, argc, argv);
	while ((k = args_next(&a, &e)) >= 0) {
		if (k == OPT_HELP) {
			buf_init(&help, 64 * KIB);
			args_help(&usage, &help);
			fputs(help.s, stdout);
			buf_release(&help);
			return 0;
		}
		if (k == OPT_CONFIG)
			config = a.value;
		c.json |= k == OPT_JSON;
		online |= k == OPT_ONLINE;
	}
	if (k != ARGS_BAD && a.nrest)
		args_refuse(&usage, &e, "`%s`: no operand is expected", a.rest[0]);
	if (k == ARGS_BAD || a.nrest)
		return log_exit(&e);
	screen_init(&c.screen, stdout);
	return check_run(&c, config, online, &e);
}
