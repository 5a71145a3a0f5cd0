/*
 * formats: golden bytes. Each dialect renders and signs each kind of change under
 * fixed ids, times and secrets; the result is compared with tests/golden/NAME/CASE.
 * REGENERATE=1 writes them anew (then read the diff).
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "digest.h"
#include "format.h"
#include "fs.h"
#include "tap.h"

#define Z "0000000000000000000000000000000000000000"
#define A "1111111111111111111111111111111111111111"
#define B "2222222222222222222222222222222222222222"
#define T "3333333333333333333333333333333333333333"
#define TREE "4444444444444444444444444444444444444444"
#define DELIVERY "018bcfe5-6800-8000-8000-00000000000d"
/* of the specification's own examples; the key of RFC 8032, 7.1, test 1 */
#define WHSEC "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
#define WHSK "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
#define HOSTILE "\"$(id)\" \\ 'x' \x01\x1b[31m \xe2\x80\xae \xff\xfe <b>"

static struct arena arena;

/* ---- what is rendered ---- */

static const char *added[] = { "src/new.c" }, *removed[] = { "old \"name\".c", "\xe9.c" };
static const char *modified[] = { "README.md" }, *paths[] = { "README.md", "\xe9.c", "src/new.c" };

static struct commit commit(const char *oid, const char *message)
{
	return (struct commit){ .oid = oid, .tree = TREE, .message = message, .paths_known = true,
		.author = { "Ann", "ann@example.org", 1700000000, 90 },
		.committer = { "Cid", "cid@example.org", 1700000060, -420 },
		.added = added, .nadded = 1, .removed = removed, .nremoved = 2,
		.modified = modified, .nmodified = 1 };
}

static const struct enrichment nothing = { .computed = true, .why_not = "", .base = "",
	.peeled = "", .tag_message = "", .tagger = { "", "", 0, 0 },
	.head_ref = "refs/heads/main", .head.oid = "" };

/* old..new of two commits */
static struct enrichment update(enum tri forced, const char *last)
{
	struct enrichment n = nothing;

	n.forced = forced;
	n.commits = arena_alloc(&arena, 2 * sizeof *n.commits);
	n.commits[0] = commit(A, "first\n\nwith a body\n");
	n.commits[1] = n.head = commit(B, last);
	n.ncommits = 2;
	n.total_commits = 2;
	n.paths_known = true;
	n.paths = paths;
	n.npaths = 3;
	n.base = A;
	n.peeled = B;
	return n;
}

static struct enrichment created(void)
{
	struct enrichment n = update(TRI_NO, "second\n");

	n.base = "";
	return n;
}

static struct enrichment tagged(bool annotated)
{
	struct enrichment n = nothing;

	n.peeled = B;
	n.head = commit(B, "second\n");
	n.annotated = annotated;
	if (annotated) {
		n.tag_message = "version one\n\nwith a body\n";
		n.tagger = (struct person){ "Tina", "tina@example.org", 1700000120, 0 };
	}
	return n;
}

static struct enrichment unknown(void)
{
	struct enrichment n = nothing;

	n.computed = false;
	n.why_not = "there is no local repository to read commits and paths from";
	n.forced = TRI_UNKNOWN;
	n.total_commits = -1;
	n.head_ref = "";
	return n;
}

static const struct pipeline pipeline = { .name = "web-deploy", .target = "webhook",
	.template_file = "tests/golden/template.json" };
static const struct repository web = { .name = "web", .path = "/srv/git/web.git", .root = "",
	.url = "", .web_url = "https://git.example.org/web/" };
static const struct repository polled = { .name = "web", .path = "", .root = "",
	.url = "https://bot:secret@git.example.org/web.git?token=x", .web_url = "" };
static const struct repository team = { .name = "team/*", .path = "", .root = "/srv/git/team",
	.url = "", .web_url = "https://git.example.org/team" };

static const struct change_row pushed = { .seq = 1, .id = "018bcfe5-6800-7000-8000-00000000000c",
	.source = SOURCE_POST_RECEIVE, .repository = "web", .path = "/srv/git/web.git",
	.time_us = INT64_C(1700000200123456), .uid = 1000, .user = "git", .actor = "alice",
	.address = "192.0.2.7", .detail = "{\"options\":[\"ci.variable=A=1\",\"x\\u0001y\"],"
	"\"claims\":{\"REMOTE_USER\":\"alice\",\"ODD\":\"\\ufffd\",\"ODDBase64\":\"/w==\"},"
	"\"vars\":{\"A\":\"1\"},\"shortened\":[]}" };
static const struct change_row seen = { .seq = 2, .id = "018bcfe5-6800-7000-8000-00000000000e",
	.source = SOURCE_RECONCILE, .repository = "web", .path = "/srv/git/web.git",
	.time_us = INT64_C(1700000200000000), .uid = 998, .user = "refire", .actor = HOSTILE,
	.address = "", .detail = "" };

struct golden {
	const char *name;
	const struct repository *repository;
	const char *repository_name;
	const struct change_row *change;
	const char *ref, *before, *after;
	struct enrichment enrichment;
};

static const struct golden *cases(size_t *n)
{
	static struct golden v[16];
	size_t i = 0;

#define CASE(...) v[i++] = (struct golden){ __VA_ARGS__ }
	CASE("branch-create", &web, "web", &pushed, "refs/heads/topic/x", Z, B, created());
	CASE("branch-update", &web, "web", &pushed, "refs/heads/main", A, B, update(TRI_NO, "second\n"));
	CASE("branch-forced", &web, "web", &pushed, "refs/heads/main", A, B, update(TRI_YES, "second\n"));
	CASE("branch-delete", &web, "web", &pushed, "refs/heads/main", A, Z, nothing);
	CASE("tag-light", &web, "web", &pushed, "refs/tags/v1", Z, B, tagged(false));
	CASE("tag-annotated", &web, "web", &pushed, "refs/tags/v1", Z, T, tagged(true));
	CASE("tag-delete", &web, "web", &pushed, "refs/tags/v1", T, Z, nothing);
	CASE("hostile", &web, "we\"b", &seen, "refs/heads/" HOSTILE, A, B, update(TRI_NO, HOSTILE "\n"));
	CASE("not-computed", &polled, "web", &seen, "refs/heads/main", A, B, unknown());
	CASE("below-root", &team, "team/a b", &pushed, "refs/heads/main", A, B, update(TRI_NO, "second\n"));
	CASE("other-ref", NULL, "web", &pushed, "refs/notes/commits", Z, B, tagged(false));
#undef CASE
	*n = i;
	return v;
}

static struct render_input input_of(const struct golden *g)
{
	static const struct config config = { .account_id = "123456789012", .region = "eu-west-1" };

	return (struct render_input){ .config = &config, .pipeline = &pipeline, .repository = g->repository,
		.change = g->change, .delivery = DELIVERY, .name = g->repository_name, .ref = g->ref,
		.before = g->before, .after = g->after, .coalesced = g->change == &seen,
		.enrichment = &g->enrichment };
}

/* ---- as text ---- */

static void show_headers(struct buf *b, const struct headers *h)
{
	for (size_t i = 0; i < h->n; i++)
		buf_fmt(b, "%s: %s\n", h->v[i].name, h->v[i].value);
}

static void show(struct buf *b, const struct format *f, const struct message *m, size_t n)
{
	struct secret secrets[] = { { "new secret", 10 }, { "old", 3 } };
	struct secret keys[] = { { WHSEC, strlen(WHSEC) }, { WHSK, strlen(WHSK) } };
	bool whsig = f == &format_standard;
	struct err e;

	for (size_t i = 0; i < n; i++) {
		struct headers signed_ = { .a = &arena };

		if (!is_int(f->sign(&m[i], &(struct secrets){ whsig ? keys : secrets, 2 },
				INT64_C(1700000300123456), &signed_, &e), 0, "signed"))
			note("%s", e.text);
		buf_fmt(b, "== %s, %s, sha256 %s\n", m[i].event, m[i].content_type, m[i].body.sha256);
		show_headers(b, &m[i].headers);
		show_headers(b, &signed_);
		buf_chr(b, '\n');
		buf_add(b, m[i].body.s, m[i].body.len);
		buf_str(b, "\n\n");
	}
}

static void compare(const char *path, const struct buf *b)
{
	char *want;
	size_t len;
	struct err e;

	if (getenv("REGENERATE")) {
		FILE *f = fopen(path, "w");

		ok(f && fwrite(b->s, 1, b->len, f) == b->len && fclose(f) == 0, "%s is written", path);
		return;
	}
	if (fs_read_path(path, 64 * MIB, &want, &len, NULL, &e)) {
		ok(false, "%s: %s", path, e.text);
		return;
	}
	if (!ok(len == b->len && memcmp(want, b->s, len) == 0, "%s", path))
		for (size_t i = 0; i < len && i < b->len; i++)
			if (want[i] != b->s[i]) {
				note("differs at byte %zu: got  ...%.60s", i, b->s + i);
				note("differs at byte %zu: want ...%.60s", i, want + i);
				break;
			}
	free(want);
}

static void check_body(const char *path, const struct message *m)
{
	json_t *root = json_loadb(m->body.s, m->body.len, JSON_REJECT_DUPLICATES, NULL);
	char hex[65];

	ok(json_is_object(root), "%s: %s is JSON without duplicate keys", path, m->event);
	json_decref(root);
	digest_sha256_hex(m->body.s, m->body.len, hex);
	is_str(m->body.sha256, hex, "%s: its digest", path);
	for (size_t i = 0; i < m->body.len; i++)
		if ((m->body.s[i] != '\n' && (unsigned char)m->body.s[i] < 0x20) || m->body.s[i] == 0x7f) {
			ok(false, "%s: a control byte at %zu", path, i);
			break;
		}
}

static void test_golden(const struct format *f, const struct golden *g)
{
	const char *path = arena_fmt(&arena, "tests/golden/%s/%s", f->name, g->name);
	struct render_input in = input_of(g);
	struct message *m, *again;
	size_t n, nagain;
	struct buf b;
	struct err e;

	buf_init(&b, 64 * MIB);
	if (!is_int(f->render(&in, &arena, &m, &n, &e), 0, "%s: rendered", path))
		note("%s", e.text);
	is_int(n, f->count ? f->count(&in) : 1, "%s: as many messages as it says", path);
	show(&b, f, m, n);
	compare(path, &b);
	for (size_t i = 0; i < n; i++)
		check_body(path, &m[i]);
	f->render(&in, &arena, &again, &nagain, &e);
	ok(n == nagain && memcmp(m[0].body.s, again[0].body.s, m[0].body.len) == 0,
		"%s: the same input gives the same bytes", path);
	buf_release(&b);
}

/* ---- bounds ---- */

/* Of the dialect's own list, or of refire's fields in its data. */
static size_t count_commits(const struct message *m)
{
	static const char *const below[] = { "data", "customData" };
	json_t *root = json_loadb(m->body.s, m->body.len, 0, NULL), *in = root;
	size_t n;

	for (size_t i = 0; i < sizeof below / sizeof *below; i++)
		if (json_object_get(root, below[i]))
			in = json_object_get(root, below[i]);
	n = json_array_size(json_object_get(in, "commits"));
	json_decref(root);
	return n;
}

/* How many of 2,048 the dialect carries. */
static size_t carried(const struct format *f)
{
	return f == &format_gitlab ? 20 : f == &format_codecommit ? 0 : LIMIT_COMMITS;
}

/* 2,048 commits of 64 KiB are 128 MiB: shortened until they fit. */
static void test_large(const struct format *f)
{
	char *message = malloc(LIMIT_MESSAGE + 1);
	struct golden g = { .repository = &web, .repository_name = "web", .change = &pushed,
		.ref = "refs/heads/main", .before = A, .after = B, .enrichment = update(TRI_NO, "x") };
	struct enrichment *n = &g.enrichment;
	struct render_input in = input_of(&g);
	struct message *m;
	struct err e;
	size_t count;

	in.enrichment = n;
	memset(message, 'm', LIMIT_MESSAGE);
	message[LIMIT_MESSAGE] = '\0';
	n->commits = calloc(LIMIT_COMMITS, sizeof *n->commits);
	for (size_t i = 0; i < LIMIT_COMMITS; i++)
		n->commits[i] = commit(A, "short");
	n->ncommits = n->total_commits = LIMIT_COMMITS;
	is_int(f->render(&in, &arena, &m, &count, &e), 0, "%s: 2,048 commits", f->name);
	is_int(count_commits(&m[0]), carried(f), "those that the dialect carries");
	for (size_t i = 0; i < LIMIT_COMMITS; i++)
		n->commits[i].message = message;
	is_int(f->render(&in, &arena, &m, &count, &e), 0, "%s: with 128 MiB of messages", f->name);
	ok(m[0].body.len <= LIMIT_BODY, "they fit: %zu bytes", m[0].body.len);
	is_int(count_commits(&m[0]), carried(f), "the same, shortened");
	free(n->commits);
	free(message);
}

static void test_sign(void)
{
	struct message m = { .body = { .s = "Hello, World!", .len = 13, .fd = -1 } };
	struct secret secret = { "It's a Secret to Everybody", 26 };
	struct headers out = { .a = &arena };
	struct err e;

	/* the example of GitHub's "Validating webhook deliveries" */
	format_github.sign(&m, &(struct secrets){ &secret, 1 }, 0, &out, &e);
	is_str(headers_get(&out, "X-Hub-Signature-256"),
		"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
		"GitHub's own test value");
	for (size_t i = 0; formats[i]; i++) {
		struct headers none = { .a = &arena };

		is_int(formats[i]->sign(&m, &(struct secrets){ 0 }, 0, &none, &e), 0,
			"%s: no secret", formats[i]->name);
		is_int(none.n, 0, "no signature");
	}
}

/* ---- templates ---- */

static void test_template_check(void)
{
	static const struct {
		const char *text, *want;		/* NULL: it is right */
	} v[] = {
		{ "{\"a\": \"{branch} {var:X} {event} {title} { } {}\"}", NULL },
		{ "[{\"$each\": \"commits\", \"$value\": \"{commit:id} {commit:url}\"}]", NULL },
		{ "{\"a\": \"{nothing}\"}", "{nothing} is no placeholder here" },
		{ "{\"a\": \"{commit:id}\"}", "{commit:id} is no placeholder here" },
		{ "[{\"$each\": \"paths\", \"a\": \"{commit:id}\"}]", "{commit:id} is no placeholder" },
		{ "{\"$each\": \"commits\"}", "no item of a list" },
		{ "[{\"$each\": \"branches\"}]", "\"commits\" or \"paths\"" },
		{ "{\"a\": 1,}", "is not JSON: line 1, column 9" },
		{ "{\"a\": 1, \"a\": 2}", "duplicate" },
		{ "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "nested more than" },
	};
	const char *path = arena_fmt(&arena, "%s/template.%d.json",
		getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (int)getpid());
	const struct pipeline p = { .name = "t", .template_file = path };
	struct err e = { 0 };

	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		FILE *f = fopen(path, "w");

		ok(f && fputs(v[i].text, f) >= 0 && fclose(f) == 0, "written");
		is_int(format_template.check(&p, &e), v[i].want ? -1 : 0, "template %s", v[i].text);
		if (v[i].want)
			ok(strstr(e.text, v[i].want), "says `%s`: %s", v[i].want, e.text);
	}
	unlink(path);
	is_int(format_template.check(&p, &e), -1, "no such file");
	ok(strstr(e.text, path), "names it: %s", e.text);
}

/* ---- main ---- */

int main(void)
{
	size_t n;
	const struct golden *v;

	plan_none();
	arena_init(&arena);
	v = cases(&n);
	for (size_t f = 0; formats[f]; f++) {
		ok(format_find(formats[f]->name) == formats[f], "%s is found", formats[f]->name);
		mkdir("tests/golden", 0777);
		mkdir(arena_fmt(&arena, "tests/golden/%s", formats[f]->name), 0777);
		for (size_t i = 0; i < n; i++)
			test_golden(formats[f], &v[i]);
		test_large(formats[f]);
	}
	ok(!format_find("nothing"), "an unknown one is not");
	test_sign();
	test_template_check();
	arena_release(&arena);
	return tap_done();
}
