/*
 * rebuild.c - `refire queue rebuild`, see ask.h and queue_rebuild.h.
 *
 * Nobody else may be at work: it takes both locks and leaves at once (75) where
 * one is held. A queue that is whole is left as it is.
 */
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "fs.h"
#include "log.h"
#include "queue_rebuild.h"
#include "words.h"

/* 0 and *fd, or -1: somebody works with the queue. */
static int lock_take(const char *path, const char *who, int *fd, struct err *e)
{
	*fd = fs_lock_try(path, e);
	if (*fd == -2)
		return err_set(e, ERR_TEMP, "a %s is at work (it holds %s); stop it first", who, path);
	return *fd < 0 ? -1 : 0;
}

/* 1 it can be read whole, 0 it is damaged or gone, -1 it is something else. */
static int queue_is_whole(const struct ask *a, struct err *e)
{
	struct queue *q;
	int rc;

	if (queue_open(a->session.paths.queue, QUEUE_READ, &q, e) == 0) {
		rc = queue_check(q, e) == 0;
		queue_close(q);
		return rc || e->code == ERR_DATA ? rc : -1;
	}
	return e->code == ERR_DATA || e->code == ERR_NOENT ? 0 : -1;
}

static void count_line(struct buf *b, int64_t n, const char *what)
{
	buf_str(b, "  ");
	words_count(b, n);
	buf_fmt(b, " %s\n", what);
}

static void outcome_tell(const struct ask *a, const struct queue_rebuilt *r)
{
	struct buf b;

	buf_init(&b, 64 * KIB);
	buf_str(&b, "a new queue stands at ");
	log_safe(&b, a->session.paths.queue, strlen(a->session.paths.queue));
	buf_chr(&b, '\n');
	if (*r->aside) {
		buf_str(&b, "the damaged one is kept as ");
		log_safe(&b, r->aside, strlen(r->aside));
		buf_fmt(&b, "\n%s of it could be read:\n", r->whole ? "all" : "a part");
		count_line(&b, r->changes, "changes");
		count_line(&b, r->deliveries, "deliveries");
		count_line(&b, r->refs, "accepted refs");
	}
	count_line(&b, r->settled, "deliveries are known from the trail as settled");
	count_line(&b, r->respooled, "changes of the last 7 days went back into the spool");
	fputs(b.s, stdout);
	buf_release(&b);
}

static int rebuild_locked(const struct ask *a, struct err *e)
{
	struct queue_rebuilt r;
	int whole = queue_is_whole(a, e);

	if (whole > 0)
		puts("the queue is not damaged: nothing was done");
	if (whole != 0)
		return whole < 0 ? -1 : 0;
	if (queue_rebuild(&a->session.paths, &r, e))
		return -1;
	outcome_tell(a, &r);
	return 0;
}

int rebuild_run(const struct ask *a, struct err *e)
{
	struct err wake;
	int sender, poller, rc;

	if (a->session.who == SESSION_OTHER)
		return session_refuse(&a->session, "queue", e);
	if (a->session.who == SESSION_NEW) {
		puts("nothing was taken in so far: there is no queue to rebuild");
		return 0;
	}
	if (lock_take(a->session.paths.sender_lock, "sender", &sender, e))
		return -1;
	rc = lock_take(a->session.paths.poller_lock, "poller", &poller, e);
	if (rc == 0) {
		rc = rebuild_locked(a, e);
		fs_unlock(poller);
	}
	fs_unlock(sender);
	if (rc == 0 && session_wake(&a->session, &wake) < 0)
		log_warn("no sender could be started: %s", wake.text);
	return rc;
}
