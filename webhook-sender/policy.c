/* policy.c - see policy.h. Values in, values out: no clock, no I/O. */
#include <string.h>
#include <time.h>

#include "backoff.h"
#include "clock.h"
#include "policy.h"

/* ---- Retry-After (RFC 9110, 10.2.3) ---- */

/* 1 to max digits at *s; -1 when there is none. */
static int digits_take(const char **s, int max)
{
	int v = 0, n = 0;

	for (; n < max && **s >= '0' && **s <= '9'; n++)
		v = v * 10 + (*(*s)++ - '0');
	return n ? v : -1;
}

static bool literal_take(const char **s, const char *text)
{
	size_t n = strlen(text);

	if (strncmp(*s, text, n) != 0)
		return false;
	*s += n;
	return true;
}

/* "Jan" .. "Dec": 0 to 11; -1 */
static int month_take(const char **s)
{
	static const char names[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		"Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

	for (int i = 0; i < 12; i++)
		if (literal_take(s, names[i]))
			return i;
	return -1;
}

static bool clock_take(const char **s, struct tm *t)
{
	return (t->tm_hour = digits_take(s, 2)) >= 0 && literal_take(s, ":") &&
		(t->tm_min = digits_take(s, 2)) >= 0 && literal_take(s, ":") &&
		(t->tm_sec = digits_take(s, 2)) >= 0;
}

/* asctime: "Nov  6 08:49:37 1994" */
static bool asctime_take(const char **s, struct tm *t)
{
	if ((t->tm_mon = month_take(s)) < 0 || !literal_take(s, " "))
		return false;
	literal_take(s, " ");
	return (t->tm_mday = digits_take(s, 2)) >= 0 && literal_take(s, " ") &&
		clock_take(s, t) && literal_take(s, " ") &&
		(t->tm_year = digits_take(s, 4)) >= 0;
}

/* IMF-fixdate: "06 Nov 1994 08:49:37 GMT"; rfc850: "06-Nov-94 08:49:37 GMT" */
static bool dated_take(const char **s, struct tm *t, bool *two)
{
	const char *dash;

	if ((t->tm_mday = digits_take(s, 2)) < 0)
		return false;
	dash = **s == '-' ? "-" : " ";
	*two = *dash == '-';
	return literal_take(s, dash) && (t->tm_mon = month_take(s)) >= 0 &&
		literal_take(s, dash) && (t->tm_year = digits_take(s, *two ? 2 : 4)) >= 0 &&
		literal_take(s, " ") && clock_take(s, t) && literal_take(s, " GMT");
}

/* The three forms of 5.6.7, into seconds since 1970. The weekday is passed over. */
static bool http_date(const char *s, int64_t now_s, int64_t *out)
{
	struct tm t = { 0 }, now;
	bool two = false, good;
	time_t now_t = (time_t)now_s;

	s += strspn(s, "MondayTuesWhrFiSt");
	if (literal_take(&s, ", "))
		good = dated_take(&s, &t, &two);
	else
		good = literal_take(&s, " ") && asctime_take(&s, &t);
	if (!good || s[strspn(s, " \t")] || t.tm_mday < 1 || t.tm_mday > 31 ||
		t.tm_hour > 23 || t.tm_min > 59 || t.tm_sec > 60)
		return false;
	if (two && gmtime_r(&now_t, &now)) {
		/* the latest year of those digits that is at most 50 ahead (5.6.7) */
		int latest = now.tm_year + 1900 + 50;

		t.tm_year = latest - (latest - t.tm_year) % 100;
	}
	t.tm_year -= 1900;
	*out = (int64_t)timegm(&t);
	return true;
}

int64_t policy_retry_after(const char *value, int64_t now_us)
{
	int64_t wait_s = 0, at_s;
	const char *s = value + strspn(value, " \t");

	if (*s >= '0' && *s <= '9') {
		for (; *s >= '0' && *s <= '9'; s++)
			if (wait_s < INT32_MAX)
				wait_s = wait_s * 10 + (*s - '0');
		if (s[strspn(s, " \t")])
			return 0;
	} else if (http_date(s, now_us / US_PER_S, &at_s)) {
		wait_s = at_s - now_us / US_PER_S;
	}
	if (wait_s <= 0)
		return 0;
	if (wait_s > POLICY_RETRY_AFTER_MAX_US / US_PER_S)
		return POLICY_RETRY_AFTER_MAX_US;
	return wait_s * US_PER_S < POLICY_RETRY_AFTER_MIN_US ? POLICY_RETRY_AFTER_MIN_US :
		wait_s * US_PER_S;
}

/* ---- an answer to a verdict ---- */

/* The first row that holds the status decides. The outcome is the receiver's own
   word where RFC 9110 gives it one; codes are for the trail's errorCode. */
static const struct status_row {
	int from, to;
	enum outcome outcome;
	const char *code, *text;
} statuses[] = {
	{ 100, 199, OUTCOME_RETRY, "AnswerIncomplete", "the receiver sent no final answer" },
	{ 200, 299, OUTCOME_OK, "", "" },
	{ 300, 399, OUTCOME_FAIL, "ReceiverRedirected",
		"the receiver answered with a redirect, which is never followed: "
		"configure the address it names" },
	{ 401, 401, OUTCOME_REJECTED, "ReceiverDenied",
		"the receiver did not accept the credentials or the signature" },
	{ 403, 403, OUTCOME_REJECTED, "ReceiverDenied",
		"the receiver did not accept the credentials or the signature" },
	{ 408, 408, OUTCOME_RETRY, "ReceiverTimedOut", "the receiver waited too long for the request" },
	{ 410, 410, OUTCOME_GONE, "ReceiverGone",
		"the receiver says that it is gone for good: check the address, then "
		"`refire queue resume` the pipeline" },
	{ 425, 425, OUTCOME_RETRY, "ReceiverThrottled", "the receiver wants it later" },
	{ 429, 429, OUTCOME_RETRY, "ReceiverThrottled", "the receiver wants fewer requests" },
	{ 400, 499, OUTCOME_REJECTED, "ReceiverRejected", "the receiver refused the request" },
	/* 600 and above: treated as 5xx (RFC 9110, 15) */
	{ 500, INT32_MAX, OUTCOME_RETRY, "ReceiverFailed", "the receiver failed" },
	{ INT32_MIN, 99, OUTCOME_RETRY, "AnswerIncomplete", "the receiver's answer has no status" },
};

static struct verdict judge_status(const struct answer *answer, int64_t now_us, struct arena *a)
{
	const struct status_row *r = statuses;
	const char *after = headers_get(&answer->headers, "Retry-After");
	struct verdict v = { .http_status = answer->status };

	while (answer->status < r->from || answer->status > r->to)
		r++;
	v.outcome = r->outcome;
	v.code = r->code;
	v.text = *r->text ? arena_fmt(a, "HTTP %d: %s", answer->status, r->text) : "";
	if (v.outcome == OUTCOME_RETRY && after)
		v.not_before_us = policy_retry_after(after, now_us);
	return v;
}

/* What became of a request that got no whole answer. */
static enum outcome kind_outcome(enum answer_kind k)
{
	switch (k) {
	case ANSWER_REFUSED:
		return OUTCOME_FAIL;
	/* Names change their addresses, and a person mends the settings: nothing is lost. */
	case ANSWER_FORBIDDEN:
	case ANSWER_GOT: case ANSWER_RESOLVE: case ANSWER_CONNECT: case ANSWER_TLS:
	case ANSWER_TIMEOUT: case ANSWER_BROKEN: case ANSWER_TOO_BIG: case ANSWER_COUNT:
		break;
	}
	return OUTCOME_RETRY;
}

struct verdict policy_judge(const struct answer *answer, int64_t now_us, struct arena *a)
{
	const char *detail = answer->detail ? answer->detail : "";

	if (answer->kind == ANSWER_GOT)
		return judge_status(answer, now_us, a);
	return (struct verdict){
		.outcome = kind_outcome(answer->kind),
		.http_status = answer->status,
		.code = answer_code(answer->kind),
		.text = *detail ? arena_fmt(a, "%s: %s", answer_text(answer->kind), detail) :
			answer_text(answer->kind),
		.unknown = answer->sent,
	};
}

/* ---- the end of a program ---- */

#define TRY_AGAIN 75			/* EX_TEMPFAIL of sysexits(3) */

/* Its last line that says something, cut to what a sentence has room for. */
static const char *last_line(const struct program_end *end, struct arena *a)
{
	const char *s = end->output;
	size_t n = end->output_len, from;

	while (n && strchr(" \t\r\n", s[n - 1]))
		n--;
	for (from = n; from && s[from - 1] != '\n'; from--)
		;
	if (n == from)
		return "";
	return arena_fmt(a, ": %.*s", (int)(n - from > 200 ? 200 : n - from), s + from);
}

struct verdict policy_judge_end(const struct program_end *end, struct arena *a)
{
	struct verdict v = { .outcome = OUTCOME_OK, .code = "", .text = "" };

	if (end->why_not)
		return (struct verdict){ .outcome = OUTCOME_RETRY, .code = "ProgramNotRun",
			.text = end->why_not };
	if (end->timed_out)
		return (struct verdict){ .outcome = OUTCOME_REJECTED, .code = "ProgramTimeout",
			.text = arena_fmt(a, "the program ran longer than run-timeout and was ended%s",
				last_line(end, a)), .unknown = true };
	if (end->status == 0)
		return v;
	v.outcome = end->status == TRY_AGAIN ? OUTCOME_RETRY : OUTCOME_FAIL;
	v.code = end->status == TRY_AGAIN ? "ProgramNotReady" : "ProgramFailed";
	v.text = end->status > 128 ?
		arena_fmt(a, "the program was ended by signal %d%s", end->status - 128,
			last_line(end, a)) :
		arena_fmt(a, "the program ended with status %d%s", end->status, last_line(end, a));
	return v;
}

/* ---- a verdict to a state ---- */

static int64_t sum(int64_t x, int64_t y)
{
	int64_t z;

	return __builtin_add_overflow(x, y, &z) ? INT64_MAX : z;
}

/* Wait for the next try, or give up: a last one is made when the time is over,
   so that `give-up` is how long it is tried. */
static struct policy_step again(const struct policy_input *in, const struct verdict *v)
{
	int64_t deadline = sum(sum(in->first_us, in->paused_us), in->give_up_us);
	int n = in->attempts > INT32_MAX ? INT32_MAX : (int)in->attempts;
	int64_t wait = backoff_wait_us(in->schedule, n, in->random);
	int64_t earliest = sum(in->now_us, v->not_before_us), due;

	if (in->now_us >= deadline)
		return (struct policy_step){ .state = DELIVERY_FAILED };
	due = sum(in->now_us, wait);
	if (due > deadline)
		due = deadline;
	if (due < earliest)
		due = earliest;
	return (struct policy_step){ .state = DELIVERY_WAITING, .due_us = due };
}

struct policy_step policy_step(const struct policy_input *in, const struct verdict *v)
{
	switch (v->outcome) {
	case OUTCOME_OK:
		return (struct policy_step){ .state = DELIVERY_DELIVERED };
	case OUTCOME_RETRY:
		return again(in, v);
	case OUTCOME_REJECTED:
		if (in->attempts < in->rejected_tries)
			return again(in, v);
		return (struct policy_step){ .state = DELIVERY_FAILED };
	case OUTCOME_HOLD:
	case OUTCOME_GONE:
		return (struct policy_step){ .state = DELIVERY_HELD };
	case OUTCOME_FAIL:
		break;
	}
	return (struct policy_step){ .state = DELIVERY_FAILED };
}
