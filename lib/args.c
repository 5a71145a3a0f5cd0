/* args.c - see args.h. */
#include "args.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf.h"

#define HELP_WIDTH 79
#define HELP_COLUMN 26
#define OPTIONS_MAX 64

void args_init(struct args *a, const struct args_usage *u, int argc, char **argv)
{
	memset(a, 0, sizeof(*a));
	a->usage = u;
	a->argc = argc;
	a->argv = argv;
	a->at = 1;
	a->rest = argv + 1;
}

int args_refuse(const struct args_usage *u, struct err *e, const char *fmt, ...)
{
	char text[LIMIT_ERR];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(e, ERR_USAGE, "%s (see `%s --help`)", text, u->program);
}

static int option_refuse(struct args *a, const char *word, struct err *e)
{
	const char *names[OPTIONS_MAX], *near;
	int n = 0;

	for (const struct args_option *o = a->usage->options; o->name; o++)
		if (n < OPTIONS_MAX - 1)
			names[n++] = o->name;
	names[n] = NULL;
	near = word[0] == '-' && word[1] == '-' ? conf_nearest(word + 2, names) : NULL;
	if (near)
		args_refuse(a->usage, e, "unknown option %s; did you mean --%s?", word, near);
	else
		args_refuse(a->usage, e, "unknown option %s", word);
	return ARGS_BAD;
}

/* Is word this option? Then *value is what follows its '=', or NULL. */
static bool option_is(const struct args_option *o, const char *word, const char **value)
{
	size_t n = strlen(o->name);

	*value = NULL;
	if (o->letter && word[1] == o->letter && word[2] == '\0')
		return true;
	if (word[1] != '-' || strncmp(word + 2, o->name, n) != 0)
		return false;
	if (word[2 + n] == '=')
		*value = word + 2 + n + 1;
	return *value || word[2 + n] == '\0';
}

static int option_take(struct args *a, const struct args_option *o, const char *value,
	struct err *e)
{
	if (!o->value && value) {
		args_refuse(a->usage, e, "--%s takes no value", o->name);
		return ARGS_BAD;
	}
	if (o->value && !value) {
		if (a->at >= a->argc) {
			args_refuse(a->usage, e, "--%s needs a value: --%s %s", o->name, o->name,
				o->value);
			return ARGS_BAD;
		}
		value = a->argv[a->at++];
	}
	a->value = value;
	return (int)(o - a->usage->options);
}

int args_next(struct args *a, struct err *e)
{
	while (a->at < a->argc) {
		char *word = a->argv[a->at++];
		const char *value;

		if (a->ended || word[0] != '-' || word[1] == '\0') {
			a->rest[a->nrest++] = word;
			continue;
		}
		if (strcmp(word, "--") == 0) {
			a->ended = true;
			continue;
		}
		for (const struct args_option *o = a->usage->options; o->name; o++)
			if (option_is(o, word, &value))
				return option_take(a, o, value, e);
		return option_refuse(a, word, e);
	}
	return ARGS_END;
}

/* Words of text from column on, wrapped; out stands at column `from`. */
static void help_wrap(struct buf *out, const char *text, size_t from)
{
	size_t at = from;

	for (; at < HELP_COLUMN; at++)
		buf_chr(out, ' ');
	while (*text) {
		size_t n = strcspn(text, " ");

		if (at > HELP_COLUMN && at + 1 + n > HELP_WIDTH) {
			buf_fmt(out, "\n%*s", HELP_COLUMN, "");
			at = HELP_COLUMN;
		}
		if (at > HELP_COLUMN) {
			buf_chr(out, ' ');
			at++;
		}
		buf_add(out, text, n);
		at += n;
		text += n;
		text += strspn(text, " ");
	}
	buf_chr(out, '\n');
}

static void help_option(struct buf *out, const struct args_option *o)
{
	size_t start = out->len, width;

	buf_str(out, "  ");
	if (o->letter)
		buf_fmt(out, "-%c, ", o->letter);
	buf_fmt(out, "--%s", o->name);
	if (o->value)
		buf_fmt(out, " %s", o->value);
	width = out->len - start;
	if (width + 2 > HELP_COLUMN) {
		buf_chr(out, '\n');
		width = 0;
	}
	help_wrap(out, o->help, width);
}

void args_help(const struct args_usage *u, struct buf *out)
{
	for (size_t i = 0; u->synopsis[i]; i++)
		buf_fmt(out, "%s %s%s%s\n", i == 0 ? "Usage:" : "      ", u->program,
			u->synopsis[i][0] ? " " : "", u->synopsis[i]);
	buf_fmt(out, "\n%s\n\nOptions:\n", u->summary);
	for (const struct args_option *o = u->options; o->name; o++)
		help_option(out, o);
	if (u->notes)
		buf_fmt(out, "\n%s\n", u->notes);
}

int args_bool(const struct args *a, const char *option, bool *out, struct err *e)
{
	static const char *const yes[] = { "yes", "true", "on", "1" };
	static const char *const no[] = { "no", "false", "off", "0" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
		if (strcasecmp(a->value, yes[i]) == 0)
			return *out = true, 0;
		if (strcasecmp(a->value, no[i]) == 0)
			return *out = false, 0;
	}
	return args_refuse(a->usage, e, "--%s %s: expected true or false", option, a->value);
}

int args_number(const struct args *a, const char *option, long long least, long long *out,
	struct err *e)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(a->value, &end, 10);
	if (errno || end == a->value || *end || v < least)
		return args_refuse(a->usage, e, "--%s %s: expected a whole number of at least %lld",
			option, a->value, least);
	*out = v;
	return 0;
}
