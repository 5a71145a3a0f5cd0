/* test-config.c - the configuration: values, defaults, every refusal, looking up. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "config.h"
#include "fs.h"
#include "limits.h"
#include "tap.h"

#define REPO "[repository web]\npath = /srv/git/web.git\n"
#define PIPE "[pipeline p]\nrepository = web\ntarget = webhook\n"
#define URL "url = https://ci.example.org/hook\n"

/* ---- refusals ---- */

static const struct {
	const char *text, *want;
} bad[] = {
	/* sections */
	{ "[pipline x]\n", "t:1: unknown section [pipline]; did you mean [pipeline]?" },
	{ "[targets]\n", "t:1: unknown section [targets]; there are [refire], [repository NAME] "
	  "and [pipeline NAME]" },
	{ "[refire x]\n", "t:1: [refire] takes no name" },
	{ "[repository]\n", "t:1: [repository] needs a name, as in [repository web]" },
	/* keys */
	{ PIPE "brnaches = main\n", "t:4: unknown key `brnaches` in [pipeline]; did you mean "
	  "`branches`?" },
	{ PIPE "colour = red\n", "t:4: unknown key `colour` in [pipeline]; see refire.conf(5)" },
	{ "[refire]\nbranches = x\n", "t:2: `branches` belongs in a [pipeline] section, not in "
	  "[refire]" },
	{ REPO "state-dir = /x\n", "t:3: `state-dir` belongs in a [refire] section, not in "
	  "[repository]" },
	{ PIPE "Branches = x\n", "t:4: unknown key `Branches` in [pipeline]; did you mean "
	  "`branches`?" },
	/* types */
	{ "[refire]\nconcurrency = 0\n", "t:2: `concurrency`: expected a number from 1 to 4096, "
	  "not `0`" },
	{ "[refire]\nconcurrency = 8x\n", "t:2: `concurrency`: expected a number from 1 to 4096, "
	  "not `8x`" },
	{ "[refire]\nconcurrency = 99999999999999999999\n", "t:2: `concurrency`: expected a number "
	  "from 1 to 4096, not `99999999999999999999`" },
	{ "[refire]\ngive-up = soon\n", "t:2: `give-up`: expected a time such as 500ms, 30s, 5m, "
	  "2h or 1d, not `soon`" },
	{ "[refire]\ngive-up = 5 d\n", "t:2: `give-up`: expected a time such as 500ms, 30s, 5m, "
	  "2h or 1d, not `5 d`" },
	{ "[refire]\ngive-up = -5d\n", "t:2: `give-up`: expected a time such as 500ms, 30s, 5m, "
	  "2h or 1d, not `-5d`" },
	{ "[refire]\ngive-up = 999999999999999d\n", "t:2: `give-up`: 999999999999999d is outside "
	  "of 1s to 365d" },
	{ PIPE "timeout = 99ms\n", "t:4: `timeout`: 99ms is outside of 100ms to 1h" },
	{ PIPE "enabled = maybe\n", "t:4: `enabled`: `maybe` is not known; expected yes, no, true, "
	  "false, on, off" },
	{ PIPE "mode = queue\n", "t:4: `mode`: `queue` is not known; did you mean `queued`?" },
	{ PIPE "on = push, tags\n", "t:4: `on`: `tags` is not known; did you mean `tag`?" },
	{ PIPE "format = xml\n", "t:4: `format`: `xml` is not known; expected generic, github, gitlab, gitea, standard, cloudevents, cloudevents-binary, cdevents, codecommit, template" },
	{ "[pipeline p]\ntarget = webhok\n", "t:2: `target`: `webhok` is not known; did you mean "
	  "`webhook`?" },
	{ PIPE "branches = main, [x\n", "t:4: `branches`: pattern `[x`, column 1: the [ has no ]" },
	{ PIPE "paths =\n", "t:4: `paths` has no value; leave the line out for the default" },
	{ PIPE "paths = , ,\n", "t:4: `paths` has no value; leave the line out for the default" },
	/* [refire] */
	{ "[refire]\naccount-id = 12345678901\n", "t:2: `account-id` has exactly 12 digits" },
	{ "[refire]\naccount-id = 12345678901x\n", "t:2: `account-id` has exactly 12 digits" },
	{ "[refire]\nregion = EU/west\n", "t:2: `region` is a name such as eu-west-1" },
	{ "[refire]\nstate-dir = var/refire\n", "t:2: `state-dir` must be an absolute path" },
	{ "[refire]\nuser-agent = a\tb\n", "t:2: `user-agent` is at most 1024 bytes, without tabs" },
	/* [repository] */
	{ "[repository web]\n", "t:1: repository `web` needs one of `path` (on this machine), `root` "
	  "(all below a directory) or `url` (polled)" },
	{ "[repository t/*]\nroot = /a\npath = /b\n", "t:2: `root` stands alone: a section with it "
	  "has no `path` and no `url`" },
	{ "[repository t/*]\npath = /a\n", "t:1: a name with * is for a section with `root`" },
	{ "[repository t]\nroot = /a\n", "t:1: the name of a section with `root` ends in its only *, "
	  "as in [repository team/*]" },
	{ "[repository */t*]\nroot = /a\n", "t:1: the name of a section with `root` ends in its only "
	  "*, as in [repository team/*]" },
	{ "[repository web]\npath = web.git\n", "t:2: `path` must be an absolute path" },
	{ "[repository ../x]\npath = /x\n", "t:1: `../x` cannot be a name: at most 99 bytes, "
	  "relative, without `..`, `//`, commas and * ? [ ] { } \\, and not beginning with -" },
	{ "[repository ../*]\nroot = /x\n", "t:1: `../x` cannot be a name: at most 99 bytes, "
	  "relative, without `..`, `//`, commas and * ? [ ] { } \\, and not beginning with -" },
	{ "[repository a]\npath = /x\n[repository b]\npath = /x/\n", "t:4: repository `a` has this "
	  "path already" },
	{ "[repository w]\nurl = ftp://x/y\n", "t:2: `url` must begin with http:// or https://, "
	  "ssh:// or git:// (or be user@host:path) and name a host" },
	{ "[repository w]\nurl = ssh://-oProxyCommand=x/y\n", "t:2: `url` must begin with http:// or "
	  "https://, ssh:// or git:// (or be user@host:path) and name a host" },
	{ "[repository w]\nurl = ssh://git@-oProxyCommand=x/y\n", "t:2: `url` must begin with "
	  "http:// or https://, ssh:// or git:// (or be user@host:path) and name a host" },
	{ "[repository w]\nurl = -oProxyCommand=x:y\n", "t:2: `url` must begin with http:// or "
	  "https://, ssh:// or git:// (or be user@host:path) and name a host" },
	{ "[repository w]\nurl = git@-x:y\n", "t:2: `url` must begin with http:// or https://, "
	  "ssh:// or git:// (or be user@host:path) and name a host" },
	{ "[repository w]\nurl = https:///x\n", "t:2: `url` must begin with http:// or https://, "
	  "ssh:// or git:// (or be user@host:path) and name a host" },
	{ "[repository w]\nurl = https://x/a b\n", "t:2: `url` has a blank or another byte that a "
	  "URL cannot have; write it as %XX" },
	{ REPO "web-url = git@host:x\n", "t:3: `web-url` must begin with http:// or https:// and "
	  "name a host" },
	{ REPO "username = a:b\n", "t:3: `username` cannot have a colon or a tab" },
	/* [pipeline] */
	{ REPO "[pipeline p]\ntarget = webhook\n" URL, "t:3: pipeline `p` needs `repository`: what "
	  "it watches" },
	{ REPO "[pipeline p]\nrepository = web\n" URL, "t:3: pipeline `p` needs `target`, such as "
	  "target = webhook" },
	{ REPO PIPE, "t:3: pipeline `p` needs `url` or `url-file`, as target = webhook always does" },
	{ REPO PIPE URL "command = /bin/true\n", "t:7: `command` means nothing to target = webhook; "
	  "it is for exec" },
	{ REPO "[pipeline p]\nrepository = web\ntarget = exec\n", "t:3: pipeline `p` needs `command`, "
	  "as target = exec always does" },
	{ REPO "[pipeline p]\nrepository = web\ntarget = exec\ncommand = x\nformat = github\n",
	  "t:7: `format` means nothing to target = exec; it is for webhook" },
	{ REPO PIPE URL "url-file = /x\n", "t:7: `url` or `url-file`: one of them, not both" },
	{ REPO PIPE "url = ssh://x/y\n", "t:6: `url` must begin with http:// or https:// and name a "
	  "host" },
	{ REPO PIPE "url = file:///etc/passwd\n", "t:6: `url` must begin with http:// or https:// "
	  "and name a host" },
	{ REPO "[pipeline p]\nrepository = wbe\ntarget = webhook\n" URL, "t:4: no [repository] "
	  "matches `wbe`; did you mean `web`?" },
	{ REPO "[pipeline p]\nrepository = web, other\ntarget = webhook\n" URL, "t:4: no "
	  "[repository] matches `other`; add a section [repository other]" },
	{ REPO "[repository t/*]\nroot = /r\n[pipeline p]\nrepository = u/*\ntarget = webhook\n" URL,
	  "t:6: no [repository] matches `u/*`; did you mean `t/*`?" },
	{ REPO PIPE URL "branches = main release\n", "t:7: `branches`: no ref has a blank in its "
	  "name; separate patterns by commas: `main release`" },
	{ REPO PIPE URL "headers = Authorization\n", "t:7: `headers`: expected Name: value, separated "
	  "by commas (\\, is a comma in a value)" },
	{ REPO PIPE URL "headers = A B: x\n", "t:7: `headers`: expected Name: value, separated by "
	  "commas (\\, is a comma in a value)" },
	{ REPO PIPE URL "headers = X-A: 1, host: evil\n", "t:7: `headers`: refire sets `host` itself" },
	{ REPO PIPE URL "headers = X-Hub-Signature-256: x\n", "t:7: `headers`: refire sets "
	  "`X-Hub-Signature-256` itself" },
	{ REPO "[pipeline /p]\nrepository = web\n", "t:3: `/p` cannot be a name: at most 99 bytes, "
	  "relative, without `..`, `//`, commas and * ? [ ] { } \\, and not beginning with -" },
	{ "[repository far]\nurl = https://x/y\n[pipeline p]\nrepository = *\ntarget = webhook\n" URL
	  "paths-exclude = x\n", "t:7: pipeline `p`: `paths-exclude` cannot be used with repository "
	  "`far`: it has only a `url`, so there are no objects here to see which files changed; give "
	  "the repository `mirror = yes`, or a `path`" },
};

static void test_bad(void)
{
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct config *c = NULL;
		struct err e = { .text = "" };

		is_int(config_parse_text("t", bad[i].text, &c, &e), -1, "refused, case %zu", i);
		is_str(e.text, bad[i].want, "its sentence");
		is_int(e.code, ERR_CONFIG, "its code");
		ok(c == NULL, "nothing comes out");
		config_free(c);
	}
}

/* The values of secrets do not get into sentences. */
static void test_silence(void)
{
	static const char *const texts[] = {
		REPO PIPE "url = gopher://hush/?token=hush\n",
		REPO PIPE "url = https://h/a b?token=hush\n",
		REPO PIPE URL "headers = Host: hush\n",
		REPO PIPE URL "headers = hush\n",
		"[repository w]\nurl = ftp://a:hush@x/y\n",
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct config *c = NULL;
		struct err e = { .text = "" };

		ok(config_parse_text("t", texts[i], &c, &e) && !strstr(e.text, "hush"),
			"no value is shown, case %zu", i);
	}
}

/* ---- values ---- */

static struct config *load(const char *text)
{
	struct config *c = NULL;
	struct err e = { .text = "" };

	ok(config_parse_text("t", text, &c, &e) == 0, "it is taken: %s", e.text);
	return c;
}

static void test_defaults(void)
{
	struct config *c = load(REPO PIPE URL);
	const struct pipeline *p;

	if (!c)
		return;
	p = c->pipelines;
	is_str(c->state_dir, "/var/lib/refire", "state-dir");
	is_str(c->account_id, "000000000000", "account-id");
	is_str(c->region, "us-east-1", "region");
	is_str(c->user_agent, "refire/" REFIRE_VERSION, "user-agent");
	is_str(c->pushers, "", "pushers");
	is_int(c->operators.n, 0, "operators");
	is_int(c->concurrency, 32, "concurrency");
	is_int(c->give_up_us, 5 * 86400 * US_PER_S, "give-up");
	is_int(c->watch_interval_us, 60 * US_PER_S, "reconcile-interval");
	is_int(c->repositories[0].poll_interval_us, 60 * US_PER_S, "poll-interval");
	is_int(c->repositories[0].baseline, BASELINE_SILENT, "baseline");
	is_str(c->repositories[0].url, "", "url of a repository");
	is_int(p->on, 0, "on");
	is_int(p->mode, MODE_QUEUED, "mode");
	is_str(p->format, "generic", "format");
	is_str(p->secret_file, "", "secret-file");
	ok(p->enabled && p->tls_verify, "enabled and tls-verify");
	is_int(p->timeout_us, 30 * US_PER_S, "timeout");
	is_int(p->connect_timeout_us, 5 * US_PER_S, "connect-timeout");
	is_int(p->line, 3, "the section's line");
	config_free(c);
}

static void test_values(void)
{
	struct config *c = load("[refire]\nstate-dir = //var/./lib//x/\noperators = alice, bob,\n"
		"concurrency = 4096\ngive-up = 90\n" REPO "baseline = fire\npoll-timeout = 100ms\n"
		PIPE URL "on = delete, push\nmode = parallel\nenabled = off\n"
		"branches = {a,b}, [c,d], e\\,f,\n  g ; a note\n"
		"headers = Accept: a\\, b, X-Y: z\ntimeout = 2m\n");
	const struct pipeline *p;

	if (!c)
		return;
	p = c->pipelines;
	is_str(c->state_dir, "/var/lib/x", "a path is tidied");
	is_int(c->operators.n, 2, "a list, with a comma too many");
	is_str(c->operators.v[1], "bob", "its second");
	is_int(c->concurrency, 4096, "a number at its bound");
	is_int(c->give_up_us, 90 * US_PER_S, "a bare number is seconds");
	is_int(c->repositories[0].baseline, BASELINE_FIRE, "a choice");
	is_int(c->repositories[0].poll_timeout_us, US_PER_S / 10, "milliseconds");
	is_int(p->on, ON_PUSH | ON_DELETE, "flags");
	is_int(p->mode, MODE_PARALLEL, "another choice");
	ok(!p->enabled, "off is no");
	is_int(p->branches.n, 4, "commas inside of a pattern do not separate");
	is_str(p->branches.v[0], "{a,b}", "a group");
	is_str(p->branches.v[1], "[c,d]", "a set");
	is_str(p->branches.v[2], "e\\,f", "an escape");
	is_str(p->branches.v[3], "g", "on the next line");
	is_int(p->headers.n, 2, "headers");
	is_str(p->headers.v[0], "Accept: a, b", "a comma in a value");
	is_int(p->timeout_us, 120 * US_PER_S, "minutes");
	config_free(c);
}

static void test_urls(void)
{
	static const char *const good[] = { "http://h", "https://h:8443/x.git", "HTTPS://h/x",
		"https://user@h/x", "https://[::1]:80/", "ssh://git@h:22/srv/x.git", "git@h:x.git",
		"h:x.git", "ssh://h/~/x", "git://h/x" };

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct config *c = NULL;
		struct err e = { .text = "" };
		char text[256];

		snprintf(text, sizeof text, "[repository w]\nurl = %s\n", good[i]);
		ok(config_parse_text("t", text, &c, &e) == 0, "%s is a url %s", good[i], e.text);
		config_free(c);
	}
}

/* Every default is a good value; every key belongs to its section once. */
static void test_table(void)
{
	for (const struct setting *t = settings; t->name; t++) {
		struct conf_item item = { "", "", t->name, t->def, "t", 1 };
		union {
			struct config c;
			struct repository r;
			struct pipeline p;
		} object;
		struct err e = { .text = "" };
		struct arena a;

		arena_init(&a);
		memset(&object, 0, sizeof object);
		ok(settings_find(t->section, t->name) == t, "%s %s stands once",
			settings_section_name(t->section), t->name);
		ok(t->help && strlen(t->help) > 10 && t->help[strlen(t->help) - 1] == '.',
			"%s has a sentence of help", t->name);
		ok(*settings_type_name(t->type), "%s has a type", t->name);
		if (t->def)
			is_int(settings_apply(t->section, &a, &item, &object, &e), 0,
				"%s: its default is good: %s", t->name, e.text);
		arena_release(&a);
	}
}

/* ---- looking up ---- */

static const char lookup[] =
	"[repository web]\npath = /srv/git/web.git\n"
	"[repository tree]\npath = /srv/tree\n"
	"[repository far]\nurl = https://h/x\n"
	"[repository *]\nroot = /srv/git\n"
	"[repository team/*]\nroot = /srv/git/team\n";

static const struct {
	const char *dir, *section, *name;
} at[] = {
	{ "/srv/git/web.git", "web", "web" },
	{ "/srv/tree/.git", "tree", "tree" },
	{ "/srv/tree", "tree", "tree" },
	{ "/srv/tree/.github", NULL, NULL },
	{ "/srv/git/other.git", "*", "other" },
	{ "/srv/git/plain", "*", "plain" },
	{ "/srv/git/work/.git", "*", "work" },
	{ "/srv/git/deep/er.git", "*", "deep/er" },
	{ "/srv/git/team/a.git", "team/*", "team/a" },
	{ "/srv/git/team/b/c.git", "team/*", "team/b/c" },
	{ "/srv/git/team.git", "*", "team" },
	{ "/srv/git/teams/a.git", "*", "teams/a" },
	{ "/srv/git", NULL, NULL },
	{ "/srv/gitx/a.git", NULL, NULL },
	{ "/srv/git/a,b.git", NULL, NULL },
	{ "/srv/git/x\ny.git", NULL, NULL },
	{ "/", NULL, NULL },
};

static void test_at(const struct config *c)
{
	for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
		char name[LIMIT_PATH] = "unset";
		const struct repository *r = config_repository_at(c, at[i].dir, name);

		is_str(r ? r->name : NULL, at[i].section, "the section of %s", at[i].dir);
		if (r)
			is_str(name, at[i].name, "the name of %s", at[i].dir);
	}
}

static void test_names(const struct config *c)
{
	static const char *const cases[][2] = {
		{ "web", "web" }, { "far", "far" }, { "other", "*" }, { "team/a", "team/*" },
		{ "team/a/b", "team/*" }, { "teams", "*" }, { "../etc", NULL }, { "a/../b", NULL },
		{ "/etc", NULL }, { "", NULL }, { "a//b", NULL }, { "team/", NULL }, { "*", NULL },
		{ "team/*", NULL }, { "-x", NULL }, { "a/.", NULL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct repository *r = config_repository(c, cases[i][0]);

		is_str(r ? r->name : NULL, cases[i][1], "the section for `%s`", cases[i][0]);
	}
}

static void test_git_dir(const struct config *c)
{
	static const char *const cases[][2] = {
		{ "web", "/srv/git/web.git" }, { "team/a", "/srv/git/team/a.git" },
		{ "other", "/srv/git/other.git" }, { "far", NULL }, { "../x", NULL },
	};
	char out[LIMIT_PATH];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		is_str(config_git_dir(c, cases[i][0], out) ? NULL : out, cases[i][1],
			"the directory of `%s`", cases[i][0]);
}

static void test_lookup(void)
{
	struct config *c = load(lookup);

	if (!c)
		return;
	test_at(c);
	test_names(c);
	test_git_dir(c);
	config_free(c);
	c = load(REPO "[pipeline p q]\nrepository = w*, x\ntarget = webhook\n" URL
		"[repository x]\nurl = https://h/x\n");
	if (!c)
		return;
	ok(config_pipeline(c, "p q") == c->pipelines, "a pipeline by name");
	ok(!config_pipeline(c, "p"), "none of another name");
	ok(pipeline_watches(c->pipelines, "web"), "a glob over names");
	ok(!pipeline_watches(c->pipelines, "a/web"), "* does not cross /");
	config_free(c);
}

/* ---- files ---- */

static char dir[] = "/tmp/test-config-XXXXXX";

static const char *in_dir(struct arena *a, const char *name)
{
	return arena_fmt(a, "%s/%s", dir, name);
}

static void put(struct arena *a, const char *name, const char *text)
{
	struct err e;

	if (fs_replace(in_dir(a, name), 0644, text, strlen(text), &e))
		ok(false, "write %s: %s", name, e.text);
}

static void test_found(struct arena *a, const char *given, const char *path, const char *state)
{
	struct config *c = NULL;
	struct err e = { .text = "" };

	is_int(config_load(given, &c, &e), 0, "%s is found: %s", path, e.text);
	is_str(c ? c->path : NULL, in_dir(a, path), "its path");
	is_str(c ? c->state_dir : NULL, state, "its state-dir");
	config_free(c);
}

static void test_search(struct arena *a)
{
	struct config *c = NULL;
	struct err e = { .text = "" };

	setenv("HOME", dir, 1);
	unsetenv("REFIRE_CONFIG");
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("XDG_STATE_HOME");
	if (access("/etc/refire/refire.conf", F_OK) != 0) {
		is_int(config_load(NULL, &c, &e), -1, "no configuration");
		is_int(e.code, ERR_CONFIG, "its code");
		ok(strstr(e.text, "/etc/refire/refire.conf") && strstr(e.text, dir),
			"it says where it looked: %s", e.text);
		put(a, ".config/refire/refire.conf", "[refire]\n");
		test_found(a, NULL, ".config/refire/refire.conf",
			in_dir(a, ".local/state/refire"));
		setenv("XDG_STATE_HOME", "/xs", 1);
		test_found(a, NULL, ".config/refire/refire.conf", "/xs/refire");
		setenv("XDG_STATE_HOME", "relative", 1);
	}
	put(a, ".config/refire/refire.conf", "[refire]\n");
	test_found(a, in_dir(a, ".config/refire/refire.conf"), ".config/refire/refire.conf",
		in_dir(a, ".local/state/refire"));
	put(a, ".config/refire/refire.conf", "[refire]\nstate-dir = /s\n");
	test_found(a, in_dir(a, ".config/refire/refire.conf"), ".config/refire/refire.conf", "/s");
	put(a, "named.conf", "[refire]\n");
	setenv("REFIRE_CONFIG", in_dir(a, "named.conf"), 1);
	test_found(a, NULL, "named.conf", "/var/lib/refire");
	put(a, "given.conf", "[refire]\nstate-dir = st\n");
	test_found(a, in_dir(a, "given.conf"), "given.conf", in_dir(a, "st"));
	is_int(config_load(in_dir(a, "gone.conf"), &c, &e), -1, "a named file that is gone");
	is_int(e.code, ERR_CONFIG, "its code");
}

/* Paths in the file are relative to it; a symbolic link to a repository is
   the repository; what is there decides which directory a name below root has. */
static void test_places(struct arena *a)
{
	struct config *c = NULL;
	struct err e = { .text = "" };
	char out[LIMIT_PATH], name[LIMIT_PATH];

	mkdir(in_dir(a, "real.git"), 0755);
	mkdir(in_dir(a, "tree"), 0755);
	mkdir(in_dir(a, "tree/.git"), 0755);
	put(a, "real.git/HEAD", "ref: refs/heads/main\n");
	put(a, "tree/.git/HEAD", "ref: refs/heads/main\n");
	ok(symlink("real.git", in_dir(a, "link.git")) == 0, "a symbolic link");
	put(a, "places.conf", "[repository link]\npath = link.git\n[repository t/*]\nroot = .\n"
		"[pipeline p]\nrepository = t/*\ntarget = webhook\nurl-file = u\n"
		"secret-file = /abs\n");
	is_int(config_load(in_dir(a, "places.conf"), &c, &e), 0, "places: %s", e.text);
	if (!c)
		return;
	is_str(c->repositories[0].path, in_dir(a, "link.git"), "a path beside its file");
	is_str(c->pipelines[0].url_file, in_dir(a, "u"), "a file beside its file");
	is_str(c->pipelines[0].secret_file, "/abs", "an absolute one");
	ok(config_repository_at(c, in_dir(a, "real.git"), name) == c->repositories &&
		strcmp(name, "link") == 0, "the link's target is `link`: %s", name);
	is_int(config_git_dir(c, "t/tree", out), 0, "a work tree below root");
	is_str(out, in_dir(a, "tree/.git"), "its git directory");
	is_int(config_git_dir(c, "t/real", out), 0, "a bare repository below root");
	is_str(out, in_dir(a, "real.git"), "its git directory");
	is_int(config_git_dir(c, "t/none", out), 0, "one that is not there");
	is_str(out, in_dir(a, "none.git"), "where it would be");
	config_free(c);
}

static void test_files(void)
{
	static const char *const files[] = { ".config/refire/refire.conf", "named.conf",
		"given.conf", "places.conf", "real.git/HEAD", "tree/.git/HEAD", "link.git" };
	static const char *const dirs[] = { ".config/refire", ".config", "real.git", "tree/.git",
		"tree", "" };
	struct arena a;
	struct err e;

	arena_init(&a);
	ok(mkdtemp(dir) && fs_mkdirs(in_dir(&a, ".config/refire"), 0700, &e) == 0, "a directory");
	test_search(&a);
	test_places(&a);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		unlink(in_dir(&a, files[i]));
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		rmdir(in_dir(&a, dirs[i]));
	ok(access(dir, F_OK) != 0, "nothing is left behind");
	arena_release(&a);
}

/* A reload swaps configurations under those who still read the old one. */
static void test_hold(void)
{
	struct config *c = load(REPO);

	if (!c)
		return;
	config_hold(c);
	config_free(c);
	is_str(c->repositories[0].name, "web", "a held configuration stays");
	config_free(c);
}

/* 20,000 repositories are no trouble to read or to look up. */
static void test_many(void)
{
	int64_t begun = clock_mono_us();
	struct config *c;
	struct buf b;
	int missed = 0;

	buf_init(&b, 4 * MIB);
	for (int i = 0; i < 20000; i++)
		buf_fmt(&b, "[repository r%d]\npath = /srv/%d.git\n", i, i);
	c = load(b.s);
	for (int i = 0; c && i < 20000; i++) {
		char name[16];

		snprintf(name, sizeof name, "r%d", i);
		missed += config_repository(c, name) != &c->repositories[i];
	}
	is_int(missed, 0, "each is found by its name");
	ok(clock_mono_us() - begun < 5 * US_PER_S, "in good time");
	config_free(c);
	buf_release(&b);
}

int main(void)
{
	plan_none();
	test_bad();
	test_silence();
	test_defaults();
	test_values();
	test_urls();
	test_table();
	test_lookup();
	test_files();
	test_hold();
	test_many();
	return tap_done();
}
