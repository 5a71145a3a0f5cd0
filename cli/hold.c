/*
 * hold.c - `refire queue hold` and `resume`: whole pipelines, see ask.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "conf.h"
#include "log.h"
#include "words.h"

static int unknown(const struct ask *a, const char *name, struct err *e)
{
	const struct config *c = a->session.config;
	const char **names = mem_alloc((c->npipelines + 1) * sizeof(*names)), *near;

	for (size_t i = 0; i < c->npipelines; i++)
		names[i] = c->pipelines[i].name;
	near = conf_nearest(name, names);
	if (near)
		err_set(e, ERR_USAGE, "there is no pipeline `%.100s`; did you mean `%s`?", name, near);
	else
		err_set(e, ERR_USAGE, "there is no pipeline `%.100s`", name);
	free(names);
	return -1;
}

/* Configured, or still known to the queue. */
static int known(const struct ask *a, struct queue *q, struct arena *arena, const char *name,
	struct gate *g, struct err *e)
{
	int there = queue_gate(q, arena, name, g, e);

	if (there < 0)
		return -1;
	return there || config_pipeline(a->session.config, name) ? 0 : unknown(a, name, e);
}

static void tell(const struct ask *a, bool resume, bool did, const struct gate *g, int64_t released)
{
	struct buf b;

	buf_init(&b, 4 * KIB);
	log_safe(&b, g->pipeline, strlen(g->pipeline));
	if (resume && did) {
		buf_str(&b, g->held_us ? " goes on" : " is tried at once");
		if (released)
			buf_fmt(&b, "; %lld held with it %s ready again", (long long)released,
				released == 1 ? "delivery is" : "deliveries are");
	} else if (resume) {
		buf_str(&b, " is not held");
	} else if (did) {
		buf_str(&b, " is held: nothing of it is sent until `refire queue resume`");
	} else {
		buf_str(&b, " is held already, since ");
		words_when(&b, g->held_us, a->now_us);
	}
	buf_chr(&b, '\n');
	fputs(b.s, stdout);
	buf_release(&b);
}

static int apply(const struct ask *a, bool resume, struct queue *q, struct arena *arena,
	struct err *e)
{
	struct gate_order o = { .code = "", .reason = a->reason, .who = a->session.user,
		.uid = geteuid(), .now_us = a->now_us };

	for (int i = 0; i < a->nids; i++) {
		int64_t released = 0;
		struct gate g;
		bool did;

		o.pipeline = a->ids[i];
		if (known(a, q, arena, o.pipeline, &g, e) || queue_begin(q, e))
			return -1;
		if ((resume ? queue_gate_resume(q, &o, &did, &released, e) :
				queue_gate_hold(q, &o, &did, e)) || queue_commit(q, e)) {
			queue_rollback(q);
			return -1;
		}
		tell(a, resume, did, &g, released);
	}
	return 0;
}

int hold_run(const struct ask *a, const char *verb, struct err *e)
{
	bool resume = strcmp(verb, "resume") == 0;
	struct arena arena;
	struct queue *q;
	struct err wake;
	int rc;

	if (store_open(&a->session, QUEUE_WRITE, &q, e))
		return -1;
	if (!q)
		return err_set(e, ERR_NOENT, "there is no queue yet: nothing was taken in so far");
	arena_init(&arena);
	rc = apply(a, resume, q, &arena, e);
	arena_release(&arena);
	queue_close(q);
	if (rc == 0 && resume && session_wake(&a->session, &wake) < 0)
		log_warn("no sender could be started (%s); the next `refire send` goes on", wake.text);
	return rc;
}
