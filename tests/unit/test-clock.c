/* test-clock.c - reading and writing times. */
#include <string.h>

#include "clock.h"
#include "tap.h"

#define NOW INT64_C(1795395723000000)	/* 2026-11-23T01:02:03Z */
#define S US_PER_S

static const struct {
	const char *text;
	int64_t want;		/* -1: not a time */
} cases[] = {
	{ "2026-11-23T01:02:03Z", NOW }, { "2026-11-23T01:02:03", NOW },
	{ "2026-11-23 01:02:03", NOW }, { "2026-11-23T01:02", NOW - 3 * S },
	{ "2026-11-23", NOW - 3723 * S }, { "2026-11-23T02:02:03+01:00", NOW },
	{ "2026-11-22T22:32:03-02:30", NOW }, { "2026-11-22T22:32:03-0230", NOW },
	{ "2026-11-23T01:02:03.5Z", NOW + S / 2 }, { "2026-11-23T01:02:03.123456Z", NOW + 123456 },
	{ "2026-11-23T01:02:03.1234569", NOW + 123456 }, { "1970-01-01", 0 },
	{ "2024-02-29", INT64_C(1709164800) * S }, { "2000-02-29", INT64_C(951782400) * S },
	{ "90s", NOW - 90 * S }, { "15m", NOW - 900 * S }, { "2h", NOW - 7200 * S },
	{ "3d", NOW - 259200 * S }, { "0s", NOW },
	{ "", -1 }, { "now", -1 }, { "s", -1 }, { "5", -1 }, { "5y", -1 }, { "-5m", -1 },
	{ "5 m", -1 }, { "5mm", -1 }, { "99999999999999999999d", -1 }, { "2026", -1 },
	{ "2026-11", -1 }, { "2026-13-01", -1 }, { "2026-00-01", -1 }, { "2026-11-31", -1 },
	{ "2025-02-29", -1 }, { "2026-11-32", -1 }, { "2026-11-00", -1 }, { "1969-12-31", -1 },
	{ "2026-11-23T24:00", -1 }, { "2026-11-23T01:60", -1 }, { "2026-11-23T01", -1 },
	{ "2026-11-23T01:02:61", -1 }, { "2026-11-23x", -1 }, { "2026-11-23T01:02:03+1", -1 },
	{ "2026-11-23T01:02:03+25:00", -1 }, { "2026-11-23T01:02:03Zx", -1 },
	{ "2026-11-23T01:02:03z ", -1 }, { "2026/11/23", -1 },
};

static void test_parse(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t got = 42;
		int r = clock_parse(cases[i].text, NOW, &got);

		if (cases[i].want == -1)
			is_int(r, -1, "`%s` is no time", cases[i].text);
		else if (is_int(r, 0, "`%s` is a time", cases[i].text))
			is_int(got, cases[i].want, "which one");
	}
}

static void test_iso(void)
{
	char out[CLOCK_ISO_SIZE];

	is_str(clock_iso(NOW, out), "2026-11-23T01:02:03Z", "iso");
	is_str(clock_iso(NOW + 999999, out), "2026-11-23T01:02:03Z", "a fraction is cut");
	is_str(clock_iso(0, out), "1970-01-01T00:00:00Z", "the beginning");
	is_str(clock_iso(-1, out), "1969-12-31T23:59:59Z", "before it");
	is_str(clock_iso_us(NOW + 42, out), "2026-11-23T01:02:03.000042Z", "iso_us");
	is_str(clock_iso_us(-1, out), "1969-12-31T23:59:59.999999Z", "iso_us before 1970");
	is_str(clock_iso_offset(NOW / S, 60, out), "2026-11-23T02:02:03+01:00", "an offset");
	is_str(clock_iso_offset(NOW / S, -150, out), "2026-11-22T22:32:03-02:30", "to the west");
	is_str(clock_iso_offset(NOW / S, 0, out), "2026-11-23T01:02:03+00:00", "none");
}

/* A commit's time and zone are what its author wrote: anything. */
static void test_hostile(void)
{
	static const int64_t times[] = { INT64_MAX, INT64_MIN, INT64_MAX / 2, INT64_C(1) << 55,
		-(INT64_C(1) << 55), INT64_C(253402300800), INT64_C(-62167219201) };
	static const int offsets[] = { 0, INT32_MAX, INT32_MIN, 1440, -1440, 9999 };

	for (size_t i = 0; i < sizeof times / sizeof *times; i++)
		for (size_t k = 0; k < sizeof offsets / sizeof *offsets; k++) {
			char out[CLOCK_ISO_SIZE] = "";
			int y, mo, d, h, mi, s, oh, om, n = 0;

			clock_iso_offset(times[i], offsets[k], out);
			ok(sscanf(out, "%4d-%2d-%2dT%2d:%2d:%2d%*1[+-]%2d:%2d%n", &y, &mo, &d, &h,
				&mi, &s, &oh, &om, &n) == 8 && !out[n], "RFC 3339: %s", out);
			clock_iso(times[i], out);
			ok(strlen(out) == 20 && out[19] == 'Z', "iso: %s", out);
			clock_iso_us(times[i], out);
			ok(strlen(out) == 27 && out[26] == 'Z', "iso_us: %s", out);
		}
}

static void test_relative(void)
{
	static const struct {
		int64_t s;
		const char *want;
	} rows[] = {
		{ 0, "now" }, { 1, "in 1s" }, { -1, "1s ago" }, { 119, "in 119s" }, { 120, "in 2m" },
		{ -240, "4m ago" }, { 7199, "in 119m" }, { 7200, "in 2h" }, { 172799, "in 47h" },
		{ 172800, "in 2d" }, { -8640000, "100d ago" },
	};
	char out[CLOCK_ISO_SIZE];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		is_str(clock_relative(NOW + rows[i].s * S, NOW, out), rows[i].want, "%lld s",
			(long long)rows[i].s);
	is_str(clock_relative(NOW + S - 1, NOW, out), "now", "less than a second");
}

int main(void)
{
	int64_t a, b;

	plan_none();
	a = clock_mono_us();
	b = clock_mono_us();
	ok(b >= a, "monotonic time does not go back");
	ok(clock_wall_us() > INT64_C(1700000000) * S, "wall-clock is microseconds since 1970");
	test_parse();
	test_iso();
	test_hostile();
	test_relative();
	return tap_done();
}
