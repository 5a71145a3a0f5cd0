/* breaker.h, and how the queue keeps it: when it opens, what it lets through, how it
   closes. */
#include <stdlib.h>

#include "breaker.h"
#include "tap.h"

#define S INT64_C(1000000)

static struct breaker b;

static enum breaker_news step(enum outcome outcome, int status, int64_t delivery, int64_t now)
{
	return breaker_step(&b, &(struct breaker_input){ .outcome = outcome, .sent = true,
		.answered = status != 0, .delivery = delivery, .began_us = now - 1, .now_us = now,
		.failures = 3, .limit = 6, .wait_us = 30 * S });
}

static void opens(void)
{
	b = (struct breaker){ 0 };
	for (int i = 0; i < 20; i++)
		is_int(step(OUTCOME_RETRY, 500, 7, 10 * S + i), BREAKER_SAME, "one delivery alone, failure %d",
			i + 1);
	is_int(step(OUTCOME_RETRY, 0, 8, 20 * S), BREAKER_OPENED, "a second one opens it");
	is_int((long)(b.probe_us / S), 50, "the probe is after the back-off");
	b = (struct breaker){ 0 };
	step(OUTCOME_RETRY, 500, 1, S);
	step(OUTCOME_RETRY, 500, 2, S);
	is_int(step(OUTCOME_REJECTED, 404, 3, S), BREAKER_SAME, "a refusal is an answer");
	ok(breaker_calm(&b), "after which nothing is remembered");
	step(OUTCOME_RETRY, 500, 1, S);
	step(OUTCOME_RETRY, 500, 2, S);
	is_int(step(OUTCOME_HOLD, 0, 3, S), BREAKER_SAME, "what says nothing of the receiver");
	is_int((long)b.failures, 2, "changes nothing");
	is_int(breaker_step(&b, &(struct breaker_input){ .outcome = OUTCOME_RETRY, .sent = true,
		.delivery = 3, .now_us = S }), BREAKER_SAME, "with breaker-failures = 0 it never opens");
}

static void probes(void)
{
	struct queue_room all = { .most = 6 }, r;

	b = (struct breaker){ .opened_us = 10 * S, .probe_us = 40 * S, .failures = 3, .suspect = 1,
		.several = true };
	r = breaker_room(&b, 6, 0, all);
	ok(r.most == 1 && r.early && r.until_us == 40 * S, "open: one, when it is time, due or not");
	r = breaker_room(&b, 6, 1, all);
	ok(r.most == 0 && r.until_us == 0, "none while one is under way");
	breaker_step(&b, &(struct breaker_input){ .outcome = OUTCOME_RETRY, .sent = true,
		.began_us = 9 * S, .now_us = 11 * S, .failures = 3, .limit = 6, .wait_us = 30 * S });
	ok(b.probes == 0 && b.probe_us == 40 * S, "what was under way when it opened is no probe");
	is_int(step(OUTCOME_RETRY, 0, 1, 45 * S), BREAKER_SAME, "a probe fails");
	ok(b.probes == 1 && b.probe_us == 75 * S, "the next is after the back-off");
	breaker_step(&b, &(struct breaker_input){ .outcome = OUTCOME_RETRY, .sent = true,
		.began_us = 80 * S, .now_us = 80 * S, .failures = 3, .limit = 6,
		.wait_us = 36000 * S });
	is_int((long)((b.probe_us - 80 * S) / S), 600, "but never more than 10 minutes");
	breaker_step(&b, &(struct breaker_input){ .outcome = OUTCOME_RETRY, .now_us = 900 * S,
		.failures = 3, .limit = 6, .wait_us = 30 * S });
	ok(b.opened_us && b.probe_us == 930 * S, "one that was never sent leaves it open, and waits");
}

static void closes(void)
{
	struct queue_room all = { .most = 6 };
	static const size_t most[] = { 2, 3, 4, 5, 6 };

	b = (struct breaker){ .opened_us = 10 * S, .probe_us = 40 * S, .failures = 3, .suspect = 1,
		.several = true };
	is_int(step(OUTCOME_OK, 200, 1, 45 * S), BREAKER_CLOSED, "an answer closes it");
	for (size_t i = 0; i < sizeof(most) / sizeof(*most); i++) {
		is_int((long)breaker_room(&b, 6, 0, all).most, (long)most[i], "then %zu at once", most[i]);
		is_int(step(OUTCOME_OK, 200, 1, 46 * S), BREAKER_SAME, "after an answer more");
	}
	ok(breaker_calm(&b), "until it is as always");
	b = (struct breaker){ .ramp = 3 };
	is_int(step(OUTCOME_RETRY, 500, 4, 50 * S), BREAKER_OPENED, "a failure on the way opens it");
	is_int((long)b.ramp, 0, "with a probe of one");
}

int main(void)
{
	plan_none();
	opens();
	probes();
	closes();
	return tap_done();
}
