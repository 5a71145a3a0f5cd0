/* ssh.c - a look over ssh, by the ssh program: its keys, agent, configuration and
   known hosts are the user's own. Nothing is ever asked, no unknown host accepted. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "digest.h"
#include "look.h"
#include "proc.h"
#include "ssh.h"
#include "talk.h"

#define WHY_MAX (64 * KIB)
#define CONNECT_S 20

void ssh_word(struct ssh_command *c, const char *s)
{
	c->v[c->n++] = s;
	c->v[c->n] = NULL;
}

static void option(struct ssh_command *c, const char *s)
{
	ssh_word(c, "-o");
	ssh_word(c, s);
}

static int connect_s(const struct look *l)
{
	int64_t s = l->timeout_us / 1000000;

	return s < 1 ? 1 : s < CONNECT_S ? (int)s : CONNECT_S;
}

/* A path as ssh reads it in an option: quoted, and % is no token. */
static const char *path_value(struct arena *a, const char *path)
{
	struct buf b;
	const char *out;

	buf_init(&b, 2 * LIMIT_PATH);
	for (; *path; path++) {
		if (*path == '%')
			buf_chr(&b, '%');
		buf_chr(&b, *path);
	}
	out = arena_fmt(a, "\"%s\"", b.s);
	buf_release(&b);
	return out;
}

/* One who has other keys, or trusts other hosts, is let in elsewhere: not through the
   same connection. */
static const char *control_path(struct look *l)
{
	struct digest_pieces d;
	unsigned char sum[SHA256_SIZE];
	struct buf name;
	const char *path;

	digest_pieces_init(&d);
	digest_pieces_add(&d, l->remote.user);
	digest_pieces_add(&d, l->remote.host);
	digest_pieces_add(&d, l->remote.port);
	digest_pieces_add(&d, l->ssh_key);
	digest_pieces_add(&d, l->known_hosts);
	digest_pieces_end(&d, sum);
	buf_init(&name, 32);
	buf_hex(&name, sum, 8);
	path = arena_fmt(&l->arena, "%s/%s", l->ssh_dir, name.s);
	buf_release(&name);
	return path;
}

static void share_connection(struct look *l, struct ssh_command *c)
{
	if (!*l->ssh_dir) {
		option(c, "ControlPath=none");
		return;
	}
	mkdir(l->ssh_dir, 0700);	/* when it cannot be made, nothing is shared */
	option(c, "ControlMaster=auto");
	option(c, arena_fmt(&l->arena, "ControlPersist=%d", SSH_PERSIST_S));
	option(c, arena_fmt(&l->arena, "ControlPath=%s", path_value(&l->arena, control_path(l))));
}

void ssh_options(struct look *l, struct ssh_command *c)
{
	struct arena *a = &l->arena;

	c->n = 0;
	ssh_word(c, "ssh");
	ssh_word(c, "-ax");
	option(c, "BatchMode=yes");
	option(c, "StrictHostKeyChecking=yes");
	option(c, "ClearAllForwardings=yes");
	option(c, "PermitLocalCommand=no");
	option(c, "ServerAliveInterval=15");
	option(c, "ServerAliveCountMax=2");
	option(c, arena_fmt(a, "ConnectTimeout=%d", connect_s(l)));
	if (*l->ssh_key) {
		ssh_word(c, "-i");
		ssh_word(c, l->ssh_key);
		option(c, "IdentitiesOnly=yes");
	}
	if (*l->known_hosts) {
		option(c, arena_fmt(a, "UserKnownHostsFile=%s", path_value(a, l->known_hosts)));
		option(c, "GlobalKnownHostsFile=/dev/null");
	}
	share_connection(l, c);
}

static void make_command(struct look *l, struct ssh_command *c)
{
	const struct remote *r = &l->remote;

	ssh_options(l, c);
	ssh_word(c, "-T");
	option(c, "SendEnv=GIT_PROTOCOL");
	if (*r->port) {
		ssh_word(c, "-p");
		ssh_word(c, r->port);
	}
	if (*r->user) {
		ssh_word(c, "-l");
		ssh_word(c, r->user);
	}
	ssh_word(c, "--");
	ssh_word(c, r->host);
	ssh_word(c, arena_fmt(&l->arena, "git-upload-pack %s", remote_quote(&l->arena, r->path)));
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
	struct ssh_command c;
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
