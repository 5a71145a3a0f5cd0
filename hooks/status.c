/* status.c - see status.h. */
#include "status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "advice.h"
#include "gitask.h"
#include "hook.h"
#include "json.h"
#include "log.h"
#include "table.h"

#define LINE_MAX_SIZE (256 * KIB)

/* One list: enum and the word people see. */
#define STATE_LIST(X) \
	X(ABSENT, "no") \
	X(INSTALLED, "yes") \
	X(REPLACED, "replaced") \
	X(ELSEWHERE, "elsewhere") \
	X(HALF_DONE, "half-done")

enum state {
#define X(name, word) STATE_##name,
	STATE_LIST(X)
#undef X
};
static const char *const state_words[] = {
#define X(name, word) [STATE_##name] = word,
	STATE_LIST(X)
#undef X
};

struct report {
	const char *asked;		/* what the person typed */
	char git_dir[LIMIT_PATH], name[LIMIT_PATH], chained[LIMIT_PATH];
	enum state hook[HOOK_KINDS];
	bool named, settings, push_options;
	char text[HOOKCONF_SIZE];
	struct hookconf conf;
	struct advice problems;
};

static enum state judge(const struct place_look *now, const char *noted, const char *here)
{
	bool ours = now->hook == PLACE_OURS || now->hook == PLACE_OLD;

	if (now->earlier == PLACE_OURS || now->earlier == PLACE_OLD ||
	    (noted && now->hook == PLACE_NONE))
		return STATE_HALF_DONE;
	if (ours)
		return noted && strcmp(noted, here) ? STATE_ELSEWHERE : STATE_INSTALLED;
	return noted && now->hook == PLACE_THEIRS ? STATE_REPLACED : STATE_ABSENT;
}

static void explain(struct report *r, enum hook_kind kind, const struct place *p)
{
	switch (r->hook[kind]) {
	case STATE_INSTALLED:
		break;
	case STATE_ABSENT:
		if (kind == HOOK_POST_RECEIVE)
			advice_add(&r->problems, "%s is not installed", hook_names[kind]);
		break;
	case STATE_REPLACED:
		advice_add(&r->problems, "%s was refire's and has been replaced", p->hook);
		break;
	case STATE_ELSEWHERE:
		advice_add(&r->problems, "git now looks for hooks elsewhere than in %s; "
			"install again", p->dir);
		break;
	case STATE_HALF_DONE:
		advice_add(&r->problems, "%s is half installed; install again", p->hook);
		break;
	}
}

static void look_at_hook(struct report *r, const struct installer *i, const struct subject *s,
	enum hook_kind kind)
{
	const char *noted = ledger_get(&s->done, hook_names[kind]);
	struct place_look now;
	struct place p;
	struct err e;

	if (subject_place(s, kind, &p, &e)) {
		advice_add(&r->problems, "%s", e.text);
		return;
	}
	place_look(&p, i->tools.hook[kind], &now);
	r->hook[kind] = judge(&now, noted, s->place[kind].hook);
	if (r->hook[kind] == STATE_INSTALLED && now.hook == PLACE_OLD)
		advice_add(&r->problems, "%s is a hook of another refire installation; "
			"install again", p.hook);
	if (kind == HOOK_POST_RECEIVE && now.earlier == PLACE_THEIRS && now.runs)
		snprintf(r->chained, sizeof(r->chained), "%s", p.earlier);
	explain(r, kind, &p);
}

/* What the hook reads: of this repository, else of its shared hooks directory. */
static void look_at_conf(struct report *r, const struct installer *i, const struct subject *s)
{
	char path[LIMIT_PATH + 32];
	struct err e;
	int failed;

	snprintf(path, sizeof(path), "%s/hook", s->own);
	failed = hookconf_read(path, r->text, &r->conf, &e);
	if (failed && e.code == ERR_NOENT) {
		snprintf(path, sizeof(path), "%s/" HOOK_SHARED_CONF,
			s->place[HOOK_POST_RECEIVE].dir);
		failed = hookconf_read(path, r->text, &r->conf, &e);
	}
	if (failed) {
		if (r->hook[HOOK_POST_RECEIVE] != STATE_ABSENT)
			advice_add(&r->problems, "the hook's settings: %s", e.text);
		return;
	}
	r->settings = true;
	if (access(r->conf.sender, X_OK))
		advice_add(&r->problems, "the sender %s is not there; install again",
			r->conf.sender);
	if (strcmp(r->conf.spool, i->config->state_dir))
		advice_add(&r->problems, "the hook leaves changes in %s, but state-dir is %s; "
			"install again", r->conf.spool, i->config->state_dir);
	snprintf(path, sizeof(path), "%s/spool", r->conf.spool);
	if (access(path, F_OK))
		advice_add(&r->problems, "there is no spool at %s; install again", path);
}

static void examine(struct report *r, const struct installer *i, const char *path)
{
	struct subject s;
	struct err e;

	*r = (struct report){ .asked = path };
	advice_init(&r->problems);
	snprintf(r->git_dir, sizeof(r->git_dir), "%s", path);
	if (subject_open(&s, path, &e)) {
		advice_add(&r->problems, "%s", e.text);
		subject_release(&s);
		return;
	}
	memcpy(r->git_dir, s.git_dir, sizeof(r->git_dir));
	r->named = advice_named(i->config, s.git_dir, r->name);
	if (!r->named)
		advice_add(&r->problems, "no [repository] in %s names %s", i->config->path,
			s.git_dir);
	for (int k = 0; k < HOOK_KINDS; k++)
		look_at_hook(r, i, &s, k);
	look_at_conf(r, i, &s);
	if (gitask_push_options(s.git_dir, &r->push_options, &e))
		advice_add(&r->problems, "%s", e.text);
	advice_pushers(&r->problems, i->config, &i->paths, s.git_dir);
	subject_release(&s);
}

static void print_json(const struct report *r)
{
	struct buf text;
	struct json j;

	buf_init(&text, LINE_MAX_SIZE);
	json_init(&j, &text);
	json_object(&j);
	json_kv(&j, "repository", r->named ? r->name : NULL);
	json_key_bytes(&j, "path", r->git_dir, strlen(r->git_dir));
	json_kv(&j, "hook", state_words[r->hook[HOOK_POST_RECEIVE]]);
	json_kv(&j, "chained", r->chained[0] ? r->chained : NULL);
	json_kv(&j, "reference_transaction", state_words[r->hook[HOOK_REFERENCE_TRANSACTION]]);
	json_kv(&j, "spool", r->settings ? r->conf.spool : NULL);
	json_kv(&j, "sender", r->settings ? r->conf.sender : NULL);
	json_kv(&j, "config", r->settings ? r->conf.config : NULL);
	json_key(&j, "push_options");
	json_bool(&j, r->push_options);
	json_key(&j, "problems");
	json_array(&j);
	for (size_t n = 0; n < r->problems.n; n++)
		json_str(&j, r->problems.v[n]);
	json_end(&j);
	json_end(&j);
	printf("%s\n", text.s);
	buf_release(&text);
}

static void print_row(struct table *t, const struct report *r)
{
	enum state hook = r->hook[HOOK_POST_RECEIVE];
	const char *base = strrchr(r->chained, '/');

	table_cell(t, STYLE_NONE, r->git_dir);
	table_cell(t, r->named ? STYLE_NONE : STYLE_WARN, r->named ? r->name : "-");
	table_cell(t, hook == STATE_INSTALLED ? STYLE_GOOD : STYLE_BAD, state_words[hook]);
	table_cell(t, STYLE_NONE, base ? base + 1 : "-");
	table_cell(t, STYLE_NONE, state_words[r->hook[HOOK_REFERENCE_TRANSACTION]]);
	table_cell(t, STYLE_NONE, r->push_options ? "yes" : "no");
	table_cell(t, STYLE_NONE, r->settings ? r->conf.spool : "-");
}

static void print_problems(const struct screen *s, const char *about, const struct advice *a)
{
	struct buf text;

	for (size_t n = 0; n < a->n; n++) {
		buf_init(&text, LINE_MAX_SIZE);
		screen_styled(s, &text, STYLE_NONE, about);
		buf_str(&text, ": ");
		screen_styled(s, &text, STYLE_WARN, a->v[n]);
		printf("%s\n", text.s);
		buf_release(&text);
	}
}

static int print_all_json(const struct installer *i, char *const *paths, int n)
{
	static struct report r;
	int wrong = 0;

	for (int k = 0; k < n; k++) {
		examine(&r, i, paths[k]);
		print_json(&r);
		wrong |= r.problems.n > 0;
		advice_release(&r.problems);
	}
	return wrong;
}

static int print_table(const struct installer *i, char *const *paths, int n,
	const struct screen *s)
{
	static const struct column columns[] = {
		{ "PATH", 20, false }, { "REPOSITORY", 10, false }, { "HOOK", 0, false },
		{ "THEN RUNS", 0, false }, { "REF WRITES", 0, false },
		{ "PUSH OPTIONS", 0, false }, { "STATE-DIR", 12, false },
	};
	struct advice *problems = mem_alloc((size_t)n * sizeof(*problems));
	static struct report r;
	struct table t;
	int wrong = 0;

	table_begin(&t, s, columns, sizeof(columns) / sizeof(*columns));
	for (int k = 0; k < n; k++) {
		examine(&r, i, paths[k]);
		print_row(&t, &r);
		problems[k] = r.problems;
	}
	table_end(&t);
	for (int k = 0; k < n; k++) {
		wrong |= problems[k].n > 0;
		print_problems(s, paths[k], &problems[k]);
		advice_release(&problems[k]);
	}
	free(problems);
	return wrong;
}

int status_print(const struct installer *i, char *const *paths, int n, bool json)
{
	struct advice general;
	struct screen screen;
	int wrong;

	advice_init(&general);
	advice_runner(&general, i->config, &i->paths, i->tools.front);
	screen_init(&screen, stdout);
	wrong = json ? print_all_json(i, paths, n) : print_table(i, paths, n, &screen);
	fflush(stdout);
	for (size_t k = 0; k < general.n; k++)
		log_warn("%s", general.v[k]);
	wrong |= general.n > 0;
	advice_release(&general);
	return wrong;
}
