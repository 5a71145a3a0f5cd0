/* test-schedule.c - turns keep to their phase; failures wait longer; clocks jump. */
#include "schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tap.h"

#define S US_PER_S
#define NOW (INT64_C(1700000000) * S)

static unsigned seed;

static int64_t draw(int64_t below)
{
	return ((int64_t)rand_r(&seed) << 20 ^ rand_r(&seed)) % below;
}

/* Every next turn lies where the header says; over many turns the mean is the
   interval. */
static void test_turns(void)
{
	static const int64_t intervals[] = { 1 * S, 60 * S, 3600 * S, 30 * 86400 * S };
	size_t wrong = 0, far = 0;

	for (int round = 0; round < 200; round++) {
		int64_t interval = intervals[round % 4], now = NOW + draw(86400 * S), first = now;
		char name[32];
		int turns = 500;

		snprintf(name, sizeof(name), "repo-%u", (unsigned)draw(1000000));
		for (int i = 0; i < turns; i++) {
			int64_t next = schedule_next(name, interval, 0, now), wait = next - now;

			wrong += wait < interval / 2 || wait > interval + interval * 3 / 4;
			now = next;
		}
		far += llabs((now - first) / turns - interval) > interval / 50;
	}
	is_int(wrong, 0, "each turn is between a half and 1.75 intervals away");
	is_int(far, 0, "and on average one");
}

static void test_phase(void)
{
	int64_t a = schedule_next("web", 60 * S, 0, NOW), b = schedule_next("web", 60 * S, 0, NOW);
	int64_t later = schedule_next("web", 60 * S, 0, NOW + 600 * S);
	int64_t seen[10] = { 0 };
	size_t used = 0;
	char name[32];

	is_int(a, b, "the same question has the same answer");
	ok(llabs((later - a) % (60 * S) - 0) <= 12 * S || llabs((later - a) % (60 * S) - 60 * S) <= 12 * S,
		"the phase stays over restarts");
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "team/repository-%d", i);
		seen[schedule_next(name, 60 * S, 0, NOW) / (6 * S) % 10]++;
	}
	for (int i = 0; i < 10; i++)
		used += seen[i] > 50 && seen[i] < 150;
	is_int(used, 10, "a thousand repositories spread over the interval");
}

static void test_failures(void)
{
	static const struct {
		int64_t interval, failures, least, most;
	} t[] = {
		{ 60 * S, 1, 54 * S, 66 * S },
		{ 60 * S, 2, 108 * S, 132 * S },
		{ 60 * S, 3, 216 * S, 264 * S },
		{ 60 * S, 5, 864 * S, 1056 * S },
		{ 60 * S, 6, 1620 * S, 1980 * S },
		{ 60 * S, 1000000, 1620 * S, 1980 * S },
		{ 86400 * S, 1, 77760 * S, 95040 * S },
		{ 86400 * S, 9, 77760 * S, 95040 * S },
		{ 1 * S, 3, 3600 * S / 1000, 4400 * S / 1000 },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		int64_t wait = schedule_next("web", t[i].interval, t[i].failures, NOW) - NOW;

		ok(wait >= t[i].least && wait <= t[i].most, "%lld s, %lld failures: wait %.1f s",
			(long long)(t[i].interval / S), (long long)t[i].failures, (double)wait / 1e6);
	}
}

static void test_due(void)
{
	static const struct {
		const char *name;
		struct schedule_state s;
		bool due, pass;
	} t[] = {
		{ "never looked at", { 0, 0, 0 }, true, true },
		{ "its turn came", { NOW - 61 * S, NOW - 1, 0 }, true, true },
		{ "its turn comes", { NOW - 30 * S, NOW + 30 * S, 0 }, false, false },
		{ "all but an interval ago", { NOW - 55 * S, NOW + 5 * S, 0 }, false, true },
		{ "failed: not before its turn", { NOW - 600 * S, NOW + 5 * S, 4 }, false, false },
		{ "failed: its turn came", { NOW - 600 * S, NOW - 5 * S, 4 }, true, true },
		{ "the clock was set back a year", { NOW + 31536000 * S, NOW + 31536060 * S, 0 }, true, true },
		{ "a file of the future, near", { NOW + 5 * S, NOW + 65 * S, 0 }, false, false },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		is_int(schedule_due(&t[i].s, 60 * S, NOW), t[i].due, "%s", t[i].name);
		is_int(schedule_due_pass(&t[i].s, 60 * S, NOW), t[i].pass, "%s, in a pass", t[i].name);
	}
}

/* A hook's report moves the look to when it is judged; pushes that never cease do not
   keep it away for longer than about an interval. */
static void test_after_change(void)
{
	struct schedule_state s = { NOW - 10 * S, NOW + 50 * S, 0 };
	int64_t now, looked = NOW;

	is_int(schedule_after_change(&s, 60 * S, NOW), NOW + SCHEDULE_SETTLE_US, "sooner");
	s.next_us = NOW + 1 * S;
	is_int(schedule_after_change(&s, 60 * S, NOW), NOW + SCHEDULE_SETTLE_US, "postponed");
	s.last_us = NOW - 61 * S;
	is_int(schedule_after_change(&s, 60 * S, NOW), NOW + 1 * S, "not for ever");
	s = (struct schedule_state){ NOW, NOW + 60 * S, 0 };
	for (now = NOW; !schedule_due(&s, 60 * S, now) && now < NOW + 600 * S; now += S)
		s.next_us = schedule_after_change(&s, 60 * S, now);
	ok(now - looked <= 64 * S, "a push each second: looked at after %lld s",
		(long long)((now - looked) / S));
}

static void test_asked(void)
{
	const int64_t next = NOW + 60 * S;

	is_int(schedule_asked(next, 60 * S, 30 * S, NOW), next, "we wait longer anyway");
	is_int(schedule_asked(next, 60 * S, 90 * S, NOW), NOW + 90 * S, "as asked");
	is_int(schedule_asked(next, 60 * S, 86400 * S, NOW), NOW + SCHEDULE_LONGEST_US,
		"no longer than failures make us wait");
	is_int(schedule_asked(next, 7200 * S, 86400 * S, NOW), NOW + 7200 * S, "or the interval");
}

/* A cron line every minute polls a repository of one minute every time. */
static void test_cron(void)
{
	size_t missed = 0;

	for (int r = 0; r < 100; r++) {
		struct schedule_state s = { 0 };
		char name[32];

		snprintf(name, sizeof(name), "repo-%d", r);
		for (int i = 0; i < 200; i++) {
			int64_t now = NOW + i * 60 * S + draw(2 * S);

			if (!schedule_due_pass(&s, 60 * S, now)) {
				missed++;
				continue;
			}
			s.last_us = now;
			s.next_us = schedule_next(name, 60 * S, 0, now);
		}
	}
	is_int(missed, 0, "no pass was for nothing");
}

int main(void)
{
	const char *given = getenv("REFIRE_SEED");

	plan_none();
	seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	note("seed %u (REFIRE_SEED=%u repeats it)", seed, seed);
	test_turns();
	test_phase();
	test_failures();
	test_due();
	test_after_change();
	test_asked();
	test_cron();
	return tap_done();
}
