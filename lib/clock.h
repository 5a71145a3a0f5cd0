/*
 * clock.h - all time. Wall-clock is microseconds since 1970 (UTC); what only
 * measures inside one process is monotonic. Tests move time here, or with
 * libfaketime.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define US_PER_S INT64_C(1000000)

int64_t clock_wall_us(void);
int64_t clock_mono_us(void);

/* For who must not have the clock set in the middle of something: how far the wall's
   clock is ahead of the monotonic one just now; and from here on, clock_wall_us goes by
   that, in all threads, until it is told again. */
int64_t clock_ahead_us(void);
void clock_follow(int64_t ahead_us);

#define CLOCK_ISO_SIZE 32
/* "2026-11-23T01:02:03Z" into out (CLOCK_ISO_SIZE bytes). Returns out. */
char *clock_iso(int64_t wall_us, char *out);
/* "2026-11-23T01:02:03.123456Z" */
char *clock_iso_us(int64_t wall_us, char *out);
/* "2026-11-23T01:02:03+01:00": RFC 3339 with an offset in minutes. */
char *clock_iso_offset(int64_t wall_s, int offset_min, char *out);
/* Reads 2026-11-23, 2026-11-23T01:02[:03[.frac]][Z|+hh:mm] (UTC without a zone)
   and ages such as 90s, 15m, 2h, 3d ("that long before now"). 0 or -1. */
int clock_parse(const char *s, int64_t now_us, int64_t *out_us);
/* "in 4m", "12s ago", "in 3h" for a person; out has CLOCK_ISO_SIZE bytes. */
char *clock_relative(int64_t when_us, int64_t now_us, char *out);

#endif
