/* schedule.c - phases, jitter and back-off. */
#include "schedule.h"

/* FNV-1a with a final mix: the same in every process and version. */
static uint64_t hash(const char *s, uint64_t n)
{
	uint64_t h = UINT64_C(14695981039346656037) ^ n;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

/* Between -span and +span, by a hash. */
static int64_t spread(uint64_t h, int64_t span)
{
	return (int64_t)(h % (uint64_t)(2 * span + 1)) - span;
}

static int64_t turn(const char *name, int64_t interval, int64_t phase, int64_t k)
{
	return phase + k * interval + spread(hash(name, (uint64_t)k + 1), interval / 10);
}

static int64_t longest(int64_t interval)
{
	return interval > SCHEDULE_LONGEST_US ? interval : SCHEDULE_LONGEST_US;
}

static int64_t back_off(const char *name, int64_t interval, int64_t failures, int64_t now)
{
	int64_t wait = interval, most = longest(interval);

	for (int64_t i = 1; i < failures && wait < most; i++)
		wait *= 2;
	if (wait > most)
		wait = most;
	return now + wait + spread(hash(name, (uint64_t)now), wait / 10);
}

int64_t schedule_next(const char *name, int64_t interval_us, int64_t failures, int64_t now_us)
{
	int64_t phase = (int64_t)(hash(name, 0) % (uint64_t)interval_us), k, t;

	if (failures > 0)
		return back_off(name, interval_us, failures, now_us);
	k = (now_us - phase) / interval_us;
	do
		t = turn(name, interval_us, phase, k++);
	while (t < now_us + interval_us / 2);
	return t;
}

int64_t schedule_asked(int64_t next_us, int64_t interval_us, int64_t wait_us, int64_t now_us)
{
	int64_t most = longest(interval_us), then = now_us + (wait_us < most ? wait_us : most);

	return then > next_us ? then : next_us;
}

bool schedule_due(const struct schedule_state *s, int64_t interval_us, int64_t now_us)
{
	return !s->last_us || s->next_us <= now_us ||
		s->next_us > now_us + longest(interval_us) + longest(interval_us);
}

int64_t schedule_after_change(const struct schedule_state *s, int64_t interval_us,
	int64_t now_us)
{
	int64_t soon = now_us + SCHEDULE_SETTLE_US;
	bool late = now_us - s->last_us >= interval_us;

	return late && s->next_us < soon ? s->next_us : soon;
}

bool schedule_due_pass(const struct schedule_state *s, int64_t interval_us, int64_t now_us)
{
	if (schedule_due(s, interval_us, now_us))
		return true;
	return !s->failures && now_us - s->last_us >= interval_us - interval_us / 10;
}
