/*
 * command.c - `refire queue retry`, `drop` and `replay`, see ask.h.
 *
 * The owner's are applied at once; anybody else's become a file in the spool and
 * are judged by uid when the sender takes them in.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "clock.h"
#include "fs.h"
#include "log.h"
#include "mem.h"
#include "words.h"

#define IDS_MAX 4000		/* fewer than LIMIT_SPOOL_FIELDS */

static const char *past(const char *verb)
{
	return strcmp(verb, "retry") == 0 ? "retried" :
		strcmp(verb, "replay") == 0 ? "replayed" : "dropped";
}

/* ---- the owner's ---- */

struct resolved {
	struct queue_command *v;
	size_t n;
	int failed;			/* ids that name nothing */
};

bool command_needs_approval(const struct ask *a, const struct delivery *d)
{
	const struct pipeline *p = config_pipeline(a->session.config, d->pipeline);

	return d->state == DELIVERY_HELD && strcmp(d->code, APPROVAL_CODE) == 0 && p &&
		p->approval == APPROVAL_REQUIRED;
}

/* Beginnings of ids become ids; what names nothing is told and passed over. */
static int ids_resolve(const struct ask *a, const char *verb, struct queue *q,
	struct arena *arena, struct resolved *out, struct err *e)
{
	out->v = arena_alloc(arena, (size_t)a->nids * sizeof(*out->v));
	for (int i = 0; i < a->nids; i++) {
		struct delivery d;

		if (queue_find(q, arena, a->ids[i], &d, e) == 0) {
			if (strcmp(verb, "retry") == 0 && command_needs_approval(a, &d)) {
				log_warn("%s waits for approval: `refire approve` it", d.id);
				out->failed++;
				continue;
			}
			out->v[out->n++].delivery = arena_strdup(arena, d.id);
			continue;
		}
		if (e->code != ERR_NOENT && e->code != ERR_USAGE)
			return -1;
		log_err(e);
		out->failed++;
	}
	return 0;
}

static void outcome_tell(const char *verb, const struct queue_command *c)
{
	struct buf b;

	if (c->outcome == COMMAND_DONE && strcmp(verb, "replay") == 0) {
		printf("replayed %s as %s\n", c->delivery, c->made);
	} else if (c->outcome == COMMAND_DONE) {
		buf_init(&b, 256);
		buf_fmt(&b, "%s %s (was %s)\n", past(verb), c->delivery, delivery_word(c->was));
		fputs(b.s, stdout);
		buf_release(&b);
	} else if (c->outcome == COMMAND_UNKNOWN) {
		log_warn("no delivery has the id %s", c->delivery);
	} else if (c->was == DELIVERY_INFLIGHT) {
		log_warn("%s is INFLIGHT: a request is under way; try again when it has ended", c->delivery);
	} else {
		log_warn("%s is %s and cannot be %s%s", c->delivery, delivery_word(c->was), past(verb),
			strcmp(verb, "replay") == 0 ? ": retry it" : "");
	}
}

/* Somebody must take it up: a sender that is there does within two seconds. */
static void wake(const struct ask *a)
{
	struct err e;

	if (session_wake(&a->session, &e) < 0)
		log_warn("no sender could be started (%s); the next `refire send` goes on", e.text);
	else if (fs_lock_held(a->session.paths.sender_lock, NULL) == 0 && a->session.owner != geteuid())
		log_info("no sender is at work; the next `refire send` goes on");
}

static int commands_apply(const struct ask *a, const char *verb, struct queue *q,
	struct arena *arena, struct err *e)
{
	struct resolved r = { .n = 0 };
	size_t done = 0;

	if (ids_resolve(a, verb, q, arena, &r, e))
		return -1;
	if (r.n > 0 && queue_command(q, verb, a->session.user, geteuid(), a->reason, a->now_us,
			r.v, r.n, e))
		return -1;
	for (size_t i = 0; i < r.n; i++) {
		outcome_tell(verb, &r.v[i]);
		done += r.v[i].outcome == COMMAND_DONE;
	}
	if (done > 0)			/* a drop lets the next one of its lane go */
		wake(a);
	return r.failed || done < r.n ? ERR_FAILED : 0;
}

static int apply_here(const struct ask *a, const char *verb, struct err *e)
{
	struct arena arena;
	struct queue *q;
	int rc;

	if (store_open(&a->session, QUEUE_WRITE, &q, e))
		return -1;
	if (!q)
		return err_set(e, ERR_NOENT, "no delivery has the id %s: nothing was taken in so far",
			a->ids[0]);
	arena_init(&arena);
	rc = commands_apply(a, verb, q, &arena, e);
	arena_release(&arena);
	queue_close(q);
	return rc;
}

/* ---- anybody else's ---- */

static int hand_over(const struct ask *a, const char *verb, struct err *e)
{
	char owner[64], id[UUID_SIZE];

	if (session_command(&a->session, verb, a->reason, a->ids, a->nids, a->now_us, id, e))
		return -1;
	printf("handed to the sender of %s, which goes by `operators` in its configuration\n",
		session_user(a->session.owner, owner, sizeof(owner)));
	return 0;
}

int command_run(const struct ask *a, const char *verb, struct err *e)
{
	if (a->nids > IDS_MAX)
		return err_set(e, ERR_USAGE, "more than %d ids at once", IDS_MAX);
	if (a->session.who == SESSION_OTHER)
		return hand_over(a, verb, e);
	return apply_here(a, verb, e);
}
