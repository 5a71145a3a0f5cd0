/*
 * log.h - lines for a person on stderr (and, under systemd, the journal).
 *
 * Every byte from outside is data: log_* and log_safe() escape control
 * characters, DEL, C1 controls, bidi overrides and invalid UTF-8 as \xNN or
 * \u{NNNN}, so that nothing hostile reaches a terminal. Only programs (main and
 * what is beside it) call this; lib and the stages return struct err.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "err.h"

/* "refire-send": goes before each line. quiet drops log_info. */
void log_init(const char *program, bool quiet);
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "program: sentence" of e. */
void log_err(const struct err *e);
/* Log e and return err_exit(e): `return log_exit(&e);` ends a main(). */
int log_exit(const struct err *e);
/* Append s (n bytes) to b with everything unprintable escaped. */
void log_safe(struct buf *b, const char *s, size_t n);

#endif
