/*
 * refire.c - the front door: `refire VERB ...` runs refire-VERB, as git does.
 *
 * It knows of a verb only the line in the overview. A program refire-X that
 * stands beside the others is a verb although the overview does not list it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "conf.h"
#include "log.h"
#include "mem.h"
#include "sibling.h"

#define VERBS_MAX 128

static const struct verb {
	const char *group;	/* a heading before it, or NULL */
	const char *name, *help;
} verbs[] = {
	{ "Set up", "hooks", "put the git hook into repositories, take it out, show where it is" },
	{ NULL, "check", "check the configuration, permissions and whether receivers are reachable" },
	{ "Run (by a timer, or with --watch as a service)",
	  "send", "take in what was pushed and send what is due" },
	{ NULL, "poll", "look at the repositories and remotes that no hook reports" },
	{ "Look", "status", "what is waiting, failing or stale, and whether anything will retry" },
	{ NULL, "explain", "the story of one push, and what to do about a failure" },
	{ NULL, "queue", "list deliveries; show, retry or drop one" },
	{ NULL, "trail", "who did what, and what the far side answered" },
	{ NULL, "approvals", "what waits for a person's yes" },
	{ "Do", "fire", "start a pipeline by hand" },
	{ NULL, "approve", "let a delivery go that waits for approval" },
	{ NULL, "reject", "never send it" },
	{ NULL, NULL, NULL },
};

enum { OPT_CONFIG, OPT_VERSION, OPT_HELP };
static const struct args_option options[] = {
	[OPT_CONFIG] = { "config", 0, "FILE", "handed on to the command" },
	[OPT_VERSION] = { "version", 0, NULL, "show the version" },
	[OPT_HELP] = { "help", 'h', NULL, "show this overview" },
	{ NULL, 0, NULL, NULL },
};
static const char *const synopsis[] = {
	"COMMAND [OPTION...]", "help COMMAND", "--version", NULL
};
static const struct args_usage usage = {
	.program = "refire", .synopsis = synopsis, .options = options,
	.summary = "Starts pipelines when refs change in git repositories.",
};

static void overview_print(void)
{
	struct buf b;

	buf_init(&b, 64 * KIB);
	buf_str(&b, "refire starts pipelines when refs change in git repositories.\n\n"
		"Usage: refire COMMAND [OPTION...]\n");
	for (const struct verb *v = verbs; v->name; v++) {
		if (v->group)
			buf_fmt(&b, "\n%s\n", v->group);
		buf_fmt(&b, "  %-9s  %s\n", v->name, v->help);
	}
	buf_str(&b, "\n`refire help COMMAND` tells more. Every command takes --config FILE, else\n"
		"$REFIRE_CONFIG, /etc/refire/refire.conf or ~/.config/refire/refire.conf is read.\n");
	fputs(b.s, stdout);
	buf_release(&b);
}

struct names {
	struct arena arena;
	const char *v[VERBS_MAX];
	size_t n;
};

static void names_add(const char *verb, void *arg)
{
	struct names *names = arg;

	if (names->n < VERBS_MAX - 1)
		names->v[names->n++] = arena_strdup(&names->arena, verb);
	names->v[names->n] = NULL;
}

static int verb_unknown(const char *verb)
{
	struct names names = { .n = 0 };
	const char *near;
	struct err e;

	arena_init(&names.arena);
	for (const struct verb *v = verbs; v->name; v++)
		names_add(v->name, &names);
	sibling_each(names_add, &names);
	near = conf_nearest(verb, names.v);
	if (near)
		err_set(&e, ERR_USAGE, "there is no command `%s`; did you mean `refire %s`?", verb, near);
	else
		err_set(&e, ERR_USAGE, "there is no command `%s`; `refire help` lists them", verb);
	arena_release(&names.arena);
	return log_exit(&e);
}

static int verb_plain(const char *verb)
{
	size_t n = strspn(verb, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n < 64 && verb[n] == '\0' && verb[0] != '-';
}

/* Becomes refire-VERB [--config FILE] rest...; returns only on failure. */
static int verb_run(const char *verb, const char *config, char **rest)
{
	char path[LIMIT_PATH], name[80];
	char **argv;
	size_t n = 0, nrest = 0;
	struct arena arena;
	struct err e;

	snprintf(name, sizeof(name), "refire-%s", verb);
	if (!verb_plain(verb) || sibling_find(name, path, &e))
		return verb_unknown(verb);
	while (rest[nrest])
		nrest++;
	arena_init(&arena);
	argv = arena_alloc(&arena, (nrest + 4) * sizeof(*argv));
	argv[n++] = name;
	if (config) {
		argv[n++] = arena_strdup(&arena, "--config");
		argv[n++] = arena_strdup(&arena, config);
	}
	memcpy(argv + n, rest, nrest * sizeof(*argv));
	execv(path, argv);
	err_sys(&e, "cannot run %s", path);
	arena_release(&arena);
	return log_exit(&e);
}

static int help_run(char **rest)
{
	char help[] = "--help";
	char *argv[] = { help, NULL };

	if (!rest[0] || strcmp(rest[0], "help") == 0) {
		overview_print();
		return 0;
	}
	return verb_run(rest[0], NULL, argv);
}

/* Our own options stand before the verb; what follows it is the verb's. */
static int verb_at(int argc, char **argv)
{
	int i = 1;

	while (i < argc && argv[i][0] == '-') {
		if (strcmp(argv[i], "--config") == 0)
			i++;
		i++;
	}
	return i < argc ? i : argc;
}

int main(int argc, char **argv)
{
	const char *config = NULL;
	struct args a;
	struct err e;
	int at = verb_at(argc, argv), k;

	log_init("refire", false);
	args_init(&a, &usage, at, argv);
	while ((k = args_next(&a, &e)) >= 0) {
		if (k == OPT_CONFIG)
			config = a.value;
		if (k == OPT_VERSION)
			return printf("refire %s\n", REFIRE_VERSION) < 0;
		if (k == OPT_HELP) {
			overview_print();
			return 0;
		}
	}
	if (k == ARGS_BAD)
		return log_exit(&e);
	if (at == argc || strcmp(argv[at], "help") == 0)
		return help_run(argv + (at < argc ? at + 1 : at));
	return verb_run(argv[at], config, argv + at + 1);
}
