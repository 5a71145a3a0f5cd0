/* report.c - differences into one spool file. */
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"

#define WAITS_US (86400 * US_PER_S)

static int put(struct look *l, const struct spool_paths *p, const struct report *r, char *id,
	struct err *e)
{
	struct change c = { .source = l->local ? SOURCE_RECONCILE : SOURCE_POLL,
		.time_us = l->began_us, .repository = l->name, .observed = true,
		.updates = r->seen.seen, .nupdates = r->seen.n,
		.spaces = l->scope.v, .nspaces = l->scope.n,
		.total = (int64_t)l->refs.n, .head = l->refs.head };
	struct iovec piece;
	char *text;
	size_t len;
	int failed;

	if (uuid_v7(clock_wall_us(), c.id))
		return err_sys(e, "cannot draw an id");
	if (change_encode(&c, &text, &len, e))
		return -1;
	piece = (struct iovec){ text, len };
	failed = spool_put(p->new_, &piece, 1, e);
	free(text);
	memcpy(id, c.id, UUID_SIZE);
	return failed;
}

/* The milliseconds a UUIDv7 begins with. */
static int64_t id_time_us(const char *id)
{
	char digits[13];

	snprintf(digits, sizeof(digits), "%.8s%.4s", id, id + 9);
	return strtoll(digits, NULL, 16) * 1000;
}

/* "ID DIGEST": is it the same, and was that file not taken in, or not judged yet? 1, 0,
   -1. */
static int waits(const struct spool_paths *p, struct queue *q, const char *mark,
	const char *digest, struct err *e)
{
	char file[LIMIT_PATH], id[UUID_SIZE];
	struct stat st;

	if (strlen(mark) != UUID_SIZE + 16 || strcmp(mark + UUID_SIZE, digest))
		return 0;
	memcpy(id, mark, UUID_SIZE - 1);
	id[UUID_SIZE - 1] = 0;
	if (!uuid_valid(id) || snprintf(file, sizeof(file), "%s/%s", p->done, id) >=
	    (int)sizeof(file) || llabs(clock_wall_us() - id_time_us(id)) >= WAITS_US)
		return 0;
	return stat(file, &st) ? 1 : queue_change_pends(q, id, e);
}

/* Did the sender accept something since this look loaded what was accepted? Then what
   it found may be just that: 1, 0, -1. */
static int outdated(const struct look *l, struct queue *q, struct err *e)
{
	struct queue_version now;

	if (!q)
		return 0;
	if (queue_version(q, l->name, &now, e))
		return -1;
	return memcmp(&now, &l->version, sizeof(now)) != 0;
}

int report_make(struct look *l, const struct spool_paths *p, struct queue *q, const char *mark,
	struct report *out, struct err *e)
{
	const struct observe_in in = { l->accepted, l->naccepted, l->known, l->scope, &l->refs };
	char digest[17], id[UUID_SIZE];
	int waiting;

	*out = (struct report){ 0 };
	observe_diff(&l->arena, &in, &out->seen);
	if (!observe_news(&out->seen)) {
		if (*l->stands)
			still_mark(&l->version, l->stands, l->began_us, out->mark);
		return 0;
	}
	observe_digest(&out->seen, &l->scope, digest);
	waiting = waits(p, q, mark, digest, e);
	if (!waiting)
		waiting = outdated(l, q, e);
	if (waiting < 0)
		return -1;
	if (waiting) {
		out->waits = true;
		snprintf(out->mark, sizeof(out->mark), "%s", mark);
		return 0;
	}
	if (put(l, p, out, id, e))
		return err_wrap(e, "cannot record what was seen");
	out->put = true;
	snprintf(out->mark, sizeof(out->mark), "%s %s", id, digest);
	return 0;
}
