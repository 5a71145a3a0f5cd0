/* test-remote.c - URLs taken apart; what could be an option, a helper or a secret. */
#include "remote.h"

#include "tap.h"

static void test_good(void)
{
	static const struct {
		const char *url, *want, *shown;
	} t[] = {
		{ "https://example.org/a/b.git", "H||example.org||/a/b.git|https://example.org/a/b.git",
			"https://example.org/a/b.git" },
		{ "https://u:p%40%3a@example.org:8443/x/", "H|u:p@:|example.org|8443|/x/|https://example.org:8443/x",
			"https://example.org:8443/x/" },
		{ "http://a@b@example.org/x", "H|a@b|example.org||/x|http://example.org/x",
			"http://example.org/x" },
		{ "HTTP://[::1]:80/x", "H||::1|80|/x|HTTP://[::1]:80/x", "HTTP://[::1]:80/x" },
		{ "ssh://git@example.org:2222/srv/x.git", "S|git|example.org|2222|/srv/x.git|",
			"ssh://example.org:2222/srv/x.git" },
		{ "ssh://example.org/~alice/x", "S||example.org||~alice/x|", "ssh://example.org/~alice/x" },
		{ "git@example.org:team/x.git", "S|git|example.org||team/x.git|", "example.org:team/x.git" },
		{ "example.org:/srv/x y", NULL, NULL },
		{ "example.org:/srv/x'y", "S||example.org||/srv/x'y|", "example.org:/srv/x'y" },
		{ "git@[::1]:x", "S|git|::1||x|", "[::1]:x" },
		{ "git://example.org/x.git", "G||example.org||/x.git|", "git://example.org/x.git" },
		{ "https://example.org", "H||example.org|||https://example.org", "https://example.org" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct arena a;
		struct remote r;
		struct err e = { 0 };
		int failed;

		arena_init(&a);
		failed = remote_parse(&a, t[i].url, &r, &e);
		is_int(failed, t[i].want ? 0 : -1, "%s", t[i].url);
		if (!failed && t[i].want) {
			is_str(arena_fmt(&a, "%c|%s%s%s|%s|%s|%s|%s", "HSG"[r.kind], r.user,
				*r.password ? ":" : "", r.password, r.host, r.port, r.path, r.base),
				t[i].want, "%s: its parts", t[i].url);
			is_str(r.shown, t[i].shown, "%s: as it is shown", t[i].url);
		}
		arena_release(&a);
	}
}

static void test_refused(void)
{
	static const char *const urls[] = {
		"", "-oProxyCommand=touch x", "ext::sh -c touch%20x", "ext::x", "file:///srv/x",
		"/srv/x", "./x", "x", "ftp://example.org/x", "javascript://x", "ssh://-oProxyCommand=x/y",
		"ssh://a@-x/y", "-x@example.org:y", "ssh://-x@example.org/y", "-x:y", "a@-x:y",
		"git@example.org:-x", "ssh://example.org/", "ssh://example.org", "git@example.org:",
		"https://example.org/x?y", "https://example.org/x#y", "https:///x", "https://:80/x",
		"https://example.org:x/y", "https://example.org:123456/y", "https://[::1/x",
		"https://exa$mple.org/x", "https://u%0a:p@example.org/x", "https://example.org/a%00b",
		"ssh://git:secret@example.org/x", "https://example.org/a\nb", "https://exam\tple.org/",
		"host::x", "ssh://exa;mple/x", "ssh://`id`/x",
	};

	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		struct arena a;
		struct remote r;
		struct err e = { 0 };

		arena_init(&a);
		ok(remote_parse(&a, urls[i], &r, &e) == -1 && e.code == ERR_CONFIG, "refused: %s", urls[i]);
		ok(!strstr(e.text, "secret"), "and no secret shown: %s", e.text);
		arena_release(&a);
	}
}

static void test_shown(void)
{
	static const struct {
		const char *url, *want;
	} t[] = {
		{ "https://u:secret@h/x?token=secret#secret", "https://h/x" },
		{ "https://u:sec@ret@h/x", "https://h/x" },
		{ "git@h:x", "h:x" },
		{ "https://h/a@b", "https://h/a@b" },
		{ "anything", "anything" },
		{ "ext::x@y", "y" },
	};
	struct arena a;

	arena_init(&a);
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
		is_str(remote_shown(&a, t[i].url), t[i].want, "shown: %s", t[i].url);
	arena_release(&a);
}

static void test_quote(void)
{
	static const struct {
		const char *path, *want;
	} t[] = {
		{ "/srv/x.git", "'/srv/x.git'" },
		{ "", "''" },
		{ "it's", "'it'\\''s'" },
		{ "a!b", "'a'\\!'b'" },
		{ "$(id)`id`;|&\"\\", "'$(id)`id`;|&\"\\'" },
	};
	struct arena a;

	arena_init(&a);
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
		is_str(remote_quote(&a, t[i].path), t[i].want, "quoted: %s", t[i].path);
	arena_release(&a);
}

int main(void)
{
	plan_none();
	test_good();
	test_refused();
	test_shown();
	test_quote();
	return tap_done();
}
