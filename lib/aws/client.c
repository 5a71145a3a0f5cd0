/* client.c - see client.h. */
#include "aws/client.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "proc.h"

#define CALL_TIMEOUT_US (30 * US_PER_S)
#define TRIES 3
#define SAID_MAX (64 * KIB)

struct client {
	struct arena arena;
	struct fetch *fetch;
	struct aws_login *login;
	const char *endpoint, *region, *profile;
	struct aws_env env;
	int64_t skew_us;
};

void client_place(struct aws_place *out, const char *profile, const char *region,
	const char *fallback, struct arena *a)
{
	struct passwd *pw = getpwuid(geteuid());
	struct aws_files files;
	struct err e;

	*out = (struct aws_place){ .profile = profile, .role = "", .external_id = "", .session = "refire",
		.region = region, .home = arena_strdup(a, pw ? pw->pw_dir : "/"), .env = aws_env_own };
	if (!*out->region)
		out->region = aws_env_get(&out->env, "AWS_REGION");
	if (!*out->region)
		out->region = aws_env_get(&out->env, "AWS_DEFAULT_REGION");
	if (!*out->region && !aws_files_read(out, a, &files, &e)) {
		const char *section = profile_section(a, aws_plan_profile(out));
		const char *of = profile_get(&files.config, section, "region", "");

		out->region = of ? of : "";
	}
	if (!*out->region)
		out->region = fallback;
}

int client_open(struct client **out, const struct aws_place *p, const char *endpoint,
	const char *agent, struct err *e)
{
	struct client *c = mem_alloc(sizeof *c);

	arena_init(&c->arena);
	if (fetch_open(&c->fetch, agent, e)) {
		client_close(c);
		return -1;
	}
	c->login = aws_login_new(p);
	c->endpoint = arena_strdup(&c->arena, endpoint);
	c->region = arena_strdup(&c->arena, p->region);
	c->profile = arena_strdup(&c->arena, aws_plan_profile(p));
	c->env = p->env;
	*out = c;
	return 0;
}

void client_close(struct client *c)
{
	if (!c)
		return;
	fetch_close(c->fetch);
	aws_login_free(c->login);
	arena_release(&c->arena);
	free(c);
}

/* ---- credentials ---- */

static int run_program(struct client *c, const struct login_ask *ask, struct arena *a, struct err *e)
{
	struct login_said said = { .why = "" };
	struct buf out, err;
	struct proc_run r = { .argv = ask->argv, .cwd = "/", .out = &out, .err = &err,
		.timeout_ms = (int)(ask->timeout_us / 1000) };
	int failed;

	buf_init(&out, SAID_MAX);
	buf_init(&err, SAID_MAX);
	failed = proc_run(&r, e);
	if (!failed) {
		said = (struct login_said){ .status = r.status || r.timed_out ? 1 : 200, .body = out.s,
			.len = out.len, .why = arena_fmt(a, "it ended with status %d: %.*s", r.status,
			(int)strcspn(err.s, "\n"), err.s) };
		failed = aws_login_said(c->login, clock_wall_us(), &said, e);
	}
	buf_wipe(&out);
	buf_release(&err);
	return failed;
}

static int run_http(struct client *c, const struct login_ask *ask, struct arena *a, struct err *e)
{
	struct client_answer got;
	struct login_said said;

	fetch_run(c->fetch, &ask->request, ask->timeout_us, a, &got);
	said = (struct login_said){ .status = got.status, .body = got.body ? got.body : "", .len = got.len,
		.why = got.status ? arena_fmt(a, "HTTP %d", got.status) : got.why };
	return aws_login_said(c->login, clock_wall_us(), &said, e);
}

const struct aws_keys *client_keys(struct client *c, struct err *e)
{
	const struct aws_keys *keys;

	while (!(keys = aws_login_keys(c->login, clock_wall_us()))) {
		struct login_ask ask;
		struct arena a;
		int failed;

		arena_init(&a);
		switch (aws_login_next(c->login, clock_wall_us() + c->skew_us, &a, &ask, e)) {
		case LOGIN_HTTP:
			failed = run_http(c, &ask, &a, e);
			break;
		case LOGIN_PROGRAM:
			failed = run_program(c, &ask, &a, e);
			break;
		case LOGIN_HAVE:
			failed = 0;
			break;
		default:
			failed = -1;
		}
		arena_release(&a);
		if (failed)
			return NULL;
	}
	return keys;
}

const char *client_from(const struct client *c)
{
	return aws_login_from(c->login);
}

int64_t client_skew_us(const struct client *c)
{
	return c->skew_us;
}

/* ---- calls ---- */

static const char *endpoint_of(struct client *c, enum aws_service s, struct arena *a)
{
	return aws_endpoint(s, &(struct aws_where){ c->endpoint, c->region, c->env,
		aws_login_files(c->login), c->profile }, a);
}

static int once(struct client *c, const struct aws_call *call, struct arena *a,
	struct client_answer *out, struct err *e)
{
	const struct aws_keys *keys = client_keys(c, e);
	struct aws_request r;

	if (!keys || aws_request_make(call, endpoint_of(c, call->service, a), c->region, keys,
			clock_wall_us() + c->skew_us, a, &r, e))
		return -1;
	fetch_run(c->fetch, &r, CALL_TIMEOUT_US, a, out);
	if (out->status && (out->status < 200 || out->status > 299))
		aws_fault_read(out->error_type, out->body, out->len, a, &out->fault);
	return 0;
}

/* May it be asked again, and does that need something first? */
static bool again(struct client *c, const struct aws_call *call, const struct client_answer *got,
	int tried)
{
	enum aws_class class = got->status ? aws_fault_class(call->service, got->status, &got->fault) :
		AWS_TRANSIENT;

	switch (class) {
	case AWS_SKEWED:
		if (tried > 1 || !got->date_us)
			return false;
		c->skew_us = got->date_us - clock_wall_us();
		return true;
	case AWS_CREDENTIAL:
		aws_login_drop(c->login);
		return tried == 1;
	case AWS_THROTTLED:
	case AWS_TRANSIENT:
		if (tried == TRIES)
			return false;
		usleep((useconds_t)(tried * 400000));
		return true;
	default:
		return false;
	}
}

static int tell(struct client *c, const struct aws_call *call, const struct client_answer *got,
	struct arena *a, struct err *e)
{
	const char *name = aws_event_name(a, call->service, call->operation), *advice;

	if (!got->status)
		return err_set(e, ERR_TEMP, "%s at %s: %s", name, endpoint_of(c, call->service, a), got->why);
	advice = aws_fault_advice(call->service, got->status, &got->fault);
	return err_set(e, aws_fault_class(call->service, got->status, &got->fault) == AWS_DENIED ? ERR_PERM :
		ERR_FAILED, "%s: %s%s%.400s%s%s", name, *got->fault.code ? got->fault.code :
		arena_fmt(a, "HTTP %d", got->status), *got->fault.message ? ": " : "", got->fault.message,
		*advice ? "; " : "", advice);
}

int client_call(struct client *c, const struct aws_call *call, struct arena *a,
	struct client_answer *out, struct err *e)
{
	for (int tried = 1;; tried++) {
		if (once(c, call, a, out, e))
			return -1;
		if (out->status >= 200 && out->status <= 299)
			return 0;
		if (!again(c, call, out, tried))
			return tell(c, call, out, a, e);
	}
}
