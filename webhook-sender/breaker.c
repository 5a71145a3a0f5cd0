/* breaker.c - see breaker.h. */
#include "breaker.h"

bool breaker_calm(const struct breaker *b)
{
	return !b->failures && !b->opened_us && !b->ramp;
}

static void plan_probe(struct breaker *b, const struct breaker_input *in)
{
	int64_t wait = in->wait_us < BREAKER_PROBE_US ? in->wait_us : BREAKER_PROBE_US;

	b->probe_us = in->now_us + wait;
}

static enum breaker_news open(struct breaker *b, const struct breaker_input *in)
{
	b->opened_us = in->now_us;
	b->probes = 0;
	b->ramp = 0;
	plan_probe(b, in);
	return BREAKER_OPENED;
}

static enum breaker_news failed(struct breaker *b, const struct breaker_input *in)
{
	b->failures++;
	if (!b->suspect)
		b->suspect = in->delivery;
	b->several = b->several || b->suspect != in->delivery;
	if (b->opened_us) {
		/* What was under way when it opened is no probe. */
		if (in->began_us > b->opened_us) {
			b->probes++;
			plan_probe(b, in);
		}
		return BREAKER_SAME;
	}
	if (in->failures && (b->ramp || (b->failures >= in->failures && b->several)))
		return open(b, in);
	return BREAKER_SAME;
}

static enum breaker_news answered(struct breaker *b, const struct breaker_input *in)
{
	bool was = b->opened_us;
	int64_t ramp = was ? 2 : b->ramp ? b->ramp + 1 : 0;

	*b = (struct breaker){ .ramp = ramp < in->limit ? ramp : 0 };
	return was ? BREAKER_CLOSED : BREAKER_SAME;
}

enum breaker_news breaker_step(struct breaker *b, const struct breaker_input *in)
{
	if (!in->sent) {
		if (b->opened_us)
			plan_probe(b, in);
		return BREAKER_SAME;
	}
	if (in->outcome == OUTCOME_RETRY)
		return failed(b, in);
	return in->answered ? answered(b, in) : BREAKER_SAME;
}

struct queue_room breaker_room(const struct breaker *b, size_t limit, size_t running,
	struct queue_room room)
{
	size_t ramp = (size_t)b->ramp;

	if (b->opened_us)
		return (struct queue_room){ .most = running ? 0 : 1, .early = true,
			.until_us = running ? 0 : b->probe_us };
	if (!ramp || ramp >= limit)
		return room;
	return (struct queue_room){ .most = ramp > running ? ramp - running : 0 };
}
