/*
 * enrich_git.c - an enrichment by the git program, for repositories libgit2 cannot
 * read (SHA-256, partial clones, extensions it does not know). Some milliseconds a
 * question, so as few as possible.
 */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "enrich_parts.h"
#include "gitcmd.h"
#include "match.h"

#define LOG_MAX (64 * MIB)	/* what git log may say */

/* Fields end in NUL; --name-status -z follows: "\n" before the first status. */
static const char log_format[] = "--format=tformat:%x01%H%x00%T%x00%an%x00%ae%x00%ad%x00"
	"%cn%x00%ce%x00%cd%x00%B%x00";
enum log_field { LOG_OID, LOG_TREE, LOG_AN, LOG_AE, LOG_AD, LOG_CN, LOG_CE, LOG_CD, LOG_BODY,
	LOG_FIELDS };

/* git, for as long as is left. */
static int run(const struct enrich_work *w, const char *const *args, struct buf *out, int *status,
	struct err *e)
{
	int64_t left_ms = (w->deadline_us - clock_mono_us()) / 1000;

	return gitcmd_run_for(repo_path(w->repo), left_ms < LIMIT_GIT_S * 1000 ? (int)left_ms :
		LIMIT_GIT_S * 1000, args, out, status, NULL, e);
}

/* Run git; 0 when it ended well. What went wrong is said once, in out's why_not. */
static int ask(struct enrich_work *w, const char *what, const char *const *args, struct buf *out)
{
	struct err e;
	int status;

	if (enrich_late(w)) {
		enrich_lacks(w, "%s: it took too long", what);
		return -1;
	}
	if (run(w, args, out, &status, &e)) {
		enrich_lacks(w, "%s: %s", what, e.text);
		return -1;
	}
	if (status) {
		enrich_lacks(w, "%s: git %s failed", what, args[0]);
		return -1;
	}
	return 0;
}

/* ---- reading what git log says ---- */

struct cursor {
	const char *p, *end;
};

/* The text up to the next NUL, NULL at the end. */
static const char *token(struct cursor *c, size_t *len)
{
	const char *s = c->p, *nul = s < c->end ? memchr(s, '\0', (size_t)(c->end - s)) : NULL;

	if (!nul)
		return NULL;
	*len = (size_t)(nul - s);
	c->p = nul + 1;
	return s;
}

/* "1795400801 +0130" */
static void take_date(struct person *p, const char *s)
{
	char *end;
	long zone;

	p->time_s = enrich_time(strtoll(s, &end, 10));
	zone = strtol(end, NULL, 10);
	p->offset_min = zone > -10000 && zone < 10000 ? (int)(zone / 100 * 60 + zone % 100) : 0;
}

struct names {
	const char **v;
	size_t n, cap;
};

static void name_add(struct arena *a, struct names *l, const char *s, size_t len)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 8;
		const char **v = arena_alloc(a, cap * sizeof *v);

		if (l->n)
			memcpy(v, l->v, l->n * sizeof *v);
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = arena_memdup(a, s, len);
}

/* STATUS NUL PATH NUL ... up to something else. Lists by what happened: added,
   removed, modified; or all in the first. False: more than may be taken. */
static bool take_status(struct enrich_work *w, struct cursor *c, struct names lists[3], bool together)
{
	bool fits = true;

	while (c->p < c->end && *c->p != '\1') {
		size_t slen, len;
		const char *status = token(c, &slen), *path;
		int kind;

		if (!status || slen == 0)
			continue;
		status += *status == '\n';
		path = token(c, &len);
		if (!path)
			return false;
		fits = fits && w->paths > 0 && w->path_bytes >= len;
		if (!fits)
			continue;
		w->paths--;
		w->path_bytes -= len;
		kind = *status == 'A' ? 0 : *status == 'D' ? 1 : 2;
		name_add(w->a, &lists[together ? 0 : kind], path, len);
	}
	return fits;
}

static bool take_commit(struct enrich_work *w, struct cursor *c, struct commit *out)
{
	const char *f[LOG_FIELDS];
	struct names lists[3] = { { 0 } };
	size_t len[LOG_FIELDS];

	for (int i = 0; i < LOG_FIELDS; i++)
		if (!(f[i] = token(c, &len[i])))
			return false;
	*out = (struct commit){ .oid = arena_strdup(w->a, f[LOG_OID] + 1),
		.tree = arena_strdup(w->a, f[LOG_TREE]),
		.author = { .name = enrich_name(w->a, f[LOG_AN]), .email = enrich_name(w->a, f[LOG_AE]) },
		.committer = { .name = enrich_name(w->a, f[LOG_CN]), .email = enrich_name(w->a, f[LOG_CE]) } };
	take_date(&out->author, f[LOG_AD]);
	take_date(&out->committer, f[LOG_CD]);
	out->message = enrich_text(w, f[LOG_BODY], len[LOG_BODY], &out->message_cut);
	out->paths_known = take_status(w, c, lists, false);
	if (out->paths_known) {
		out->added = lists[0].v;
		out->nadded = lists[0].n;
		out->removed = lists[1].v;
		out->nremoved = lists[1].n;
		out->modified = lists[2].v;
		out->nmodified = lists[2].n;
	}
	return true;
}

/* Newest first, at most max, into out (room for max). */
static size_t log_commits(struct enrich_work *w, const char *new, const char *hide, size_t max,
	struct commit *out)
{
	const char *const args[] = { "log", "-z", "--topo-order", "--root", "--no-renames",
		"--name-status", "--diff-merges=first-parent", "--no-show-signature", "--date=raw",
		log_format, arena_fmt(w->a, "--max-count=%zu", max), new,
		hide ? arena_fmt(w->a, "^%s", hide) : "--", hide ? "--" : NULL, NULL };
	struct cursor c;
	struct buf b;
	size_t n = 0;

	buf_init(&b, LOG_MAX);
	if (ask(w, "the commits cannot be read", args, &b) == 0) {
		c = (struct cursor){ b.s, b.s + b.len };
		while (n < max && c.p < c.end && *c.p == '\1' && take_commit(w, &c, &out[n]))
			n++;
	}
	buf_release(&b);
	return n;
}

/* ---- the parts ---- */

static void fill_head_ref(struct enrich_work *w)
{
	const char *const args[] = { "symbolic-ref", "-q", "HEAD", NULL };
	struct err e;
	struct buf b;
	int status;

	buf_init(&b, LIMIT_REF + 2);
	if (run(w, args, &b, &status, &e) == 0 && status == 0)
		w->out->head_ref = arena_memdup(w->a, b.s, strcspn(b.s, "\n"));
	buf_release(&b);
}

/* tagger NAME <MAIL> TIME ZONE */
static void take_tagger(struct enrich_work *w, const char *s)
{
	struct person *p = &w->out->tagger;
	size_t line = strcspn(s, "\n");
	const char *lt = memchr(s, '<', line), *gt = memchr(s, '>', line);

	if (!lt || !gt || gt < lt)
		return;
	p->name = enrich_name(w->a, arena_memdup(w->a, s, (size_t)(lt - s) - (lt > s)));
	p->email = enrich_name(w->a, arena_memdup(w->a, lt + 1, (size_t)(gt - lt) - 1));
	take_date(p, gt + 1);
}

static void fill_tag(struct enrich_work *w)
{
	const char *const args[] = { "cat-file", "tag", w->after, NULL };
	const char *body, *tagger;
	bool cut = false;
	struct buf b;

	w->out->annotated = true;
	buf_init(&b, MIB);
	if (ask(w, "the tag cannot be read", args, &b) == 0) {
		body = strstr(b.s, "\n\n");
		tagger = strstr(b.s, "\ntagger ");
		if (tagger && (!body || tagger < body))
			take_tagger(w, tagger + 8);
		if (body)
			w->out->tag_message = enrich_text(w, body + 2, strlen(body + 2), &cut);
	}
	if (cut)
		enrich_lacks(w, "the tag's message was shortened to %d bytes", LIMIT_MESSAGE);
	buf_release(&b);
}

static int fill_new(struct enrich_work *w)
{
	char oid[LIMIT_OID + 1];
	struct err e;

	if (repo_has(w->repo, w->after, &e) != 1) {
		enrich_lacks(w, "the repository does not have %s", w->after);
		return -1;
	}
	w->out->computed = true;
	if (repo_resolve(w->repo, w->after, oid, &e)) {
		enrich_lacks(w, "%s names no commit", w->after);
		return -1;
	}
	w->out->peeled = arena_strdup(w->a, oid);
	if (strcmp(oid, w->after) != 0)
		fill_tag(w);
	return log_commits(w, oid, NULL, 1, &w->out->head) == 1 ? 0 : -1;
}

size_t enrich_log(struct enrich_work *w, const char *new, const char *hide)
{
	struct commit *all = arena_alloc(w->a, LIMIT_COMMITS * sizeof *all), swap;
	size_t n = log_commits(w, new, hide, LIMIT_COMMITS, all);

	for (size_t i = 0; i < n / 2; i++) {
		swap = all[i];
		all[i] = all[n - 1 - i];
		all[n - 1 - i] = swap;
	}
	w->out->commits = all;
	w->out->ncommits = n;
	return n;
}

static void fill_commits(struct enrich_work *w, const char *hide)
{
	const char *const args[] = { "rev-list", "--count", w->out->peeled,
		hide ? arena_fmt(w->a, "^%s", hide) : "--", hide ? "--" : NULL, NULL };
	struct buf b;

	enrich_log(w, w->out->peeled, hide);
	buf_init(&b, KIB);
	if (ask(w, "the commits cannot be counted", args, &b) == 0)
		w->out->total_commits = strtoll(b.s, NULL, 10);
	buf_release(&b);
}

/* git's name of the tree that has nothing in it. */
static const char *empty_tree(const char *oid)
{
	return strlen(oid) == 40 ? "4b825dc642cb6eb9a060e54bf8d69288fbee4904" :
		"6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321";
}

static void fill_paths(struct enrich_work *w, const char *base)
{
	const char *const args[] = { "diff-tree", "-r", "-z", "--no-renames", "--name-status",
		*base ? base : empty_tree(w->out->peeled), w->out->peeled, "--", NULL };
	struct names lists[3] = { { 0 } };
	struct cursor c;
	struct buf b;

	w->out->base = arena_strdup(w->a, base);
	w->paths = LIMIT_PATHS;
	w->path_bytes = ENRICH_TEXT;
	buf_init(&b, LOG_MAX);
	if (ask(w, "the changed paths are not known", args, &b) == 0) {
		c = (struct cursor){ b.s, b.s + b.len };
		w->out->paths_known = take_status(w, &c, lists, true);
		if (!w->out->paths_known)
			enrich_lacks(w, "the changed paths are not known: there are more than are looked at");
	}
	if (w->out->paths_known) {
		w->out->paths = lists[0].v;
		w->out->npaths = lists[0].n;
	}
	buf_release(&b);
}

/* The merge base, "" when there is none, NULL when git cannot say. */
static const char *merge_base(struct enrich_work *w, const char *a, const char *b)
{
	const char *const args[] = { "merge-base", a, b, NULL };
	const char *base = NULL;
	struct err e;
	struct buf out;
	int status = -1;

	buf_init(&out, KIB);
	if (run(w, args, &out, &status, &e) == 0 &&
		(status == 0 || status == 1))
		base = status ? "" : arena_memdup(w->a, out.s, strcspn(out.s, "\n"));
	buf_release(&out);
	return base;
}

static void fill_create(struct enrich_work *w)
{
	char tip[LIMIT_OID + 1];
	const char *base = "";
	bool tip_known = *w->out->head_ref && strcmp(w->out->head_ref, w->ref) != 0 &&
		repo_resolve(w->repo, w->out->head_ref, tip, &(struct err){ 0 }) == 0;

	if (tip_known && !(base = merge_base(w, tip, w->out->peeled))) {
		enrich_lacks(w, "git cannot say where it left %s", w->out->head_ref);
		return;
	}
	if (strcmp(base, w->out->peeled) == 0) {
		w->out->total_commits = 0;
		w->out->paths_known = true;
		w->out->base = base;
		return;
	}
	fill_commits(w, *base ? tip : NULL);
	fill_paths(w, base);
}

static void fill_update(struct enrich_work *w)
{
	char old[LIMIT_OID + 1];
	const char *base;
	struct err e;

	if (repo_resolve(w->repo, w->before, old, &e)) {
		enrich_lacks(w, "the repository does not have the commit %s any more, so what "
			"changed since cannot be known", w->before);
		return;
	}
	base = merge_base(w, old, w->out->peeled);
	if (base)
		w->out->forced = strcmp(base, old) == 0 ? TRI_NO : TRI_YES;
	else
		enrich_lacks(w, "whether it was forced cannot be known");
	fill_commits(w, old);
	fill_paths(w, old);
}

void enrich_by_git(struct enrich_work *w)
{
	fill_head_ref(w);
	if (fill_new(w) || *ref_tag(w->ref))
		return;
	if (oid_is_zero(w->before))
		fill_create(w);
	else
		fill_update(w);
}
