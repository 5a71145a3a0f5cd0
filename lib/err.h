/*
 * err.h - a failure as data: a code for the program, a sentence for a person.
 *
 * Functions that can fail return 0 or -1 and take a struct err they fill on
 * failure only. lib and the stages never print and never exit; main() maps the
 * code to its exit status with err_exit(). The sentence says what, where, what
 * was expected and what to do. It may hold bytes from outside: whoever shows
 * it goes through log.h, which escapes.
 *
 *	struct err e;
 *	if (fs_mkdirs(path, 0700, &e))
 *		return err_wrap(&e, "cannot make the spool");
 */
#ifndef ERR_H
#define ERR_H

#include <stdbool.h>

#include "limits.h"

/* Codes are the exit statuses of sysexits(3) where one fits. */
enum err_code {
	ERR_NONE = 0,
	ERR_FAILED = 1,		/* done, but something reported on has failed */
	ERR_USAGE = 64,
	ERR_DATA = 65,		/* outside data is not what its format says */
	ERR_NOENT = 66,		/* it does not exist */
	ERR_BUG = 70,
	ERR_OS = 71,		/* a system call failed; try later may help */
	ERR_TEMP = 75,
	ERR_PERM = 77,
	ERR_CONFIG = 78,
};

struct err {
	enum err_code code;
	int sys;		/* errno when a system call was the cause, else 0 */
	char text[LIMIT_ERR];
};

/* Fill e and return -1, so that `return err_set(...)` reads well. e may be NULL. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same, followed by ": " and strerror(errno); code ERR_OS, or ERR_PERM for
   EACCES and EPERM, ERR_NOENT for ENOENT. */
int err_sys(struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Put "prefix: " before the sentence that is there. Returns -1. */
int err_wrap(struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The exit status for a code: 0, 1, 64, 70, 75, 77 or 78 (design, section 5). */
int err_exit(const struct err *e);

#endif
