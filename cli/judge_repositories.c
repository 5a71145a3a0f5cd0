/* judge_repositories.c - which repositories need a person, see state.h: of each kind of
   trouble the first few are named. Pure but for its memory. */
#include "state.h"

#include "clock.h"

#define NAMED 3				/* of each kind */

static const char *age(const struct state *st, int64_t us, char out[CLOCK_ISO_SIZE])
{
	return us ? clock_relative(us, st->now_us, out) : "never";
}

static const char *plural(int64_t n, const char *one, const char *more)
{
	return n == 1 ? one : more;
}

static void failing(struct state *st, const struct state_repository *r)
{
	char next[CLOCK_ISO_SIZE];
	bool waits = r->poll.next_us > st->now_us;

	state_find(st, true, "%s could not be read %lld %s in a row, next look %s: %s", r->name,
		(long long)r->poll.failures, plural(r->poll.failures, "time", "times"),
		waits ? age(st, r->poll.next_us, next) : "now", r->poll.error)->help =
		arena_fmt(&st->arena, "refire poll %s", r->name);
}

static void never_fired(struct state *st, const struct state_repository *r)
{
	const struct heard *h = &r->heard;
	char since[CLOCK_ISO_SIZE], fired[CLOCK_ISO_SIZE];

	state_find(st, false, "%s: refs moved and nothing fired: %lld %s, the first %s; last fired: %s",
		r->name, (long long)h->idle, plural(h->idle, "move", "moves"),
		age(st, h->idle_us, since), age(st, h->fired_us, fired))->help = *h->idle_oid ?
		arena_fmt(&st->arena, "refire explain %.12s", h->idle_oid) : "";
}

static void silent(struct state *st, const struct state_repository *r)
{
	state_find(st, false, "%s: nothing was heard for %lld days, and never for longer than %d between "
		"two of the %d days before on which something was", r->name, (long long)r->silent,
		r->rhythm.pause, r->rhythm.active)->help = r->remote ? "" :
		arena_fmt(&st->arena, "refire hooks status %s", r->name);
}

static const struct {
	void (*tell)(struct state *st, const struct state_repository *r);
	bool grave;
	const char *more;
} kinds[] = {
	[TROUBLE_FAILING] = { failing, true, "could not be read" },
	[TROUBLE_NEVER_FIRED] = { never_fired, false, "moved and fired nothing" },
	[TROUBLE_SILENT] = { silent, false, "are silent for longer than they use to be" },
};
_Static_assert(sizeof(kinds) / sizeof(*kinds) == TROUBLE_NONE, "one each");

void state_judge_repositories(struct state *st)
{
	size_t n[TROUBLE_NONE] = { 0 };

	for (size_t i = 0; i < st->nrepositories; i++) {
		const struct state_repository *r = &st->repositories[i];

		if (r->trouble != TROUBLE_NONE && n[r->trouble]++ < NAMED)
			kinds[r->trouble].tell(st, r);
	}
	for (int k = 0; k < TROUBLE_NONE; k++)
		if (n[k] > NAMED)
			state_find(st, kinds[k].grave, "%zu more repositories %s", n[k] - NAMED,
				kinds[k].more)->help = "refire status '**'";
}
