/*
 * hooks.c - refire hooks install | status | uninstall.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "advice.h"
#include "args.h"
#include "conf.h"
#include "gitask.h"
#include "install.h"
#include "log.h"
#include "status.h"

#define OPTION_LAST { NULL, 0, NULL, NULL }
#define OPTION_DIR { "hooks-dir", 0, "DIR", \
	"a hooks directory that many repositories use (gitolite's hooks/common), not one " \
	"repository" }

static const struct args_option install_options[] = {
	{ "reference-transaction", 0, NULL,
	  "also notice ref writes that are no pushes (mirrors, local commits): git runs this "
	  "hook for every ref, so pushes of many refs become slower" },
	{ "push-options", 0, NULL,
	  "set receive.advertisePushOptions, so that `git push -o ci.skip` gets through; on a "
	  "terminal the default is to ask" },
	{ "no-push-options", 0, NULL, "leave that as it is, and do not ask" },
	OPTION_DIR, ARGS_OPTION_CONFIG, ARGS_OPTION_HELP, OPTION_LAST,
};
static const struct args_option status_options[] = {
	ARGS_OPTION_JSON, ARGS_OPTION_CONFIG, ARGS_OPTION_HELP, OPTION_LAST,
};
static const struct args_option uninstall_options[] = {
	OPTION_DIR, ARGS_OPTION_CONFIG, ARGS_OPTION_HELP, OPTION_LAST,
};

/* One command line. */
struct request {
	const char *config, *dir;
	bool reference_transaction, push_options, no_push_options, json, help;
	char **repositories;
	int n;
};

static int do_install(const struct args_usage *u, struct request *r);
static int do_status(const struct args_usage *u, struct request *r);
static int do_uninstall(const struct args_usage *u, struct request *r);

#define SYNOPSIS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const struct verb {
	const char *name;
	int (*run)(const struct args_usage *u, struct request *r);
	struct args_usage usage;
} verbs[] = {
	{
		.name = "install", .run = do_install,
		.usage = {
			.program = "refire hooks install",
			.synopsis = SYNOPSIS("[OPTION...] REPOSITORY...", "--hooks-dir DIR"),
			.summary = "Have every push to these repositories recorded. A hook that is "
				"there is kept, and\nruns after refire's with the same input. "
				"Installing twice changes nothing.",
			.options = install_options,
		},
	}, {
		.name = "status", .run = do_status,
		.usage = {
			.program = "refire hooks status",
			.synopsis = SYNOPSIS("[OPTION...] [REPOSITORY...]"),
			.summary = "Show whether the hook is there, and what is wrong with it. "
				"Without a repository: all\nthat the configuration gives a path. "
				"Exits 1 when something is wrong.",
			.options = status_options,
		},
	}, {
		.name = "uninstall", .run = do_uninstall,
		.usage = {
			.program = "refire hooks uninstall",
			.synopsis = SYNOPSIS("[OPTION...] REPOSITORY...", "--hooks-dir DIR"),
			.summary = "Take the hook out, and put back what was there before.",
			.options = uninstall_options,
		},
	},
};
#define VERBS (sizeof(verbs) / sizeof(*verbs))

static void request_option(struct request *r, const char *name, const char *value)
{
	if (!strcmp(name, "config"))
		r->config = value;
	else if (!strcmp(name, "hooks-dir"))
		r->dir = value;
	else if (!strcmp(name, "reference-transaction"))
		r->reference_transaction = true;
	else if (!strcmp(name, "push-options"))
		r->push_options = true;
	else if (!strcmp(name, "no-push-options"))
		r->no_push_options = true;
	else if (!strcmp(name, "json"))
		r->json = true;
	else if (!strcmp(name, "help"))
		r->help = true;
}

static int request_read(struct request *r, const struct args_usage *u, int argc, char **argv,
	struct err *e)
{
	struct args a;
	int k;

	args_init(&a, u, argc, argv);
	while ((k = args_next(&a, e)) >= 0)
		request_option(r, u->options[k].name, a.value);
	r->repositories = a.rest;
	r->n = a.nrest;
	return k == ARGS_BAD ? -1 : 0;
}

/* Repositories or one directory, and no contradiction. */
static int request_check(const struct request *r, const struct args_usage *u, struct err *e)
{
	if (r->dir && r->n)
		return args_refuse(u, e, "give repositories or --hooks-dir, not both");
	if (!r->dir && !r->n)
		return args_refuse(u, e, "no repository was given");
	if (r->dir && r->push_options)
		return args_refuse(u, e, "--push-options needs a repository");
	if (r->push_options && r->no_push_options)
		return args_refuse(u, e, "--push-options and --no-push-options contradict");
	return 0;
}

/* A line for a person: every byte of it is data. */
static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *fmt, ...)
{
	struct buf raw, safe;
	va_list ap;

	buf_init(&raw, 64 * KIB);
	buf_init(&safe, 256 * KIB);
	va_start(ap, fmt);
	buf_vfmt(&raw, fmt, ap);
	va_end(ap);
	log_safe(&safe, raw.s, raw.len);
	printf("%s\n", safe.s);
	fflush(stdout);
	buf_release(&raw);
	buf_release(&safe);
}

static void warn_all(const struct advice *a)
{
	for (size_t n = 0; n < a->n; n++)
		log_warn("%s", a->v[n]);
}

/* The worse of two exit statuses: a sentence has been printed for each. */
static int worse(int a, int b)
{
	return a > b ? a : b;
}

static bool ask_push_options(void)
{
	char answer[16];

	fprintf(stderr, "Let pushers steer pipelines (git push -o ci.skip)? "
		"This sets receive.advertisePushOptions. [Y/n] ");
	if (!fgets(answer, sizeof(answer), stdin))
		return false;
	return answer[0] == '\n' || answer[0] == 'y' || answer[0] == 'Y';
}

static int offer_push_options(struct request *r, struct subject *s, struct err *e)
{
	bool on;

	if (r->no_push_options || gitask_push_options(s->git_dir, &on, e))
		return r->no_push_options ? 0 : -1;
	if (on)
		return 0;
	if (!r->push_options && isatty(0) && isatty(2)) {
		r->push_options = ask_push_options();
		r->no_push_options = !r->push_options;	/* ask once */
	}
	if (!r->push_options)
		return 0;
	if (install_push_options(s, e))
		return -1;
	say("%s: receive.advertisePushOptions is now true", s->git_dir);
	return 0;
}

static void say_installed(const char *where, const struct install_result *r)
{
	const char *earlier = strrchr(r->place.earlier, '/');

	if (!r->changed)
		say("%s: already installed", where);
	else if (r->kept && earlier)
		say("%s: installed; the hook that was there is kept as %s and runs after it",
			where, earlier + 1);
	else
		say("%s: installed%s%s", where, r->place.shared ? " in " : "",
			r->place.shared ? r->place.dir : "");
}

/* The lines to add; " ;" would begin a comment there. */
static void say_unnamed(const struct config *c, const char *git_dir)
{
	char name[LIMIT_PATH];
	struct buf path;

	if (advice_named(c, git_dir, name))
		return;
	log_warn("no [repository] names %s, so no pipeline starts for it; add to %s:", git_dir,
		c->path);
	buf_init(&path, 2 * LIMIT_PATH);
	for (const char *s = git_dir; *s; s++) {
		if (*s == ';' && s[-1] == ' ')
			buf_chr(&path, '\\');
		buf_chr(&path, *s);
	}
	say("    [repository %s]", name);
	say("    path = %s", path.s);
	buf_release(&path);
}

static void warn_repository(const struct installer *i, const struct subject *s,
	const struct request *r, const struct install_result *done)
{
	struct advice a;
	bool relative;

	advice_init(&a);
	if (r->reference_transaction && !gitask_relative_hooks(s->git_dir, &relative, NULL) &&
	    relative)
		advice_add(&a, "%s: core.hooksPath is relative, so commits made in its work tree "
			"look for reference-transaction there", s->git_dir);
	if (done->kept && place_wants_name(&done->place))
		advice_add(&a, "%s looks at its own name, which is another one now: see that it "
			"still does what it did", done->place.earlier);
	advice_pushers(&a, i->config, &i->paths, s->git_dir);
	warn_all(&a);
	advice_release(&a);
	say_unnamed(i->config, s->git_dir);
}

static int install_one(const struct installer *i, const char *path, struct request *r)
{
	struct install_result done;
	struct subject s;
	struct err e = { 0 };
	int status = 0;

	if (subject_open(&s, path, &e) ||
	    install_repository(i, &s, r->reference_transaction, &done, &e)) {
		status = log_exit(&e);
	} else {
		say_installed(s.git_dir, &done);
		if (offer_push_options(r, &s, &e))
			status = log_exit(&e);
		warn_repository(i, &s, r, &done);
	}
	subject_release(&s);
	return status;
}

static int install_all(const struct installer *i, struct request *r)
{
	struct install_result done;
	struct advice a;
	struct err e;
	int status = 0;

	if (r->dir && install_directory(i, r->dir, r->reference_transaction, &done, &e))
		return log_exit(&e);
	if (r->dir)
		say_installed(done.place.dir, &done);
	for (int k = 0; k < r->n; k++)
		status = worse(status, install_one(i, r->repositories[k], r));
	advice_init(&a);
	advice_runner(&a, i->config, &i->paths, i->tools.front);
	warn_all(&a);
	advice_release(&a);
	return status;
}

static int do_install(const struct args_usage *u, struct request *r)
{
	struct installer i;
	struct config *c;
	struct err e;
	int status;

	if (request_check(r, u, &e) || config_load(r->config, &c, &e))
		return log_exit(&e);
	if (installer_init(&i, c, &e) || install_spool(&i, &e))
		status = log_exit(&e);
	else
		status = install_all(&i, r);
	config_free(c);
	return status;
}

/* Every repository of the configuration that has a path. */
static void request_all(struct request *r, struct config *c)
{
	r->repositories = arena_alloc(&c->arena, (c->nrepositories + 1) * sizeof(char *));
	for (size_t k = 0; k < c->nrepositories; k++)
		if (*c->repositories[k].path)
			r->repositories[r->n++] = arena_strdup(&c->arena, c->repositories[k].path);
}

static int do_status(const struct args_usage *u, struct request *r)
{
	struct installer i;
	struct config *c;
	struct err e;
	int status;

	(void)u;
	if (config_load(r->config, &c, &e))
		return log_exit(&e);
	if (!r->n)
		request_all(r, c);
	if (installer_init(&i, c, &e))
		status = log_exit(&e);
	else
		status = status_print(&i, r->repositories, r->n, r->json);
	config_free(c);
	return status;
}

static void say_taken(const char *where, const struct uninstall_result *r)
{
	bool replaced = false;

	for (int k = 0; k < HOOK_KINDS; k++) {
		if (r->taken[k] != TAKEN_REPLACED)
			continue;
		replaced = true;
		say("%s: %s is not refire's any more and stays as it is", where, r->place[k].hook);
		if (*r->place[k].earlier && !access(r->place[k].earlier, F_OK))
			say("%s: the hook from before refire is still %s", where,
				r->place[k].earlier);
	}
	if (r->others)
		say("%s: uninstalled here; other repositories use the hook, so it stays", where);
	else if (!replaced)
		say("%s: %s", where, r->changed ? "uninstalled" : "refire is not installed there");
}

static int uninstall_one(const struct tools *t, const struct config *c, const char *path)
{
	struct uninstall_result done;
	char name[LIMIT_PATH];
	struct subject s;
	struct err e = { 0 };
	int status = 0;

	if (subject_open(&s, path, &e) || uninstall_repository(t, &s, &done, &e))
		status = log_exit(&e);
	else
		say_taken(s.git_dir, &done);
	if (!status && c && config_repository_at(c, s.git_dir, name))
		say("%s: [repository %s] in %s still names it, so it is still reconciled",
			s.git_dir, name, c->path);
	subject_release(&s);
	return status;
}

/* The configuration may be gone by now: only one that was named must be there. */
static int do_uninstall(const struct args_usage *u, struct request *r)
{
	struct uninstall_result done;
	struct config *c = NULL;
	struct tools t;
	struct err e;
	int status = 0;

	if (request_check(r, u, &e) || tools_find(&t, &e) ||
	    (config_load(r->config, &c, &e) && r->config))
		return log_exit(&e);
	if (r->dir && uninstall_directory(&t, r->dir, &done, &e))
		status = log_exit(&e);
	else if (r->dir)
		say_taken(r->dir, &done);
	for (int k = 0; k < r->n; k++)
		status = worse(status, uninstall_one(&t, c, r->repositories[k]));
	config_free(c);
	return status;
}

static void help_print(const struct args_usage *u)
{
	struct buf text;

	buf_init(&text, 64 * KIB);
	args_help(u, &text);
	fputs(text.s, stdout);
	buf_release(&text);
}

static int verb_run(const struct verb *v, int argc, char **argv)
{
	struct request r = { 0 };
	struct err e;

	if (request_read(&r, &v->usage, argc, argv, &e))
		return log_exit(&e);
	if (!r.help)
		return v->run(&v->usage, &r);
	help_print(&v->usage);
	return 0;
}

static const struct args_option own_options[] = { ARGS_OPTION_HELP, OPTION_LAST };
static const struct args_usage usage = {
	.program = "refire hooks",
	.synopsis = SYNOPSIS("install REPOSITORY...", "status [REPOSITORY...]",
		"uninstall REPOSITORY..."),
	.summary = "Put refire's git hooks into repositories, look at them, take them out.",
	.options = own_options,
	.notes = "`refire hooks install --help` and so on say more.",
};

static int refuse_verb(const char *word)
{
	const char *names[VERBS + 1] = { NULL }, *near;
	struct err e;

	for (size_t i = 0; i < VERBS; i++)
		names[i] = verbs[i].name;
	near = conf_nearest(word, names);
	args_refuse(&usage, &e, "unknown word `%.60s`%s%s%s", word, near ? "; did you mean `" : "",
		near ? near : "", near ? "`?" : "");
	return log_exit(&e);
}

int main(int argc, char **argv)
{
	struct err e;

	log_init("refire hooks", false);
	if (argc < 2) {
		args_refuse(&usage, &e, "install, status or uninstall was expected");
		return log_exit(&e);
	}
	for (size_t i = 0; i < VERBS; i++)
		if (!strcmp(argv[1], verbs[i].name))
			return verb_run(&verbs[i], argc - 1, argv + 1);
	if (strcmp(argv[1], "--help") && strcmp(argv[1], "-h"))
		return refuse_verb(argv[1]);
	help_print(&usage);
	return 0;
}
