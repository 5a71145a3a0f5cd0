/* hookconf.c - see hookconf.h. libc only, no allocation: the hook links it. */
#include "hookconf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FIRST_LINE "refire-hook 1"

/* The place in c for the path a line's word names. */
static const char **slot(struct hookconf *c, const char *word)
{
	const struct {
		const char *word;
		const char **place;
	} words[] = {
		{ "spool", &c->spool }, { "sender", &c->sender },
		{ "poller", &c->poller }, { "config", &c->config },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(words[i].word, word))
			return words[i].place;
	return NULL;
}

static bool path_ok(const char *s)
{
	size_t n = strlen(s);

	if (s[0] != '/' || n >= LIMIT_PATH)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			return false;
	return true;
}

static int parse_line(char *line, int number, struct hookconf *out, struct err *e)
{
	char *space = strchr(line, ' ');
	const char **place;

	if (number == 1)
		return !strcmp(line, FIRST_LINE) ? 0 :
			err_set(e, ERR_CONFIG, "line 1 is not `%s`", FIRST_LINE);
	if (!space)
		return err_set(e, ERR_CONFIG, "line %d is not a word and a path", number);
	*space = 0;
	place = slot(out, line);
	if (!place || *place)
		return err_set(e, ERR_CONFIG, "line %d: %s `%.40s`", number,
			place ? "a second" : "unknown word", line);
	if (!path_ok(space + 1))
		return err_set(e, ERR_CONFIG, "line %d: not an absolute path", number);
	*place = space + 1;
	return 0;
}

int hookconf_parse(char *text, size_t len, struct hookconf *out, struct err *e)
{
	char *line = text, *end;
	int number = 0;

	*out = (struct hookconf){ 0 };
	if (memchr(text, 0, len))
		return err_set(e, ERR_CONFIG, "there is a NUL byte in it");
	text[len] = 0;
	for (; *line; line = end + 1) {
		end = strchr(line, '\n');
		if (!end)
			return err_set(e, ERR_CONFIG, "line %d has no end", number + 1);
		*end = 0;
		if (parse_line(line, ++number, out, e))
			return -1;
	}
	if (!out->spool || !out->sender || !out->poller || !out->config)
		return err_set(e, ERR_CONFIG, "it is not whole");
	return 0;
}

int hookconf_print(const struct hookconf *c, char *out, struct err *e)
{
	const char *const paths[] = { c->spool, c->sender, c->poller, c->config };

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		if (!path_ok(paths[i]))
			return err_set(e, ERR_CONFIG,
				"%.200s: expected an absolute path without control characters",
				paths[i]);
	return snprintf(out, HOOKCONF_SIZE, FIRST_LINE
		"\nspool %s\nsender %s\npoller %s\nconfig %s\n",
		c->spool, c->sender, c->poller, c->config);
}

int hookconf_read(const char *path, char *text, struct hookconf *out, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n;

	if (fd < 0) {
		bool absent = errno == ENOENT || errno == ENOTDIR;

		err_sys(e, "cannot open %.300s", path);
		e->code = absent ? ERR_NOENT : e->code;
		return -1;
	}
	n = read(fd, text, HOOKCONF_SIZE);
	if (n < 0)
		err_sys(e, "cannot read %.300s", path);
	close(fd);
	if (n < 0)
		return -1;
	if (n == HOOKCONF_SIZE)
		return err_set(e, ERR_CONFIG, "%.300s is too long", path);
	return hookconf_parse(text, (size_t)n, out, e) ? err_wrap(e, "%.200s", path) : 0;
}
