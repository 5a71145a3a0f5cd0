/*
 * test-aws.c - where keys and endpoints come from, what services' answers say: tables.
 */
#include <stdlib.h>
#include <string.h>

#include "aws/fault.h"
#include "aws/login.h"
#include "aws/xml.h"
#include "clock.h"
#include "tap.h"

/* An environment in a table. */
static const char *table_get(const char *name, void *arg)
{
	for (const char *const *v = arg; *v; v += 2)
		if (strcmp(v[0], name) == 0)
			return v[1];
	return NULL;
}

#define ENV(...) { table_get, (void *)(uintptr_t)(const char *const[]){ __VA_ARGS__, NULL } }
#define NO_ENV { table_get, (void *)(uintptr_t)(const char *const[]){ NULL } }

/* ---- files ---- */

static void test_profiles(void)
{
	static const char text[] = "# a comment\n[default]\naws_access_key_id = A ; kept? no\n"
		"secret=a=b\r\n[ profile  web ]\nregion = eu-west-1 # here\ns3 =\n"
		"  endpoint_url = http://s3\n  max = 3\nregion=eu-west-2\n"
		"[profile \"two words\"]\nx = #y\n[services local]\nsns =\n\tendpoint_url = http://sns\n";
	static const struct { const char *section, *key, *sub, *want; } cases[] = {
		{ "default", "aws_access_key_id", "", "A" }, { "default", "secret", "", "a=b" },
		{ "profile web", "region", "", "eu-west-2" }, { "profile web", "s3", "endpoint_url", "http://s3" },
		{ "profile web", "s3", "max", "3" }, { "profile two words", "x", "", "" },
		{ "services local", "sns", "endpoint_url", "http://sns" }, { "default", "region", "", NULL },
		{ "web", "region", "", NULL },
	};
	static const struct { const char *text, *want; } bad[] = {
		{ "[default\nx=y\n", "f:1: the closing ] is missing" },
		{ "x = y\n", "f:1: a key before the first [section]" },
		{ "[default]\nwhat is this\n", "f:2: expected key = value, or [section]" },
	};
	struct profiles p = { .n = 0 };
	struct arena a;
	struct err e;

	arena_init(&a);
	is_int(profile_parse("f", text, strlen(text), &a, &p, &e), 0, "a file is read");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		is_str(profile_get(&p, cases[i].section, cases[i].key, cases[i].sub), cases[i].want,
			"[%s] %s %s", cases[i].section, cases[i].key, cases[i].sub);
	ok(profile_has(&p, "profile web") && !profile_has(&p, "profile x"), "what is there");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct profiles none = { .n = 0 };

		is_int(profile_parse("f", bad[i].text, strlen(bad[i].text), &a, &none, &e), -1, "refused");
		is_str(e.text, bad[i].want, "and why");
	}
	ok(profile_parse("f", "[a]\0", 4, &a, &p, &e), "a NUL byte is refused");
	arena_release(&a);
}

static void test_words(void)
{
	struct arena a;
	const char *const *v;

	arena_init(&a);
	v = aws_plan_words(&a, "  /bin/x 'a b' \"c \\\" d\" e\\ f '' --g='h i'  ");
	is_str(v[0], "/bin/x", "a word");
	is_str(v[1], "a b", "in quotes");
	is_str(v[2], "c \" d", "in double quotes, with one");
	is_str(v[3], "e f", "a blank behind a backslash");
	is_str(v[4], "", "an empty one");
	is_str(v[5], "--g=h i", "quotes within");
	ok(!v[6], "and no more");
	ok(!aws_plan_words(&a, "a 'b"), "an open quote is refused");
	arena_release(&a);
}

/* ---- plans ---- */

static const char config_text[] =
	"[default]\nregion = eu-west-1\n"
	"[profile keys]\naws_access_key_id = CK\naws_secret_access_key = cs\n"
	"[profile proc]\ncredential_process = /bin/get 'x y'\n"
	"[profile role]\nrole_arn = arn:r\nsource_profile = stored\nexternal_id = ex\nrole_session_name = s1\n"
	"[profile deep]\nrole_arn = arn:deep\nsource_profile = role\n"
	"[profile self]\nrole_arn = arn:self\nsource_profile = self\naws_access_key_id = SK\naws_secret_access_key = ss\n"
	"[profile loop]\nrole_arn = arn:l\nsource_profile = loop2\n[profile loop2]\nrole_arn = arn:l2\nsource_profile = loop\n"
	"[profile web]\nrole_arn = arn:w\nweb_identity_token_file = /t\n"
	"[profile machine]\nrole_arn = arn:m\ncredential_source = Ec2InstanceMetadata\n"
	"[profile odd]\nrole_arn = arn:o\ncredential_source = Moon\n"
	"[profile bare]\nrole_arn = arn:b\n"
	"[profile mfa]\nrole_arn = arn:b\nmfa_serial = x\nsource_profile = keys\n"
	"[profile half]\naws_access_key_id = H\n";
static const char credentials_text[] =
	"[default]\naws_access_key_id = DK\naws_secret_access_key = ds\n"
	"[stored]\naws_access_key_id = FK\naws_secret_access_key = fs\naws_session_token = ft\n";

struct plan_case {
	const char *what, *profile, *role;
	struct aws_env env;
	bool empty;			/* no files */
	int base;			/* -1: refused */
	const char *want;		/* access key, URL, first word, or a part of the sentence */
	size_t nroles;
	const char *first_role;
};

static void check_plan(const struct plan_case *c)
{
	struct aws_place p = { c->profile, c->role, "", "sess", "eu-west-1", "/h", c->env };
	struct aws_files f = { .config.n = 0 };
	struct aws_plan plan;
	struct arena a;
	struct err e;
	int got;

	arena_init(&a);
	if (!c->empty) {
		profile_parse("config", config_text, strlen(config_text), &a, &f.config, &e);
		profile_parse("credentials", credentials_text, strlen(credentials_text), &a, &f.credentials, &e);
	}
	got = aws_plan_make(&p, &f, &a, &plan, &e);
	if (c->base < 0) {
		ok(got < 0 && strstr(e.text, c->want), "%s: %s", c->what, got < 0 ? e.text : "taken");
	} else if (ok(!got && (int)plan.base == c->base, "%s", c->what)) {
		is_str(plan.base == PLAN_KEYS ? plan.keys.access : plan.base == PLAN_PROCESS ? plan.argv[0] :
			plan.base == PLAN_WEB ? plan.token_file : plan.url, c->want, "%s: its source", c->what);
		is_int(plan.nroles, c->nroles, "%s: roles", c->what);
		if (c->nroles)
			is_str(plan.roles[0].arn, c->first_role, "%s: the first role", c->what);
	} else if (got) {
		note("%s", e.text);
	}
	arena_release(&a);
}

static void test_plans(void)
{
	const struct plan_case cases[] = {
		{ "the environment first", "", "", ENV("AWS_ACCESS_KEY_ID", "EK", "AWS_SECRET_ACCESS_KEY", "es"), 0,
		  PLAN_KEYS, "EK", 0, NULL },
		{ "but not when a profile is named", "stored", "", ENV("AWS_ACCESS_KEY_ID", "EK", "AWS_SECRET_ACCESS_KEY",
		  "es"), 0, PLAN_KEYS, "FK", 0, NULL },
		{ "half an environment", "", "", ENV("AWS_ACCESS_KEY_ID", "EK"), 0, -1, "the environment has an access key "
		  "and no secret", 0, NULL },
		{ "the default profile", "", "", NO_ENV, 0, PLAN_KEYS, "DK", 0, NULL },
		{ "AWS_PROFILE", "", "", ENV("AWS_PROFILE", "stored"), 0, PLAN_KEYS, "FK", 0, NULL },
		{ "keys in the config file", "keys", "", NO_ENV, 0, PLAN_KEYS, "CK", 0, NULL },
		{ "a program", "proc", "", NO_ENV, 0, PLAN_PROCESS, "/bin/get", 0, NULL },
		{ "a role over another profile", "role", "", NO_ENV, 0, PLAN_KEYS, "FK", 1, "arn:r" },
		{ "a role over a role", "deep", "", NO_ENV, 0, PLAN_KEYS, "FK", 2, "arn:r" },
		{ "a role over its own keys", "self", "", NO_ENV, 0, PLAN_KEYS, "SK", 1, "arn:self" },
		{ "the caller's role comes last", "deep", "arn:mine", NO_ENV, 0, PLAN_KEYS, "FK", 3, "arn:r" },
		{ "a circle", "loop", "", NO_ENV, 0, -1, "circle", 0, NULL },
		{ "a web identity of a profile", "web", "", NO_ENV, 0, PLAN_WEB, "/t", 0, NULL },
		{ "a web identity of the environment", "", "", ENV("AWS_WEB_IDENTITY_TOKEN_FILE", "/e", "AWS_ROLE_ARN",
		  "arn:e"), 0, PLAN_WEB, "/e", 0, NULL },
		{ "a role over the machine's", "machine", "", NO_ENV, 0, PLAN_MACHINE, "http://169.254.169.254", 1, "arn:m" },
		{ "an unknown source", "odd", "", NO_ENV, 0, -1, "credential_source = Moon is none of", 0, NULL },
		{ "a role over nothing", "bare", "", NO_ENV, 0, -1, "role_arn needs source_profile", 0, NULL },
		{ "a person's code", "mfa", "", NO_ENV, 0, -1, "mfa_serial", 0, NULL },
		{ "half a profile", "half", "", NO_ENV, 0, -1, "has an access key and no secret", 0, NULL },
		{ "a profile that is nowhere", "nope", "", NO_ENV, 0, -1, "the AWS profile `nope` is in neither", 0, NULL },
		{ "a container, by its path", "", "", ENV("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x"), 1,
		  PLAN_CONTAINER, "http://169.254.170.2/v2/x", 0, NULL },
		{ "a container, by its URL", "", "", ENV("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost:9/c"), 1,
		  PLAN_CONTAINER, "http://localhost:9/c", 0, NULL },
		{ "not to anywhere", "", "", ENV("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost.evil.org/c"), 1,
		  -1, "must be https, or http to this machine", 0, NULL },
		{ "the machine last", "", "", NO_ENV, 1, PLAN_MACHINE, "http://169.254.169.254", 0, NULL },
		{ "by IPv6", "", "", ENV("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6"), 1, PLAN_MACHINE,
		  "http://[fd00:ec2::254]", 0, NULL },
		{ "nothing at all", "", "", ENV("AWS_EC2_METADATA_DISABLED", "true"), 1, -1,
		  "no AWS credentials: none in the environment, no profile `default`", 0, NULL },
		{ "a hook's sender reads no environment", "", "", { NULL, NULL }, 1, PLAN_MACHINE, "http://169.254.169.254",
		  0, NULL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		check_plan(&cases[i]);
}

static void test_endpoints(void)
{
	static const char text[] = "[profile p]\nservices = l\nendpoint_url = http://all/\n"
		"[services l]\nelastic_beanstalk =\n  endpoint_url = http://eb\n";
	const struct { const char *what; enum aws_service s; const char *own, *region, *profile; struct aws_env env;
		const char *want; } cases[] = {
		{ "AWS's own", AWS_CODEPIPELINE, "", "eu-west-1", "d", NO_ENV, "https://codepipeline.eu-west-1.amazonaws.com" },
		{ "China", AWS_S3, "", "cn-north-1", "d", NO_ENV, "https://s3.cn-north-1.amazonaws.com.cn" },
		{ "iam has none of a region", AWS_IAM, "", "eu-west-1", "d", NO_ENV, "https://iam.amazonaws.com" },
		{ "the pipeline's", AWS_S3, "http://own/", "r", "p", ENV("AWS_ENDPOINT_URL", "http://e"), "http://own" },
		{ "the environment's for the service", AWS_EVENTS, "", "r", "p", ENV("AWS_ENDPOINT_URL", "http://e",
		  "AWS_ENDPOINT_URL_EVENTBRIDGE", "http://eb/"), "http://eb" },
		{ "the environment's", AWS_SNS, "", "r", "p", ENV("AWS_ENDPOINT_URL", "http://e"), "http://e" },
		{ "the profile's for the service", AWS_BEANSTALK, "", "r", "p", NO_ENV, "http://eb" },
		{ "the profile's", AWS_SNS, "", "r", "p", NO_ENV, "http://all" },
		{ "switched off", AWS_SNS, "", "r", "p", ENV("AWS_ENDPOINT_URL", "http://e",
		  "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "TRUE"), "https://sns.r.amazonaws.com" },
	};
	struct profiles p = { .n = 0 };
	struct arena a;
	struct err e;

	arena_init(&a);
	profile_parse("f", text, strlen(text), &a, &p, &e);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		is_str(aws_endpoint(cases[i].s, &(struct aws_where){ cases[i].own, cases[i].region, cases[i].env, &p,
			cases[i].profile }, &a), cases[i].want, "%s", cases[i].what);
	is_str(aws_arn_region(&a, "arn:aws:sns:eu-west-3:1:t"), "eu-west-3", "an ARN's region");
	ok(!aws_arn_region(&a, "arn:aws:s3:::b") && !aws_arn_region(&a, "name"), "some have none");
	arena_release(&a);
}

/* ---- answers ---- */

static void test_xml(void)
{
	static const char text[] = "<?xml version='1.0'?><!-- <Error><Code>no</Code></Error> -->"
		"<ns:R xmlns:ns='u'><Error><Type>Sender</Type><Code>A&amp;B</Code><Empty/>"
		"<Message>x &lt;y&gt; &#233;&#x20ac; <![CDATA[<raw>&amp;]]></Message></Error>"
		"<L><member><N>1</N></member><member><N>2</N></member></L></ns:R>";
	static const char *const broken[] = { "", "<", "<a", "<a>", "<a><", "</a>", "<a></", "<!--", "<![CDATA[",
		"<a>&#", "<a>&#xffffffffff;</a>", "<a/></a></a>", "<a><b></a>" };
	struct arena a;
	size_t n = strlen(text);

	arena_init(&a);
	is_str(xml_text(&a, text, n, "Error/Code", 0), "A&B", "a path's text, entities and all");
	is_str(xml_text(&a, text, n, "Message", 0), "x <y> \xc3\xa9\xe2\x82\xac <raw>&amp;", "numbers, CDATA");
	is_str(xml_text(&a, text, n, "R/Error/Empty", 0), "", "an empty element");
	is_str(xml_text(&a, text, n, "member/N", 1), "2", "the second of several");
	ok(!xml_text(&a, text, n, "member/N", 2) && !xml_text(&a, text, n, "rror/Code", 0), "what is not there");
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		xml_text(&a, broken[i], strlen(broken[i]), "a", 0);
		ok(true, "`%s` does no harm", broken[i]);
	}
	for (size_t i = 0; i < n; i++)
		xml_text(&a, text, i, "Error/Message", 0);
	ok(true, "nor does any beginning of it");
	arena_release(&a);
}

static void test_faults(void)
{
	static const struct { enum aws_service s; int status; const char *type, *body, *code, *message; int class; } cases[] = {
		{ AWS_CODEPIPELINE, 400, NULL, "{\"__type\":\"com.amazon#PipelineNotFoundException\",\"message\":\"m\"}",
		  "PipelineNotFoundException", "m", AWS_PERMANENT },
		{ AWS_CODEBUILD, 400, NULL, "{\"__type\":\"ThrottlingException\",\"Message\":\"Rate exceeded\"}",
		  "ThrottlingException", "Rate exceeded", AWS_THROTTLED },
		{ AWS_LAMBDA, 409, "ResourceConflictException:http://x", "{\"Type\":\"User\",\"message\":\"p\"}",
		  "ResourceConflictException", "p", AWS_TRANSIENT },
		{ AWS_S3, 404, NULL, "<?xml version=\"1.0\"?>\n<Error><Code>NoSuchBucket</Code><Message>n</Message></Error>",
		  "NoSuchBucket", "n", AWS_PERMANENT },
		{ AWS_S3, 503, NULL, "<Error><Code>SlowDown</Code></Error>", "SlowDown", "", AWS_THROTTLED },
		{ AWS_SNS, 403, NULL, "<ErrorResponse><Error><Code>AuthorizationError</Code><Message>not authorized</Message>"
		  "</Error></ErrorResponse>", "AuthorizationError", "not authorized", AWS_DENIED },
		{ AWS_CODEPIPELINE, 400, NULL, "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>",
		  "SignatureDoesNotMatch", "", AWS_CREDENTIAL },
		{ AWS_SNS, 403, NULL, "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>Signature expired: 1 is "
		  "now earlier than 2</Message></Error></ErrorResponse>", "SignatureDoesNotMatch",
		  "Signature expired: 1 is now earlier than 2", AWS_SKEWED },
		{ AWS_S3, 403, NULL, "<Error><Code>RequestTimeTooSkewed</Code></Error>", "RequestTimeTooSkewed", "", AWS_SKEWED },
		{ AWS_CLOUDFORMATION, 400, NULL, "<ErrorResponse><Error><Code>LimitExceededException</Code></Error></ErrorResponse>",
		  "LimitExceededException", "", AWS_PERMANENT },
		{ AWS_CLOUDFORMATION, 400, NULL, "<ErrorResponse><Error><Code>ValidationError</Code><Message>Stack:arn is in "
		  "UPDATE_IN_PROGRESS state and can not be updated.</Message></Error></ErrorResponse>", "ValidationError",
		  "Stack:arn is in UPDATE_IN_PROGRESS state and can not be updated.", AWS_TRANSIENT },
		{ AWS_CODEDEPLOY, 400, NULL, "{\"__type\":\"LimitExceededException\"}", "LimitExceededException", "", AWS_THROTTLED },
		{ AWS_STS, 403, NULL, "<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>", "ExpiredToken", "",
		  AWS_CREDENTIAL },
		{ AWS_EVENTS, 502, NULL, "<html>Bad gateway</html>", "", "", AWS_TRANSIENT },
		{ AWS_EVENTS, 400, NULL, "{broken", "", "", AWS_PERMANENT },
		{ AWS_SQS, 429, NULL, "", "", "", AWS_THROTTLED },
	};
	struct arena a;

	arena_init(&a);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct aws_fault f;

		aws_fault_read(cases[i].type, cases[i].body, strlen(cases[i].body), &a, &f);
		is_str(f.code, cases[i].code, "the code in %.40s", cases[i].body);
		is_str(f.message, cases[i].message, "its message");
		is_int(aws_fault_class(cases[i].s, cases[i].status, &f), cases[i].class, "its class");
	}
	ok(strstr(aws_fault_advice(AWS_S3, 403, &(struct aws_fault){ "AccessDenied", "" }), "IAM policy") != NULL,
		"a missing permission has its advice");
	arena_release(&a);
}

/* ---- the step machine ---- */

static const char sts_answer[] = "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>RK</AccessKeyId>"
	"<SecretAccessKey>rs</SecretAccessKey><SessionToken>rt</SessionToken><Expiration>2026-01-01T01:00:00Z</Expiration>"
	"</Credentials></AssumeRoleResult></AssumeRoleResponse>";
static const char machine_answer[] = "{\"Code\":\"Success\",\"AccessKeyId\":\"MK\",\"SecretAccessKey\":\"ms\","
	"\"Token\":\"mt\",\"Expiration\":\"2026-01-01T06:00:00Z\"}";

static int64_t moment(const char *iso)
{
	int64_t us = 0;

	clock_parse(iso, 0, &us);
	return us;
}

/* One step: what is asked is checked, answered. */
static int step(struct aws_login *l, int64_t now, const char *method, const char *url, int status,
	const char *body, struct err *e)
{
	struct login_ask ask;
	struct arena a;
	int got;

	arena_init(&a);
	is_int(aws_login_next(l, now, &a, &ask, e), LOGIN_HTTP, "it asks");
	is_str(ask.request.method, method, "the method");
	is_str(ask.request.url, url, "the URL");
	got = aws_login_said(l, now, &(struct login_said){ status, "HTTP", body, strlen(body) }, e);
	arena_release(&a);
	return got;
}

static void test_login(void)
{
	const struct aws_place p = { "", "arn:mine", "", "s", "eu-west-1", "/nonexistent", NO_ENV };
	struct aws_login *l = aws_login_new(&p);
	int64_t now = moment("2026-01-01T00:00:00Z");
	struct login_ask ask;
	struct arena a;
	struct err e;

	arena_init(&a);
	ok(!aws_login_keys(l, now), "no keys at first");
	is_int(step(l, now, "PUT", "http://169.254.169.254/latest/api/token", 200, "TOK", &e), 0, "the token");
	step(l, now, "GET", "http://169.254.169.254/latest/meta-data/iam/security-credentials/", 200, "web-role\n", &e);
	step(l, now, "GET", "http://169.254.169.254/latest/meta-data/iam/security-credentials/web-role", 200,
		machine_answer, &e);
	step(l, now, "POST", "https://sts.eu-west-1.amazonaws.com/", 200, sts_answer, &e);
	is_int(aws_login_next(l, now, &a, &ask, &e), LOGIN_HAVE, "then there are keys");
	is_str(aws_login_keys(l, now)->access, "RK", "the role's");
	is_str(aws_login_from(l), "this machine's metadata service, as arn:mine", "and where they are from");
	ok(aws_login_keys(l, moment("2026-01-01T00:54:00Z")) != NULL, "good until 5 minutes before they expire");
	now = moment("2026-01-01T00:56:00Z");
	ok(!aws_login_keys(l, now), "then they are to be renewed");
	is_int(step(l, now, "PUT", "http://169.254.169.254/latest/api/token", 0, "", &e), 0, "that fails");
	is_str(aws_login_keys(l, now)->access, "RK", "and they are good still");
	ok(!aws_login_keys(l, now + 31 * US_PER_S), "it is tried again soon");
	now = moment("2026-01-01T01:00:01Z");
	is_int(step(l, now, "PUT", "http://169.254.169.254/latest/api/token", 0, "", &e), -1, "after that there are none");
	ok(e.code == ERR_TEMP && strstr(e.text, "no answer from this machine's metadata service"), "%s", e.text);
	is_int(step(l, now, "PUT", "http://169.254.169.254/latest/api/token", 403, "", &e), -1, "version 1 alone");
	step(l, now, "PUT", "http://169.254.169.254/latest/api/token", 200, "T", &e);
	is_int(step(l, now, "GET", "http://169.254.169.254/latest/meta-data/iam/security-credentials/", 200, "", &e), -1,
		"a machine without a role");
	arena_release(&a);
	aws_login_free(l);
}

static void test_login_static(void)
{
	const struct aws_place p = { "", "", "", "s", "r", "/nonexistent", ENV("AWS_ACCESS_KEY_ID", "EK",
		"AWS_SECRET_ACCESS_KEY", "es", "AWS_SESSION_TOKEN", "et") };
	struct aws_login *l = aws_login_new(&p);
	struct login_ask ask;
	struct arena a;
	struct err e;

	arena_init(&a);
	is_int(aws_login_next(l, 1, &a, &ask, &e), LOGIN_HAVE, "keys of the environment");
	is_str(aws_login_keys(l, 1)->token, "et", "with their session");
	aws_login_drop(l);
	ok(!aws_login_keys(l, 1), "refused ones are dropped");
	is_int(aws_login_next(l, 1, &a, &ask, &e), LOGIN_HAVE, "and looked for anew");
	arena_release(&a);
	aws_login_free(l);
}

static void test_read(void)
{
	static const struct { const char *text, *want; } cases[] = {
		{ "a warning\n{\"Version\":1,\"AccessKeyId\":\"P\",\"SecretAccessKey\":\"s\"}\n", NULL },
		{ "", "it is no JSON" }, { "{}", "there is no access key and secret key in it" },
		{ "{\"Code\":\"Failed\",\"Message\":\"m\"}", "Failed: m" },
		{ "{\"AccessKeyId\":\"P\",\"SecretAccessKey\":\"s\",\"Expiration\":\"soon\"}", "its time of expiry `soon` is none" },
	};
	struct aws_keys k;
	struct arena a;
	struct err e;
	int64_t until;

	arena_init(&a);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int got = login_read_json(cases[i].text, strlen(cases[i].text), &a, &k, &until, &e);

		is_str(got ? e.text : NULL, cases[i].want, "%.30s", cases[i].text);
	}
	arena_release(&a);
}

int main(void)
{
	plan_none();
	test_profiles();
	test_words();
	test_plans();
	test_endpoints();
	test_xml();
	test_faults();
	test_login();
	test_login_static();
	test_read();
	return tap_done();
}
