/* test-match.c - which ref updates start which pipelines, and the reason given. */
#include <string.h>

#include "buf.h"
#include "match.h"
#include "tap.h"

#define A "1111111111111111111111111111111111111111"
#define B "2222222222222222222222222222222222222222"
#define Z "0000000000000000000000000000000000000000"

/* keys are those of the pipeline, one a line; paths separated by blanks, NULL:
   not known. */
struct update {
	const char *ref, *before, *after, *paths;
	bool skip;
};

static const struct {
	const char *keys;
	struct update u;
	enum match_reason want;
	const char *pattern;
} cases[] = {
	/* no filter: every branch, no tag, no deletion */
	{ "", { "refs/heads/main", A, B, NULL, false }, MATCH_MATCHED, NULL },
	{ "", { "refs/heads/main", Z, B, NULL, false }, MATCH_MATCHED, NULL },
	{ "", { "refs/heads/main", A, Z, NULL, false }, MATCH_KIND, NULL },
	{ "", { "refs/tags/v1", Z, A, NULL, false }, MATCH_KIND, NULL },
	{ "", { "refs/notes/commits", A, B, NULL, false }, MATCH_REF_KIND, NULL },
	{ "", { "refs/changes/1", A, Z, NULL, false }, MATCH_REF_KIND, NULL },
	{ "", { "refs/heads/", A, B, NULL, false }, MATCH_REF_KIND, NULL },
	{ "", { "HEAD", A, B, NULL, false }, MATCH_REF_KIND, NULL },
	/* the order of reasons */
	{ "", { "refs/heads/main", A, B, NULL, true }, MATCH_SKIPPED, NULL },
	{ "enabled = no\n", { "refs/heads/main", A, B, NULL, true }, MATCH_DISABLED, NULL },
	{ "enabled = no\n", { "refs/notes/x", A, B, NULL, false }, MATCH_DISABLED, NULL },
	{ "", { "refs/notes/x", A, B, NULL, true }, MATCH_SKIPPED, NULL },
	/* branches */
	{ "branches = main\n", { "refs/heads/main", A, B, NULL, false }, MATCH_MATCHED, "main" },
	{ "branches = main\n", { "refs/heads/Main", A, B, NULL, false }, MATCH_BRANCH, NULL },
	{ "branches = main\n", { "refs/tags/main", A, B, NULL, false }, MATCH_KIND, NULL },
	{ "branches = main, release/**\n", { "refs/heads/release/1/2", A, B, NULL, false },
	  MATCH_MATCHED, "release/**" },
	{ "branches = release/*\n", { "refs/heads/release/1/2", A, B, NULL, false },
	  MATCH_BRANCH, NULL },
	{ "branches-exclude = wip-*\n", { "refs/heads/wip-1", A, B, NULL, false },
	  MATCH_BRANCH_EXCLUDED, "wip-*" },
	{ "branches-exclude = wip-*\n", { "refs/heads/main", A, B, NULL, false },
	  MATCH_MATCHED, NULL },
	{ "branches = **\nbranches-exclude = main\n", { "refs/heads/main", A, B, NULL, false },
	  MATCH_BRANCH_EXCLUDED, "main" },
	{ "branches = {main,dev}, x\n", { "refs/heads/dev", A, B, NULL, false },
	  MATCH_MATCHED, "{main,dev}" },
	/* tags */
	{ "tags = v*\n", { "refs/tags/v1", Z, A, NULL, false }, MATCH_MATCHED, "v*" },
	{ "tags = v*\n", { "refs/tags/v1", A, B, NULL, false }, MATCH_MATCHED, "v*" },
	{ "tags = v*\n", { "refs/tags/x1", Z, A, NULL, false }, MATCH_TAG, NULL },
	{ "tags = v*\n", { "refs/heads/v1", Z, A, NULL, false }, MATCH_KIND, NULL },
	{ "tags = v*\ntags-exclude = *-rc?\n", { "refs/tags/v1-rc2", Z, A, NULL, false },
	  MATCH_TAG_EXCLUDED, "*-rc?" },
	{ "tags-exclude = x\n", { "refs/tags/y", Z, A, NULL, false }, MATCH_MATCHED, NULL },
	{ "tags-exclude = x\n", { "refs/heads/y", Z, A, NULL, false }, MATCH_KIND, NULL },
	/* both */
	{ "branches = main\ntags = v*\n", { "refs/tags/v1", Z, A, NULL, false },
	  MATCH_MATCHED, "v*" },
	{ "branches = main\ntags = v*\n", { "refs/heads/main", A, B, NULL, false },
	  MATCH_MATCHED, "main" },
	{ "branches = main\ntags = v*\n", { "refs/tags/main", Z, A, NULL, false }, MATCH_TAG, NULL },
	/* `on` decides where it is given */
	{ "on = push\ntags = v*\n", { "refs/tags/v1", Z, A, NULL, false }, MATCH_KIND, NULL },
	{ "on = push\ntags = v*\n", { "refs/heads/x", A, B, NULL, false }, MATCH_MATCHED, NULL },
	{ "on = tag\n", { "refs/tags/v1", Z, A, NULL, false }, MATCH_MATCHED, NULL },
	{ "on = tag\n", { "refs/heads/v1", Z, A, NULL, false }, MATCH_KIND, NULL },
	{ "on = push, tag\nbranches = main\n", { "refs/tags/v1", Z, A, NULL, false },
	  MATCH_MATCHED, NULL },
	/* deletions */
	{ "on = delete\n", { "refs/heads/main", A, Z, NULL, false }, MATCH_MATCHED, NULL },
	{ "on = delete\n", { "refs/tags/v1", A, Z, NULL, false }, MATCH_MATCHED, NULL },
	{ "on = delete\n", { "refs/heads/main", A, B, NULL, false }, MATCH_KIND, NULL },
	{ "on = delete\n", { "refs/notes/x", A, Z, NULL, false }, MATCH_REF_KIND, NULL },
	{ "on = delete\nbranches = feature/**\n", { "refs/heads/feature/a", A, Z, NULL, false },
	  MATCH_MATCHED, "feature/**" },
	{ "on = delete\nbranches = feature/**\n", { "refs/heads/main", A, Z, NULL, false },
	  MATCH_BRANCH, NULL },
	{ "on = delete\nbranches = feature/**\n", { "refs/tags/v1", A, Z, NULL, false },
	  MATCH_TAG, NULL },
	{ "on = delete\ntags = v*\n", { "refs/heads/main", A, Z, NULL, false }, MATCH_BRANCH, NULL },
	{ "on = delete\ntags = v*\n", { "refs/tags/v1", A, Z, NULL, false }, MATCH_MATCHED, "v*" },
	{ "on = delete\ntags = v*\nbranches = m\n", { "refs/heads/m", A, Z, NULL, false },
	  MATCH_MATCHED, "m" },
	{ "on = delete\nbranches-exclude = m\n", { "refs/heads/m", A, Z, NULL, false },
	  MATCH_BRANCH_EXCLUDED, "m" },
	/* paths */
	{ "paths = src/**\n", { "refs/heads/main", A, B, "src/a/b.c", false },
	  MATCH_MATCHED, "src/**" },
	{ "paths = src/**\n", { "refs/heads/main", A, B, "README src", false }, MATCH_PATHS, NULL },
	{ "paths = src/**\n", { "refs/heads/main", A, B, "", false }, MATCH_PATHS, NULL },
	{ "paths = src/**\n", { "refs/heads/main", A, B, NULL, false }, MATCH_PATHS_UNKNOWN, NULL },
	{ "paths-exclude = **/*.md, *.md\n", { "refs/heads/main", A, B, "a.md d/b.md", false },
	  MATCH_PATHS, NULL },
	{ "paths-exclude = **/*.md, *.md\n", { "refs/heads/main", A, B, "a.md d/b.c", false },
	  MATCH_MATCHED, NULL },
	{ "paths = src/**\npaths-exclude = **/*.md\n",
	  { "refs/heads/main", A, B, "src/a.md doc/b.c", false }, MATCH_PATHS, NULL },
	{ "paths = src/**\npaths-exclude = **/*.md\n",
	  { "refs/heads/main", A, B, "src/a.md src/b.c", false }, MATCH_MATCHED, "src/**" },
	{ "on = tag\npaths = src/**\n", { "refs/tags/v1", Z, B, "README", false },
	  MATCH_PATHS_UNKNOWN, NULL },
	{ "on = delete\npaths = src/**\n", { "refs/heads/x", A, Z, "", false },
	  MATCH_PATHS_UNKNOWN, NULL },
	{ "branches = main\npaths = src/**\n", { "refs/heads/x", A, B, "src/a", false },
	  MATCH_BRANCH, NULL },
	/* hostile names are only text */
	{ "branches = *\n", { "refs/heads/$(x)\"'\xff", A, B, NULL, false }, MATCH_MATCHED, "*" },
};

static const char base[] = "[repository web]\npath = /srv/git/web.git\n"
	"[repository app]\npath = /srv/git/app.git\n"
	"[pipeline p]\nrepository = web\ntarget = webhook\nurl = http://127.0.0.1/\n";

static struct config *load(const char *keys)
{
	struct config *c = NULL;
	struct err e = { .text = "" };
	struct buf b;

	buf_init(&b, MIB);
	buf_fmt(&b, "%s%s", base, keys);
	if (config_parse_text("t", b.s, &c, &e))
		ok(false, "configuration: %s", e.text);
	buf_release(&b);
	return c;
}

/* Splits text (modified) at blanks. */
static size_t split(char *text, const char **v, size_t max)
{
	size_t n = 0;

	for (char *s = strtok(text, " "); s && n < max; s = strtok(NULL, " "))
		v[n++] = s;
	return n;
}

static void test_cases(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct update *u = &cases[i].u;
		struct config *c = load(cases[i].keys);
		char text[256] = "";
		const char *paths[16], *pattern = "unset";
		struct match_input in = { "web", u->ref, u->before, u->after, u->skip,
			u->paths != NULL, paths, 0 };
		enum match_reason r;

		if (!c)
			continue;
		snprintf(text, sizeof text, "%s", u->paths ? u->paths : "");
		in.npaths = split(text, paths, 16);
		r = match_pipeline(c->pipelines, &in, &pattern);
		is_int(r, cases[i].want, "%zu: %s %s", i, u->ref, match_text(cases[i].want));
		is_str(pattern, cases[i].pattern, "%zu: the pattern", i);
		config_free(c);
	}
}

static void test_words(void)
{
	for (int i = 0; i < MATCH_COUNT; i++) {
		enum match_reason r = (enum match_reason)i;

		ok(*match_word(r) && *match_text(r), "reason %d has a word and a sentence", i);
		is_int(match_fires(r), strncmp(match_word(r), "Matched", 7) == 0,
			"%s fires only if it says so", match_word(r));
	}
	ok(oid_is_zero(""), "no object id");
	ok(oid_is_zero(Z), "zeros");
	ok(!oid_is_zero("00000000000000000000000000000000000000001"), "not only zeros");
	is_str(ref_branch("refs/heads/a/b"), "a/b", "branch");
	is_str(ref_branch("refs/tags/a"), "", "a tag is no branch");
	is_str(ref_tag("refs/tags/a"), "a", "tag");
	is_str(ref_tag("refs/tag/a"), "", "no tag");
}

static void test_repository(void)
{
	struct config *c = load("paths = src/**\n[pipeline q]\nrepository = *\ntarget = webhook\n"
		"url = http://127.0.0.1/\n[pipeline r]\nrepository = app\nenabled = no\n"
		"paths = x\ntarget = webhook\nurl = http://127.0.0.1/\n");
	struct match_input in = { .repository = "app", .ref = "refs/heads/m", .before = A,
		.after = B };

	if (!c)
		return;
	is_int(match_pipeline(&c->pipelines[0], &in, NULL), MATCH_REPOSITORY, "another repository");
	is_int(match_pipeline(&c->pipelines[1], &in, NULL), MATCH_MATCHED, "all repositories");
	in.skip = true;
	is_int(match_pipeline(&c->pipelines[0], &in, NULL), MATCH_REPOSITORY, "comes first");
	ok(match_needs_paths(c, "web"), "web has a path filter");
	ok(!match_needs_paths(c, "app"), "app has one only in a disabled pipeline");
	config_free(c);
}

int main(void)
{
	plan_none();
	test_cases();
	test_words();
	test_repository();
	return tap_done();
}
