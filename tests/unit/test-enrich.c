/*
 * enrich.h over real repositories, made by git: each case by libgit2 (SHA-1) and
 * by the git program (SHA-256), which must agree; and the stored JSON, both ways.
 */
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "enrich.h"
#include "enrich_parts.h"
#include "json.h"
#include "tap.h"

#define ZERO "0000000000000000000000000000000000000000"

static struct arena arena;
static char top[4096];

/* ---- making repositories ---- */

static void sh(const char *dir, const char *script)
{
	char *command = arena_fmt(&arena, "cd '%s' && export HOME='%s' GIT_CONFIG_NOSYSTEM=1 "
		"GIT_AUTHOR_NAME=Ann GIT_AUTHOR_EMAIL=ann@example.org GIT_COMMITTER_NAME=Cid "
		"GIT_COMMITTER_EMAIL=cid@example.org GIT_AUTHOR_DATE='1700000000 +0130' "
		"GIT_COMMITTER_DATE='1700000060 -0700'; set -e; %s", dir, top, script);

	if (system(command)) {
		printf("Bail out! a repository could not be made: %s\n", script);
		exit(1);
	}
}

/* What git says, without the last newline. */
static const char *say(const char *dir, const char *command)
{
	char text[4096];
	FILE *f = popen(arena_fmt(&arena, "cd '%s' && git %s", dir, command), "r");
	size_t n = fread(text, 1, sizeof text - 1, f);

	pclose(f);
	text[n] = '\0';
	while (n && text[n - 1] == '\n')
		text[--n] = '\0';
	return arena_strdup(&arena, text);
}

/* main: one, two, merge of side, odd; and refs of every kind. */
static const char history[] =
	"git init -q -b main --object-format=$H . ; git config core.quotePath off;"
	"echo 1 > a; mkdir d; echo 2 > d/b; chmod +x d/b; git add .; git commit -q -m one;"
	"git branch one;"
	"echo x > a; git rm -q d/b; echo 3 > d; git add .; git commit -q -m two; git branch two;"
	"git checkout -q -b side one; mkdir -p deep/er; echo s > deep/er/s; git add .;"
	"git commit -q -m side; git checkout -q main; git merge -q --no-ff -m merge side;"
	"git branch merge;"
	"printf '%b' 'caf\\0351 \"$(touch $PWNED)\" \\0342\\0200\\0256 \\0001\\n\\nbody\\n' > ../m;"
	"printf q > \"$(printf 'n\\nl\\tt\"\\351')\"; rm a; ln -s d a; git add -A;"
	"git commit -q -F ../m 2>/dev/null; git cat-file commit HEAD |"
	"LC_ALL=C sed 's/author Ann/author J\\xf6rg/; s/caf\\xc3\\xa9/caf\\xe9/' |"
	"git reset -q $(git hash-object -t commit -w --stdin); git branch odd;"
	"git tag light two; git tag -a -m 'the tag' note two; git tag -a -m 'a tag of a tag' again note 2>/dev/null;"
	"git tag blob $(git rev-parse one:a);"
	"git checkout -q --orphan apart; git rm -rfq .; echo z > z; git add .; git commit -q -m apart;"
	"git checkout -q main;";

static const char *make(const char *hash)
{
	char *dir = arena_fmt(&arena, "%s/%s", top, hash);

	mkdir(dir, 0700);
	sh(dir, arena_fmt(&arena, "H=%s; %s", hash, history));
	return arena_fmt(&arena, "%s/.git", dir);
}

/* ---- a small text of an enrichment, without ids ---- */

static void show_paths(struct buf *b, char mark, const char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_fmt(b, " %c%s", mark, v[i]);
}

static void show_commit(struct buf *b, const struct commit *c)
{
	buf_fmt(b, "{%.*s|%s|%s|%lld%+d", (int)strcspn(c->message, "\n"), c->message,
		c->author.name, c->committer.email, (long long)c->author.time_s, c->author.offset_min);
	show_paths(b, '+', c->added, c->nadded);
	show_paths(b, '-', c->removed, c->nremoved);
	show_paths(b, '~', c->modified, c->nmodified);
	buf_str(b, c->paths_known ? "}" : " ?}");
}

static const char *show(const struct enrichment *n)
{
	static const char *const tri[] = { "unknown", "no", "yes" };
	struct buf b;
	char *s;

	buf_init(&b, MIB);
	buf_fmt(&b, "%s forced=%s total=%lld", n->computed ? "computed" : "not computed",
		tri[n->forced + 1], (long long)n->total_commits);
	for (size_t i = 0; i < n->ncommits; i++) {
		buf_chr(&b, ' ');
		show_commit(&b, &n->commits[i]);
	}
	buf_str(&b, n->paths_known ? " paths=" : " paths?");
	show_paths(&b, '*', n->paths, n->npaths);
	if (n->annotated)
		buf_fmt(&b, " tag=%s|%s", n->tag_message, n->tagger.name);
	if (*n->head.oid) {
		buf_str(&b, " head=");
		buf_fmt(&b, "%.*s", (int)strcspn(n->head.message, "\n"), n->head.message);
	}
	if (*n->why_not)
		buf_str(&b, " why");
	s = arena_strdup(&arena, b.s);
	buf_release(&b);
	return s;
}

/* ---- the cases ---- */

#define WHEN "1700000000+90"
#define ONE "{one|Ann|cid@example.org|" WHEN " +a +d/b}"
#define TWO "{two|Ann|cid@example.org|" WHEN " +d -d/b ~a}"
#define SIDE "{side|Ann|cid@example.org|" WHEN " +deep/er/s}"
#define MERGE "{merge|Ann|cid@example.org|" WHEN " +deep/er/s}"
#define ODD_MESSAGE "caf\xe9 \"$(touch $PWNED)\" \xe2\x80\xae \x01"
#define ODD "{" ODD_MESSAGE "|J\xf6rg|cid@example.org|" WHEN " +n\nl\tt\"\xe9 ~a}"

static const struct {
	const char *what, *ref, *before, *after, *want;
} cases[] = {
	{ "first push of HEAD's own branch", "refs/heads/main", "", "two",
		"computed forced=no total=2 " ONE " " TWO " paths= *a *d head=two" },
	{ "a branch at HEAD's tip", "refs/heads/new", "", "odd",
		"computed forced=no total=0 paths= head=" ODD_MESSAGE },
	{ "a branch behind HEAD's tip", "refs/heads/new", "", "one",
		"computed forced=no total=0 paths= head=one" },
	{ "a branch that shares nothing with HEAD's", "refs/heads/new", "", "apart",
		"computed forced=no total=1 {apart|Ann|cid@example.org|" WHEN " +z} paths= *z head=apart" },
	{ "an update", "refs/heads/main", "one", "two",
		"computed forced=no total=1 " TWO " paths= *a *d *d/b head=two" },
	{ "an update by a merge", "refs/heads/main", "two", "merge",
		"computed forced=no total=2 " SIDE " " MERGE " paths= *deep/er/s head=merge" },
	{ "text of every kind", "refs/heads/main", "merge", "odd",
		"computed forced=no total=1 " ODD " paths= *a *n\nl\tt\"\xe9 head=" ODD_MESSAGE },
	{ "a forced update", "refs/heads/side", "two", "side",
		"computed forced=yes total=1 " SIDE " paths= *a *d *d/b *deep/er/s head=side" },
	{ "a forced update back", "refs/heads/main", "two", "one",
		"computed forced=yes total=0 paths= *a *d *d/b head=one" },
	{ "a forced update to an unrelated one", "refs/heads/main", "side", "apart",
		"computed forced=yes total=1 {apart|Ann|cid@example.org|" WHEN " +z} "
		"paths= *a *d/b *deep/er/s *z head=apart" },
	{ "no update at all", "refs/heads/main", "one", "one",
		"computed forced=no total=0 paths= head=one" },
	{ "a deletion", "refs/heads/main", "one", "", "computed forced=no total=0 paths?" },
	{ "a light tag", "refs/tags/v1", "", "light", "computed forced=no total=0 paths? head=two" },
	{ "an annotated tag", "refs/tags/v1", "", "note",
		"computed forced=no total=0 paths? tag=the tag\n|Cid head=two" },
	{ "a tag of a tag", "refs/tags/v1", "", "again",
		"computed forced=no total=0 paths? tag=a tag of a tag\n|Cid head=two" },
	{ "a tag that moved", "refs/tags/v1", "one", "note",
		"computed forced=yes total=0 paths? tag=the tag\n|Cid head=two" },
	{ "a tag of a blob", "refs/tags/v1", "", "blob", "computed forced=no total=0 paths? why" },
	{ "a new commit that is not there", "refs/heads/main", "one", "missing",
		"not computed forced=unknown total=-1 paths? why" },
	{ "an old commit that is not there", "refs/heads/main", "missing", "one",
		"computed forced=unknown total=-1 paths? head=one why" },
};

static const char *id_of(const char *dir, const char *name, bool sha256)
{
	if (!*name)
		return sha256 ? ZERO "000000000000000000000000" : ZERO;
	if (strcmp(name, "missing") == 0)
		return sha256 ? "1111111111111111111111111111111111111111111111111111111111111111" :
			"1111111111111111111111111111111111111111";
	return say(dir, arena_fmt(&arena, "rev-parse %s", name));
}

static void check_json(const struct enrichment *n, const char *what)
{
	struct enrichment back;
	struct buf one, two;
	struct err e;

	buf_init(&one, LIMIT_ENRICHMENT);
	buf_init(&two, LIMIT_ENRICHMENT);
	enrich_encode(n, &one);
	ok(json_utf8_valid(one.s, one.len), "%s: the JSON is UTF-8", what);
	if (!is_int(enrich_decode(&arena, one.s, &back, &e), 0, "%s: and is read back", what))
		note("%s", e.text);
	is_str(show(&back), show(n), "%s: the same", what);
	enrich_encode(&back, &two);
	is_str(two.s, one.s, "%s: to the byte", what);
	buf_release(&one);
	buf_release(&two);
}

static void test_cases(const char *git_dir, bool sha256)
{
	int64_t deadline = clock_mono_us() + 60 * US_PER_S;
	struct enrichment out, again;
	struct enrich *n;
	struct repo *r;
	struct err e;

	if (repo_open(git_dir, &r, &e)) {
		ok(false, "%s opens: %s", git_dir, e.text);
		return;
	}
	is_int(repo_by_git(r), sha256, "%s is read by %s", git_dir, sha256 ? "git" : "libgit2");
	n = enrich_open(r);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *before = id_of(git_dir, cases[i].before, sha256);
		const char *after = id_of(git_dir, cases[i].after, sha256);

		enrich_compute(r, &arena, cases[i].ref, before, after, deadline, &out);
		if (!is_str(show(&out), cases[i].want, "%s", cases[i].what))
			note("why_not: %s", out.why_not);
		enrich_update(n, &arena, cases[i].ref, before, after, deadline, &again);
		is_str(show(&again), show(&out), "%s: the same from a batch", cases[i].what);
		enrich_update_by(n, &arena, cases[i].ref, before, after, deadline, 0, &again);
		is_str(show(&again), show(&out), "%s: the same by git log", cases[i].what);
		check_json(&out, cases[i].what);
		if (*cases[i].after && strcmp(cases[i].after, "missing"))
			is_str(out.head_ref, "refs/heads/main", "HEAD's branch");
	}
	enrich_close(n);
	repo_close(r);
	ok(access(getenv("PWNED"), F_OK) != 0, "nothing reached a shell");
}

static void test_without(const char *git_dir)
{
	struct enrichment out;
	struct repo *r;
	struct err e;

	enrich_compute(NULL, &arena, "refs/heads/main", ZERO, "1111111111111111111111111111111111111111",
		0, &out);
	is_str(show(&out), "not computed forced=no total=-1 paths? why", "no repository: it says so");
	check_json(&out, "no repository");
	if (repo_open(git_dir, &r, &e))
		exit(1);
	enrich_compute(r, &arena, "refs/heads/main", id_of(git_dir, "one", false),
		id_of(git_dir, "odd", false), 0, &out);
	ok(!out.paths_known && out.computed && strstr(out.why_not, "too long"),
		"no time left: what is missing is said: %s", out.why_not);
	sh(git_dir, "echo 1111111111111111111111111111111111111111 > HEAD");
	enrich_compute(r, &arena, "refs/heads/x", ZERO, id_of(git_dir, "two", false),
		clock_mono_us() + 60 * US_PER_S, &out);
	is_int(out.total_commits, 2, "a detached HEAD: compared with nothing");
	sh(git_dir, "echo ref: refs/heads/main > HEAD");
	repo_close(r);
}

/* 2,100 commits and 50,100 paths, by fast-import. */
static const char large[] =
	"git init -q --bare -b main --object-format=$H . ; python3 -c '\n"
	"print(\"blob\\nmark :1\\ndata 1\\nx\")\n"
	"for i in range(2100):\n"
	"  print(f\"commit refs/heads/many\\ncommitter C <c@example.org> {1700000000+i} +0000\\ndata 5\\n{i:05}\")\n"
	"  print(f\"M 644 :1 f{i:05}\")\n"
	"print(\"commit refs/heads/wide\\ncommitter C <c@example.org> 1700000000 +0000\\ndata 1\\nw\")\n"
	"for i in range(50100): print(f\"M 644 :1 d{i%100}/f{i:05}\")\n"
	"' | git fast-import --quiet";

static void test_large(const char *hash)
{
	char *dir = arena_fmt(&arena, "%s/large-%s", top, hash);
	int64_t began, deadline;
	bool sha256 = strcmp(hash, "sha256") == 0;
	struct enrichment out, other;
	struct enrich *n;
	struct repo *r;
	struct err e;

	mkdir(dir, 0700);
	sh(dir, arena_fmt(&arena, "H=%s; %s", hash, large));
	if (repo_open(dir, &r, &e))
		exit(1);
	began = clock_mono_us();
	deadline = began + 60 * US_PER_S;
	enrich_compute(r, &arena, "refs/heads/many", id_of(dir, "", sha256),
		say(dir, "rev-parse many"), deadline, &out);
	note("2,100 commits: %lld us", (long long)(clock_mono_us() - began));
	is_int(out.total_commits, 2100, "%s: all commits are counted", hash);
	is_int(out.ncommits, LIMIT_COMMITS, "the newest are kept");
	is_str(out.commits[0].message, "00052", "oldest first");
	is_str(out.commits[LIMIT_COMMITS - 1].added[0], "f02099", "with their paths");
	is_int(out.npaths, 2100, "and all changed paths");
	check_json(&out, "2,100 commits");
	n = enrich_open(r);
	enrich_update_by(n, &arena, "refs/heads/many", id_of(dir, "", sha256), out.peeled, deadline,
		SIZE_MAX, &other);
	is_str(show(&other), show(&out), "the same, however they are listed");
	enrich_close(n);
	enrich_compute(r, &arena, "refs/heads/many", id_of(dir, "", sha256), out.peeled,
		clock_mono_us() + 20 * 1000, &other);
	ok(clock_mono_us() - began < 30 * US_PER_S && *other.why_not && !other.paths_known,
		"20 ms are not enough, and it says so: %s", other.why_not);
	enrich_compute(r, &arena, "refs/heads/wide", id_of(dir, "", sha256),
		say(dir, "rev-parse wide"), deadline, &out);
	ok(!out.paths_known && out.computed && *out.why_not, "50,100 paths: too many, and it says so: %s",
		out.why_not);
	is_int(out.total_commits, 1, "the rest is there");
	repo_close(r);
}

/* What does not fit is left out in order, and said. */
static void test_fit(void)
{
	char *message = malloc(LIMIT_MESSAGE + 1);
	struct commit *commits = calloc(LIMIT_COMMITS, sizeof *commits);
	const char *oid = "1111111111111111111111111111111111111111", *path = "p";
	struct enrichment n = { .computed = true, .why_not = "", .base = "", .peeled = oid,
		.tag_message = "", .head_ref = "", .tagger = { "", "", 0, 0 },
		.commits = commits, .ncommits = LIMIT_COMMITS, .paths_known = true, .paths = &path, .npaths = 1 };
	struct enrichment back;
	struct buf b;
	struct err e;

	memset(message, 'm', LIMIT_MESSAGE);
	message[LIMIT_MESSAGE] = '\0';
	for (size_t i = 0; i < LIMIT_COMMITS; i++)
		commits[i] = (struct commit){ .oid = oid, .tree = oid, .author = { "", "", 0, 0 },
			.committer = { "", "", 0, 0 }, .message = message, .paths_known = true,
			.added = &path, .nadded = 1 };
	n.head = commits[0];
	buf_init(&b, LIMIT_ENRICHMENT);
	enrich_encode(&n, &b);
	ok(!b.over && b.len < LIMIT_ENRICHMENT, "128 MiB of messages are shortened to fit: %zu", b.len);
	is_int(enrich_decode(&arena, b.s, &back, &e), 0, "it is read back");
	ok(strstr(back.why_not, "shortened") && back.commits[0].message_cut, "and says so: %s", back.why_not);
	ok(back.ncommits == LIMIT_COMMITS && back.paths_known, "the commits and paths are there");
	buf_release(&b);
	free(commits);
	free(message);
}

static void test_wrong(void)
{
	static const char *const wrong[] = { "", "x", "[]", "{}", "null", "{\"computed\":1}",
		"{\"computed\":true,\"computed\":true}" };
	struct enrichment n = { .why_not = "", .base = "", .peeled = "", .tag_message = "",
		.head_ref = "\xff\xfe", .tagger = { "", "", 0, 0 }, .head.oid = "" }, out;
	struct buf b;
	struct err e;
	char *at;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		is_int(enrich_decode(&arena, wrong[i], &out, &e), -1, "'%s' is refused", wrong[i]);
	buf_init(&b, KIB);
	enrich_encode(&n, &b);
	is_int(enrich_decode(&arena, b.s, &out, &e), 0, "bytes that are not UTF-8");
	is_str(out.head_ref, "\xff\xfe", "come back");
	at = strstr(b.s, "Base64\":\"") + 9;
	at[1] = '!';
	is_int(enrich_decode(&arena, b.s, &out, &e), -1, "base64 that is none: %s", e.text);
	memcpy(at, "AAA=", 4);
	is_int(enrich_decode(&arena, b.s, &out, &e), -1, "base64 with NUL bytes");
	buf_release(&b);
}

/* Many refs at few commits are cheap. */
static void test_speed(const char *git_dir)
{
	const char *odd = id_of(git_dir, "odd", false);
	int64_t began, took;
	struct enrichment out;
	struct enrich *n;
	struct arena a;
	struct repo *r;
	struct err e;

	if (repo_open(git_dir, &r, &e))
		exit(1);
	n = enrich_open(r);
	began = clock_mono_us();
	for (int i = 0; i < 10000; i++) {
		arena_init(&a);
		enrich_update(n, &a, "refs/heads/new", ZERO, odd, began + 60 * US_PER_S, &out);
		arena_release(&a);
	}
	took = clock_mono_us() - began;
	note("a created ref at HEAD's tip: %.1f us", (double)took / 10000);
	ok(took < 10000 * 400, "less than 40 us, ten times allowed for a slow machine");
	enrich_close(n);
	repo_close(r);
}

int main(void)
{
	const char *dir;

	plan_none();
	arena_init(&arena);
	snprintf(top, sizeof top, "%s/refire-enrich-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(top))
		return 99;
	setenv("PWNED", arena_fmt(&arena, "%s/pwned", top), 1);
	dir = make("sha1");
	test_cases(dir, false);
	test_without(dir);
	test_speed(dir);
	test_cases(make("sha256"), true);
	test_large("sha1");
	test_large("sha256");
	test_fit();
	test_wrong();
	sh("/", arena_fmt(&arena, "rm -rf %s", top));
	arena_release(&arena);
	return tap_done();
}
