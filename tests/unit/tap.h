/*
 * tap.h - Test Anything Protocol for the unit tests: header only, one test
 * program a file.
 *
 *	int main(void)
 *	{
 *		plan_none();
 *		is_int(add(2, 2), 4, "two and two");
 *		is_str(name(), "web", "name of %s", path);
 *		ok(found, "it is there");
 *		return tap_done();
 *	}
 *
 * The plan comes last, so that a test that ends early shows as failed. Each
 * check returns whether it held. Names and values are printed with control
 * bytes escaped: a hostile case cannot break the protocol.
 */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count, tap_failed;

/* Lines go out as they are made: a crash loses none. */
static inline void plan_none(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
}

static inline void tap_print(const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x20 || c >= 0x7f || c == '#')
			printf("\\x%02x", c);
		else
			putchar(c);
	}
}

__attribute__((format(printf, 2, 0)))
static inline void tap_line(bool held, const char *fmt, va_list ap)
{
	char name[512];

	vsnprintf(name, sizeof name, fmt, ap);
	printf("%s %d - ", held ? "ok" : "not ok", ++tap_count);
	tap_print(name);
	putchar('\n');
	if (!held)
		tap_failed++;
}

static inline void tap_value(const char *label, const char *s)
{
	printf("# %s ", label);
	if (s) {
		putchar('"');
		tap_print(s);
		putchar('"');
	} else {
		fputs("NULL", stdout);
	}
	putchar('\n');
}

__attribute__((format(printf, 4, 5)))
static inline bool tap_ok(bool held, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_line(held, fmt, ap);
	va_end(ap);
	if (!held)
		printf("# at %s:%d\n", file, line);
	return held;
}

__attribute__((format(printf, 5, 6)))
static inline bool tap_str(const char *got, const char *want, const char *file, int line,
	const char *fmt, ...)
{
	bool held = got && want ? strcmp(got, want) == 0 : got == want;
	va_list ap;

	va_start(ap, fmt);
	tap_line(held, fmt, ap);
	va_end(ap);
	if (!held) {
		printf("# at %s:%d\n", file, line);
		tap_value("got ", got);
		tap_value("want", want);
	}
	return held;
}

__attribute__((format(printf, 5, 6)))
static inline bool tap_int(long long got, long long want, const char *file, int line,
	const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_line(got == want, fmt, ap);
	va_end(ap);
	if (got != want)
		printf("# at %s:%d\n# got  %lld\n# want %lld\n", file, line, got, want);
	return got == want;
}

#define ok(cond, ...) tap_ok(!!(cond), __FILE__, __LINE__, __VA_ARGS__)
#define is_str(got, want, ...) tap_str(got, want, __FILE__, __LINE__, __VA_ARGS__)
#define is_int(got, want, ...) tap_int((long long)(got), (long long)(want), \
	__FILE__, __LINE__, __VA_ARGS__)

/* A line that is no check: the seed of a random test, a figure. */
__attribute__((format(printf, 1, 2)))
static inline void note(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	fputs("# ", stdout);
	tap_print(text);
	putchar('\n');
}

/* Prints the plan. The program's exit status: 0, or 1 when a check failed. */
static inline int tap_done(void)
{
	printf("1..%d\n", tap_count);
	if (tap_failed)
		printf("# %d of %d failed\n", tap_failed, tap_count);
	fflush(stdout);
	return tap_failed != 0;
}

#endif
