/*
 * post-receive.c - leave one spool file for a push: durable before the pusher
 * hears that all is well, or one line that says it is not.
 *
 * It never fails, blocks or slows a push: it exits 0, or as the hook that was
 * there before exits. The fields are those of lib/change.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "hook.h"
#include "record.h"
#include "spool.h"
#include "uuid.h"

/* Who pushed, from where and by which door, as the environment claims: git, web
   servers, sshd, gitolite, GitLab, Gitea and Forgejo, Gogs, Soft Serve. */
static const char *const claims[] = {
	"REMOTE_USER", "REMOTE_ADDR", "SSL_CLIENT_S_DN", "SSH_CONNECTION",
	"GL_USER", "GL_REPO", "GL_ID", "GL_USERNAME", "GL_REPOSITORY", "GL_PROJECT_PATH",
	"GL_PROTOCOL",
	"GITEA_PUSHER_NAME", "GITEA_PUSHER_EMAIL", "GITEA_PUSHER_ID", "GITEA_KEY_ID",
	"GITEA_DEPLOY_KEY_ID", "GITEA_REPO_NAME", "GITEA_REPO_USER_NAME", "GITEA_REPO_ID",
	"GITEA_PR_ID", "GITEA_PUSH_TRIGGER", "GITEA_ROOT_URL",
	"GOGS_AUTH_USER_NAME", "GOGS_AUTH_USER_EMAIL", "GOGS_AUTH_USER_ID",
	"SOFT_SERVE_USERNAME",
	"GIT_PUSH_CERT", "GIT_PUSH_CERT_SIGNER", "GIT_PUSH_CERT_KEY", "GIT_PUSH_CERT_STATUS",
	"GIT_PUSH_CERT_NONCE_STATUS", "GIT_PUSH_CERT_NONCE_SLOP",
};
#define CLAIMS (sizeof(claims) / sizeof(*claims))

#define FIELD_OVERHEAD 128	/* its name and length, and a `shortened` field */
#define RECORD_ROOM (CLAIMS * (LIMIT_CLAIM + FIELD_OVERHEAD) + \
	LIMIT_OPTIONS * (LIMIT_OPTION + FIELD_OVERHEAD) + 2 * LIMIT_PATH)

static const char hook_mark[] = HOOK_MARK "post-receive";

static void put_text(struct record_out *r, const char *name, const char *value, size_t limit)
{
	size_t n = strlen(value);

	record_field(r, name, value, n < limit ? n : limit);
	if (n > limit)
		record_text(r, "shortened", name);
}

static void put_claims(struct record_out *r)
{
	char name[64];

	for (size_t i = 0; i < CLAIMS; i++) {
		const char *value = getenv(claims[i]);

		if (!value || !*value)
			continue;
		snprintf(name, sizeof(name), "claim.%s", claims[i]);
		put_text(r, name, value, LIMIT_CLAIM);
	}
}

static void put_options(struct record_out *r)
{
	const char *count = getenv("GIT_PUSH_OPTION_COUNT"), *value;
	unsigned long n = count ? strtoul(count, NULL, 10) : 0;
	char name[64];

	for (unsigned long i = 0; i < n && i < LIMIT_OPTIONS; i++) {
		snprintf(name, sizeof(name), "GIT_PUSH_OPTION_%lu", i);
		value = getenv(name);
		if (value)
			put_text(r, "option", value, LIMIT_OPTION);
	}
	if (n > LIMIT_OPTIONS)
		record_text(r, "shortened", "option");
}

static int publish(const struct spool_paths *p, const struct iovec *pieces, int n,
	struct err *e)
{
	const char *dir = spool_mine(p);

	if (!*dir)
		return err_sys(e, "this user may not leave changes in %.200s", p->state);
	if (!spool_put(dir, pieces, n, e))
		return 0;
	if (dir == p->drop)
		return -1;
	return spool_put(p->drop, pieces, n, NULL);
}

static int record_push(const struct hook *h, const struct hook_input *in, int64_t now,
	const struct spool_paths *p, struct err *e)
{
	static char memory[RECORD_ROOM];
	char id[UUID_SIZE], tail[32];
	struct iovec pieces[3] = { { .iov_base = memory }, { in->s, in->len }, { .iov_base = tail } };
	struct record_out r;

	if (uuid_v7(now, id))
		return err_sys(e, "cannot draw a random id");
	record_begin(&r, memory, sizeof(memory));
	record_text(&r, "kind", "change");
	record_text(&r, "id", id);
	record_text(&r, "source", "post-receive");
	record_number(&r, "time", now);
	record_text(&r, "path", h->git_dir);
	put_claims(&r);
	put_options(&r);
	record_head(&r, "refs", in->s, in->len);
	pieces[0].iov_len = r.len;
	pieces[2].iov_len = record_tail(&r, tail);
	if (r.over)
		return err_set(e, ERR_BUG, "its record is over %zu bytes", sizeof(memory));
	return publish(p, pieces, 3, e);
}

/* Gitea's dispatcher hands over an empty line where there is nothing. */
static bool is_empty(const struct hook_input *in)
{
	for (size_t i = 0; i < in->len; i++)
		if (in->s[i] != '\n')
			return false;
	return true;
}

static int take_push(struct hook *h, struct hook_input *in, int64_t now, struct err *e)
{
	static struct spool_paths paths;

	if (hook_read(in, e) || spool_paths(&paths, h->conf.spool, e))
		return -1;
	if (is_empty(in))
		return 0;
	if (record_push(h, in, now, &paths, e))
		return -1;
	/* The change is safe; a sender that does not start now takes it in later. */
	spool_wake(&paths, h->conf.sender, h->conf.config, NULL);
	return 0;
}

int main(int argc, char **argv)
{
	static struct hook h;
	struct hook_input in = { 0 };
	int64_t now = clock_wall_us();
	struct err e = { 0 };
	int asked;

	if (argc < 1)
		return 0;
	hook_begin(&h, hook_mark + sizeof(HOOK_MARK) - 1, argv);
	asked = hook_find(&h, &e);
	if (asked < 0 || (asked && take_push(&h, &in, now, &e)))
		hook_say("this push was NOT recorded", e.text, asked < 0 ?
			"; tell the administrator of this repository" :
			"; the next reconcile takes the refs in, without your name and push options");
	hook_chain(&h, in.s ? &in : NULL);
	return 0;
}
