/* judge.c - what of the state needs a person, see state.h. Pure but for its memory. */
#include "state.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "words.h"

#define STUCK_US (60 * US_PER_S)	/* a file or a due delivery that nobody takes */
#define FAILED_US (24 * 3600 * US_PER_S)	/* how long a failed delivery is news */
#define NAMED 3				/* files that findings name */

struct state_finding *state_find(struct state *st, bool grave, const char *fmt, ...)
{
	struct state_finding *f;
	struct buf b;
	va_list ap;

	st->findings = mem_grow(st->findings, &st->cap_findings, st->nfindings + 1,
		sizeof(*st->findings));
	f = &st->findings[st->nfindings++];
	buf_init(&b, 64 * KIB);
	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);
	*f = (struct state_finding){ grave, arena_strdup(&st->arena, b.s), "" };
	buf_release(&b);
	return f;
}

static const char *age(const struct state *st, int64_t us, char out[CLOCK_ISO_SIZE])
{
	return us ? clock_relative(us, st->now_us, out) : "never";
}

static bool older(const struct state *st, int64_t us, int64_t than)
{
	return us && st->now_us - us > than;
}

static const char *plural(int64_t n, const char *one, const char *more)
{
	return n == 1 ? one : more;
}

/* "Code: sentence", of which either may be missing. */
static const char *why(struct state *st, const char *code, const char *error)
{
	return arena_fmt(&st->arena, "%s%s%s", code, *code && *error ? ": " : "", error);
}

/* ---- nobody works ---- */

static const char *cron(struct state *st, const char *verb)
{
	return arena_fmt(&st->arena, "*/5 * * * * %s %s --config %s", st->refire, verb,
		st->session->config->path);
}

static void judge_sender(struct state *st)
{
	int64_t overdue = st->counts.next_due_us;
	char text[CLOCK_ISO_SIZE];

	if (!st->sender_held && older(st, st->oldest_us, STUCK_US))
		state_find(st, true, "%lld %s in the spool since %s and no sender takes %s in",
			(long long)st->waiting, plural(st->waiting, "change waits", "changes wait"),
			age(st, st->oldest_us, text), plural(st->waiting, "it", "them"))->help =
			"run `refire send`";
	if (!st->sender_held && older(st, overdue, STUCK_US))
		state_find(st, true, "deliveries are due since %s and no sender runs",
			age(st, overdue, text))->help = "run `refire send`";
	if (st->ran_us && !older(st, st->ran_us, STATE_STALE_US))
		return;
	state_find(st, true, "nothing retries by itself: no timer, cron line or resident sender has been "
		"seen (%s), so what fails waits for the next push; enable refire.service or "
		"refire-send.timer, or in a crontab:", age(st, st->ran_us, text))->help = cron(st, "send");
}

static void judge_poller(struct state *st)
{
	int64_t last = 0;
	char text[CLOCK_ISO_SIZE];

	for (size_t i = 0; i < st->nrepositories; i++)
		if (st->repositories[i].poll.last_us > last)
			last = st->repositories[i].poll.last_us;
	if (st->poller_held || st->session->config->nrepositories == 0 ||
	    (last && !older(st, last, STATE_STALE_US)))
		return;
	state_find(st, true, "nobody looks at the repositories (last: %s): pushes that no hook reported, "
		"and remotes, are not noticed; enable refire-watch.service or refire-poll.timer, or in a "
		"crontab:",
		age(st, last, text))->help = cron(st, "poll");
}

/* ---- deliveries ---- */

static void judge_pipeline(struct state *st, const struct state_pipeline *p)
{
	const int64_t *n = p->q.by_state;
	int64_t waiting = n[DELIVERY_WAITING], held = n[DELIVERY_HELD], failed = n[DELIVERY_FAILED];
	char text[CLOCK_ISO_SIZE];

	if (held)
		state_find(st, true, "%s: %lld %s for a person: %s", p->q.pipeline, (long long)held,
			plural(held, "delivery is held", "deliveries are held"),
			why(st, p->code, p->error))->help =
			arena_fmt(&st->arena, "refire queue list --state HELD --pipeline %s; then retry or drop",
				p->q.pipeline);
	if (waiting)
		state_find(st, true, "%s: %lld %s to be tried again: %s", p->q.pipeline, (long long)waiting,
			plural(waiting, "delivery waits", "deliveries wait"),
			held ? "see the queue" : why(st, p->code, p->error))->help =
			arena_fmt(&st->arena, "refire queue show %.8s", p->delivery);
	if (failed && !older(st, p->q.failed_us, FAILED_US))
		state_find(st, true, "%s: %lld %s, the last %s: %s", p->q.pipeline, (long long)failed,
			plural(failed, "delivery failed", "deliveries failed"),
			age(st, p->q.failed_us, text),
			held || waiting ? "see the queue" : why(st, p->code, p->error))->help =
			arena_fmt(&st->arena, "refire queue list --state FAILED --pipeline %s", p->q.pipeline);
}

static void judge_gate(struct state *st, const struct state_pipeline *p)
{
	const struct gate *g = &p->gate;
	char text[CLOCK_ISO_SIZE], when[CLOCK_ISO_SIZE];

	if (g->breaker.opened_us)
		state_find(st, true, "%s: its receiver is down since %s, after %lld failures in a row; one "
			"delivery at a time probes it, next %s, and nothing is given up: %s", p->q.pipeline,
			age(st, g->breaker.opened_us, text), (long long)g->breaker.failures,
			g->breaker.probe_us > st->now_us ? age(st, g->breaker.probe_us, when) : "now",
			why(st, p->code, p->error))->help =
			arena_fmt(&st->arena, "refire queue resume %s", p->q.pipeline);
	if (!g->held_us)
		return;
	state_find(st, true, "%s is held since %s%s%s, nothing of it is sent%s%s", p->q.pipeline,
		age(st, g->held_us, text), *g->who ? " by " : "", g->who,
		*g->code || *g->reason ? ": " : "", why(st, g->code, g->reason))->help =
		arena_fmt(&st->arena, "refire queue resume %s", p->q.pipeline);
}

static void judge_gone(struct state *st, const struct state_pipeline *p)
{
	int64_t open = 0;

	for (int i = 0; i < DELIVERY_DELIVERED; i++)
		open += p->q.by_state[i];
	if (open && !p->configured)
		state_find(st, true, "%s has %lld open %s and is not in the configuration any more",
			p->q.pipeline, (long long)open, plural(open, "delivery", "deliveries"));
}

/* ---- secrets ---- */

static void judge_secrets(struct state *st)
{
	char text[CLOCK_ISO_SIZE], when[CLOCK_ISO_SIZE];

	for (size_t i = 0; i < st->nsecrets; i++) {
		const struct state_secret *s = &st->secrets[i];

		if (*s->error)
			state_find(st, true, "%s: %s: %s; a sender that runs goes on with what it held before, "
				"without that deliveries wait", s->pipeline, s->key, s->error)->help =
				"mend the file: it is read again by itself";
		else if (s->until_us <= st->now_us)
			state_find(st, true, "%s: %s: no secret in it is valid now, its deliveries wait",
				s->pipeline, s->key)->help = "refire.conf(5), Secrets";
		else
			state_find(st, false, "%s: %s: its last secret ends %s, at %s", s->pipeline, s->key,
				age(st, s->until_us, text), clock_iso(s->until_us, when))->help =
				"refire.conf(5), Secrets";
	}
}

/* ---- files ---- */

static void judge_files(struct state *st)
{
	for (size_t i = 0; i < st->naside && i < NAMED; i++)
		state_find(st, true, "a spool file was set aside: %s/%s: %s", st->session->paths.quarantine,
			st->aside[i].name, st->aside[i].reason)->help =
			"mend it and move it to spool/new, or remove it and its .reason";
	if (st->total_aside > NAMED)
		state_find(st, true, "%lld more files were set aside in %s",
			(long long)(st->total_aside - NAMED), st->session->paths.quarantine);
	if (st->unfinished)
		state_find(st, false, "%lld spool %s never finished by %s writer", (long long)st->unfinished,
			plural(st->unfinished, "file was", "files were"),
			plural(st->unfinished, "its", "their"));
	if (st->no_ballast)
		state_find(st, true, "the disk was full and %s was given up: what is in the spool stays there "
			"until %lld KiB are free", st->session->paths.ballast,
			(long long)(2 * st->ballast_size / 1024))->help =
			"make room; a sender lays it again by itself";
	if (*st->trail_error)
		state_find(st, true, "the trail cannot be read: %s", st->trail_error);
}

void state_judge(struct state *st)
{
	if (*st->queue_error)
		state_find(st, true, "the queue cannot be read: %s", st->queue_error);
	if (st->new) {
		state_find(st, false, "nothing ran so far: %s is not there yet", st->session->paths.state)->help
			= "install hooks with `refire hooks install`, run `refire send` by a timer";
		return;
	}
	if (st->nnames) {
		state_judge_repositories(st);
		return;
	}
	judge_sender(st);
	for (size_t i = 0; i < st->npipelines; i++) {
		judge_gone(st, &st->pipelines[i]);
		judge_gate(st, &st->pipelines[i]);
		judge_pipeline(st, &st->pipelines[i]);
	}
	judge_secrets(st);
	state_judge_repositories(st);
	judge_poller(st);
	judge_files(st);
}
