/* log.c - see log.h. One line is one write(2), so that lines of several
   processes do not mix. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limits.h"
#include "log.h"
#include "utf8.h"

#define LOG_TEXT (LIMIT_PATH + LIMIT_ERR)

enum { LOG_ERR = 3, LOG_WARNING = 4, LOG_INFO = 6 };	/* syslog(3) levels */

static struct {
	const char *program;
	bool quiet, journal;
} log_state = { .program = "" };

/* systemd.exec(5): JOURNAL_STREAM names the device and inode of our stderr when
   the journal reads it; then a line may begin with its level. */
static bool log_to_journal(void)
{
	const char *v = getenv("JOURNAL_STREAM");
	struct stat st;
	unsigned long long dev, ino;

	return v && sscanf(v, "%llu:%llu", &dev, &ino) == 2 &&
		fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void log_init(const char *program, bool quiet)
{
	log_state.program = program;
	log_state.quiet = quiet;
	log_state.journal = log_to_journal();
}

void log_safe(struct buf *b, const char *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		uint32_t c;
		int k = utf8_next(s + i, n - i, &c);

		if (k == 0 || (k == 1 && utf8_hostile(c)))
			buf_fmt(b, "\\x%02x", (unsigned char)s[i]);
		else if (utf8_hostile(c))
			buf_fmt(b, "\\u{%04X}", (unsigned)c);
		else
			buf_add(b, s + i, (size_t)k);
		i += k ? (size_t)k : 1;
	}
}

static void log_put(const char *line, size_t n)
{
	while (n > 0) {
		ssize_t w = write(STDERR_FILENO, line, n);

		if (w <= 0)
			return;
		line += w;
		n -= (size_t)w;
	}
}

static void log_line(int level, const char *text, bool cut)
{
	struct buf b;

	/* an escape is at most eight bytes for one */
	buf_init(&b, 8 * LOG_TEXT + 2 * LIMIT_PATH);
	if (log_state.journal)
		buf_fmt(&b, "<%d>", level);
	else if (*log_state.program)
		buf_fmt(&b, "%s: ", log_state.program);
	log_safe(&b, text, strnlen(text, LOG_TEXT));
	buf_str(&b, cut ? " [shortened]\n" : "\n");
	log_put(b.s, b.len);
	buf_release(&b);
}

__attribute__((format(printf, 2, 0)))
static void log_format(int level, const char *fmt, va_list ap)
{
	char text[LOG_TEXT];
	int n = vsnprintf(text, sizeof text, fmt, ap);

	if (n >= 0)
		log_line(level, text, (size_t)n >= sizeof text);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	if (log_state.quiet)
		return;
	va_start(ap, fmt);
	log_format(LOG_INFO, fmt, ap);
	va_end(ap);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_format(LOG_WARNING, fmt, ap);
	va_end(ap);
}

void log_err(const struct err *e)
{
	log_line(LOG_ERR, e->text, false);
}

int log_exit(const struct err *e)
{
	log_err(e);
	return err_exit(e);
}
