/* pruning.c - see pruning.h. */
#include "pruning.h"

#include "clock.h"
#include "log.h"

#define LOOK_US (600 * US_PER_S)
#define SHARE 9				/* times as long as a step took, until the next */
#define FINISH_US (2 * US_PER_S)	/* a one-shot sender goes on next time */

/* Also after a clock that was ahead. */
static int due(struct pruning *p, struct sender *s, struct err *e)
{
	int64_t wall = clock_wall_us(), ran, before;

	p->look = clock_mono_us() + LOOK_US;
	if (prune_last(s->queue, &ran, &before, e))
		return -1;
	if (wall - ran < PRUNE_EVERY_US && ran <= wall)
		return 0;
	p->walk = (struct prune){ .before_us = wall - s->config->queue_keep_us };
	p->under_way = true;
	p->next = 0;
	return 0;
}

static void report(const struct prune *w)
{
	if (w->rows[PRUNE_DELIVERIES] || w->rows[PRUNE_CHANGES])
		log_info("pruned %lld deliveries and %lld changes that are older than queue-keep",
			(long long)w->rows[PRUNE_DELIVERIES], (long long)w->rows[PRUNE_CHANGES]);
}

static int step(struct pruning *p, struct sender *s, struct err *e)
{
	int64_t began = clock_mono_us();
	int more = prune_step(s->queue, &p->walk, clock_wall_us(), e);

	if (more > 0) {
		p->next = clock_mono_us() + SHARE * (clock_mono_us() - began);
		return 0;
	}
	p->under_way = false;
	if (more == 0)
		report(&p->walk);
	else if (e->code == ERR_DATA)
		return -1;
	else
		log_warn("the queue was not pruned, it is tried again: %s", e->text);
	return 0;
}

int pruning_step(struct pruning *p, struct sender *s, struct err *e)
{
	int64_t now = clock_mono_us();

	if (!p->under_way && now >= p->look && due(p, s, e))
		return -1;
	return p->under_way && now >= p->next ? step(p, s, e) : 0;
}

int64_t pruning_wait_us(const struct pruning *p)
{
	int64_t wait = p->next - clock_mono_us();

	return !p->under_way ? INT64_MAX : wait > 0 ? wait : 0;
}

void pruning_postpone(struct pruning *p)
{
	p->under_way = false;
	p->look = clock_mono_us() + PRUNE_EVERY_US;
}

int pruning_finish(struct pruning *p, struct sender *s, struct err *e)
{
	int64_t until = clock_mono_us() + FINISH_US;

	if (!p->under_way && clock_mono_us() >= p->look && due(p, s, e))
		return -1;
	while (p->under_way && clock_mono_us() < until)
		if (step(p, s, e))
			return -1;
	return 0;
}
