/* approval.c - see approval.h. */
#include "approval.h"

#include "clock.h"
#include "log.h"

#define AT_ONCE 100

static int expire_some(struct sender *s, struct arena *a, size_t *n, struct err *e)
{
	struct delivery *v;

	if (queue_begin(s->queue, e))
		return -1;
	if (queue_expire(s->queue, a, clock_wall_us(), AT_ONCE, &v, n, e) ||
	    queue_commit(s->queue, e)) {
		queue_rollback(s->queue);
		return -1;
	}
	for (size_t i = 0; i < *n; i++)
		log_warn("pipeline %s: delivery %s failed: %s", v[i].pipeline, v[i].id, v[i].error);
	return 0;
}

int approval_expire(struct sender *s, struct err *e)
{
	int any;

	while ((any = queue_expired(s->queue, clock_wall_us(), e)) > 0) {
		struct arena a;
		size_t n = 0;
		int failed;

		arena_init(&a);
		failed = expire_some(s, &a, &n, e);
		arena_release(&a);
		if (failed)
			return -1;
	}
	return any;
}
