/* test-observe.c - accepted refs beside answers; scopes; nothing is reported that was
   not seen in a complete list. */
#include "observe.h"

#include <stdlib.h>

#include "buf.h"
#include "scope.h"
#include "tap.h"

#define A "1111111111111111111111111111111111111111"
#define B "2222222222222222222222222222222222222222"
#define Z "0000000000000000000000000000000000000000"

static struct queue_texts texts(struct arena *a, const char *list)
{
	struct queue_texts t = { arena_alloc(a, 16 * sizeof(char *)), 0 };
	char *s = arena_strdup(a, list), *save;

	for (char *w = strtok_r(s, " ", &save); w; w = strtok_r(NULL, " ", &save))
		t.v[t.n++] = w;
	return t;
}

static const char *oid(char c)
{
	return c == '1' ? A : c == '2' ? B : Z;
}

/* "1:5 refs/heads/a" accepted at sequence 5 as 1...; "!": held. */
static size_t rows(struct arena *a, const char *list, struct queue_ref *out)
{
	char *s = arena_strdup(a, list), *save;
	size_t n = 0;

	for (char *line = strtok_r(s, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		bool held = *line == '!';
		char *at = line + held, *ref = strchr(at, ' ') + 1;

		out[n++] = (struct queue_ref){ ref, oid(*at), strtoll(at + 2, NULL, 10), held };
	}
	return n;
}

static size_t answer(struct arena *a, const char *list, struct repo_ref *out)
{
	char *s = arena_strdup(a, list), *save;
	size_t n = 0;

	for (char *line = strtok_r(s, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		out[n++] = (struct repo_ref){ line + 2, oid(*line), "" };
	return n;
}

static void test_diff(void)
{
	static const struct {
		const char *name, *known, *listed, *accepted, *answer, *want;
	} t[] = {
		{ "nothing anywhere", "refs/", "refs/", "", "", "" },
		{ "nothing new", "refs/", "refs/", "1:3 refs/heads/a\n2:4 refs/heads/b",
			"1 refs/heads/a\n2 refs/heads/b", "" },
		{ "first sight of an empty one", "", "refs/", "", "", "first" },
		{ "first sight", "", "refs/", "", "1 refs/heads/a\n2 refs/tags/v",
			"+1@0 refs/heads/a +2@0 refs/tags/v first" },
		{ "made", "refs/", "refs/", "1:3 refs/heads/a", "1 refs/heads/a\n2 refs/heads/b",
			"+2@0 refs/heads/b" },
		{ "moved", "refs/", "refs/", "1:3 refs/heads/a", "2 refs/heads/a", "*2@3 refs/heads/a" },
		{ "gone", "refs/", "refs/", "1:3 refs/heads/a\n2:4 refs/heads/b", "2 refs/heads/b",
			"-0@3 refs/heads/a" },
		{ "all gone", "refs/", "refs/", "1:3 refs/heads/a\n2:4 refs/heads/b", "",
			"-0@3 refs/heads/a -0@4 refs/heads/b" },
		{ "gone before, still gone", "refs/", "refs/", "0:7 refs/heads/a", "", "" },
		{ "gone before, made again", "refs/", "refs/", "0:7 refs/heads/a", "1 refs/heads/a",
			"+1@7 refs/heads/a" },
		{ "not listed is not gone", "refs/", "refs/heads/", "1:3 refs/heads/a\n2:9 refs/tags/v",
			"1 refs/heads/a", "" },
		{ "listed by a prefix only", "refs/heads/ma", "refs/heads/ma",
			"1:2 refs/heads/dev\n1:3 refs/heads/main", "", "-0@3 refs/heads/main" },
		{ "held and still gone", "refs/", "refs/", "!1:3 refs/heads/a", "", "" },
		{ "held and back", "refs/", "refs/", "!1:3 refs/heads/a", "1 refs/heads/a",
			"*1@3 refs/heads/a" },
		{ "held and back elsewhere", "refs/", "refs/", "!1:3 refs/heads/a", "2 refs/heads/a",
			"*2@3 refs/heads/a" },
		{ "a wider scope", "refs/heads/main", "refs/heads/", "1:3 refs/heads/main",
			"2 refs/heads/dev\n2 refs/heads/main",
			"+2@0 refs/heads/dev *2@3 refs/heads/main first" },
		{ "a narrower scope", "refs/heads/", "refs/heads/main", "1:3 refs/heads/main",
			"1 refs/heads/main", "" },
		{ "bytes, not letters, order them", "refs/", "refs/",
			"1:1 refs/heads/A\n1:2 refs/heads/a\n1:3 refs/heads/\xff",
			"1 refs/heads/A\n1 refs/heads/a\n1 refs/heads/\xff", "" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct queue_ref accepted[8];
		struct repo_ref refs[8];
		struct observe_in in = { .accepted = accepted };
		struct observe_out out;
		struct repo_refs got = { .v = refs };
		struct arena a;
		struct buf b;

		arena_init(&a);
		buf_init(&b, MIB);
		in.naccepted = rows(&a, t[i].accepted, accepted);
		got.n = answer(&a, t[i].answer, refs);
		in.answer = &got;
		in.known = texts(&a, t[i].known);
		in.listed = texts(&a, t[i].listed);
		observe_diff(&a, &in, &out);
		for (size_t k = 0; k < out.n; k++)
			buf_fmt(&b, "%s%s%.1s@%lld %s", k ? " " : "",
				strchr("0", *out.seen[k].new) ? "-" : "", out.seen[k].new,
				(long long)out.seen[k].base, out.seen[k].ref);
		buf_fmt(&b, "%s", out.first ? out.n ? " first" : "first" : "");
		{	/* + and * of the wanted text are the counts */
			size_t made = 0, moved = 0, gone = 0;
			char *want = arena_alloc(&a, strlen(t[i].want) + 1), *to = want;

			for (const char *s = t[i].want; *s; s++) {
				bool at = s == t[i].want || s[-1] == ' ';

				made += at && *s == '+';
				moved += at && *s == '*';
				gone += at && *s == '-';
				if (!at || (*s != '+' && *s != '*'))
					*to++ = *s;
			}
			is_str(b.s, want, "%s", t[i].name);
			ok(out.made == made && out.moved == moved && out.gone == gone,
				"%s: counted", t[i].name);
		}
		ok(observe_news(&out) == (*t[i].want != 0), "%s: news or none", t[i].name);
		buf_release(&b);
		arena_release(&a);
	}
}

static void test_sha256_gone(void)
{
	static const char *space[] = { "refs/" };
	char long_oid[65];
	struct queue_ref row = { "refs/heads/a", long_oid, 5, false };
	struct repo_refs none = { 0 };
	struct observe_in in = { &row, 1, { space, 1 }, { space, 1 }, &none };
	struct observe_out out;
	struct arena a;

	memset(long_oid, 'a', 64);
	long_oid[64] = 0;
	arena_init(&a);
	observe_diff(&a, &in, &out);
	is_int(strlen(out.seen[0].new), 64, "zeros as long as the id was");
	arena_release(&a);
}

static void test_digest(void)
{
	struct ref_update one = { "refs/heads/a", "", A, 3 }, other = { "refs/heads/a", "", A, 4 };
	static const char *space[] = { "refs/" };
	struct queue_texts listed = { space, 1 };
	struct observe_out x = { .seen = &one, .n = 1 }, y = { .seen = &other, .n = 1 };
	char dx[17], dy[17], again[17];

	observe_digest(&x, &listed, dx);
	observe_digest(&y, &listed, dy);
	observe_digest(&x, &listed, again);
	is_str(again, dx, "the same report");
	ok(strcmp(dx, dy), "another base is another report");
	ok(strlen(dx) == 16, "16 digits");
}

static void test_scope(void)
{
	static const struct {
		const char *name, *pipelines, *want;
	} t[] = {
		{ "none", "", "" },
		{ "any push", "repository = web", "refs/heads/" },
		{ "one branch", "repository = web\nbranches = main", "refs/heads/main" },
		{ "globs", "repository = web\nbranches = main, release/**, fe[a]t, {a,b}/x",
			"refs/heads/" },
		{ "literal heads", "repository = web\nbranches = main, release/**, v?, x\\*",
			"refs/heads/main refs/heads/release/ refs/heads/v refs/heads/x" },
		{ "one covers another", "repository = web\nbranches = main, main2, ma*", "refs/heads/ma" },
		{ "tags", "repository = web\ntags = v*", "refs/tags/v" },
		{ "branches and tags", "repository = web\nbranches = main\ntags = v*",
			"refs/heads/main refs/tags/v" },
		{ "excluded only", "repository = web\nbranches-exclude = tmp/*", "refs/heads/" },
		{ "on tag", "repository = web\non = tag", "refs/tags/" },
		{ "on delete", "repository = web\non = delete", "refs/heads/ refs/tags/" },
		{ "on delete of branches", "repository = web\non = delete\nbranches = main",
			"refs/heads/main" },
		{ "on delete of tags", "repository = web\non = delete\ntags = v*", "refs/tags/v" },
		{ "on everything", "repository = web\non = push, tag, delete",
			"refs/heads/ refs/tags/" },
		{ "by pattern", "repository = w*", "refs/heads/" },
		{ "another repository", "repository = other", "" },
		{ "not enabled", "repository = web\nenabled = no", "" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct config *c = NULL;
		struct queue_texts scope;
		struct err e = { 0 };
		struct arena a;
		struct buf b;

		arena_init(&a);
		buf_init(&b, MIB);
		buf_str(&b, "[refire]\nstate-dir = /tmp/none\n[repository web]\nurl = https://h/web\n"
			"[repository other]\nurl = https://h/other\n");
		if (*t[i].pipelines)
			buf_fmt(&b, "[pipeline p]\ntarget = webhook\nurl = http://127.0.0.1:1/\n%s\n",
				t[i].pipelines);
		if (!ok(!config_parse_text("test", b.s, &c, &e), "%s: %s", t[i].name, e.text))
			continue;
		buf_clear(&b);
		scope_of(c, "web", &a, &scope);
		for (size_t k = 0; k < scope.n; k++)
			buf_fmt(&b, "%s%s", k ? " " : "", scope.v[k]);
		is_str(b.s, t[i].want, "%s", t[i].name);
		config_free(c);
		buf_release(&b);
		arena_release(&a);
	}
}

static void test_many_prefixes(void)
{
	struct config *c = NULL;
	struct queue_texts scope;
	struct err e = { 0 };
	struct arena a;
	struct buf b;

	arena_init(&a);
	buf_init(&b, MIB);
	buf_str(&b, "[refire]\nstate-dir = /tmp/none\n[repository web]\nurl = https://h/web\n"
		"[pipeline p]\nrepository = web\ntarget = webhook\nurl = http://127.0.0.1:1/\n"
		"tags = v1\nbranches = b000");
	for (int i = 1; i < 200; i++)
		buf_fmt(&b, ",\n\tb%03d", i);
	buf_chr(&b, '\n');
	if (ok(!config_parse_text("test", b.s, &c, &e), "200 branches: %s", e.text)) {
		scope_of(c, "web", &a, &scope);
		is_int(scope.n, 2, "become two prefixes");
		is_str(scope.v[0], "refs/heads/", "all branches");
		is_str(scope.v[1], "refs/tags/", "all tags");
	}
	config_free(c);
	buf_release(&b);
	arena_release(&a);
}

int main(void)
{
	plan_none();
	test_diff();
	test_sha256_gone();
	test_digest();
	test_scope();
	test_many_prefixes();
	return tap_done();
}
