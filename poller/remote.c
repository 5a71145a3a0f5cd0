/* remote.c - URLs. */
#include "remote.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "buf.h"

static int refuse(struct err *e, const char *shown, const char *why)
{
	return err_set(e, ERR_CONFIG, "cannot poll %s: %s", shown, why);
}

const char *remote_shown(struct arena *a, const char *url)
{
	const char *scheme_end = strstr(url, "://"), *rest = scheme_end ? scheme_end + 3 : url;
	size_t authority = strcspn(rest, "/?#"), n = strcspn(rest, "?#");
	const char *at = NULL;

	for (size_t i = 0; i < authority; i++)
		if (rest[i] == '@')
			at = rest + i + 1;
	if (!at)
		return arena_memdup(a, url, (size_t)(rest - url) + n);
	return arena_fmt(a, "%.*s%.*s", (int)(rest - url), url, (int)(rest + n - at), at);
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ?
		(c | 0x20) - 'a' + 10 : -1;
}

/* %XX decoded; NULL when that gives a control byte. */
static const char *decode(struct arena *a, const char *s, size_t n)
{
	char *out = arena_memdup(a, s, n), *to = out;

	for (size_t i = 0; i < n; i++) {
		int c = (unsigned char)s[i];

		if (c == '%' && i + 2 < n && hex(s[i + 1]) >= 0 && hex(s[i + 2]) >= 0) {
			c = hex(s[i + 1]) * 16 + hex(s[i + 2]);
			i += 2;
		}
		if (c < 0x20 || c == 0x7f)
			return NULL;
		*to++ = (char)c;
	}
	*to = 0;
	return out;
}

/* "USER:PASSWORD@"; at is where the @ stands. */
static int split_user(struct arena *a, const char *s, const char *at, struct remote *r,
	struct err *e)
{
	const char *colon = memchr(s, ':', (size_t)(at - s)), *end = colon ? colon : at;

	r->user = decode(a, s, (size_t)(end - s));
	r->password = colon ? decode(a, colon + 1, (size_t)(at - colon - 1)) : "";
	if (!r->user || !r->password || *r->user == '-')
		return refuse(e, r->shown, "its user or password cannot be used");
	return 0;
}

/* "HOST", "HOST:PORT", "[IPV6]:PORT" */
static int split_host(struct arena *a, const char *s, size_t n, struct remote *r, struct err *e)
{
	const char *end = s + n, *host = s, *host_end, *colon;

	if (*s == '[') {
		host++;
		host_end = memchr(s, ']', n);
		colon = host_end ? host_end + 1 : NULL;
	} else {
		colon = memchr(s, ':', n);
		host_end = colon ? colon : end;
		colon = host_end;
	}
	if (!host_end || host_end == host || *host == '-' || (colon < end && *colon != ':'))
		return refuse(e, r->shown, "it has no host that can be used");
	r->host = arena_memdup(a, host, (size_t)(host_end - host));
	r->port = colon < end ? arena_memdup(a, colon + 1, (size_t)(end - colon - 1)) : "";
	if (r->port[strspn(r->port, "0123456789")] || strlen(r->port) > 5)
		return refuse(e, r->shown, "its port is not a number");
	for (const char *h = r->host; *h; h++)
		if (!isalnum((unsigned char)*h) && !strchr(".-_:%", *h) && (unsigned char)*h < 0x80)
			return refuse(e, r->shown, "its host has a character no host has");
	return 0;
}

static int split_authority(struct arena *a, const char *s, size_t n, struct remote *r,
	struct err *e)
{
	const char *at = NULL;

	r->user = r->password = "";
	for (size_t i = 0; i < n; i++)
		if (s[i] == '@')
			at = s + i;
	if (at && split_user(a, s, at, r, e))
		return -1;
	if (at) {
		n -= (size_t)(at + 1 - s);
		s = at + 1;
	}
	return split_host(a, s, n, r, e);
}

/* ssh://host/~alice/x means ~alice/x there, as in git. */
static int check_path(struct remote *r, struct err *e)
{
	if (r->kind == REMOTE_HTTP)
		return r->path ? 0 : refuse(e, r->shown, "its path cannot be used");
	if (*r->password)
		return refuse(e, r->shown, "only http and https take a password");
	if (r->path && !strncmp(r->path, "/~", 2))
		r->path++;
	if (!r->path || !*r->path || !strcmp(r->path, "/") || *r->path == '-')
		return refuse(e, r->shown, "it has no path that can be used");
	return 0;
}

static int parse_scp(struct arena *a, const char *url, struct remote *r, struct err *e)
{
	const char *host = strchr(url, '@'), *colon = strchr(url, ':');

	host = host && host < colon ? host + 1 : url;
	if (*host == '[') {
		const char *end = strchr(host, ']');

		colon = end && end[1] == ':' ? end + 1 : NULL;
	}
	if (!colon || !strncmp(colon, "::", 2) || memchr(url, '/', (size_t)(colon - url)))
		return refuse(e, r->shown, "its scheme is none of http, https, ssh, git");
	r->kind = REMOTE_SSH;
	r->path = arena_strdup(a, colon + 1);
	if (split_authority(a, url, (size_t)(colon - url), r, e))
		return -1;
	return check_path(r, e);
}

static bool bytes_ok(const char *url)
{
	for (; *url; url++)
		if ((unsigned char)*url <= 0x20 || *url == 0x7f)
			return false;
	return true;
}

static int scheme_of(const char *url, size_t n)
{
	static const struct {
		const char *name;
		enum remote_kind kind;
	} schemes[] = {
		{ "http", REMOTE_HTTP }, { "https", REMOTE_HTTP }, { "ssh", REMOTE_SSH },
		{ "git", REMOTE_GIT },
	};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
		if (strlen(schemes[i].name) == n && !strncasecmp(url, schemes[i].name, n))
			return schemes[i].kind;
	return -1;
}

static const char *http_base(struct arena *a, const char *url, size_t scheme, size_t authority)
{
	const char *host = url + scheme + 3, *path = host + authority;
	size_t n = strlen(path);

	for (size_t i = authority; i-- > 0; )
		if (host[i] == '@') {
			host += i + 1;
			break;
		}
	while (n && path[n - 1] == '/')
		n--;
	return arena_fmt(a, "%.*s%.*s%.*s", (int)scheme + 3, url, (int)(path - host), host,
		(int)n, path);
}

int remote_parse(struct arena *a, const char *url, struct remote *out, struct err *e)
{
	const char *end = strstr(url, "://"), *authority = end ? end + 3 : NULL;
	size_t n = authority ? strcspn(authority, "/?#") : 0;
	int kind;

	*out = (struct remote){ .port = "", .base = "", .shown = remote_shown(a, url) };
	if (!bytes_ok(url) || strlen(url) > LIMIT_URL || *url == '-')
		return refuse(e, out->shown, "it is no URL");
	if (!end)
		return parse_scp(a, url, out, e);
	kind = scheme_of(url, (size_t)(end - url));
	if (kind < 0)
		return refuse(e, out->shown, "its scheme is none of http, https, ssh, git");
	out->kind = (enum remote_kind)kind;
	if (authority[strcspn(authority, "?#")])
		return refuse(e, out->shown, "a repository's URL has no query and no fragment");
	if (split_authority(a, authority, n, out, e))
		return -1;
	out->path = decode(a, authority + n, strlen(authority + n));
	if (kind == REMOTE_HTTP)
		out->base = http_base(a, url, (size_t)(end - url), n);
	return check_path(out, e);
}

const char *remote_quote(struct arena *a, const char *path)
{
	struct buf b;
	const char *out;

	buf_init(&b, 4 * LIMIT_URL + 2);
	buf_chr(&b, '\'');
	for (; *path; path++) {
		if (*path == '\'' || *path == '!')
			buf_fmt(&b, "'\\%c'", *path);
		else
			buf_chr(&b, *path);
	}
	buf_chr(&b, '\'');
	out = arena_memdup(a, b.s, b.len);
	buf_release(&b);
	return out;
}

/* The scheme counts: what answers on another port is another server. */
const char *remote_host(struct arena *a, const struct remote *r)
{
	const char *scheme = r->kind == REMOTE_SSH ? "ssh" : r->kind == REMOTE_GIT ? "git" :
		strncasecmp(r->base, "https:", 6) ? "http" : "https";
	char *name = arena_fmt(a, strchr(r->host, ':') ? "%s://[%s]%s%s" : "%s://%s%s%s", scheme,
		r->host, *r->port ? ":" : "", r->port);

	for (char *s = name; *s; s++)
		*s = (char)tolower((unsigned char)*s);
	return name;
}
