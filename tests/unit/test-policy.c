/* policy.h, exhaustively: every status, every kind, every date form, every step. */
#include <stdlib.h>

#include "backoff.h"
#include "clock.h"
#include "policy.h"
#include "tap.h"

#define NOW_US INT64_C(784111777000000)		/* Sun, 06 Nov 1994 08:49:37 GMT */

/* Said a second time, apart from the table in policy.c. */
static enum outcome want_outcome(int status)
{
	if (status >= 200 && status < 300)
		return OUTCOME_OK;
	if (status >= 300 && status < 400)
		return OUTCOME_FAIL;
	if (status == 410)
		return OUTCOME_GONE;
	if (status == 408 || status == 425 || status == 429)
		return OUTCOME_RETRY;
	if (status >= 400 && status < 500)
		return OUTCOME_REJECTED;
	return OUTCOME_RETRY;
}

static void test_statuses(struct arena *a)
{
	for (int status = 0; status <= 999; status++) {
		struct answer got = { .kind = ANSWER_GOT, .status = status, .sent = true };
		struct verdict v = policy_judge(&got, NOW_US, a);
		bool fine = v.outcome == OUTCOME_OK;

		if (status < 100 || status > 610 || status % 100 == 0)
			is_int(v.outcome, want_outcome(status), "HTTP %d: outcome", status);
		else if (v.outcome != want_outcome(status))
			ok(false, "HTTP %d: outcome %d", status, (int)v.outcome);
		if (v.http_status != status || v.unknown || fine != !*v.code || fine != !*v.text)
			ok(false, "HTTP %d: status kept, outcome known, code and text unless OK", status);
	}
}

static void test_kinds(struct arena *a)
{
	for (int k = ANSWER_RESOLVE; k < ANSWER_COUNT; k++)
		for (int sent = 0; sent < 2; sent++) {
			struct answer got = { .kind = (enum answer_kind)k, .sent = sent, .detail = "why" };
			struct verdict v = policy_judge(&got, NOW_US, a);

			is_int(v.outcome, k == ANSWER_REFUSED ? OUTCOME_FAIL : OUTCOME_RETRY,
				"%s: outcome", answer_code((enum answer_kind)k));
			is_str(v.code, answer_code((enum answer_kind)k), "its code");
			ok(strstr(v.text, "why") != NULL, "its text has the detail");
			is_int(v.unknown, sent, "unknown only when something had left");
		}
}

static void test_retry_after(struct arena *a)
{
	static const struct {
		const char *value;
		int64_t wait_s;
	} cases[] = {
		{ "120", 120 }, { " 7 ", 7 }, { "0", 0 }, { "1", 1 }, { "86400", 86400 },
		{ "86401", 86400 }, { "99999999999999999999999", 86400 },
		{ "", 0 }, { "-5", 0 }, { "1.5", 0 }, { "soon", 0 }, { "5s", 0 }, { "0x10", 0 },
		{ "Sun, 06 Nov 1994 08:50:37 GMT", 60 },
		{ "Sunday, 06-Nov-94 08:50:37 GMT", 60 },
		{ "Sun Nov  6 08:50:37 1994", 60 },
		{ "Sun Nov 16 08:49:37 1994", 86400 },
		{ "Sun, 06 Nov 1994 08:49:37 GMT", 0 },
		{ "Sun, 06 Nov 1994 08:49:36 GMT", 0 },
		{ "Fri, 31 Dec 1999 23:59:60 GMT", 86400 },
		{ "Monday, 01-Jan-45 00:00:00 GMT", 0 },	/* 51 years ahead: 1945 */
		{ "Monday, 01-Jan-44 00:00:00 GMT", 86400 },	/* 2044 */
		{ "Sun, 06 Nov 1994 08:49:37", 0 }, { "Sun, 06 Nov 1994", 0 },
		{ "Sun, 06 Xyz 1994 08:50:37 GMT", 0 }, { "Sun, 32 Nov 2094 08:50:37 GMT", 0 },
		{ "Sun, 06 Nov 1994 25:50:37 GMT", 0 }, { "Sun, 06 Nov 1994 08:50:37 GMTx", 0 },
		{ "Sun, 06-Nov-1994 08:50:37 GMT", 0 }, { "Sun,", 0 }, { "S", 0 }, { " ", 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		is_int(policy_retry_after(cases[i].value, NOW_US), cases[i].wait_s * US_PER_S,
			"Retry-After: %s", cases[i].value);
	for (int status = 200; status < 600; status += 1) {
		struct headers h = { .a = a };
		struct answer got = { .kind = ANSWER_GOT, .status = status };
		struct verdict v;

		headers_add(&h, "retry-after", "120");
		got.headers = h;
		v = policy_judge(&got, NOW_US, a);
		if ((v.not_before_us == 120 * US_PER_S) != (v.outcome == OUTCOME_RETRY))
			ok(false, "HTTP %d honours Retry-After when it retries, else not", status);
	}
	ok(true, "Retry-After counts where it is tried again");
}

/* Random inputs; what must hold of every step. */
static void test_steps(unsigned seed)
{
	int bad = 0;

	note("seed %u", seed);
	srand(seed);
	for (int i = 0; i < 200000; i++) {
		struct verdict v = { .outcome = (enum outcome)(rand() % (OUTCOME_GONE + 1)) };
		struct policy_input in = {
			.attempts = 1 + rand() % 40, .first_us = NOW_US,
			.paused_us = rand() % 3 ? 0 : rand(), .give_up_us = 1 + rand() % 500000 * US_PER_S,
			.random = (uint32_t)rand() * 2u, .rejected_tries = 1 + rand() % 5,
		};
		int64_t deadline = in.first_us + in.paused_us + in.give_up_us;
		int64_t wait, longest = backoff_longest_us(NULL) / 5 * 6;
		struct policy_step s;
		bool again;

		in.now_us = NOW_US + rand() % 700000 * US_PER_S;
		v.not_before_us = rand() % 2 ? 0 : POLICY_RETRY_AFTER_MIN_US + rand() % 86400 * US_PER_S;
		s = policy_step(&in, &v);
		wait = s.due_us - in.now_us;
		again = v.outcome == OUTCOME_RETRY ||
			(v.outcome == OUTCOME_REJECTED && in.attempts < in.rejected_tries);
		again = again && in.now_us < deadline;
		if (again != (s.state == DELIVERY_WAITING))
			bad++;
		else if (!again && s.due_us != 0)
			bad++;
		else if (again && (wait <= 0 || wait < v.not_before_us ||
			wait > (v.not_before_us > longest ? v.not_before_us : longest) ||
			(s.due_us > deadline && wait != v.not_before_us)))
			bad++;
		else if ((v.outcome == OUTCOME_OK) != (s.state == DELIVERY_DELIVERED) ||
			(v.outcome == OUTCOME_HOLD || v.outcome == OUTCOME_GONE) !=
			(s.state == DELIVERY_HELD))
			bad++;
	}
	is_int(bad, 0, "200,000 random steps: state by outcome, due within its bounds");
}

static void test_corners(void)
{
	struct verdict retry = { .outcome = OUTCOME_RETRY };
	struct policy_input in = { .attempts = INT64_MAX, .first_us = INT64_MAX - 1,
		.paused_us = INT64_MAX, .give_up_us = INT64_MAX, .now_us = INT64_MAX - 1 };
	struct policy_step s = policy_step(&in, &retry);

	is_int(s.state, DELIVERY_WAITING, "sums saturate");
	is_int(s.due_us, INT64_MAX, "and do not wrap");
	in = (struct policy_input){ .attempts = 9, .first_us = NOW_US, .give_up_us = 3600 * US_PER_S,
		.now_us = NOW_US + 3000 * US_PER_S, .random = 7 };
	s = policy_step(&in, &retry);
	is_int(s.due_us, NOW_US + 3600 * US_PER_S, "the last try is made when the time is over");
	in.now_us = s.due_us;
	is_int(policy_step(&in, &retry).state, DELIVERY_FAILED, "and none after it");
	in.paused_us = 1;
	is_int(policy_step(&in, &retry).state, DELIVERY_WAITING, "time spent paused does not count");
	in = (struct policy_input){ .attempts = 7, .first_us = NOW_US, .give_up_us = 3600 * US_PER_S,
		.now_us = NOW_US, .schedule = &(struct backoff){ (const int64_t[]){ US_PER_S,
			20 * US_PER_S }, 2 } };
	is_int(policy_step(&in, &retry).due_us, NOW_US + 16 * US_PER_S, "by a schedule of its own");
}

int main(void)
{
	const char *seed = getenv("SEED");
	struct arena a;

	plan_none();
	arena_init(&a);
	test_statuses(&a);
	test_kinds(&a);
	test_retry_after(&a);
	test_steps(seed ? (unsigned)strtoul(seed, NULL, 10) : (unsigned)clock_wall_us());
	test_corners();
	arena_release(&a);
	return tap_done();
}
