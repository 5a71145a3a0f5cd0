/* session.c - see session.h. */
#include "session.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs.h"
#include "sibling.h"

const char *session_user(uid_t uid, char *out, size_t size)
{
	struct passwd *pw = getpwuid(uid);

	if (pw)
		snprintf(out, size, "%s", pw->pw_name);
	else
		snprintf(out, size, "%lu", (unsigned long)uid);
	return out;
}

static int state_look(struct session *s, struct err *e)
{
	struct stat st;

	s->owner = geteuid();
	s->who = SESSION_NEW;
	if (stat(s->config->state_dir, &st) != 0) {
		if (errno == ENOENT)
			return 0;
		return err_sys(e, "cannot look at state-dir %s", s->config->state_dir);
	}
	s->owner = st.st_uid;
	s->who = st.st_uid == geteuid() || geteuid() == 0 ? SESSION_OWNER : SESSION_OTHER;
	return 0;
}

int session_open(struct session *s, const char *path, struct err *e)
{
	memset(s, 0, sizeof(*s));
	s->user = session_user(geteuid(), s->user_text, sizeof(s->user_text));
	if (config_load(path, &s->config, e))
		return -1;
	if (spool_paths(&s->paths, s->config->state_dir, e) == 0 && state_look(s, e) == 0)
		return 0;
	session_close(s);
	return -1;
}

void session_close(struct session *s)
{
	if (s->config)
		config_free(s->config);
	s->config = NULL;
}

int session_refuse(const struct session *s, const char *what, struct err *e)
{
	char owner[64];

	return err_set(e, ERR_PERM, "the %s in %s belongs to %s: run this as %s", what,
		s->paths.state, session_user(s->owner, owner, sizeof(owner)), owner);
}

static int spool_refused(const struct session *s, struct err *e)
{
	char owner[64];

	if (s->who == SESSION_NEW)
		return err_set(e, ERR_CONFIG, "state-dir %s is not there yet; run `refire send` once as "
			"the account that is to own it", s->config->state_dir);
	return err_set(e, ERR_PERM, "%s belongs to %s, and %s may not put anything into its spool; "
		"set `pushers` in %s to a group that %s is in", s->config->state_dir,
		session_user(s->owner, owner, sizeof(owner)), s->user, s->config->path, s->user);
}

int session_spool(const struct session *s, const struct change *c, struct err *e)
{
	const char *dir = spool_mine(&s->paths);
	struct iovec piece;
	char *text;
	int rc;

	if (!*dir)
		return spool_refused(s, e);
	if (change_encode(c, &text, &piece.iov_len, e))
		return -1;
	piece.iov_base = text;
	rc = spool_put(dir, &piece, 1, e);
	free(text);
	return rc;
}

int session_command(const struct session *s, const char *verb, const char *reason,
	char *const *ids, int n, int64_t now_us, char out[UUID_SIZE], struct err *e)
{
	struct change c = { .command = true, .verb = verb, .reason = reason, .time_us = now_us,
		.repository = "", .pipeline = "", .path = "" };
	int rc;

	for (int i = 0; i < n; i++)
		if (!uuid_valid(ids[i]))
			return err_set(e, ERR_USAGE, "%s is not a whole id: %s may not read the queue, so the "
				"beginning of an id is not enough", ids[i], s->user);
	if (uuid_v7(now_us, c.id))
		return err_sys(e, "cannot draw a random id");
	c.deliveries = mem_alloc((size_t)n * sizeof(*c.deliveries));
	for (int i = 0; i < n; i++)
		c.deliveries[c.ndeliveries++] = ids[i];
	rc = session_spool(s, &c, e);
	free(c.deliveries);
	memcpy(out, c.id, UUID_SIZE);
	return rc ? -1 : 0;
}

int session_wake(const struct session *s, struct err *e)
{
	char sender[LIMIT_PATH];

	if (sibling_find("refire-send", sender, e))
		return -1;
	return spool_wake(&s->paths, sender, s->config->path, e);
}
