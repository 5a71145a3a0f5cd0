/* ssh.c - a look over ssh, by the ssh program: its keys, agent, configuration and
   known hosts are the user's own. Nothing is ever asked, no unknown host accepted. */
#include <stdlib.h>
#include <string.h>

#include "look.h"
#include "proc.h"
#include "talk.h"

#define WHY_MAX (64 * KIB)
#define CONNECT_S 20

struct command {
	const char *v[48];
	size_t n;
};

static void word(struct command *c, const char *s)
{
	c->v[c->n++] = s;
}

static void option(struct command *c, const char *s)
{
	word(c, "-o");
	word(c, s);
}

static int connect_s(const struct look *l)
{
	int64_t s = l->timeout_us / 1000000;

	return s < 1 ? 1 : s < CONNECT_S ? (int)s : CONNECT_S;
}

static void make_command(struct look *l, struct command *c)
{
	struct arena *a = &l->arena;
	const struct remote *r = &l->remote;

	word(c, "ssh");
	word(c, "-Tax");
	option(c, "BatchMode=yes");
	option(c, "StrictHostKeyChecking=yes");
	option(c, "ClearAllForwardings=yes");
	option(c, "PermitLocalCommand=no");
	option(c, "SendEnv=GIT_PROTOCOL");
	option(c, arena_fmt(a, "ConnectTimeout=%d", connect_s(l)));
	if (*l->ssh_key) {
		word(c, "-i");
		word(c, l->ssh_key);
		option(c, "IdentitiesOnly=yes");
	}
	if (*l->known_hosts) {
		option(c, arena_fmt(a, "UserKnownHostsFile=\"%s\"", l->known_hosts));
		option(c, "GlobalKnownHostsFile=/dev/null");
	}
	if (*r->port) {
		word(c, "-p");
		word(c, r->port);
	}
	if (*r->user) {
		word(c, "-l");
		word(c, r->user);
	}
	word(c, "--");
	word(c, r->host);
	word(c, arena_fmt(a, "git-upload-pack %s", remote_quote(a, r->path)));
}

static void make_env(struct look *l, const char *env[3])
{
	const char *agent = getenv("SSH_AUTH_SOCK");
	size_t n = 0;

	env[n++] = "GIT_PROTOCOL=version=2";
	if (agent)
		env[n++] = arena_fmt(&l->arena, "SSH_AUTH_SOCK=%s", agent);
	env[n] = NULL;
}

/* The last line of stderr is what ssh, or git there, died of. */
static const char *last_line(struct buf *why)
{
	char *nl;

	while (why->len && strchr("\r\n", why->s[why->len - 1]))
		why->s[--why->len] = 0;
	nl = strrchr(why->s, '\n');
	return nl ? nl + 1 : why->s;
}

static int explain(struct look *l, const struct proc_run *r, struct buf *why)
{
	struct err *e = &l->err;
	const char *line = last_line(why);

	if (r->timed_out)
		return err_set(e, ERR_TEMP, "%s did not answer within %lld s", l->remote.shown,
			(long long)(l->timeout_us / 1000000));
	if (*line)
		return err_set(e, ERR_TEMP, "%s: %.300s (ssh ended with %d)", l->remote.shown, line,
			r->status);
	return err_wrap(e, "%s: ssh ended with %d", l->remote.shown, r->status);
}

static void listen_to(struct look *l, struct talk *t, struct buf *why)
{
	struct command c = { .n = 0 };
	const char *env[3];
	struct proc_run r = { .argv = c.v, .env = env, .cwd = "/", .err = why,
		.timeout_ms = (int)(l->timeout_us / 1000), .talk = talk_hear, .talk_arg = t,
		.stop = l->stop };

	make_command(l, &c);
	make_env(l, env);
	if (proc_run(&r, &l->err)) {
		err_wrap(&l->err, "%s", l->remote.shown);
		l->failed = true;
	} else if (talk_refs(t, &l->refs, &l->err)) {
		explain(l, &r, why);
		l->failed = true;
	}
}

void look_ssh(struct look *l)
{
	struct talk t;
	struct buf why;

	buf_init(&why, WHY_MAX);
	talk_init(&t, &l->arena, &l->asked);
	listen_to(l, &t, &why);
	l->sum = t.advert.sum;
	talk_release(&t);
	buf_release(&why);
}
