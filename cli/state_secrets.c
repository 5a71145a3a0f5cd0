/* state_secrets.c - the files of secrets that pipelines name, as the account that sends
   finds them. See state.h. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "secrets.h"
#include "state.h"

static int header_check(const char *line, struct err *e)
{
	return config_header_check(line, e);
}

static void add(struct state *st, const char *pipeline, const char *key, const char *error,
	int64_t until_us)
{
	st->secrets = mem_grow(st->secrets, &st->cap_secrets, st->nsecrets + 1, sizeof(*st->secrets));
	st->secrets[st->nsecrets++] = (struct state_secret){ .pipeline = pipeline, .key = key,
		.error = arena_strdup(&st->arena, error), .until_us = until_us };
}

/* A credential of systemd is the service's alone: nothing can be said of it here. */
static void file_look(struct state *st, const char *pipeline, const char *key, const char *path)
{
	static const struct secrets_kind headers = { header_check };
	bool are_headers = strcmp(key, "header-file") == 0;
	struct secrets_text text;
	struct err e;
	int64_t end;

	if (!*path || strncmp(path, "%d/", 3) == 0)
		return;
	if (secrets_read(path, are_headers ? &headers : NULL, &text, &e)) {
		add(st, pipeline, key, e.text, 0);
		return;
	}
	end = secret_lines_end(&(struct secret_lines){ text.v, text.n }, st->now_us);
	secrets_release(&text);
	if (end && end <= st->now_us + STATE_SECRET_US)
		add(st, pipeline, key, "", end);
}

void state_secrets_look(struct state *st)
{
	const struct config *c = st->session->config;
	uid_t me = geteuid();
	struct stat s;

	secrets_private();
	if (stat(st->session->paths.state, &s) || (s.st_uid != me && seteuid(s.st_uid)))
		return;
	for (size_t i = 0; i < c->npipelines; i++) {
		const struct pipeline *p = &c->pipelines[i];
		const char *key, *path;

		for (size_t n = 0; (key = config_secret_file(p, n, &path)); n++)
			file_look(st, p->name, key, path);
	}
	if (seteuid(me))
		_exit(71);		/* cannot be: it was ours just before */
}
