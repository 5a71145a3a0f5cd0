/* clock.c - all time; libc only. */
#include "clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t read_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

/* How far the wall's clock is ahead of the monotonic one, as clock_follow took it over;
   0: nobody did. */
static _Atomic int64_t followed;

int64_t clock_wall_us(void)
{
	int64_t ahead = followed;

	return ahead ? read_us(CLOCK_MONOTONIC) + ahead : read_us(CLOCK_REALTIME);
}

int64_t clock_ahead_us(void)
{
	return read_us(CLOCK_REALTIME) - read_us(CLOCK_MONOTONIC);
}

void clock_follow(int64_t ahead_us)
{
	followed = ahead_us;
}

int64_t clock_mono_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

/* Seconds before 1970 round down, so that the fraction stays positive. */
static void split(int64_t us, time_t *s, int *frac)
{
	int64_t whole = us / US_PER_S, rest = us % US_PER_S;

	if (rest < 0) {
		rest += US_PER_S;
		whole--;
	}
	*s = (time_t)whole;
	*frac = (int)rest;
}

/* RFC 3339 knows the years 0000 to 9999; a commit's time may say anything. */
#define FIRST_S INT64_C(-62167219200)
#define LAST_S INT64_C(253402300799)

/* Ends `digits` wide before end. */
static void put_number(char *end, int v, int digits)
{
	for (; digits > 0; digits--, v /= 10)
		*--end = (char)('0' + v % 10);
}

/* "2026-11-23T01:02:03" into out; returns its length. */
static int put_seconds(int64_t s, char *out)
{
	time_t t = (time_t)(s < FIRST_S ? FIRST_S : s > LAST_S ? LAST_S : s);
	struct tm tm;

	gmtime_r(&t, &tm);
	strcpy(out, "0000-00-00T00:00:00");
	put_number(out + 4, tm.tm_year + 1900, 4);
	put_number(out + 7, tm.tm_mon + 1, 2);
	put_number(out + 10, tm.tm_mday, 2);
	put_number(out + 13, tm.tm_hour, 2);
	put_number(out + 16, tm.tm_min, 2);
	put_number(out + 19, tm.tm_sec, 2);
	return 19;
}

char *clock_iso(int64_t wall_us, char *out)
{
	time_t s;
	int frac;

	split(wall_us, &s, &frac);
	strcpy(out + put_seconds(s, out), "Z");
	return out;
}

char *clock_iso_us(int64_t wall_us, char *out)
{
	time_t s;
	int frac, n;

	split(wall_us, &s, &frac);
	n = put_seconds(s, out);
	snprintf(out + n, (size_t)(CLOCK_ISO_SIZE - n), ".%06dZ", frac);
	return out;
}

char *clock_iso_offset(int64_t wall_s, int offset_min, char *out)
{
	const int day = 24 * 60;
	int minutes = offset_min % day, off = abs(minutes), n;

	/* far enough from the ends of int64_t to add an offset */
	if (wall_s > LAST_S || wall_s < FIRST_S)
		n = put_seconds(wall_s, out);
	else
		n = put_seconds(wall_s + (int64_t)minutes * 60, out);
	snprintf(out + n, (size_t)(CLOCK_ISO_SIZE - n), "%c%02d:%02d", minutes < 0 ? '-' : '+',
		off / 60, off % 60);
	return out;
}

/* 90s, 15m, 2h, 3d, 1w */
static int parse_age(const char *s, int64_t *us)
{
	static const struct { char unit; int64_t s; } units[] = {
		{ 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 },
	};
	char *end;
	long long n = strtoll(s, &end, 10);

	if (end == s || n < 0 || n > 1000000 || !*end || end[1])
		return -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (units[i].unit == *end) {
			*us = n * units[i].s * US_PER_S;
			return 0;
		}
	}
	return -1;
}

/* "Z", "+01:00", "-0230" or nothing, in seconds east. */
static int parse_zone(const char *s, int64_t *east)
{
	int h, m = 0, used = 0;

	*east = 0;
	if (!*s || !strcmp(s, "Z"))
		return 0;
	if (*s != '+' && *s != '-')
		return -1;
	if ((sscanf(s + 1, "%2d:%2d%n", &h, &m, &used) != 2 &&
	     sscanf(s + 1, "%2d%2d%n", &h, &m, &used) != 2) || s[1 + used])
		return -1;
	if (h > 14 || m > 59)
		return -1;
	*east = (*s == '-' ? -1 : 1) * (h * 3600 + m * 60);
	return 0;
}

/* ".123456" to microseconds; more digits are passed over. */
static const char *parse_fraction(const char *s, int64_t *us)
{
	int64_t scale = 100000;

	*us = 0;
	if (*s != '.')
		return s;
	for (s++; *s >= '0' && *s <= '9'; s++, scale /= 10)
		*us += (*s - '0') * scale;
	return s;
}

static bool plausible(const struct tm *t)
{
	return t->tm_year >= 1970 - 1900 && t->tm_year < 9999 - 1900 && t->tm_mon >= 0 &&
		t->tm_mon < 12 && t->tm_mday >= 1 && t->tm_mday <= 31 && t->tm_hour >= 0 &&
		t->tm_hour < 24 && t->tm_min >= 0 && t->tm_min < 60 && t->tm_sec >= 0 &&
		t->tm_sec <= 60;
}

int clock_parse(const char *s, int64_t now_us, int64_t *out_us)
{
	struct tm t = { 0 };
	int64_t age, frac = 0, east, at;
	int used = 0, more = 0, day;

	if (parse_age(s, &age) == 0) {
		*out_us = now_us - age;
		return 0;
	}
	if (sscanf(s, "%4d-%2d-%2d%n", &t.tm_year, &t.tm_mon, &t.tm_mday, &used) != 3)
		return -1;
	s += used;
	if (*s == 'T' || *s == ' ') {
		if (sscanf(s + 1, "%2d:%2d%n", &t.tm_hour, &t.tm_min, &more) != 2)
			return -1;
		s += 1 + more;
		if (*s == ':') {
			if (sscanf(s + 1, "%2d%n", &t.tm_sec, &more) != 1)
				return -1;
			s = parse_fraction(s + 1 + more, &frac);
		}
	}
	t.tm_year -= 1900;
	t.tm_mon -= 1;
	if (!plausible(&t) || parse_zone(s, &east))
		return -1;
	day = t.tm_mday;
	at = (int64_t)timegm(&t);
	if (t.tm_mday != day)		/* timegm reads 31 November as 1 December */
		return -1;
	*out_us = (at - east) * US_PER_S + frac;
	return 0;
}

char *clock_relative(int64_t when_us, int64_t now_us, char *out)
{
	int64_t d = when_us - now_us, s = (d < 0 ? -d : d) / US_PER_S;
	const char *before = d > 0 ? "in " : "", *after = d > 0 ? "" : " ago";
	long long n = s;
	char unit = 's';

	if (s == 0) {
		snprintf(out, CLOCK_ISO_SIZE, "now");
		return out;
	}
	if (s >= 2 * 86400) {
		n = s / 86400;
		unit = 'd';
	} else if (s >= 2 * 3600) {
		n = s / 3600;
		unit = 'h';
	} else if (s >= 120) {
		n = s / 60;
		unit = 'm';
	}
	snprintf(out, CLOCK_ISO_SIZE, "%s%lld%c%s", before, n, unit, after);
	return out;
}
