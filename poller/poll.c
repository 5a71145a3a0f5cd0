/*
 * poll.c - refire-poll: looks at repositories, and spools what differs from what
 * was accepted. One of them at a time: it holds poller.lock.
 *
 * No wake-up is lost: who finds the lock taken leaves a hint, and tries the lock
 * once more; who gives the lock up looks for hints, and takes it back if one waits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args.h"
#include "conf.h"
#include "fs.h"
#include "glob.h"
#include "log.h"
#include "pass.h"
#include "secrets.h"
#include "signals.h"

enum { OPT_WATCH, OPT_HINTS, OPT_JSON, OPT_QUIET, OPT_CONFIG, OPT_HELP };
static const struct args_option options[] = {
	[OPT_WATCH] = { "watch", 0, NULL, "stay: look at each repository at its interval, and at "
		"hints at once, until told to end" },
	[OPT_HINTS] = { "hints", 0, NULL, "look only at what hints in the spool name" },
	[OPT_JSON] = ARGS_OPTION_JSON,
	[OPT_QUIET] = { "quiet", 'q', NULL, "print warnings and errors only" },
	[OPT_CONFIG] = ARGS_OPTION_CONFIG,
	[OPT_HELP] = ARGS_OPTION_HELP,
	{ NULL, 0, NULL, NULL },
};
static const char *const synopsis[] = { "[--json] [--quiet] [--config FILE] [REPOSITORY...]",
	"--hints [--json] [--quiet] [--config FILE]", "--watch [--quiet] [--config FILE]", NULL };
static const struct args_usage usage = { "refire poll", synopsis,
	"Look at the repositories that are due: local ones each time, remote ones by their\n"
	"poll-interval. What differs from what was accepted goes to the spool, and a sender\n"
	"is woken. REPOSITORY is a name or a pattern over names, and is looked at now. Where\n"
	"another poll is at work, that one does it.", options,
	"SIGHUP reloads the configuration of a resident, SIGTERM ends it cleanly.\n"
	"Exit status: 0 done, 1 a repository could not be read, 64 usage, 75 try again later,\n"
	"77 not the owner of state-dir, 78 configuration.\n" };

struct run {
	struct pass_options o;
	struct config *config;
	struct spool_paths paths;
	char sender[LIMIT_PATH];
	int signals;
	bool help;
};

static int read_args(int argc, char **argv, struct run *r, struct err *e)
{
	struct args a;
	int k;

	args_init(&a, &usage, argc, argv);
	while ((k = args_next(&a, e)) >= 0) {
		switch (k) {
		case OPT_WATCH:
			r->o.watch = true;
			break;
		case OPT_HINTS:
			r->o.hints_only = true;
			break;
		case OPT_JSON:
			r->o.json = true;
			break;
		case OPT_QUIET:
			r->o.quiet = true;
			break;
		case OPT_CONFIG:
			r->o.config_path = a.value;
			break;
		default:
			r->help = true;
		}
	}
	if (k == ARGS_BAD)
		return -1;
	if (a.nrest) {
		r->o.names = (const char *const *)a.rest;
		r->o.nnames = (size_t)a.nrest;
	}
	if (r->o.watch + r->o.hints_only + (a.nrest > 0) > 1)
		return args_refuse(&usage, e, "--watch, --hints and REPOSITORY exclude one another");
	return 0;
}

/* ---- names ---- */

static int unknown(const struct config *c, const char *name, struct err *e)
{
	const char **names = mem_alloc((c->nrepositories + 1) * sizeof(*names)), *near;

	for (size_t i = 0; i < c->nrepositories; i++)
		names[i] = c->repositories[i].name;
	near = conf_nearest(name, names);
	if (near)
		err_set(e, ERR_USAGE, "no repository `%s`; did you mean `%s`?", name, near);
	else
		err_set(e, ERR_USAGE, "no repository `%s` in %s", name, c->path);
	free(names);
	return -1;
}

/* Can it name anything? What a pattern matches below a root only the pass can see. */
static bool may_match(const struct config *c, const char *pattern)
{
	if (config_repository(c, pattern))
		return true;
	for (size_t i = 0; i < c->nrepositories; i++)
		if (*c->repositories[i].root || glob_match(pattern, c->repositories[i].name))
			return strpbrk(pattern, "*?[{") != NULL;
	return false;
}

static int check_names(const struct run *r, struct err *e)
{
	for (size_t i = 0; i < r->o.nnames; i++) {
		const char *name = r->o.names[i];
		struct err bad;

		if (glob_check(name, &bad))
			return err_set(e, ERR_USAGE, "%s", bad.text);
		if (!may_match(r->config, name))
			return unknown(r->config, name, e);
	}
	return 0;
}

/* ---- where another poll is at work, or we are not the owner ---- */

static int leave_hint(const char *dir, const char *name, struct err *e)
{
	return spool_hint(dir, name, e) ? err_wrap(e, "cannot ask for %s", name) : 0;
}

/* One for each repository a name stands for; of a root, only exact names. */
static int leave_hints(const struct run *r, struct err *e)
{
	const char *dir = spool_mine(&r->paths);
	const struct config *c = r->config;

	for (size_t i = 0; i < r->o.nnames; i++) {
		const char *name = r->o.names[i];

		if (config_repository(c, name) && leave_hint(dir, name, e))
			return -1;
		for (size_t k = 0; k < c->nrepositories; k++)
			if (strcmp(name, c->repositories[k].name) && !*c->repositories[k].root &&
			    glob_match(name, c->repositories[k].name) &&
			    leave_hint(dir, c->repositories[k].name, e))
				return -1;
	}
	return 0;
}

static bool is_owner(const struct run *r)
{
	struct stat st;

	return stat(r->paths.state, &st) || st.st_uid == geteuid();
}

static int ask_owner(const struct run *r, struct err *e)
{
	struct stat st = { 0 };

	if (!r->o.names || !*spool_mine(&r->paths)) {
		if (stat(r->paths.state, &st))
			return err_sys(e, "cannot look at %s", r->paths.state);
		return err_set(e, ERR_PERM, "%s belongs to uid %lu; only that account polls (run refire "
			"poll as it, e.g. with sudo -u)", r->paths.state, (unsigned long)st.st_uid);
	}
	if (leave_hints(r, e))
		return -1;
	log_info("left a hint: the poller of the account that owns %s does it", r->paths.state);
	return 0;
}

/* The lock, or -2: somebody else has it and will do what was asked for. */
static int take_lock(const struct run *r, struct err *e)
{
	int lock = fs_lock_try(r->paths.poller_lock, e);

	if (lock != -2 || !r->o.names)
		return lock;
	if (leave_hints(r, e))
		return -1;
	return fs_lock_try(r->paths.poller_lock, e);
}

/* ---- the run ---- */

/* refire-send beside this program; "" when there is none. */
static void find_sender(struct run *r)
{
	ssize_t n = readlink("/proc/self/exe", r->sender, sizeof(r->sender) - sizeof("refire-send"));
	char *slash;

	if (n < 0)
		n = 0;
	r->sender[n] = 0;
	slash = strrchr(r->sender, '/');
	strcpy(slash ? slash + 1 : r->sender, "refire-send");
	r->o.sender = slash && !access(r->sender, X_OK) ? r->sender : NULL;
}

static int run_locked(struct run *r, int lock, struct pass_tally *tally, struct err *e)
{
	struct pass *p;
	int failed;

	if (pass_open(&p, &r->config, &r->o, &r->paths, r->signals, e)) {
		fs_unlock(lock);
		return -1;
	}
	for (;;) {
		failed = pass_run(p, e);
		fs_unlock(lock);
		if (failed || !pass_waits(p))
			break;
		lock = fs_lock_try(r->paths.poller_lock, e);
		if (lock < 0) {
			failed = lock == -1 ? -1 : 0;
			break;
		}
	}
	*tally = *pass_result(p);
	pass_close(p);
	return failed;
}

static int poll_all(struct run *r, struct pass_tally *tally, struct err *e)
{
	int lock;

	if (check_names(r, e) || spool_paths(&r->paths, r->config->state_dir, e))
		return -1;
	if (!is_owner(r))
		return ask_owner(r, e);
	if (spool_init(&r->paths, r->config->pushers, e))
		return -1;
	lock = take_lock(r, e);
	if (lock == -1)
		return -1;
	if (lock == -2) {
		if (r->o.names)
			log_info("another poll is at work: it was asked to look");
		return 0;
	}
	find_sender(r);
	return run_locked(r, lock, tally, e);
}

static int print_help(void)
{
	struct buf b;

	buf_init(&b, MIB);
	args_help(&usage, &b);
	fputs(b.s, stdout);
	buf_release(&b);
	return 0;
}

static int status(const struct run *r, const struct pass_tally *t)
{
	if (t->stopped)
		return r->o.watch ? 0 : ERR_TEMP;
	return t->failed ? ERR_FAILED : 0;
}

int main(int argc, char **argv)
{
	struct run r = { .signals = -1 };
	struct pass_tally tally = { 0 };
	struct err e;
	int failed;

	log_init("refire-poll", false);
	if (read_args(argc, argv, &r, &e))
		return log_exit(&e);
	if (r.help)
		return print_help();
	log_init("refire-poll", r.o.quiet);
	secrets_private();
	r.signals = signals_open(&e);
	if (r.signals < 0 || config_load(r.o.config_path, &r.config, &e))
		return log_exit(&e);
	failed = poll_all(&r, &tally, &e);
	config_free(r.config);
	close(r.signals);
	return failed ? log_exit(&e) : status(&r, &tally);
}
