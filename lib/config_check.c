/* config_check.c - what the values of a configuration may be together. Every
   error names the line of the key, or of the section where a key is missing. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config.h"
#include "glob.h"
#include "limits.h"

#define NAME_MAX_BYTES 100

/* The section that is checked. */
struct check {
	const struct config *c;
	struct err *e;
	enum setting_section section;
	const char *name;
};

/* The item of a key, or the section's own where the key is not given. */
static const struct conf_item *check_item(const struct config *c, enum setting_section s,
	const char *name, const char *key)
{
	const char *section = settings_section_name(s);
	const struct conf_item *found = NULL;

	for (size_t i = 0; i < c->source.n; i++) {
		const struct conf_item *item = &c->source.items[i];

		if (strcmp(item->section, section) || strcmp(item->name, name))
			continue;
		if (strcmp(item->key, key) == 0)
			return item;
		if (!*item->key)
			found = item;
	}
	return found;
}

int config_fail(const struct config *c, enum setting_section s, const char *name, const char *key,
	struct err *e, const char *fmt, ...)
{
	const struct conf_item *item = check_item(c, s, name, key);
	char text[LIMIT_ERR];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return err_set(e, ERR_CONFIG, "%s:%d: %s", item ? item->file : c->path,
		item ? item->line : 1, text);
}

__attribute__((format(printf, 3, 4)))
static int check_fail(const struct check *k, const char *key, const char *fmt, ...)
{
	char text[LIMIT_ERR];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return config_fail(k->c, k->section, k->name, key, k->e, "%s", text);
}

bool config_name_ok(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n >= NAME_MAX_BYTES || name[0] == '-' || name[n - 1] == '/')
		return false;
	for (size_t i = 0, part; i < n; i += part + 1) {
		const char *s = name + i;

		part = strcspn(s, "/");
		if (part == 0 || (part == 1 && s[0] == '.') ||
		    (part == 2 && s[0] == '.' && s[1] == '.'))
			return false;
	}
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f ||
		    strchr("*?[]{}\\,", name[i]))
			return false;
	return true;
}

static int check_name(const struct check *k, const char *name)
{
	if (config_name_ok(name))
		return 0;
	return check_fail(k, "", "`%s` cannot be a name: at most %d bytes, relative, without `..`, "
		"`//`, commas and * ? [ ] { } \\, and not beginning with -", name,
		NAME_MAX_BYTES - 1);
}

static int check_absolute(const struct check *k, const char *key, const char *path)
{
	if (*path && *path != '/')
		return check_fail(k, key, "`%s` must be an absolute path", key);
	if (strlen(path) >= LIMIT_PATH / 2)
		return check_fail(k, key, "`%s` is longer than %d bytes", key, LIMIT_PATH / 2 - 1);
	return 0;
}

/* ---- URLs ---- */

/* Nothing that a URL cannot have, and that could end a line or an argument. */
static bool url_bytes_ok(const char *url)
{
	for (; *url; url++)
		if ((unsigned char)*url <= 0x20 || *url == 0x7f || strchr("\"<>\\^`", *url))
			return false;
	return true;
}

/* The host of scheme://[user@]host..., or NULL. */
static const char *url_host(const char *url, const char *scheme)
{
	size_t n = strlen(scheme), end;
	const char *at = NULL;

	if (strncasecmp(url, scheme, n) != 0 || strncmp(url + n, "://", 3) != 0)
		return NULL;
	url += n + 3;
	end = strcspn(url, "/?#");
	for (size_t i = 0; i < end; i++)
		if (url[i] == '@')
			at = url + i;
	return at ? at + 1 : url;
}

/* A host's first character: a letter, a digit, or an IPv6 address. Not -, which
   ssh would read as an option. */
static bool host_ok(const char *host)
{
	return host && (isalnum((unsigned char)*host) || *host == '[' ||
		(unsigned char)*host >= 0x80);
}

static bool http_url_ok(const char *url)
{
	return host_ok(url_host(url, "http")) || host_ok(url_host(url, "https"));
}

/* user@host:path, git's short form of ssh: no / before the first colon. */
static bool scp_url_ok(const char *url)
{
	size_t n = strcspn(url, ":/");
	const char *at = (const char *)memchr(url, '@', n);

	return url[n] == ':' && url[n + 1] && url[n + 1] != '-' && strncmp(url + n, "://", 3) &&
		isalnum((unsigned char)*url) && host_ok(at ? at + 1 : url);
}

static bool ssh_url_ok(const char *url)
{
	const char *host = url_host(url, "ssh");

	return (host_ok(host) && url[6] != '-') || scp_url_ok(url);
}

/* What can be polled, beside http: ssh, and git's own daemon. */
static bool git_url_ok(const char *url)
{
	return ssh_url_ok(url) || host_ok(url_host(url, "git"));
}

/* The value is not shown: a URL may be a secret. */
static int check_url(const struct check *k, const char *key, const char *url, bool git)
{
	if (!*url)
		return 0;
	if (strlen(url) > LIMIT_URL)
		return check_fail(k, key, "`%s` is longer than %d bytes", key, LIMIT_URL);
	if (!url_bytes_ok(url))
		return check_fail(k, key, "`%s` has a blank or another byte that a URL cannot have; "
			"write it as %%XX", key);
	if (!http_url_ok(url) && !(git && git_url_ok(url)))
		return check_fail(k, key, "`%s` must begin with http:// or https://%s and name a "
			"host", key, git ? ", ssh:// or git:// (or be user@host:path)" : "");
	return 0;
}

/* Credentials have a file of their own. socks5 would resolve the receiver's name here,
   past the rules for addresses. */
static int check_proxy(const struct check *k, const char *proxy, const char *login_file)
{
	static const char *const schemes[] = { "http", "https", "socks5h" };

	if (*login_file && !*proxy)
		return check_fail(k, "proxy-login-file", "`proxy-login-file` needs a `proxy`");
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		const char *host = url_host(proxy, schemes[i]);

		if (!host || !host_ok(host))
			continue;
		if (host != strstr(proxy, "://") + 3)
			return check_fail(k, "proxy", "`proxy`: user and password belong into "
				"`proxy-login-file`");
		if (url_bytes_ok(proxy) && !host[strcspn(host, "/?#")])
			return 0;
	}
	return *proxy ? check_fail(k, "proxy", "`proxy` is http://, https:// or socks5h://, a host and "
		"a port, and nothing behind") : 0;
}

/* ---- [refire] ---- */

static bool only_of(const char *s, const char *allowed)
{
	return s[strspn(s, allowed)] == '\0';
}

static int check_trail(const struct check *k, const struct config *c)
{
	if (!*c->trail_bucket || strlen(c->trail_bucket) > 63 ||
	    !only_of(c->trail_bucket, "abcdefghijklmnopqrstuvwxyz0123456789.-"))
		return check_fail(k, "trail-bucket", "`trail-bucket` is the name of an S3 bucket: small "
			"letters, digits, . and -");
	for (size_t i = 0; i < c->trail_witness.n; i++)
		if (strcmp(c->trail_witness.v[i], "syslog") != 0 && c->trail_witness.v[i][0] != '/')
			return check_fail(k, "trail-witness", "`%.100s`: a witness is `syslog` or an absolute "
				"path", c->trail_witness.v[i]);
	return 0;
}

static int check_refire(const struct config *c, struct err *e)
{
	struct check k = { c, e, SECTION_REFIRE, "" };

	if (strlen(c->account_id) != 12 || !only_of(c->account_id, "0123456789"))
		return check_fail(&k, "account-id", "`account-id` has exactly 12 digits");
	if (strlen(c->region) > 32 ||
	    !only_of(c->region, "abcdefghijklmnopqrstuvwxyz0123456789-"))
		return check_fail(&k, "region", "`region` is a name such as eu-west-1");
	if (strlen(c->user_agent) > LIMIT_RECORD_SHORT || strpbrk(c->user_agent, "\t"))
		return check_fail(&k, "user-agent", "`user-agent` is at most %d bytes, without tabs",
			LIMIT_RECORD_SHORT);
	return check_trail(&k, c) || check_absolute(&k, "state-dir", c->state_dir) ||
		check_proxy(&k, c->proxy, c->proxy_login_file) ? -1 : 0;
}

/* ---- [repository] ---- */

static int check_sources(const struct check *k, const struct repository *r)
{
	if (*r->root && (*r->path || *r->url))
		return check_fail(k, "root", "`root` stands alone: a section with it has no `path` "
			"and no `url`");
	if (r->mirror && (*r->path || !*r->url))
		return check_fail(k, "mirror", "`mirror` is for a repository that has a `url` and no "
			"`path`");
	if (*r->tls_key && !*r->tls_cert)
		return check_fail(k, "tls-key", "`tls-key` goes with a `tls-cert`");
	if (!*r->root && !*r->path && !*r->url)
		return check_fail(k, "", "repository `%s` needs one of `path` (on this machine), "
			"`root` (all below a directory) or `url` (polled)", r->name);
	return 0;
}

/* Only the name of a section with a root has a *, and only as its end. */
static int check_pattern(const struct check *k, const struct repository *r)
{
	const char *star = strchr(r->name, '*');
	char first[LIMIT_CONF_NAME + 2];

	if (star && !*r->root)
		return check_fail(k, "", "a name with * is for a section with `root`");
	if (*r->root && (!star || star[1]))
		return check_fail(k, "", "the name of a section with `root` ends in its only *, as "
			"in [repository team/*]");
	if (!star)
		return check_name(k, r->name);
	snprintf(first, sizeof first, "%.*sx", (int)(star - r->name), r->name);
	return check_name(k, first);
}

static int check_repository(const struct config *c, const struct repository *r, struct err *e)
{
	struct check k = { c, e, SECTION_REPOSITORY, r->name };

	if (check_sources(&k, r) || check_pattern(&k, r) ||
	    check_absolute(&k, "path", r->path) || check_absolute(&k, "root", r->root) ||
	    check_url(&k, "url", r->url, true) || check_url(&k, "web-url", r->web_url, false))
		return -1;
	if (strpbrk(r->username, ":\t"))
		return check_fail(&k, "username", "`username` cannot have a colon or a tab");
	return 0;
}

static int compare_paths(const void *a, const void *b)
{
	const struct repository *const *x = (const struct repository *const *)a;
	const struct repository *const *y = (const struct repository *const *)b;
	int d = strcmp((*x)->path, (*y)->path);

	return d ? d : ((*x)->line > (*y)->line) - ((*x)->line < (*y)->line);
}

/* One directory has one name. */
static int check_paths_differ(const struct config *c, struct err *e)
{
	size_t n = c->nrepositories;
	const struct repository **v = (const struct repository **)mem_alloc((n + 1) * sizeof *v);
	int failed = 0;

	for (size_t i = 0; i < n; i++)
		v[i] = &c->repositories[i];
	qsort(v, n, sizeof *v, compare_paths);
	for (size_t i = 1; i < n && !failed; i++)
		if (*v[i]->path && strcmp(v[i]->path, v[i - 1]->path) == 0) {
			struct check k = { c, e, SECTION_REPOSITORY, v[i]->name };

			failed = check_fail(&k, "path", "repository `%s` has this path already",
				v[i - 1]->name);
		}
	free(v);
	return failed;
}

/* ---- [pipeline] ---- */

/* Could a name of this section match the pattern? Beyond the first character
   with a meaning this is not decided. */
static bool could_match(const struct repository *r, const char *pattern)
{
	size_t literal = strcspn(pattern, "*?[{\\"), prefix;

	if (!*r->root)
		return glob_match(pattern, r->name);
	prefix = strlen(r->name) - 1;
	if (!pattern[literal])
		return literal > prefix && strncmp(pattern, r->name, prefix) == 0;
	return strncmp(pattern, r->name, literal < prefix ? literal : prefix) == 0;
}

static const char *nearest_repository(const struct config *c, const char *word)
{
	const char **names = (const char **)mem_alloc((c->nrepositories + 1) * sizeof *names);
	const char *near;

	for (size_t i = 0; i < c->nrepositories; i++)
		names[i] = c->repositories[i].name;
	near = conf_nearest(word, names);
	free(names);
	return near;
}

static int check_watched(const struct check *k, const char *pattern)
{
	const char *near;

	for (size_t i = 0; i < k->c->nrepositories; i++)
		if (could_match(&k->c->repositories[i], pattern))
			return 0;
	near = nearest_repository(k->c, pattern);
	if (near)
		return check_fail(k, "repository", "no [repository] matches `%s`; did you mean `%s`?",
			pattern, near);
	return check_fail(k, "repository", "no [repository] matches `%s`; add a section "
		"[repository %s]", pattern, pattern);
}

static int check_watches(const struct check *k, const struct pipeline *p)
{
	if (p->repository.n == 0)
		return check_fail(k, "", "pipeline `%s` needs `repository`: what it watches", p->name);
	for (size_t i = 0; i < p->repository.n; i++)
		if (check_watched(k, p->repository.v[i]))
			return -1;
	return 0;
}

/* A blank in a ref's pattern is a comma forgotten, mostly at the end of a line. */
static int check_ref_globs(const struct check *k, const char *key, const struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (strpbrk(l->v[i], " \t"))
			return check_fail(k, key, "`%s`: no ref has a blank in its name; separate "
				"patterns by commas: `%s`", key, l->v[i]);
	return 0;
}

/* Changed paths come from objects: of a repository on this machine, or of a mirror. */
static int check_path_filter(const struct check *k, const struct pipeline *p)
{
	const char *key = p->paths.n ? "paths" : "paths-exclude";

	if (p->paths.n + p->paths_exclude.n == 0)
		return 0;
	for (size_t i = 0; i < k->c->nrepositories; i++) {
		const struct repository *r = &k->c->repositories[i];

		if (!*r->path && !*r->root && !r->mirror && pipeline_watches(p, r->name))
			return check_fail(k, key, "pipeline `%s`: `%s` cannot be used with repository "
				"`%s`: it has only a `url`, so there are no objects here to see which "
				"files changed; give the repository `mirror = yes`, or a `path`",
				p->name, key, r->name);
	}
	return 0;
}

/* What refire itself sets, now or in a dialect: names, and beginnings ending in -. */
static bool header_reserved(const char *name, size_t n)
{
	static const char *const ours[] = {
		"Host", "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding",
		"Connection", "Expect", "Upgrade", "Trailer", "TE", "User-Agent",
		"X-Hub-", "X-GitHub-", "X-Refire-", "Webhook-", "X-Amz-",
	};

	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
		size_t m = strlen(ours[i]);
		bool begins = ours[i][m - 1] == '-';

		if ((begins ? n >= m : n == m) && strncasecmp(name, ours[i], m) == 0)
			return true;
	}
	return false;
}

/* RFC 9110, 5.1: a field name is a token. */
static bool is_token(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !memchr("!#$%&'*+-.^_`|~", s[i], 15))
			return false;
	return n > 0;
}

int config_header_check(const char *header, struct err *e)
{
	size_t n = strcspn(header, ":");

	if (header[n] != ':' || !is_token(header, n))
		return err_set(e, ERR_CONFIG, "expected Name: value");
	if (strlen(header) > LIMIT_HEADER)
		return err_set(e, ERR_CONFIG, "`%.*s` is longer than %d bytes", (int)(n < 64 ? n : 64),
			header, LIMIT_HEADER);
	for (const char *s = header; *s; s++)
		if (((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7f)
			return err_set(e, ERR_CONFIG, "the value of `%.*s` has a control character",
				(int)n, header);
	if (header_reserved(header, n))
		return err_set(e, ERR_CONFIG, "refire sets `%.*s` itself", (int)n, header);
	return 0;
}

static int check_header(const struct check *k, const char *header)
{
	bool named = is_token(header, strcspn(header, ":")) && strchr(header, ':');
	struct err e;

	if (config_header_check(header, &e))
		return check_fail(k, "headers", "`headers`: %s%s", e.text, named ? "" :
			", separated by commas (\\, is a comma in a value)");
	return 0;
}

/* How its receiver is reached. */
static int check_route(const struct check *k, const struct pipeline *p)
{
	if (check_url(k, "url", p->url, false))
		return -1;
	if (check_url(k, "git-url", p->git_url, true))
		return -1;
	if (*p->tls_key && !*p->tls_cert)
		return check_fail(k, "tls-key", "`tls-key` needs a `tls-cert`");
	if (check_proxy(k, p->proxy, p->proxy_login_file))
		return -1;
	for (size_t i = 0; i < p->headers.n; i++)
		if (check_header(k, p->headers.v[i]))
			return -1;
	return 0;
}

static int check_pipeline(const struct config *c, const struct pipeline *p, struct err *e)
{
	struct check k = { c, e, SECTION_PIPELINE, p->name };

	if (check_name(&k, p->name) || check_watches(&k, p) ||
	    check_ref_globs(&k, "branches", &p->branches) ||
	    check_ref_globs(&k, "branches-exclude", &p->branches_exclude) ||
	    check_ref_globs(&k, "tags", &p->tags) ||
	    check_ref_globs(&k, "tags-exclude", &p->tags_exclude) || check_path_filter(&k, p))
		return -1;
	if (p->approval == APPROVAL_REQUIRED && !p->approvers.n && !c->approvers.n)
		return check_fail(&k, "approval", "`approval = required`, but nobody may approve: name "
			"Unix users in `approvers`, here or in [refire]");
	if (!*p->target)
		return check_fail(&k, "", "pipeline `%s` needs `target`, such as target = webhook",
			p->name);
	return config_check_kind(c, p, e) || check_route(&k, p) ? -1 : 0;
}

int config_check(const struct config *c, struct err *e)
{
	if (check_refire(c, e))
		return -1;
	for (size_t i = 0; i < c->nrepositories; i++)
		if (check_repository(c, &c->repositories[i], e))
			return -1;
	if (check_paths_differ(c, e))
		return -1;
	for (size_t i = 0; i < c->npipelines; i++)
		if (check_pipeline(c, &c->pipelines[i], e))
			return -1;
	return 0;
}
