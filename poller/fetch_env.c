/* fetch_env.c - what git is told for a fetch. */
#include "fetch_env.h"

#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "ssh.h"
#include "token.h"

static void put(struct fetch_env *f, const char *entry)
{
	f->v[f->n++] = entry;
	f->v[f->n] = NULL;
}

static void set(struct look *l, struct fetch_env *f, const char *key, const char *value)
{
	put(f, arena_fmt(&l->arena, "GIT_CONFIG_KEY_%d=%s", f->settings, key));
	put(f, arena_fmt(&l->arena, "GIT_CONFIG_VALUE_%d=%s", f->settings, value));
	f->settings++;
}

/* Old mistakes that many a history has, and no reader of commits and trees trips over. */
static const char *const forgiven[] = { "zeroPaddedFilemode", "missingSpaceBeforeDate",
	"missingNameBeforeEmail", "missingSpaceBeforeEmail", "badTimezone", "badDateOverflow",
	"zeroPaddedDate", "badEmail", "nullSha1", "missingEmail" };

static void set_fixed(struct look *l, struct fetch_env *f)
{
	static const char *const fixed[][2] = {
		{ "core.hooksPath", "/dev/null" }, { "core.fsmonitor", "false" },
		{ "core.askPass", "" }, { "credential.helper", "" },
		{ "fetch.fsckObjects", "true" }, { "transfer.fsckObjects", "true" },
		{ "gc.autoDetach", "false" }, { "gc.autoPackLimit", "20" },
		{ "maintenance.auto", "false" }, { "protocol.version", "2" },
		{ "http.followRedirects", "false" }, { "http.proxy", "" },
		{ "http.lowSpeedLimit", "1" }, { "http.lowSpeedTime", "60" },
	};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		set(l, f, fixed[i][0], fixed[i][1]);
	for (size_t i = 0; i < sizeof(forgiven) / sizeof(*forgiven); i++)
		set(l, f, arena_fmt(&l->arena, "fetch.fsck.%s", forgiven[i]), "ignore");
}

static void set_login(struct look *l, struct fetch_env *f, const char *user, const char *password)
{
	struct buf text, b;

	buf_init(&text, LIMIT_SECRET);
	buf_init(&b, 2 * LIMIT_SECRET);
	buf_fmt(&text, "%s:%s", user, password);
	digest_base64(&b, text.s, text.len);
	set(l, f, "http.extraHeader", arena_fmt(&l->arena, "Authorization: Basic %s", b.s));
	explicit_bzero(text.s, text.len);
	explicit_bzero(b.s, b.len);
	buf_release(&text);
	buf_release(&b);
}

static int set_credentials(struct look *l, struct fetch_env *f, struct err *e)
{
	char *token;

	if (*l->token_file) {
		if (token_read(l->token_file, &token, e))
			return -1;
		if (*l->username)
			set_login(l, f, l->username, token);
		else
			set(l, f, "http.extraHeader",
				arena_fmt(&l->arena, "Authorization: Bearer %s", token));
		explicit_bzero(token, strlen(token));
		free(token);
	} else if (l->user) {
		set_login(l, f, l->user, l->password);
	} else if (*l->remote.user) {
		set_login(l, f, l->remote.user, l->remote.password);
	}
	return 0;
}

static int set_http(struct look *l, struct fetch_env *f, struct err *e)
{
	set(l, f, "remote.origin.url", l->remote.base);
	set(l, f, "http.userAgent", l->user_agent);
	if (*l->ca_file)
		set(l, f, "http.sslCAInfo", l->ca_file);
	if (*l->tls_cert) {
		set(l, f, "http.sslCert", l->tls_cert);
		set(l, f, "http.sslKey", *l->tls_key ? l->tls_key : l->tls_cert);
	}
	return set_credentials(l, f, e);
}

/* git runs it by a shell: each word is quoted. */
static void set_ssh(struct look *l, struct fetch_env *f)
{
	const char *agent = getenv("SSH_AUTH_SOCK");
	struct arena *a = &l->arena;
	struct ssh_command c;
	const char *line = "GIT_SSH_COMMAND=";

	ssh_options(l, &c);
	for (size_t i = 0; i < c.n; i++)
		line = arena_fmt(a, "%s%s%s", line, i ? " " : "", remote_quote(a, c.v[i]));
	put(f, line);
	put(f, "GIT_SSH_VARIANT=ssh");
	if (agent)
		put(f, arena_fmt(a, "SSH_AUTH_SOCK=%s", agent));
}

static const char *stream_url(struct look *l, const char *scheme)
{
	const struct remote *r = &l->remote;
	bool v6 = strchr(r->host, ':') != NULL;

	return arena_fmt(&l->arena, "%s://%s%s%s%s%s%s%s%s%s", scheme, r->user, *r->user ? "@" : "",
		v6 ? "[" : "", r->host, v6 ? "]" : "", *r->port ? ":" : "", r->port,
		*r->path == '/' ? "" : "/", r->path);
}

int fetch_env(struct look *l, struct fetch_env *f, struct err *e)
{
	static const char *const scheme[] = { [REMOTE_HTTP] = "http:https", [REMOTE_SSH] = "ssh",
		[REMOTE_GIT] = "git" };
	enum remote_kind kind = l->remote.kind;

	f->n = 0;
	f->settings = 0;
	put(f, "GIT_CONFIG_NOSYSTEM=1");
	put(f, "GIT_CONFIG_GLOBAL=/dev/null");
	put(f, "GIT_TERMINAL_PROMPT=0");
	put(f, "GIT_ASKPASS=");
	put(f, "GIT_NO_REPLACE_OBJECTS=1");
	put(f, arena_fmt(&l->arena, "GIT_ALLOW_PROTOCOL=%s", scheme[kind]));
	set_fixed(l, f);
	if (kind == REMOTE_HTTP && set_http(l, f, e))
		return -1;
	if (kind != REMOTE_HTTP)
		set(l, f, "remote.origin.url", stream_url(l, scheme[kind]));
	if (kind == REMOTE_SSH)
		set_ssh(l, f);
	put(f, arena_fmt(&l->arena, "GIT_CONFIG_COUNT=%d", f->settings));
	return 0;
}
