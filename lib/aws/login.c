/* login.c - see login.h. */
#include "aws/login.h"

#include <stdlib.h>
#include <string.h>

#include "aws/fault.h"
#include "clock.h"
#include "fs.h"

#define LOCAL_TIMEOUT_US (2 * US_PER_S)
#define STS_TIMEOUT_US (15 * US_PER_S)
#define AGAIN_US (30 * US_PER_S)
#define TOKEN_SECONDS "21600"
#define TOKEN_MAX (16 * KIB)
#define EVENT_LOCAL "webhook-sender.refire GetCredentials"

enum phase {
	PHASE_BEGIN,			/* files are to be read, a plan made */
	PHASE_BASE,			/* the base's keys are to be fetched */
	PHASE_TOKEN, PHASE_NAME, PHASE_MACHINE,	/* of the machine's metadata service */
	PHASE_ROLE,			/* the next role */
	PHASE_DONE,
};

struct aws_login {
	struct arena place_arena;
	struct aws_place place;
	struct arena arena;		/* of what follows; wiped when it begins anew */
	struct aws_files files;
	struct aws_plan plan;
	enum phase phase;
	size_t role;			/* the next one */
	struct aws_keys keys;		/* of the step before */
	int64_t until_us;
	const char *token, *name;	/* of the metadata service */
	/* what is in use, kept while the next are fetched */
	struct arena kept_arena;
	struct aws_keys kept;
	struct aws_files kept_files;
	int64_t kept_until_us;
	int64_t again_us;		/* new ones could not be had: not before that */
	bool have;
	const char *from;
};

struct aws_login *aws_login_new(const struct aws_place *p)
{
	struct aws_login *l = mem_alloc(sizeof *l);
	struct arena *a = &l->place_arena;

	arena_init(a);
	arena_init(&l->arena);
	arena_init(&l->kept_arena);
	l->arena.secret = l->kept_arena.secret = true;
	l->place = (struct aws_place){ arena_strdup(a, p->profile), arena_strdup(a, p->role),
		arena_strdup(a, p->external_id), arena_strdup(a, p->session), arena_strdup(a, p->region),
		arena_strdup(a, p->home), p->env };
	l->from = "";
	return l;
}

void aws_login_free(struct aws_login *l)
{
	if (!l)
		return;
	arena_release(&l->place_arena);
	arena_release(&l->arena);
	arena_release(&l->kept_arena);
	free(l);
}

static void begin_again(struct aws_login *l)
{
	arena_release(&l->arena);
	arena_init(&l->arena);
	l->arena.secret = true;
	l->files = (struct aws_files){ .config.n = 0 };
	l->phase = PHASE_BEGIN;
}

void aws_login_drop(struct aws_login *l)
{
	l->have = false;
	begin_again(l);
}

const struct aws_keys *aws_login_keys(const struct aws_login *l, int64_t now_us)
{
	int64_t until = l->kept_until_us;

	if (l->have && until && now_us < l->again_us)
		return now_us < until ? &l->kept : NULL;
	return l->have && (!until || now_us < until - LOGIN_EARLY_US) ? &l->kept : NULL;
}

const char *aws_login_from(const struct aws_login *l)
{
	return l->from;
}

const struct profiles *aws_login_files(const struct aws_login *l)
{
	return &l->kept_files.config;
}

/* ---- what comes of a step ---- */

static void keep(struct aws_login *l)
{
	struct arena *a = &l->kept_arena;
	struct err e;

	arena_release(a);
	arena_init(a);
	a->secret = true;
	l->kept = (struct aws_keys){ arena_strdup(a, l->keys.access), arena_strdup(a, l->keys.secret),
		arena_strdup(a, l->keys.token) };
	l->kept_until_us = l->until_us;
	l->from = l->role ? arena_fmt(a, "%s, as %s", l->plan.from, l->plan.roles[l->role - 1].arn) :
		arena_strdup(a, l->plan.from);
	if (aws_files_read(&l->place, a, &l->kept_files, &e))
		l->kept_files = (struct aws_files){ .config.n = 0 };
	l->have = true;
	l->again_us = 0;
	begin_again(l);
}

static void got_keys(struct aws_login *l)
{
	l->phase = l->role < l->plan.nroles ? PHASE_ROLE : PHASE_DONE;
}

static int begin(struct aws_login *l, struct err *e)
{
	l->role = 0;
	l->until_us = 0;
	if (aws_files_read(&l->place, &l->arena, &l->files, e) ||
	    aws_plan_make(&l->place, &l->files, &l->arena, &l->plan, e))
		return -1;
	l->keys = l->plan.keys;
	l->phase = l->plan.base == PLAN_MACHINE ? PHASE_TOKEN : PHASE_BASE;
	if (l->plan.base == PLAN_KEYS)
		got_keys(l);
	return 0;
}

/* ---- what is asked ---- */

static void ask_local(struct login_ask *out, const char *method, const char *url)
{
	*out = (struct login_ask){ .what = EVENT_LOCAL, .metadata = true, .timeout_us = LOCAL_TIMEOUT_US,
		.request = { .method = method, .url = url, .body = "" } };
}

static void ask_header(struct login_ask *out, const char *name, const char *value)
{
	out->request.headers[out->request.nheaders++] = (struct sigv4_header){ name, value };
}

static enum login_want ask_machine(struct aws_login *l, struct arena *a, struct login_ask *out)
{
	const char *base = arena_fmt(a, "%s/latest", l->plan.url);

	if (l->phase == PHASE_TOKEN) {
		ask_local(out, "PUT", arena_fmt(a, "%s/api/token", base));
		ask_header(out, "X-aws-ec2-metadata-token-ttl-seconds", TOKEN_SECONDS);
	} else {
		ask_local(out, "GET", arena_fmt(a, "%s/meta-data/iam/security-credentials/%s", base,
			l->phase == PHASE_MACHINE ? l->name : ""));
		ask_header(out, "X-aws-ec2-metadata-token", arena_strdup(a, l->token));
	}
	return LOGIN_HTTP;
}

/* The first line of a file with a token. */
static const char *token_of(const char *path, struct arena *a, struct err *e)
{
	char *text;
	size_t n;
	const char *token;

	if (fs_read_path(path, TOKEN_MAX, &text, &n, NULL, e)) {
		err_wrap(e, "AWS credentials");
		return NULL;
	}
	token = arena_memdup(a, text, strcspn(text, "\r\n"));
	explicit_bzero(text, n);
	free(text);
	return token;
}

static enum login_want ask_container(struct aws_login *l, struct arena *a, struct login_ask *out,
	struct err *e)
{
	const char *token = l->plan.authorization;

	if (*l->plan.token_file && !(token = token_of(l->plan.token_file, a, e)))
		return LOGIN_FAILED;
	ask_local(out, "GET", arena_strdup(a, l->plan.url));
	if (*token)
		ask_header(out, "Authorization", token);
	return LOGIN_HTTP;
}

static const char *sts_endpoint(struct aws_login *l, struct arena *a)
{
	return aws_endpoint(AWS_STS, &(struct aws_where){ .endpoint = "", .region = l->place.region,
		.env = l->place.env, .files = &l->files.config, .profile = aws_plan_profile(&l->place) }, a);
}

static enum login_want ask_sts(struct aws_login *l, const char *operation, const struct plan_role *r,
	const char *token, int64_t now_us, struct arena *a, struct login_ask *out, struct err *e)
{
	struct aws_call c = { .service = AWS_STS, .operation = operation };
	struct buf b;
	int failed;

	buf_init(&b, 64 * KIB);
	aws_param(&b, "RoleArn", r->arn);
	aws_param(&b, "RoleSessionName", *r->session ? r->session : "refire");
	if (*r->external_id)
		aws_param(&b, "ExternalId", r->external_id);
	if (r->seconds)
		aws_param(&b, "DurationSeconds", arena_fmt(a, "%lld", (long long)r->seconds));
	if (token)
		aws_param(&b, "WebIdentityToken", token);
	c.body = b.s;
	c.len = b.len;
	*out = (struct login_ask){ .what = aws_event_name(a, AWS_STS, operation),
		.timeout_us = STS_TIMEOUT_US };
	failed = aws_request_make(&c, sts_endpoint(l, a), l->place.region, token ? NULL : &l->keys, now_us,
		a, &out->request, e);
	explicit_bzero(b.s, b.len);
	buf_release(&b);
	return failed ? LOGIN_FAILED : LOGIN_HTTP;
}

static enum login_want ask_base(struct aws_login *l, int64_t now_us, struct arena *a,
	struct login_ask *out, struct err *e)
{
	const char *token;

	switch (l->plan.base) {
	case PLAN_PROCESS:
		*out = (struct login_ask){ .what = EVENT_LOCAL, .argv = l->plan.argv,
			.timeout_us = 60 * US_PER_S };
		return LOGIN_PROGRAM;
	case PLAN_WEB:
		token = token_of(l->plan.token_file, a, e);
		return token ? ask_sts(l, "AssumeRoleWithWebIdentity", &l->plan.web, token, now_us, a, out, e) :
			LOGIN_FAILED;
	case PLAN_CONTAINER:
		return ask_container(l, a, out, e);
	default:
		return LOGIN_FAILED;
	}
}

/* New ones cannot be had: those that are good still will do. */
static enum login_want failed(struct aws_login *l, int64_t now_us)
{
	begin_again(l);
	if (!l->have || (l->kept_until_us && now_us >= l->kept_until_us))
		return LOGIN_FAILED;
	l->again_us = now_us + AGAIN_US;
	return LOGIN_HAVE;
}

enum login_want aws_login_next(struct aws_login *l, int64_t now_us, struct arena *a,
	struct login_ask *out, struct err *e)
{
	enum login_want want;

	a->secret = true;
	if (aws_login_keys(l, now_us))
		return LOGIN_HAVE;
	if (l->phase == PHASE_BEGIN && begin(l, e))
		return failed(l, now_us);
	switch (l->phase) {
	case PHASE_DONE:
		keep(l);
		return LOGIN_HAVE;
	case PHASE_ROLE:
		want = ask_sts(l, "AssumeRole", &l->plan.roles[l->role], NULL, now_us, a, out, e);
		break;
	case PHASE_BASE:
		want = ask_base(l, now_us, a, out, e);
		break;
	default:
		want = ask_machine(l, a, out);
	}
	return want == LOGIN_FAILED ? failed(l, now_us) : want;
}

/* ---- what was answered ---- */

static const char *whom(const struct aws_login *l)
{
	return l->phase == PHASE_ROLE ? l->plan.roles[l->role].arn : l->plan.from;
}

static int refused(struct aws_login *l, const struct login_said *said, struct err *e)
{
	struct aws_fault f;
	enum aws_class class;

	aws_fault_read(NULL, said->body, said->len, &l->arena, &f);
	class = aws_fault_class(AWS_STS, said->status, &f);
	err_set(e, said->status == 0 || class == AWS_TRANSIENT || class == AWS_THROTTLED ? ERR_TEMP :
		ERR_PERM, "AWS credentials from %s: %s%s%.300s", whom(l), *f.code ? f.code : said->why,
		*f.code ? ": " : "", f.message);
	if (l->phase == PHASE_TOKEN && said->status == 0)
		err_set(e, ERR_TEMP, "no AWS credentials: none in the environment%s, no profile `%.60s` with keys in "
			"the files of AWS's tools, and no answer from this machine's metadata service; set "
			"`profile` of the pipeline, or credentials for this account",
			l->place.env.get ? "" : " (which a sender that a hook started does not read)",
			aws_plan_profile(&l->place));
	return -1;
}

static int take_text(struct aws_login *l, const struct login_said *said, const char **out,
	enum phase next, struct err *e)
{
	const char *s = arena_memdup(&l->arena, said->body, said->len);

	s = arena_memdup(&l->arena, s, strcspn(s, "\r\n"));
	if (!*s || strpbrk(s, " /?#"))
		return err_set(e, ERR_DATA, "AWS credentials from %s: this machine has no role", whom(l));
	*out = s;
	l->phase = next;
	return 0;
}

static int take_keys(struct aws_login *l, const struct login_said *said, struct err *e)
{
	bool sts = l->phase == PHASE_ROLE || l->plan.base == PLAN_WEB;
	int64_t until = 0;

	if ((sts ? login_read_sts : login_read_json)(said->body, said->len, &l->arena, &l->keys, &until, e))
		return err_wrap(e, "AWS credentials from %s", whom(l));
	if (!l->until_us || (until && until < l->until_us))
		l->until_us = until;
	l->role += l->phase == PHASE_ROLE;
	got_keys(l);
	return 0;
}

/* STS's own end decides for a role: keys it was asked with may expire before. */
static int said_well(struct aws_login *l, const struct login_said *said, struct err *e)
{
	switch (l->phase) {
	case PHASE_TOKEN:
		l->token = arena_memdup(&l->arena, said->body, said->len);
		l->phase = PHASE_NAME;
		return 0;
	case PHASE_NAME:
		return take_text(l, said, &l->name, PHASE_MACHINE, e);
	case PHASE_ROLE:
		l->until_us = 0;
		return take_keys(l, said, e);
	default:
		return take_keys(l, said, e);
	}
}

int aws_login_said(struct aws_login *l, int64_t now_us, const struct login_said *said,
	struct err *e)
{
	if (said->status == 200 ? !said_well(l, said, e) : refused(l, said, e) == 0)
		return 0;
	return failed(l, now_us) == LOGIN_HAVE ? 0 : -1;
}
