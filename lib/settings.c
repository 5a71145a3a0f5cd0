/* settings.c - see settings.h. First the table, then one parser a type. */
#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "config.h"
#include "glob.h"
#include "kinds.h"

static const char *const on_choices[] = { "push", "tag", "delete", NULL };
static const char *const mode_choices[] = { "queued", "superseded", "parallel", NULL };
static const char *const approval_choices[] = { "none", "required", NULL };
static const char *const credentials_choices[] = { "git", "none", NULL };
static const char *const baseline_choices[] = { "silent", "fire", NULL };
static const char *const trigger_choices[] = { "notify", "build", "generic", NULL };
static const char *const tls_choices[] = { "1.2", "1.3", NULL };
static const char *const target_choices[] = {
#define X(name, keys) name,
	KIND_LIST(X)
#undef X
	NULL,
};
static const char *const format_choices[] = { "generic", "github", "gitlab", "gitea", "standard",
	"cloudevents", "cloudevents-binary", "cdevents", "codecommit", "template",
	NULL };

_Static_assert(ON_PUSH == 1 << 0 && ON_TAG == 1 << 1 && ON_DELETE == 1 << 2,
	"on_choices stand in the order of the bits");
_Static_assert(APPROVAL_NONE == 0 && APPROVAL_REQUIRED == 1,
	"approval_choices stand in the order of enum approval");
_Static_assert(MODE_QUEUED == 0 && MODE_SUPERSEDED == 1 && MODE_PARALLEL == 2,
	"mode_choices stand in the order of enum pipeline_mode");
_Static_assert(BASELINE_SILENT == 0 && BASELINE_FIRE == 1,
	"baseline_choices stand in the order of enum baseline");

_Static_assert(TRIGGER_NOTIFY == 0 && TRIGGER_BUILD == 1 && TRIGGER_GENERIC == 2,
	"trigger_choices stand in the order of enum trigger");
_Static_assert(CREDENTIALS_GIT == 0 && CREDENTIALS_NONE == 1,
	"credentials_choices stand in the order of enum credential_source");

#define MS (US_PER_S / 1000)
#define HOUR (3600 * US_PER_S)
#define DAY (24 * HOUR)

#define REFIRE(key, kind, field) .name = key, .section = SECTION_REFIRE, .type = kind, \
	.offset = offsetof(struct config, field)
#define REPOSITORY(key, kind, field) .name = key, .section = SECTION_REPOSITORY, .type = kind, \
	.offset = offsetof(struct repository, field)
#define PIPELINE(key, kind, field) .name = key, .section = SECTION_PIPELINE, .type = kind, \
	.offset = offsetof(struct pipeline, field)

const struct setting settings[] = {
	{ REFIRE("state-dir", SETTING_PATH, state_dir), .def = "/var/lib/refire",
	  .help = "Where the spool, the queue and the trail are; its owner does all sending. "
		"In a user's own ~/.config/refire/refire.conf the default is "
		"~/.local/state/refire." },
	{ REFIRE("include", SETTING_STRING, include),
	  .help = "Further configuration files, read where this stands: a path relative to "
		"this file, whose last part may be a pattern, as in conf.d/*.conf." },
	{ REFIRE("queue-keep", SETTING_TIME, queue_keep_us), .def = "30d", .min = 8 * DAY,
	  .max = 3650 * DAY,
	  .help = "How long the queue keeps what is settled, for `refire queue` and `refire explain`; "
		"the sender prunes what is older. The trail keeps its records." },
	{ REFIRE("account-id", SETTING_STRING, account_id), .def = "000000000000",
	  .help = "Twelve digits: recipientAccountId in the trail." },
	{ REFIRE("region", SETTING_STRING, region), .def = "us-east-1",
	  .help = "awsRegion in the trail." },
	{ REFIRE("trail-seal", SETTING_BOOL, trail_seal), .def = "yes",
	  .help = "Whether the sender seals the trail by the hour: compressed files, and signed "
		"digests over them." },
	{ REFIRE("trail-bucket", SETTING_STRING, trail_bucket), .def = "refire",
	  .help = "The bucket that digests name: where state-dir/trail/refire is copied to, if it "
		"is." },
	{ REFIRE("trail-witness", SETTING_LIST, trail_witness),
	  .help = "Where the head of the chain of digests is noted, so that removing the newest ones "
		"shows: syslog, and files (absolute paths) on other disks or machines." },
	{ REFIRE("operators", SETTING_LIST, operators),
	  .help = "Unix users, beside root and the owner of state-dir, whose commands (fire, "
		"retry, drop) are carried out." },
	{ REFIRE("approvers", SETTING_LIST, approvers),
	  .help = "Unix users who may approve and reject the deliveries of pipelines with "
		"approval = required that name none of their own. Nobody else may, root and the "
		"owner of state-dir neither." },
	{ REFIRE("pushers", SETTING_STRING, pushers),
	  .help = "The Unix group whose members may drop changes into the spool; unset, only "
		"the owner of state-dir may." },
	{ REFIRE("concurrency", SETTING_INT, concurrency), .def = "32", .min = 1, .max = 4096,
	  .help = "How many attempts may be under way at once." },
	{ REFIRE("give-up", SETTING_TIME, give_up_us), .def = "5d", .min = US_PER_S,
	  .max = 365 * DAY,
	  .help = "How long after its first attempt a delivery is tried again before it is "
		"FAILED." },
	{ REFIRE("reconcile-interval", SETTING_TIME, watch_interval_us), .def = "60s",
	  .min = US_PER_S, .max = DAY,
	  .help = "How often `refire poll --watch` compares each repository that has a path or "
		"a root with what was accepted." },
	{ REFIRE("proxy", SETTING_STRING, proxy),
	  .help = "The proxy that pipelines' requests go through: http://, https:// or "
		"socks5h://, host and port. Never taken from the environment." },
	{ REFIRE("proxy-login-file", SETTING_PATH, proxy_login_file),
	  .help = "File with user:password for the proxy." },
	{ REFIRE("polls-per-host", SETTING_INT, polls_per_host), .def = "8", .min = 1, .max = 256,
	  .help = "How many polls may be under way at one host at once, whoever's repositories they "
		"are." },
	{ REFIRE("deny-addresses", SETTING_ADDRESSES, deny_addresses),
	  .help = "Addresses and networks that no pipeline's requests may go to, beside those that "
		"are always refused: link-local, and where clouds keep a machine's credentials." },
	{ REFIRE("allow-addresses", SETTING_ADDRESSES, allow_addresses),
	  .help = "Addresses and networks that requests may go to although they are refused by "
		"deny-addresses here, or always." },
	{ REFIRE("user-agent", SETTING_STRING, user_agent), .def = "refire/" REFIRE_VERSION,
	  .help = "The User-Agent header of all requests." },

	{ REPOSITORY("path", SETTING_PATH, path),
	  .help = "The repository on this machine: a bare one, or a work tree." },
	{ REPOSITORY("root", SETTING_PATH, root),
	  .help = "A directory: every repository below it belongs to this section, whose name "
		"ends in *; team/* with root /srv/git/team makes /srv/git/team/a.git "
		"repository team/a." },
	{ REPOSITORY("url", SETTING_STRING, url),
	  .help = "A remote to poll, by http, https, ssh (also user@host:path) or git." },
	{ REPOSITORY("poll-interval", SETTING_TIME, poll_interval_us), .def = "60s",
	  .min = US_PER_S, .max = 30 * DAY,
	  .help = "How often the url is polled." },
	{ REPOSITORY("poll-timeout", SETTING_TIME, poll_timeout_us), .def = "60s",
	  .min = 100 * MS, .max = HOUR,
	  .help = "How long one poll may take." },
	{ REPOSITORY("baseline", SETTING_CHOICE, baseline), .def = "silent",
	  .choices = baseline_choices,
	  .help = "What refs do that are seen by poll or reconcile for the first time: silent "
		"only remembers them, fire treats them as new." },
	{ REPOSITORY("web-url", SETTING_STRING, web_url),
	  .help = "Where people look at the repository; goes into payloads." },
	{ REPOSITORY("ssh-key", SETTING_PATH, ssh_key),
	  .help = "Private key for an ssh url; default: what ssh itself would use." },
	{ REPOSITORY("known-hosts", SETTING_PATH, known_hosts),
	  .help = "Host keys for an ssh url; default: ssh's own files. An unknown host is an "
		"error, never a question." },
	{ REPOSITORY("username", SETTING_STRING, username),
	  .help = "User name for an http url, with token-file." },
	{ REPOSITORY("token-file", SETTING_PATH, token_file),
	  .help = "File with the password or token for an http url." },
	{ REPOSITORY("credentials", SETTING_CHOICE, credentials), .def = "git",
	  .choices = credentials_choices,
	  .help = "Whom to ask when an http url wants a user name and a password, and no "
		"token-file is set: git, the credential helpers of the account that polls; none, "
		"nobody." },
	{ REPOSITORY("ca-file", SETTING_PATH, ca_file),
	  .help = "Certificates (PEM) to trust for an https url, in place of the system's." },
	{ REPOSITORY("tls-cert", SETTING_PATH, tls_cert),
	  .help = "Certificate (PEM) to show to an https url that asks for one." },
	{ REPOSITORY("tls-key", SETTING_PATH, tls_key),
	  .help = "Its private key, without a passphrase; default: it stands in tls-cert." },
	{ REPOSITORY("mirror", SETTING_BOOL, mirror), .def = "no",
	  .help = "With yes, the commits and trees of a url are kept in state-dir/mirror, so that "
		"path filters and lists of commits work for it as for a path." },
	{ REPOSITORY("mirror-timeout", SETTING_TIME, mirror_timeout_us), .def = "10m",
	  .min = US_PER_S, .max = DAY,
	  .help = "How long one fetch into the mirror may take, the first one included; after that "
		"what was seen is reported without commits and paths." },

	{ PIPELINE("repository", SETTING_GLOBS, repository),
	  .help = "The repositories it watches: names, or patterns over names. Required." },
	{ PIPELINE("on", SETTING_FLAGS, on), .choices = on_choices,
	  .help = "Which changes start it: a branch made or moved (push), a tag made or moved "
		"(tag), a branch or tag removed (delete). Default: push; tag when only tags "
		"are given; both when branches and tags are." },
	{ PIPELINE("branches", SETTING_GLOBS, branches),
	  .help = "Only these branches: * ? ** [a-z] [!a] {a,b}, as in CodePipeline. Default: "
		"all." },
	{ PIPELINE("branches-exclude", SETTING_GLOBS, branches_exclude),
	  .help = "Not these branches, even where branches names them." },
	{ PIPELINE("tags", SETTING_GLOBS, tags),
	  .help = "Only these tags. Default: all." },
	{ PIPELINE("tags-exclude", SETTING_GLOBS, tags_exclude),
	  .help = "Not these tags, even where tags names them." },
	{ PIPELINE("paths", SETTING_GLOBS, paths),
	  .help = "Only when a changed file matches one of these. Tags, deletions and what "
		"could not be computed match always." },
	{ PIPELINE("paths-exclude", SETTING_GLOBS, paths_exclude),
	  .help = "Changed files that match do not count." },
	{ PIPELINE("mode", SETTING_CHOICE, mode), .def = "queued", .choices = mode_choices,
	  .help = "For each ref: queued sends one after the other, superseded lets the newest "
		"waiting update overtake older ones, parallel does not order." },
	{ PIPELINE("approval", SETTING_CHOICE, approval), .def = "none", .choices = approval_choices,
	  .help = "With required, a delivery is HELD until one of approvers says `refire approve`." },
	{ PIPELINE("approvers", SETTING_LIST, approvers),
	  .help = "Unix users who may approve and reject its deliveries. Default: approvers in "
		"[refire]." },
	{ PIPELINE("approval-timeout", SETTING_TIME, approval_timeout_us), .def = "7d",
	  .min = US_PER_S, .max = 365 * DAY,
	  .help = "How long a delivery waits for approval before it is FAILED." },
	{ PIPELINE("concurrency", SETTING_INT, concurrency), .min = 1, .max = 4096,
	  .help = "How many of its attempts may be under way at once. Default: three quarters of "
		"concurrency in [refire], so that a slow receiver leaves slots to others." },
	{ PIPELINE("rate", SETTING_RATE, spacing_us),
	  .help = "How many of its attempts may begin in a time, as in 10/s, 600/m, 90/h. Default: "
		"any number." },
	{ PIPELINE("retry-schedule", SETTING_TIMES, retry_schedule),
	  .def = "5s, 30s, 2m, 10m, 30m, 2h, 5h, 10h", .min = 100 * MS, .max = 7 * DAY,
	  .help = "How long to wait after each failed attempt, give or take a fifth; the last goes "
		"on until give-up." },
	{ PIPELINE("give-up", SETTING_TIME, give_up_us), .min = US_PER_S, .max = 365 * DAY,
	  .help = "How long after its first attempt a delivery is tried again. Default: give-up in "
		"[refire]." },
	{ PIPELINE("rejected-tries", SETTING_INT, rejected_tries), .def = "3", .min = 1, .max = 1000,
	  .help = "How often in all a delivery is tried that the receiver refuses (4xx), before it is "
		"FAILED." },
	{ PIPELINE("breaker-failures", SETTING_INT, breaker_failures), .def = "10", .min = 0,
	  .max = 1000000,
	  .help = "After how many failures in a row, of more than one delivery, its receiver counts "
		"as down: then one delivery at a time probes it, the others wait and none is given "
		"up; 0: never." },
	{ PIPELINE("enabled", SETTING_BOOL, enabled), .def = "yes",
	  .help = "With no, nothing starts it, and the trail says why." },
	{ PIPELINE("target", SETTING_STRING, target), .choices = target_choices,
	  .help = "The kind of receiver. Required." },
	{ PIPELINE("url", SETTING_STRING, url),
	  .help = "Where requests go, http or https: of a webhook the whole address, else where the "
		"service is." },
	{ PIPELINE("url-file", SETTING_PATH, url_file),
	  .help = "File with the url, where the url itself is the secret." },
	{ PIPELINE("format", SETTING_STRING, format), .def = "generic", .choices = format_choices,
	  .help = "The payload's dialect." },
	{ PIPELINE("template-file", SETTING_PATH, template_file),
	  .help = "JSON with placeholders: the payload of format = template." },
	{ PIPELINE("secret-file", SETTING_PATH, secret_file),
	  .help = "File with the secret that signs requests. Unset: they are not signed." },
	{ PIPELINE("headers", SETTING_LIST, headers),
	  .help = "Further headers, each Name: value; \\, is a comma in a value." },
	{ PIPELINE("header-file", SETTING_PATH, header_file),
	  .help = "File of further headers, one a line, for those whose values are secret, such as "
		"Authorization: Bearer ..." },
	{ PIPELINE("timeout", SETTING_TIME, timeout_us), .def = "30s", .min = 100 * MS,
	  .max = HOUR,
	  .help = "How long one request may take, from start to the end of the answer." },
	{ PIPELINE("connect-timeout", SETTING_TIME, connect_timeout_us), .def = "5s",
	  .min = 100 * MS, .max = HOUR,
	  .help = "How long making the connection may take." },
	{ PIPELINE("ca-file", SETTING_PATH, ca_file),
	  .help = "Certificates (PEM) to trust for an https url, in place of the system's." },
	{ PIPELINE("tls-verify", SETTING_BOOL, tls_verify), .def = "yes",
	  .help = "With no, any certificate is accepted: for tests only." },
	{ PIPELINE("tls-min", SETTING_CHOICE, tls_min), .def = "1.2", .choices = tls_choices,
	  .help = "The oldest version of TLS that is spoken." },
	{ PIPELINE("tls-cert", SETTING_PATH, tls_cert),
	  .help = "Certificate (PEM) to show to the receiver, its chain behind it." },
	{ PIPELINE("tls-key", SETTING_PATH, tls_key),
	  .help = "The key of tls-cert (PEM, not encrypted). Unset: it is in tls-cert." },
	{ PIPELINE("http2", SETTING_BOOL, http2), .def = "yes",
	  .help = "With no, HTTP/2 is not offered to an https url: for receivers whose HTTP/2 is "
		"broken." },
	{ PIPELINE("proxy", SETTING_STRING, proxy),
	  .help = "The proxy to go through: http://, https:// or socks5h://, host and port. Unset: "
		"the one in [refire]; none: directly." },
	{ PIPELINE("proxy-login-file", SETTING_PATH, proxy_login_file),
	  .help = "File with user:password for its proxy. Unset: the one in [refire], where the "
		"proxy is that one's." },
	{ PIPELINE("deny-addresses", SETTING_ADDRESSES, deny_addresses),
	  .help = "Addresses and networks that its requests may not go to; it comes before both "
		"lists in [refire]." },
	{ PIPELINE("allow-addresses", SETTING_ADDRESSES, allow_addresses),
	  .help = "Addresses and networks that its requests may go to, whatever refuses them." },
	{ PIPELINE("trigger", SETTING_CHOICE, trigger), .choices = trigger_choices,
	  .help = "How Jenkins starts its jobs: notify, build or generic." },
	{ PIPELINE("project", SETTING_STRING, project),
	  .help = "What is to be started there, as the service names it: OWNER/REPOSITORY, a number, a "
		"slug, a namespace." },
	{ PIPELINE("job", SETTING_STRING, job),
	  .help = "The job or pipeline in it: FOLDER/NAME of Jenkins, the number of an Azure pipeline, "
		"the name of a Tekton Pipeline." },
	{ PIPELINE("workflow", SETTING_STRING, workflow),
	  .help = "The file of the workflow that is dispatched, such as build.yml." },
	{ PIPELINE("event-type", SETTING_STRING, event_type),
	  .help = "The type of a repository_dispatch event; starts workflows that wait for it." },
	{ PIPELINE("run-ref", SETTING_STRING, run_ref),
	  .help = "The branch or tag that the service is asked to run. Default: the one that was "
		"pushed." },
	{ PIPELINE("variables", SETTING_LIST, variables),
	  .help = "What the pipeline is given, each NAME=value, with placeholders: parameters, inputs, "
		"variables, whatever the service calls them." },
	{ PIPELINE("git-url", SETTING_STRING, git_url),
	  .help = "The repository's address as the jobs of Jenkins have it. Default: url of the "
		"repository." },
	{ PIPELINE("username", SETTING_STRING, username),
	  .help = "The user of Jenkins whose API token is in token-file." },
	{ PIPELINE("token-file", SETTING_PATH, token_file),
	  .help = "File with the token that the service knows us by." },
	{ PIPELINE("app-id", SETTING_STRING, app_id),
	  .help = "The id, or client id, of a GitHub App that asks in place of a token." },
	{ PIPELINE("app-key-file", SETTING_PATH, app_key_file),
	  .help = "The private key (PEM) of the GitHub App." },
	{ PIPELINE("installation-id", SETTING_STRING, installation_id),
	  .help = "The number of the App's installation. Default: asked for." },
	{ PIPELINE("command", SETTING_LIST, command),
	  .help = "The program to run, and its arguments, separated by commas; no shell is between. "
		"Arguments may have placeholders." },
	{ PIPELINE("directory", SETTING_PATH, directory),
	  .help = "The directory to run it in. Default: /." },
	{ PIPELINE("environment", SETTING_LIST, environment),
	  .help = "Further variables of its environment, each NAME=value." },
	{ PIPELINE("run-timeout", SETTING_TIME, run_timeout_us), .def = "10m", .min = 100 * MS,
	  .max = DAY,
	  .help = "How long it may run before it and all that it started are ended." },
	{ .name = NULL },
};

const char *settings_section_name(enum setting_section s)
{
	static const char *const names[SECTION_COUNT] = {
		[SECTION_REFIRE] = "refire",
		[SECTION_REPOSITORY] = "repository",
		[SECTION_PIPELINE] = "pipeline",
	};

	return names[s];
}

const char *settings_type_name(enum setting_type t)
{
	switch (t) {
	case SETTING_STRING: return "text";
	case SETTING_PATH: return "path";
	case SETTING_BOOL: return "yes or no";
	case SETTING_INT: return "number";
	case SETTING_TIME: return "time";
	case SETTING_TIMES: return "times";
	case SETTING_RATE: return "rate";
	case SETTING_CHOICE: return "word";
	case SETTING_FLAGS: return "words";
	case SETTING_LIST: return "list";
	case SETTING_ADDRESSES: return "addresses";
	case SETTING_GLOBS: return "patterns";
	}
	return "";
}

const struct setting *settings_find(enum setting_section s, const char *key)
{
	for (const struct setting *t = settings; t->name; t++)
		if (t->section == s && strcmp(t->name, key) == 0)
			return t;
	return NULL;
}

/* ---- lists ---- */

static void list_add(struct arena *a, struct list *l, const char *s, size_t n)
{
	const char **v;

	while (n && (*s == ' ' || *s == '\t'))
		s++, n--;
	while (n && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	if (n == 0)
		return;
	if ((l->n & (l->n - 1)) == 0) {		/* grows at powers of two */
		v = (const char **)arena_alloc(a, (l->n ? 2 * l->n : 1) * sizeof *v);
		if (l->n)
			memcpy(v, l->v, l->n * sizeof *v);
		l->v = v;
	}
	l->v[l->n++] = arena_memdup(a, s, n);
}

/* `\,` in an element stands for a comma. */
static void list_unescape(struct arena *a, struct list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		char *s = arena_strdup(a, l->v[i]), *to = s;

		for (const char *from = l->v[i]; *from; from++)
			if (from[0] != '\\' || from[1] != ',')
				*to++ = *from;
		*to = '\0';
		l->v[i] = s;
	}
}

struct list settings_list(struct arena *a, const char *value)
{
	struct list l = { NULL, 0 };
	const char *s = value;

	for (; *value; value++)
		if (*value == ',' && (value == s || value[-1] != '\\')) {
			list_add(a, &l, s, (size_t)(value - s));
			s = value + 1;
		}
	list_add(a, &l, s, (size_t)(value - s));
	list_unescape(a, &l);
	return l;
}

struct list settings_globs(struct arena *a, const char *value)
{
	struct list l = { NULL, 0 };
	bool group = false, set = false;
	const char *s = value;

	for (; *value; value++) {
		if (*value == ',' && !group && !set) {
			list_add(a, &l, s, (size_t)(value - s));
			s = value + 1;
		} else if (set) {
			set = *value != ']';
		} else if (*value == '\\' && value[1]) {
			value++;
		} else if (*value == '[') {
			set = true;
		} else if (*value == '{' || *value == '}') {
			group = *value == '{';
		}
	}
	list_add(a, &l, s, (size_t)(value - s));
	return l;
}

/* ---- one parser a type ---- */

static int find_word(const char *const *words, const char *word)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -1;
}

static int bad_word(const char *const *words, const char *word, struct err *e)
{
	const char *near = conf_nearest(word, words);
	struct buf b;

	if (near)
		return err_set(e, ERR_CONFIG, "`%.60s` is not known; did you mean `%s`?", word, near);
	buf_init(&b, LIMIT_ERR);
	for (int i = 0; words[i]; i++)
		buf_fmt(&b, "%s%s", i ? ", " : "", words[i]);
	err_set(e, ERR_CONFIG, "`%.60s` is not known; expected %s", word, b.s);
	buf_release(&b);
	return -1;
}

static int parse_choice(const char *const *choices, const char *value, int *out, struct err *e)
{
	*out = find_word(choices, value);
	return *out < 0 ? bad_word(choices, value, e) : 0;
}

static int parse_flags(const char *const *choices, struct arena *a, const char *value,
	unsigned *out, struct err *e)
{
	struct list l = settings_list(a, value);

	*out = 0;
	for (size_t i = 0; i < l.n; i++) {
		int bit = find_word(choices, l.v[i]);

		if (bit < 0)
			return bad_word(choices, l.v[i], e);
		*out |= 1u << bit;
	}
	return 0;
}

static int parse_bool(const char *value, bool *out, struct err *e)
{
	static const char *const words[] = { "yes", "no", "true", "false", "on", "off", NULL };
	int i = find_word(words, value);

	*out = i >= 0 && i % 2 == 0;
	return i < 0 ? bad_word(words, value, e) : 0;
}

/* Digits, then a unit: 0 and rest points at the unit; -1 no number, or too large. */
static int parse_digits(const char *value, int64_t *n, char **rest)
{
	long long v;

	if (*value < '0' || *value > '9')
		return -1;
	errno = 0;
	v = strtoll(value, rest, 10);
	*n = v;
	return errno ? -1 : 0;
}

static int parse_int(const struct setting *t, const char *value, int64_t *out, struct err *e)
{
	char *rest;

	if (parse_digits(value, out, &rest) || *rest || *out < t->min || *out > t->max)
		return err_set(e, ERR_CONFIG, "expected a number from %lld to %lld, not `%.60s`",
			(long long)t->min, (long long)t->max, value);
	return 0;
}

static int64_t time_unit(const char *unit)
{
	static const struct { const char *name; int64_t us; } units[] = {
		{ "", US_PER_S }, { "s", US_PER_S }, { "ms", MS }, { "m", 60 * US_PER_S },
		{ "h", HOUR }, { "d", DAY },
	};

	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strcmp(units[i].name, unit) == 0)
			return units[i].us;
	return 0;
}

/* A bound in the largest unit that shows it whole. */
static const char *time_text(struct arena *a, int64_t us)
{
	return us % DAY == 0 ? arena_fmt(a, "%lldd", (long long)(us / DAY)) :
		us % HOUR == 0 ? arena_fmt(a, "%lldh", (long long)(us / HOUR)) :
		us % US_PER_S == 0 ? arena_fmt(a, "%llds", (long long)(us / US_PER_S)) :
		arena_fmt(a, "%lldms", (long long)(us / MS));
}

static int parse_time(const struct setting *t, struct arena *a, const char *value, int64_t *out,
	struct err *e)
{
	int64_t n, unit;
	char *rest;

	if (parse_digits(value, &n, &rest) || !(unit = time_unit(rest)))
		return err_set(e, ERR_CONFIG, "expected a time such as 500ms, 30s, 5m, 2h or 1d, "
			"not `%.60s`", value);
	if (n > INT64_MAX / unit || n * unit < t->min || n * unit > t->max)
		return err_set(e, ERR_CONFIG, "%.60s is outside of %s to %s", value,
			time_text(a, t->min), time_text(a, t->max));
	*out = n * unit;
	return 0;
}

static int parse_times(const struct setting *t, struct arena *a, const char *value,
	struct backoff *out, struct err *e)
{
	struct list l = settings_list(a, value);
	int64_t *us = arena_alloc(a, (l.n + 1) * sizeof *us);

	for (size_t i = 0; i < l.n; i++)
		if (parse_time(t, a, l.v[i], &us[i], e))
			return -1;
	*out = (struct backoff){ us, l.n };
	return 0;
}

static int parse_rate(const char *value, int64_t *out, struct err *e)
{
	int64_t n, unit = 0;
	char *rest;

	if (!parse_digits(value, &n, &rest) && n > 0 && n <= 1000000 && rest[0] == '/' &&
	    rest[1] && strchr("smh", rest[1]) && !rest[2])
		unit = time_unit(rest + 1);
	if (!unit)
		return err_set(e, ERR_CONFIG, "expected a rate such as 10/s, 600/m or 90/h, at most "
			"1000000, not `%.60s`", value);
	*out = unit / n;
	return 0;
}

static int parse_globs(struct arena *a, const char *value, struct list *out, struct err *e)
{
	*out = settings_globs(a, value);
	for (size_t i = 0; i < out->n; i++)
		if (glob_check(out->v[i], e))
			return -1;
	return 0;
}

static int parse_addresses(struct arena *a, const char *value, struct address_list *out,
	struct err *e)
{
	struct list l = settings_list(a, value);

	out->v = arena_alloc(a, (l.n + 1) * sizeof *out->v);
	out->n = l.n;
	for (size_t i = 0; i < l.n; i++)
		if (address_block_parse(l.v[i], &out->v[i], e))
			return -1;
	return 0;
}

static const char *parse_path(struct arena *a, const char *file, const char *value)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");

	if (strncmp(value, "%d/", 3) == 0)	/* as in a systemd unit; only the service has it */
		return credentials ? arena_fmt(a, "%s%s", credentials, value + 2) : value;
	if (*value == '/' || !strchr(file, '/'))
		return value;
	return arena_fmt(a, "%s/%s", dirname(arena_strdup(a, file)), value);
}

static int parse_string(const struct setting *t, const char *value, const char **out,
	struct err *e)
{
	*out = value;
	return t->choices && find_word(t->choices, value) < 0 ?
		bad_word(t->choices, value, e) : 0;
}

static int parse_setting(const struct setting *t, struct arena *a, const char *file,
	const char *value, void *object, struct err *e)
{
	void *at = (char *)object + t->offset;

	switch (t->type) {
	case SETTING_STRING:
		return parse_string(t, value, (const char **)at, e);
	case SETTING_PATH:
		*(const char **)at = parse_path(a, file, value);
		return 0;
	case SETTING_BOOL:
		return parse_bool(value, (bool *)at, e);
	case SETTING_INT:
		return parse_int(t, value, (int64_t *)at, e);
	case SETTING_TIME:
		return parse_time(t, a, value, (int64_t *)at, e);
	case SETTING_TIMES:
		return parse_times(t, a, value, (struct backoff *)at, e);
	case SETTING_RATE:
		return parse_rate(value, (int64_t *)at, e);
	case SETTING_CHOICE:
		return parse_choice(t->choices, value, (int *)at, e);
	case SETTING_FLAGS:
		return parse_flags(t->choices, a, value, (unsigned *)at, e);
	case SETTING_LIST:
		*(struct list *)at = settings_list(a, value);
		return 0;
	case SETTING_ADDRESSES:
		return parse_addresses(a, value, (struct address_list *)at, e);
	case SETTING_GLOBS:
		return parse_globs(a, value, (struct list *)at, e);
	}
	return err_set(e, ERR_BUG, "a setting of no known type");
}

void settings_defaults(enum setting_section s, struct arena *a, void *object)
{
	for (const struct setting *t = settings; t->name; t++) {
		if (t->section != s)
			continue;
		if (t->def)
			parse_setting(t, a, "", t->def, object, NULL);
		else if (t->type == SETTING_STRING || t->type == SETTING_PATH)
			*(const char **)(void *)((char *)object + t->offset) = "";
	}
}

/* ---- unknown keys ---- */

static int bad_key(enum setting_section s, const struct conf_item *item, struct err *e)
{
	const char *names[sizeof settings / sizeof *settings], *near;
	size_t n = 0;

	for (const struct setting *t = settings; t->name; t++) {
		if (t->section == s)
			names[n++] = t->name;
		else if (strcmp(t->name, item->key) == 0)
			return err_set(e, ERR_CONFIG, "%s:%d: `%s` belongs in a [%s] section, "
				"not in [%s]", item->file, item->line, item->key,
				settings_section_name(t->section), settings_section_name(s));
	}
	names[n] = NULL;
	near = conf_nearest(item->key, names);
	if (near)
		return err_set(e, ERR_CONFIG, "%s:%d: unknown key `%s` in [%s]; did you mean `%s`?",
			item->file, item->line, item->key, settings_section_name(s), near);
	return err_set(e, ERR_CONFIG, "%s:%d: unknown key `%s` in [%s]; see refire.conf(5)",
		item->file, item->line, item->key, settings_section_name(s));
}

/* Nothing is meant by `branches =`: it would start for every branch. */
static bool is_empty(const struct setting *t, struct arena *a, const char *value)
{
	bool list = t->type == SETTING_LIST || t->type == SETTING_GLOBS ||
		t->type == SETTING_FLAGS || t->type == SETTING_TIMES ||
		t->type == SETTING_ADDRESSES;

	return list ? settings_list(a, value).n == 0 : *value == '\0';
}

int settings_apply(enum setting_section s, struct arena *a, const struct conf_item *item,
	void *object, struct err *e)
{
	const struct setting *t = settings_find(s, item->key);

	if (!t)
		return bad_key(s, item, e);
	if (is_empty(t, a, item->value))
		return err_set(e, ERR_CONFIG, "%s:%d: `%s` has no value; leave the line out for the "
			"default", item->file, item->line, item->key);
	if (parse_setting(t, a, item->file, item->value, object, e))
		return err_wrap(e, "%s:%d: `%s`", item->file, item->line, item->key);
	return 0;
}
