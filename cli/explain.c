/*
 * explain.c - `refire explain CHANGE|DELIVERY|COMMIT|--last`: the story of a push in
 * words, on one screen.
 */
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "clock.h"
#include "gone.h"
#include "log.h"
#include "store.h"
#include "story.h"
#include "words.h"

enum { OPT_LAST, OPT_ALL, OPT_CONFIG, OPT_HELP };
static const struct args_option options[] = {
	[OPT_LAST] = { "last", 0, NULL, "what was pushed, found or fired last" },
	[OPT_ALL] = { "all", 0, NULL, "every attempt, not the first and last few" },
	[OPT_CONFIG] = ARGS_OPTION_CONFIG,
	[OPT_HELP] = ARGS_OPTION_HELP,
	{ NULL, 0, NULL, NULL },
};
static const char *const synopsis[] = { "[--all] CHANGE|DELIVERY|COMMIT", "[--all] --last", NULL };
static const struct args_usage usage = {
	.program = "refire explain", .synopsis = synopsis, .options = options,
	.summary = "Tells the story of one push: who pushed what, which pipelines started and why the\n"
		"others did not, each attempt and its answer, when it is tried again, and what to\n"
		"do about a failure. Of a commit that started nothing, why. An id or a commit may\n"
		"be shortened to its first characters, at least four.",
	.notes = "Exit status: 0; 1 when something told of FAILED or is HELD; 64 when there is no\n"
		"such change, delivery or commit.\n",
};

struct choice {
	const char *config, *what;
	bool last, all, help;
};

/* ---- what is meant ---- */

static int tell_last(struct story *s, struct err *e)
{
	struct change_row c;
	int found = story_last(s->q, &s->arena, &c, e);

	if (found < 0)
		return -1;
	if (!found)
		return err_set(e, ERR_USAGE, "nothing was pushed, found or fired so far");
	return story_tell(s, &c, NULL, e);
}

/* 1 told, 0 there is none, -1 */
static int tell_delivery(struct story *s, const char *id, struct err *e)
{
	struct story_focus f;
	struct change_row c;
	struct delivery d;

	if (strlen(id) < 4 || queue_find(s->q, &s->arena, id, &d, e)) {
		if (strlen(id) < 4 || e->code == ERR_NOENT)
			return 0;
		return -1;
	}
	if (queue_change(s->q, &s->arena, d.change_seq, &c, e))
		return -1;
	f = (struct story_focus){ .update = d.update, .delivery = d.seq };
	return story_tell(s, &c, &f, e) ? -1 : 1;
}

static int tell_change(struct story *s, const char *id, struct err *e)
{
	struct change_row c;
	int found = story_change(s->q, &s->arena, id, &c, e);

	if (found <= 0)
		return found;
	return story_tell(s, &c, NULL, e) ? -1 : 1;
}

struct commits {
	struct story *s;
	struct story_update best;
	bool fired;			/* of the best: it made deliveries */
	int64_t n;
	struct err *e;
};

static int any_delivery(const struct delivery *d, void *arg)
{
	(void)d;
	*(bool *)arg = true;
	return 1;
}

/* The newest update to the commit that made deliveries, else the newest. */
static int commit_take(const struct story_update *u, void *arg)
{
	struct commits *c = arg;
	bool fired = false;

	if (story_deliveries(c->s->q, u->seq, any_delivery, &fired, c->e) < 0)
		return -1;
	c->n++;
	if (c->n > 1 && (c->fired || !fired))
		return 0;
	c->fired = fired;
	c->best = (struct story_update){ .seq = u->seq, .change = u->change };
	return 0;
}

static int tell_commit(struct story *s, const char *oid, struct err *e)
{
	struct commits found = { .s = s, .e = e };
	struct story_focus f;
	struct change_row c;

	if (story_commit(s->q, oid, commit_take, &found, e) < 0)
		return -1;
	if (!found.n)
		return 0;
	if (queue_change(s->q, &s->arena, found.best.change, &c, e))
		return -1;
	f = (struct story_focus){ .update = found.best.seq };
	if (story_tell(s, &c, &f, e))
		return -1;
	if (found.n > 1)
		buf_fmt(&s->out, "\n  %lld more %s to this commit: refire trail lookup --text %.12s\n",
			(long long)found.n - 1, found.n == 2 ? "move" : "moves", oid);
	return 1;
}

static int tell(struct story *s, const struct choice *c, struct err *e)
{
	static int (*const kinds[])(struct story *, const char *, struct err *) = {
		tell_delivery, tell_change, tell_commit,
	};
	int gone;

	if (c->last)
		return tell_last(s, e);
	if (strlen(c->what) < 4 || c->what[strspn(c->what, "0123456789abcdef-")])
		return args_refuse(&usage, e, "`%.60s` is no id and no commit: expected at least its first four "
			"hexadecimal digits", c->what);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		int told = kinds[i](s, c->what, e);

		if (told)
			return told < 0 ? -1 : 0;
	}
	gone = gone_find(s->session, s->q, c->what, e);
	return gone ? -1 : story_absent(s, c->what, e);
}

/* ---- */

static int explain(const struct choice *c, const struct session *session, int *status, struct err *e)
{
	struct story s;
	struct queue *q;
	int failed;

	if (store_open(session, QUEUE_READ, &q, e))
		return -1;
	if (!q)
		return err_set(e, ERR_USAGE, "nothing was taken in so far: is a hook installed (`refire hooks "
			"status`), and did `refire send` run?");
	story_open(&s, session, q, clock_wall_us());
	s.whole = c->all;
	failed = tell(&s, c, e);
	if (!failed)
		fwrite(s.out.s, 1, s.out.len, stdout);
	*status = s.failed ? ERR_FAILED : 0;
	story_close(&s);
	queue_close(q);
	if (failed && e->code == ERR_NOENT)
		e->code = ERR_USAGE;
	return failed;
}

static int args_read(int argc, char **argv, struct choice *c, struct err *e)
{
	struct args a;
	int k;

	args_init(&a, &usage, argc, argv);
	while ((k = args_next(&a, e)) >= 0)
		switch (k) {
		case OPT_LAST: c->last = true; break;
		case OPT_ALL: c->all = true; break;
		case OPT_CONFIG: c->config = a.value; break;
		case OPT_HELP: c->help = true; break;
		}
	if (k == ARGS_BAD)
		return -1;
	c->what = a.nrest ? a.rest[0] : "";
	if (!c->help && a.nrest + c->last != 1)
		return args_refuse(&usage, e, "expected one id or commit, or --last");
	return 0;
}

int main(int argc, char **argv)
{
	struct choice c = { 0 };
	struct session session;
	int status = 0, failed;
	struct err e;

	log_init("refire explain", false);
	if (args_read(argc, argv, &c, &e))
		return log_exit(&e);
	if (c.help)
		return words_help(&usage);
	if (session_open(&session, c.config, &e))
		return log_exit(&e);
	failed = explain(&c, &session, &status, &e);
	session_close(&session);
	return failed ? log_exit(&e) : words_end(status);
}
