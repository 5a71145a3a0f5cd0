/*
 * send.c - refire-send: takes the spool in, decides what fires, sends it, and
 * keeps at it. One of them at a time: it holds sender.lock.
 *
 * No wake-up is lost: a producer publishes its file and then looks at the lock;
 * we unlock, look at the spool again, and take the lock back if anything waits.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args.h"
#include "ballast.h"
#include "clock.h"
#include "dryrun.h"
#include "fs.h"
#include "intake.h"
#include "log.h"
#include "loop.h"
#include "secrets.h"
#include "target.h"
#include "tokens.h"

#define POOL_THREADS 2

enum { OPT_WATCH, OPT_LINGER, OPT_DRY_RUN, OPT_JSON, OPT_QUIET, OPT_CONFIG, OPT_HELP };
static const struct args_option options[] = {
	[OPT_WATCH] = { "watch", 0, NULL, "stay: take in and send whatever comes, until told to end" },
	[OPT_LINGER] = { "linger", 0, NULL,
		"as a hook starts it: stay while a retry falls due within 10 minutes" },
	[OPT_DRY_RUN] = { "dry-run", 0, NULL,
		"read one spool file from standard input and print what it would send" },
	[OPT_JSON] = { "json", 0, NULL, "with --dry-run: JSON, one object a pipeline" },
	[OPT_QUIET] = { "quiet", 'q', NULL, "print warnings and errors only" },
	[OPT_CONFIG] = ARGS_OPTION_CONFIG,
	[OPT_HELP] = ARGS_OPTION_HELP,
	{ NULL, 0, NULL, NULL },
};
static const char *const synopsis[] = { "[--watch | --linger] [--quiet] [--config FILE]",
	"--dry-run [--json] [--config FILE] < FILE", NULL };
static const struct args_usage usage = { "refire send", synopsis,
	"Take in what hooks and the poller left in the spool, fire the pipelines that\n"
	"match, and send what is due. Without an option it does what is due now and ends;\n"
	"where another sender is at work, that one does it.", options,
	"SIGHUP reloads the configuration, SIGTERM ends it cleanly: what is under way is\n"
	"finished, for at most 5 seconds.\n"
	"Exit status: 0 done, 1 a delivery FAILED or is HELD, 64 usage, 75 try again\n"
	"later, 77 not the owner of state-dir, 78 configuration.\n" };

struct choices {
	enum loop_mode mode;
	bool dry, json, quiet, help;
	const char *config;
};

static int read_args(int argc, char **argv, struct choices *c, struct err *e)
{
	struct args a;
	int k;

	args_init(&a, &usage, argc, argv);
	while ((k = args_next(&a, e)) >= 0) {
		switch (k) {
		case OPT_WATCH:
			c->mode = LOOP_WATCH;
			break;
		case OPT_LINGER:
			c->mode = LOOP_LINGER;
			break;
		case OPT_DRY_RUN:
			c->dry = true;
			break;
		case OPT_JSON:
			c->json = true;
			break;
		case OPT_QUIET:
			c->quiet = true;
			break;
		case OPT_CONFIG:
			c->config = a.value;
			break;
		default:
			c->help = true;
		}
	}
	if (k == ARGS_BAD)
		return -1;
	if (c->json && !c->dry)
		return args_refuse(&usage, e, "--json goes with --dry-run");
	return a.nrest ? args_refuse(&usage, e, "unexpected `%s`", a.rest[0]) : 0;
}

static int check_owner(const struct spool_paths *p, struct err *e)
{
	struct stat st;

	if (stat(p->state, &st) || st.st_uid == geteuid())
		return 0;
	return err_set(e, ERR_PERM, "%s belongs to uid %lu; only that account sends (run refire send as "
		"it, e.g. with sudo -u)", p->state, (unsigned long)st.st_uid);
}

static int open_stages(struct sender *s, struct err *e)
{
	const struct trail_context ctx = { s->config->account_id, s->config->region,
		s->config->user_agent };
	int64_t now = clock_wall_us(), recovered;

	if (uuid_v7(now, s->owner))
		return err_sys(e, "cannot draw an id");
	if (queue_open(s->paths.queue, QUEUE_WRITE, &s->queue, e))
		return -1;
	s->trail = trail_open(s->queue, s->paths.trail, &ctx);
	if (queue_owner_begin(s->queue, s->owner, now, &recovered, e) ||
	    courier_open(&s->courier, (size_t)s->config->concurrency, e))
		return -1;
	return pool_open(&s->pool, POOL_THREADS, e);
}

static void close_stages(struct sender *s)
{
	pool_close(s->pool);
	courier_close(s->courier);
	trail_close(s->trail);
	queue_close(s->queue);
	s->pool = NULL;
	s->courier = NULL;
	s->trail = NULL;
	s->queue = NULL;
}

static void add(struct attempt_tally *sum, const struct attempt_tally *t)
{
	sum->delivered += t->delivered;
	sum->waiting += t->waiting;
	sum->failed += t->failed;
	sum->held += t->held;
}

/* On a full disk the queue cannot even be opened: with the ballast's room it can. */
static int open_or_make_room(struct sender *s, struct err *e)
{
	if (!open_stages(s, e))
		return 0;
	if (!ballast_would_help(e) || !ballast_give_up(s->paths.ballast))
		return -1;
	log_warn("%s; %s was given up", e->text, s->paths.ballast);
	close_stages(s);
	return open_stages(s, e);
}

/* With the lock held: everything there is to do. */
static int work(struct sender *s, enum loop_mode mode, struct attempt_tally *sum, struct err *e)
{
	struct attempts *t;
	int failed = open_or_make_room(s, e);

	if (!failed) {
		t = attempts_open(s);
		failed = loop_run(s, t, mode, e);
		add(sum, attempts_tally(t));
		courier_close(s->courier);
		s->courier = NULL;
		attempts_close(t);
	}
	close_stages(s);
	return failed;
}

/* After the unlock: did somebody count on us meanwhile? A source leaves a file; an
   operator's command makes a delivery due. */
static bool wanted(struct sender *s)
{
	int64_t now = clock_wall_us();
	struct queue_due due;
	struct err e;
	bool asked;

	if (intake_waiting(s))
		return true;
	if (queue_open(s->paths.queue, QUEUE_READ, &s->queue, &e))
		return false;
	asked = !queue_next_due(s->queue, NULL, now, &due, &e) && due.us && due.us <= now;
	queue_close(s->queue);
	s->queue = NULL;
	return asked;
}

static int run(struct sender *s, enum loop_mode mode, struct attempt_tally *sum, struct err *e)
{
	int lock, failed;

	if (mode != LOOP_LINGER && spool_note_ran(&s->paths, e))
		log_warn("%s", e->text);
	do {
		lock = fs_lock_try(s->paths.sender_lock, e);
		if (lock == -1)
			return -1;
		if (lock == -2) {
			log_info("another sender is at work and takes care of it");
			return 0;
		}
		failed = work(s, mode, sum, e);
		fs_unlock(lock);
	} while (!failed && !loop_stopped() && wanted(s));
	return failed;
}

static void report(const struct attempt_tally *t)
{
	log_info("%lld delivered, %lld to be tried again, %lld failed, %lld held",
		(long long)t->delivered, (long long)t->waiting, (long long)t->failed,
		(long long)t->held);
}

static int print_dry(struct config *c, bool as_json, struct err *e)
{
	struct buf out;
	int failed;

	buf_init(&out, 4 * LIMIT_BODY);
	failed = dryrun(c, as_json, &out, e);
	fwrite(out.s, 1, out.len, stdout);
	buf_release(&out);
	return failed;
}

int main(int argc, char **argv)
{
	struct choices c = { .mode = LOOP_ONCE };
	struct attempt_tally sum = { 0 };
	struct sender s = { 0 };
	struct err e = { 0 };
	int failed;

	log_init("refire-send", false);
	if (read_args(argc, argv, &c, &e))
		return log_exit(&e);
	if (c.help) {
		struct buf b;

		buf_init(&b, 64 * KIB);
		args_help(&usage, &b);
		fputs(b.s, stdout);
		buf_release(&b);
		return 0;
	}
	log_init("refire-send", c.quiet || c.mode == LOOP_LINGER);
	secrets_private();
	umask(077);
	if (config_load(c.config, &s.config, &e) || targets_check(s.config, &e))
		return log_exit(&e);
	if (c.dry) {
		failed = print_dry(s.config, c.json, &e);
	} else {
		failed = spool_paths(&s.paths, s.config->state_dir, &e) || check_owner(&s.paths, &e) ||
			spool_init(&s.paths, s.config->pushers, &e) || loop_signals(&e) ||
			run(&s, c.mode, &sum, &e);
		if (!failed)
			report(&sum);
	}
	config_free(s.config);
	tokens_clear();
	secrets_clear();
	if (failed)
		return log_exit(&e);
	return sum.failed || sum.held ? 1 : 0;
}
