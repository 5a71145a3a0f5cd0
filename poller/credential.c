/* credential.c - git credential fill, approve, reject; and what they said. */
#include "credential.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "proc.h"

#define SAID_MAX (64 * KIB)

struct known {
	char *host, *login, *path;	/* path "": all of the host */
	char *user, *password;
	int64_t until_s;		/* 0: it does not expire */
	bool told;			/* the helper knows that it is good */
	struct known *next;
};

struct asking {
	const char *host;
	struct asking *next;
};

struct credentials {
	pthread_mutex_t lock;
	pthread_cond_t answered;
	struct known *v;
	struct asking *asking;		/* hosts whose helper is being asked now */
};

struct credentials *credentials_open(void)
{
	struct credentials *c = mem_alloc(sizeof(*c));

	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->answered, NULL);
	return c;
}

static void wipe(char *s)
{
	explicit_bzero(s, strlen(s));
	free(s);
}

static void known_free(struct known *k)
{
	free(k->host);
	free(k->login);
	free(k->path);
	wipe(k->user);
	wipe(k->password);
	free(k);
}

void credentials_close(struct credentials *c)
{
	if (!c)
		return;
	for (struct known *k = c->v, *next; k; k = next) {
		next = k->next;
		known_free(k);
	}
	pthread_cond_destroy(&c->answered);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* ---- memory; under the lock ---- */

static struct known **find(struct look *l)
{
	const char *host = remote_host(&l->arena, &l->remote);
	struct known **k = &l->credentials->v;

	while (*k && (strcmp((*k)->host, host) || strcmp((*k)->login, l->remote.user) ||
	    (*(*k)->path && strcmp((*k)->path, l->remote.path))))
		k = &(*k)->next;
	return k;
}

static void take_out(struct known **at)
{
	struct known *k = *at;

	*at = k->next;
	known_free(k);
}

static bool use_known(struct look *l)
{
	struct known **at, *k;

	if (!l->credentials->v)
		return false;
	at = find(l);
	k = *at;
	if (k && k->until_s && k->until_s <= clock_wall_us() / US_PER_S) {
		take_out(at);
		k = NULL;
	}
	if (!k)
		return false;
	l->user = arena_strdup(&l->arena, k->user);
	l->password = arena_strdup(&l->arena, k->password);
	return true;
}

static void keep(struct look *l, bool whole_host, int64_t until_s)
{
	struct known **at = find(l), *k = mem_alloc(sizeof(*k));

	if (*at)
		take_out(at);
	*k = (struct known){ mem_strdup(remote_host(&l->arena, &l->remote)),
		mem_strdup(l->remote.user), mem_strdup(whole_host ? "" : l->remote.path),
		mem_strdup(l->user), mem_strdup(l->password), until_s, false, l->credentials->v };
	l->credentials->v = k;
}

static bool may_ask(const struct look *l)
{
	return l->credentials && l->helpers && l->remote.kind == REMOTE_HTTP && !*l->remote.password;
}

void credential_recall(struct look *l)
{
	if (!may_ask(l))
		return;
	pthread_mutex_lock(&l->credentials->lock);
	use_known(l);
	pthread_mutex_unlock(&l->credentials->lock);
}

/* ---- what git is asked, and says ---- */

static void line(struct buf *b, const char *key, const char *value)
{
	if (value && *value)
		buf_fmt(b, "%s=%s\n", key, value);
}

static void describe(struct look *l, struct buf *b)
{
	const struct remote *r = &l->remote;
	const char *host = remote_host(&l->arena, r), *slashes = strstr(host, "://");

	buf_fmt(b, "protocol=%.*s\n", (int)(slashes - host), host);
	line(b, "host", slashes + 3);
	line(b, "path", r->path + (*r->path == '/'));
	line(b, "username", l->user ? l->user : r->user);
	line(b, "password", l->password);
	buf_chr(b, '\n');
}

/* The value of a line, in the arena; NULL when there is none. */
static const char *value_of(struct arena *a, const char *said, const char *key)
{
	size_t n = strlen(key);

	for (const char *s = said; *s; s += strcspn(s, "\n"), s += *s == '\n')
		if (!strncmp(s, key, n) && s[n] == '=')
			return arena_memdup(a, s + n + 1, strcspn(s + n + 1, "\n"));
	return NULL;
}

/* git's own words are those after "fatal:"; a helper may have said anything. */
static const char *reason(struct arena *a, struct buf *why)
{
	const char *s = strstr(why->s, "fatal: ");

	return s ? arena_memdup(a, s + 7, strcspn(s + 7, "\n")) : "";
}

/* An empty GIT_ASKPASS keeps git from any other program that asks a person. */
static int run_git(struct look *l, const char *verb, struct buf *said, struct buf *why,
	struct err *e)
{
	const char *const argv[] = { "git", "credential", verb, NULL };
	const char *env[] = { "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=", "GCM_INTERACTIVE=never",
		NULL, NULL };
	const char *xdg = getenv("XDG_CONFIG_HOME");
	struct proc_run r = { .argv = argv, .env = env, .cwd = "/", .out = said, .err = why,
		.timeout_ms = CREDENTIAL_ASK_S * 1000, .stop = l->stop };
	struct buf in;
	int failed;

	if (xdg)
		env[3] = arena_fmt(&l->arena, "XDG_CONFIG_HOME=%s", xdg);
	buf_init(&in, SAID_MAX);
	describe(l, &in);
	r.in = in.s;
	r.in_len = in.len;
	failed = proc_run(&r, e);
	explicit_bzero(in.s, in.len);
	buf_release(&in);
	if (failed)
		return -1;
	if (r.timed_out)
		return err_set(e, ERR_TEMP, "they do not answer within %d s", CREDENTIAL_ASK_S);
	if (r.status || r.truncated)
		return err_set(e, ERR_PERM, "%s", *reason(&l->arena, why) ? reason(&l->arena, why) :
			"they give none");
	return 0;
}

static int fill(struct look *l, struct err *e)
{
	struct arena *a = &l->arena;
	const char *until, *path;
	struct buf said, why;
	int failed;

	buf_init(&said, SAID_MAX);
	buf_init(&why, SAID_MAX);
	failed = run_git(l, "fill", &said, &why, e);
	if (!failed) {
		l->user = value_of(a, said.s, "username");
		l->password = value_of(a, said.s, "password");
		until = value_of(a, said.s, "password_expiry_utc");
		path = value_of(a, said.s, "path");
		if (!l->user || !l->password)
			failed = err_set(e, ERR_PERM, "they give none");
		if (!failed) {
			pthread_mutex_lock(&l->credentials->lock);
			keep(l, !path || !*path, until ? strtoll(until, NULL, 10) : 0);
			pthread_mutex_unlock(&l->credentials->lock);
		}
	}
	explicit_bzero(said.s, said.len);
	buf_release(&said);
	buf_release(&why);
	return failed;
}

static bool is_asked(const struct credentials *c, const char *host)
{
	for (const struct asking *k = c->asking; k; k = k->next)
		if (!strcmp(k->host, host))
			return true;
	return false;
}

/* Many looks at one host ask once: the others find the answer known. false: it is. */
static bool begin_asking(struct look *l, struct asking *self)
{
	struct credentials *c = l->credentials;
	bool known;

	self->host = remote_host(&l->arena, &l->remote);
	pthread_mutex_lock(&c->lock);
	while (is_asked(c, self->host))
		pthread_cond_wait(&c->answered, &c->lock);
	known = use_known(l);
	if (!known) {
		self->next = c->asking;
		c->asking = self;
	}
	pthread_mutex_unlock(&c->lock);
	return !known;
}

static void end_asking(struct credentials *c, struct asking *self)
{
	struct asking **at = &c->asking;

	pthread_mutex_lock(&c->lock);
	while (*at != self)
		at = &(*at)->next;
	*at = self->next;
	pthread_cond_broadcast(&c->answered);
	pthread_mutex_unlock(&c->lock);
}

static void ask(struct look *l)
{
	struct asking self;
	struct err e;
	int failed;

	if (!begin_asking(l, &self))
		return;
	failed = fill(l, &e);
	end_asking(l->credentials, &self);
	if (!failed)
		return;
	l->user = l->password = NULL;
	err_set(&l->err, ERR_PERM, "%s: HTTP 401: credentials are needed (git's credential helpers "
		"were asked: %.200s): set username and token-file, or credential.helper in git's "
		"configuration", l->remote.shown, e.text);
}

/* What comes of it changes nothing here. */
static void tell(struct look *l, const char *verb)
{
	struct buf said, why;
	struct err e;

	buf_init(&said, SAID_MAX);
	buf_init(&why, SAID_MAX);
	run_git(l, verb, &said, &why, &e);
	buf_release(&said);
	buf_release(&why);
}

void credential_run(struct look *l)
{
	if (l->task == LOOK_ASK)
		ask(l);
	else
		tell(l, l->task == LOOK_APPROVE ? "approve" : "reject");
}

bool credential_again(const struct look *l)
{
	return l->task == LOOK_ASK && l->user;
}

/* ---- the answer ---- */

/* The first good answer is told of once; a refused one is forgotten, and told of by the
   look that meets it while it is known. */
static enum look_task judge_known(struct look *l)
{
	struct known **at = find(l), *k = *at;

	if (!k || strcmp(k->user, l->user) || strcmp(k->password, l->password))
		return LOOK_LIST;
	if (l->unauthorized) {
		take_out(at);
		return LOOK_REJECT;
	}
	if (l->failed || k->told)
		return LOOK_LIST;
	k->told = true;
	return LOOK_APPROVE;
}

enum look_task credential_next(struct look *l)
{
	enum look_task next;

	if (!may_ask(l) || l->task == LOOK_APPROVE || l->task == LOOK_REJECT)
		return LOOK_LIST;
	if (!l->user)
		return l->unauthorized && l->task == LOOK_LIST ? LOOK_ASK : LOOK_LIST;
	pthread_mutex_lock(&l->credentials->lock);
	next = judge_known(l);
	pthread_mutex_unlock(&l->credentials->lock);
	return next;
}
