/* aws_plan.c - see aws_plan.h. */
#include "aws/aws_plan.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fs.h"

#define METADATA4 "http://169.254.169.254"
#define METADATA6 "http://[fd00:ec2::254]"
#define CONTAINER "http://169.254.170.2"
#define FILE_MAX (1 * MIB)

struct maker {
	const struct aws_place *p;
	const struct aws_files *f;
	struct arena *a;
	struct aws_plan *out;
	struct err *e;
};

static const char *env(const struct maker *m, const char *name)
{
	return aws_env_get(&m->p->env, name);
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

const char *aws_plan_profile(const struct aws_place *p)
{
	const char *name = *p->profile ? p->profile : aws_env_get(&p->env, "AWS_PROFILE");

	if (!*name)
		name = aws_env_get(&p->env, "AWS_DEFAULT_PROFILE");
	return *name ? name : "default";
}

/* ---- words ---- */

const char *const *aws_plan_words(struct arena *a, const char *line)
{
	size_t most = strlen(line) / 2 + 2, n = 0;
	const char **v = arena_alloc(a, most * sizeof *v);
	char *to = arena_alloc(a, strlen(line) + 2);

	for (;;) {
		char quote = 0;

		line += strspn(line, " \t");
		if (!*line)
			return v;
		v[n++] = to;
		for (; *line && (quote || !strchr(" \t", *line)); line++) {
			if (quote ? *line == quote : *line == '\'' || *line == '"')
				quote = quote ? 0 : *line;
			else if (*line == '\\' && quote != '\'' && line[1])
				*to++ = *++line;
			else
				*to++ = *line;
		}
		if (quote)
			return NULL;
		*to++ = '\0';
	}
}

/* ---- one source ---- */

static int set_keys(struct maker *m, const char *from, const char *access, const char *secret,
	const char *token)
{
	if (!secret || !*secret)
		return err_set(m->e, ERR_CONFIG, "AWS credentials: %s has an access key and no secret key",
			from);
	m->out->base = PLAN_KEYS;
	m->out->from = from;
	m->out->keys = (struct aws_keys){ arena_strdup(m->a, access), arena_strdup(m->a, secret),
		arena_strdup(m->a, or_empty(token)) };
	return 1;
}

/* 1 it is decided, 0 not there, -1 */
static int from_env(struct maker *m)
{
	const char *access = env(m, "AWS_ACCESS_KEY_ID");

	return *access ? set_keys(m, "the environment", access, env(m, "AWS_SECRET_ACCESS_KEY"),
		env(m, "AWS_SESSION_TOKEN")) : 0;
}

static int set_web(struct maker *m, const char *from, const char *arn, const char *file,
	const char *session)
{
	m->out->base = PLAN_WEB;
	m->out->from = from;
	m->out->token_file = file;
	m->out->web = (struct plan_role){ arn, "", *session ? session : m->p->session, 0 };
	return 1;
}

static int from_web_env(struct maker *m)
{
	const char *file = env(m, "AWS_WEB_IDENTITY_TOKEN_FILE"), *arn = env(m, "AWS_ROLE_ARN");

	return *file && *arn ? set_web(m, "AWS_WEB_IDENTITY_TOKEN_FILE", arn, file,
		env(m, "AWS_ROLE_SESSION_NAME")) : 0;
}

static int from_file(struct maker *m, const struct profiles *p, const char *section,
	const char *what)
{
	const char *access = profile_get(p, section, "aws_access_key_id", "");

	return access ? set_keys(m, arena_fmt(m->a, "[%s] of the %s file", section, what), access,
		profile_get(p, section, "aws_secret_access_key", ""),
		profile_get(p, section, "aws_session_token", "")) : 0;
}

static int from_process(struct maker *m, const char *section)
{
	const char *line = profile_get(&m->f->config, section, "credential_process", "");

	if (!line || !*line)
		return 0;
	m->out->base = PLAN_PROCESS;
	m->out->from = arena_fmt(m->a, "credential_process of [%s]", section);
	m->out->argv = aws_plan_words(m->a, line);
	return m->out->argv ? 1 : err_set(m->e, ERR_CONFIG, "%s: a quote is not closed", m->out->from);
}

static bool url_is(const char *url, const char *scheme_host)
{
	size_t n = strlen(scheme_host);

	return strncmp(url, scheme_host, n) == 0 && strchr("/:?", url[n]);
}

/* Over plain http only to this machine, and where containers keep it. */
static bool container_allowed(const char *url)
{
	static const char *const hosts[] = { "http://127.0.0.1", "http://localhost", "http://[::1]",
		CONTAINER, "http://169.254.170.23", "http://[fd00:ec2::23]", NULL };

	if (strncmp(url, "https://", 8) == 0)
		return true;
	for (size_t i = 0; hosts[i]; i++)
		if (url_is(url, hosts[i]))
			return true;
	return false;
}

static int from_container(struct maker *m)
{
	const char *relative = env(m, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = env(m, "AWS_CONTAINER_CREDENTIALS_FULL_URI");

	if (!*relative && !*full)
		return 0;
	if (!*relative && !container_allowed(full))
		return err_set(m->e, ERR_CONFIG, "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or http to "
			"this machine");
	m->out->base = PLAN_CONTAINER;
	m->out->from = "the container's endpoint";
	m->out->url = *relative ? arena_fmt(m->a, CONTAINER "%s%s", *relative == '/' ? "" : "/", relative) :
		arena_strdup(m->a, full);
	m->out->authorization = arena_strdup(m->a, env(m, "AWS_CONTAINER_AUTHORIZATION_TOKEN"));
	m->out->token_file = arena_strdup(m->a, env(m, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"));
	return 1;
}

static int from_machine(struct maker *m)
{
	const char *url = env(m, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
	bool v6 = strcasecmp(env(m, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"), "ipv6") == 0;
	size_t n = strlen(url);

	if (strcasecmp(env(m, "AWS_EC2_METADATA_DISABLED"), "true") == 0)
		return 0;
	m->out->base = PLAN_MACHINE;
	m->out->from = "this machine's metadata service";
	m->out->url = n ? arena_memdup(m->a, url, n - (url[n - 1] == '/')) : v6 ? METADATA6 : METADATA4;
	return 1;
}

/* ---- profiles ---- */

static int push_role(struct maker *m, const char *section)
{
	const struct profiles *c = &m->f->config;
	const char *seconds = profile_get(c, section, "duration_seconds", "");
	const char *session = profile_get(c, section, "role_session_name", "");

	if (m->out->nroles == PLAN_ROLES - 1)
		return err_set(m->e, ERR_CONFIG, "[%s] of the AWS config file: more than %d roles over one "
			"another, or source_profile goes in a circle", section, PLAN_ROLES - 1);
	m->out->roles[m->out->nroles++] = (struct plan_role){
		profile_get(c, section, "role_arn", ""), or_empty(profile_get(c, section, "external_id", "")),
		session ? session : m->p->session, seconds ? strtoll(seconds, NULL, 10) : 0 };
	if (profile_get(c, section, "mfa_serial", ""))
		return err_set(m->e, ERR_CONFIG, "[%s] of the AWS config file: mfa_serial asks a person, whom "
			"nobody is there to answer for; use a profile without it", section);
	return 0;
}

static int from_named_source(struct maker *m, const char *section, const char *source)
{
	int got = strcmp(source, "Environment") == 0 ? from_env(m) :
		strcmp(source, "EcsContainer") == 0 ? from_container(m) :
		strcmp(source, "Ec2InstanceMetadata") == 0 ? from_machine(m) : -2;

	if (got == -2)
		return err_set(m->e, ERR_CONFIG, "[%s] of the AWS config file: credential_source = %.60s is none of "
			"Environment, EcsContainer, Ec2InstanceMetadata", section, source);
	return got ? got : err_set(m->e, ERR_CONFIG, "[%s] of the AWS config file: credential_source = %s, "
		"and there is nothing", section, source);
}

static int from_keys_of(struct maker *m, const char *profile, const char *section)
{
	int got = from_file(m, &m->f->credentials, profile, "AWS credentials");

	if (!got)
		got = from_process(m, section);
	return got ? got : from_file(m, &m->f->config, section, "AWS config");
}

static int from_profile(struct maker *m, const char *profile);

static int from_role(struct maker *m, const char *profile, const char *section)
{
	const struct profiles *c = &m->f->config;
	const char *source = profile_get(c, section, "source_profile", ""), *named;
	const char *file = profile_get(c, section, "web_identity_token_file", "");
	int got;

	if (file)
		return set_web(m, arena_fmt(m->a, "web_identity_token_file of [%s]", section),
			profile_get(c, section, "role_arn", ""), file,
			or_empty(profile_get(c, section, "role_session_name", "")));
	if (push_role(m, section))
		return -1;
	named = profile_get(c, section, "credential_source", "");
	if (named)
		return from_named_source(m, section, named);
	if (!source)
		return err_set(m->e, ERR_CONFIG, "[%s] of the AWS config file: role_arn needs source_profile, "
			"credential_source or web_identity_token_file", section);
	got = strcmp(source, profile) == 0 ? from_keys_of(m, profile, section) : from_profile(m, source);
	return got ? got : err_set(m->e, ERR_CONFIG, "[%s] of the AWS config file: its source_profile `%.60s` "
		"has no credentials", section, source);
}

static int from_profile(struct maker *m, const char *profile)
{
	const char *section = profile_section(m->a, profile);

	if (profile_get(&m->f->config, section, "role_arn", ""))
		return from_role(m, profile, section);
	return from_keys_of(m, profile, section);
}

/* ---- the order ---- */

static int nothing(struct maker *m, const char *profile)
{
	return err_set(m->e, ERR_CONFIG, "no AWS credentials: none in the environment%s, no profile `%.60s` with "
		"keys in the files of AWS's tools, no container's endpoint, and the metadata service is "
		"switched off; set `profile` of the pipeline, or credentials for this account",
		m->p->env.get ? "" : " (which a sender that a hook started does not read)", profile);
}

/* Found first to last from the outermost: they are taken on the other way round. */
static void turn_roles(struct aws_plan *p)
{
	for (size_t i = 0; i < p->nroles / 2; i++) {
		struct plan_role r = p->roles[i];

		p->roles[i] = p->roles[p->nroles - 1 - i];
		p->roles[p->nroles - 1 - i] = r;
	}
}

int aws_plan_make(const struct aws_place *p, const struct aws_files *f, struct arena *a,
	struct aws_plan *out, struct err *e)
{
	struct maker m = { p, f, a, out, e };
	const char *profile = aws_plan_profile(p);
	int got = 0;

	*out = (struct aws_plan){ .from = "", .token_file = "", .authorization = "" };
	if (*p->profile && !profile_has(&f->config, profile_section(a, profile)) &&
	    !profile_has(&f->credentials, profile))
		return err_set(e, ERR_CONFIG, "the AWS profile `%.100s` is in neither of the files of AWS's "
			"tools", profile);
	if (!*p->profile)
		got = from_env(&m);
	if (!got && profile_get(&f->config, profile_section(a, profile), "role_arn", ""))
		got = from_profile(&m, profile);
	if (!got && !*p->profile)
		got = from_web_env(&m);
	if (!got)
		got = from_profile(&m, profile);
	if (!got)
		got = from_container(&m);
	if (!got)
		got = from_machine(&m);
	if (!got)
		got = nothing(&m, profile);
	if (got < 0)
		return -1;
	turn_roles(out);
	if (*p->role)
		out->roles[out->nroles++] = (struct plan_role){ p->role, p->external_id, p->session, 0 };
	return 0;
}

/* ---- the files ---- */

static int read_one(const char *path, struct arena *a, struct profiles *out, struct err *e)
{
	char *text;
	size_t n;
	int failed;

	if (fs_read_path(path, FILE_MAX, &text, &n, NULL, e))
		return e->code == ERR_NOENT ? 0 : -1;
	failed = profile_parse(path, text, n, a, out, e);
	explicit_bzero(text, n);
	free(text);
	return failed;
}

int aws_files_read(const struct aws_place *p, struct arena *a, struct aws_files *out, struct err *e)
{
	const char *config = aws_env_get(&p->env, "AWS_CONFIG_FILE");
	const char *credentials = aws_env_get(&p->env, "AWS_SHARED_CREDENTIALS_FILE");

	*out = (struct aws_files){ .config.n = 0 };
	if (!*config)
		config = arena_fmt(a, "%s/.aws/config", p->home);
	if (!*credentials)
		credentials = arena_fmt(a, "%s/.aws/credentials", p->home);
	return read_one(config, a, &out->config, e) || read_one(credentials, a, &out->credentials, e) ?
		-1 : 0;
}
