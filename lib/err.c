/* err.c - sentences for failures; libc only, no allocation. */
#include "err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void vset(struct err *e, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

static void vset(struct err *e, const char *fmt, va_list ap)
{
	if (vsnprintf(e->text, sizeof(e->text), fmt, ap) >= (int)sizeof(e->text))
		memcpy(e->text + sizeof(e->text) - 4, "...", 4);
}

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return -1;
	e->code = code;
	e->sys = 0;
	va_start(ap, fmt);
	vset(e, fmt, ap);
	va_end(ap);
	return -1;
}

static enum err_code code_of(int sys)
{
	switch (sys) {
	case EACCES:
	case EPERM:
		return ERR_PERM;
	case ENOENT:
		return ERR_NOENT;
	default:
		return ERR_OS;
	}
}

int err_sys(struct err *e, const char *fmt, ...)
{
	int sys = errno;
	size_t len;
	va_list ap;

	if (!e)
		return -1;
	e->code = code_of(sys);
	e->sys = sys;
	va_start(ap, fmt);
	vset(e, fmt, ap);
	va_end(ap);
	len = strlen(e->text);
	snprintf(e->text + len, sizeof(e->text) - len, ": %s", strerror(sys));
	return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char old[LIMIT_ERR];
	size_t len;
	va_list ap;

	if (!e)
		return -1;
	memcpy(old, e->text, sizeof(old));
	va_start(ap, fmt);
	vset(e, fmt, ap);
	va_end(ap);
	len = strlen(e->text);
	snprintf(e->text + len, sizeof(e->text) - len, ": %s", old);
	return -1;
}

int err_exit(const struct err *e)
{
	switch (e->code) {
	case ERR_NONE:
		return 0;
	case ERR_FAILED:
	case ERR_DATA:
	case ERR_NOENT:
		return 1;
	case ERR_OS:
		return ERR_TEMP;
	default:
		return (int)e->code;
	}
}
