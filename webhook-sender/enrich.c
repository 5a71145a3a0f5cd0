/* enrich.c - see enrich.h: by libgit2. */
#include <git2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "enrich_parts.h"
#include "match.h"
#include "mirror.h"
#include "tree_diff.h"

#define CACHE (16 * MIB)
#define CACHE_TREE (256 * KIB)
/* tests/bench/enrich.py: from about here on one `git log` is faster than reading each
   commit's trees where directories are large, and little slower where they are small. */
#define GIT_FROM 1000
#define MEMO 64			/* commits remembered, by the first byte of their id */

struct enrich {
	struct repo *repo;
	struct arena own, *a;		/* what is remembered lives in *a */
	bool head_read, tip_known;
	const char *head_ref;
	git_oid tip;			/* of HEAD's branch */
	struct memo {
		git_oid oid;
		const struct commit *commit;
	} memo[MEMO];
};

/* ---- shared with enrich_git.c ---- */

void enrich_begin(struct enrich_work *w)
{
	struct enrichment *out = w->out;
	bool gone = oid_is_zero(w->after);

	*out = (struct enrichment){ .why_not = "", .forced = TRI_UNKNOWN, .total_commits = -1,
		.base = "", .peeled = "", .tag_message = "", .head_ref = "",
		.tagger = { .name = "", .email = "" }, .head = { .oid = "" } };
	w->text = w->path_bytes = ENRICH_TEXT;
	w->paths = LIMIT_PATHS;
	if (gone || oid_is_zero(w->before))
		out->forced = TRI_NO;
	else if (*ref_tag(w->ref))
		out->forced = TRI_YES;
	if (gone || *ref_tag(w->ref))
		out->total_commits = 0;
}

void enrich_lacks(struct enrich_work *w, const char *fmt, ...)
{
	char text[LIMIT_ERR];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	w->out->why_not = *w->out->why_not ? arena_fmt(w->a, "%s; %s", w->out->why_not, text) :
		arena_strdup(w->a, text);
}

const char *enrich_text(struct enrich_work *w, const char *s, size_t n, bool *cut)
{
	size_t most = w->text < LIMIT_MESSAGE ? w->text : LIMIT_MESSAGE;

	if (n > most) {
		*cut = true;
		n = most;
		for (int i = 0; i < 3 && n && ((unsigned char)s[n] & 0xc0) == 0x80; i++)
			n--;
	}
	w->text -= n;
	return arena_memdup(w->a, s, n);
}

const char *enrich_name(struct arena *a, const char *s)
{
	return arena_memdup(a, s, strnlen(s, ENRICH_NAME));
}

int64_t enrich_time(int64_t s)
{
	return s < 0 ? 0 : s > ENRICH_TIME_MAX ? ENRICH_TIME_MAX : s;
}

bool enrich_late(const struct enrich_work *w)
{
	return clock_mono_us() >= w->deadline_us;
}

/* ---- reading objects ---- */

static const char *git_words(void)
{
	const git_error *g = git_error_last();

	return g && g->message ? g->message : "libgit2 failed";
}

static const char *hex_of(struct arena *a, const git_oid *oid)
{
	char hex[GIT_OID_HEXSZ + 1];

	return arena_strdup(a, git_oid_tostr(hex, sizeof hex, oid));
}

static struct person person_of(struct arena *a, const git_signature *s)
{
	if (!s)
		return (struct person){ .name = "", .email = "" };
	return (struct person){ .name = enrich_name(a, s->name), .email = enrich_name(a, s->email),
		.time_s = enrich_time(s->when.time), .offset_min = s->when.offset };
}

/* The paths a commit changed, against its first parent. */
static void commit_paths(struct enrich_work *w, git_commit *c, struct commit *out)
{
	struct tree_diff d = { .repo = git_commit_owner(c), .a = w->a, .deadline_us = w->deadline_us,
		.paths = w->paths, .bytes = w->path_bytes };
	git_tree *new = NULL, *old = NULL;
	git_commit *parent = NULL;
	bool good = git_commit_tree(&new, c) == 0;

	if (good && git_commit_parentcount(c) > 0)
		good = git_commit_parent(&parent, c, 0) == 0 && git_commit_tree(&old, parent) == 0;
	if (good && tree_diff(&d, old, new) == 0) {
		out->paths_known = true;
		out->added = d.list[TREE_ADDED].v;
		out->nadded = d.list[TREE_ADDED].n;
		out->removed = d.list[TREE_REMOVED].v;
		out->nremoved = d.list[TREE_REMOVED].n;
		out->modified = d.list[TREE_MODIFIED].v;
		out->nmodified = d.list[TREE_MODIFIED].n;
		w->paths = d.paths;
		w->path_bytes = d.bytes;
	} else {		/* so that many huge ones stay bounded too */
		w->paths /= 2;
		w->path_bytes /= 2;
	}
	git_tree_free(old);
	git_tree_free(new);
	git_commit_free(parent);
}

static void commit_fill(struct enrich_work *w, git_commit *c, struct commit *out)
{
	const char *message = git_commit_message(c);

	*out = (struct commit){ .oid = hex_of(w->a, git_commit_id(c)),
		.tree = hex_of(w->a, git_commit_tree_id(c)),
		.author = person_of(w->a, git_commit_author(c)),
		.committer = person_of(w->a, git_commit_committer(c)) };
	out->message = enrich_text(w, message, strlen(message), &out->message_cut);
	if (!enrich_late(w))
		commit_paths(w, c, out);
}

/* A commit by memory or from the repository; out is what the caller keeps. */
static int commit_get(struct enrich *n, struct enrich_work *w, const git_oid *oid,
	struct commit *out)
{
	struct memo *m = &n->memo[oid->id[0] % MEMO];
	struct commit *keep;
	struct arena *a = w->a;
	git_commit *c;

	if (m->commit && git_oid_equal(&m->oid, oid)) {
		*out = *m->commit;
		return 0;
	}
	if (git_commit_lookup(&c, repo_git2(n->repo), oid))
		return -1;
	w->a = n->a;
	commit_fill(w, c, out);
	w->a = a;
	git_commit_free(c);
	if (out->paths_known && !out->message_cut) {
		keep = arena_alloc(n->a, sizeof *keep);
		*keep = *out;
		*m = (struct memo){ .oid = *oid, .commit = keep };
	}
	return 0;
}

/* ---- the parts ---- */

static void read_head(struct enrich *n)
{
	git_repository *repo = repo_git2(n->repo);
	git_reference *head = NULL;
	const char *target;

	if (n->head_read)
		return;
	n->head_read = true;
	if (git_reference_lookup(&head, repo, "HEAD") == 0 &&
		(target = git_reference_symbolic_target(head))) {
		n->head_ref = arena_strdup(n->a, target);
		n->tip_known = git_reference_name_to_id(&n->tip, repo, target) == 0;
	}
	git_reference_free(head);
}

static void fill_tag(struct enrich_work *w, git_object *o)
{
	git_tag *t = (git_tag *)o;
	const char *message = git_tag_message(t);
	bool cut = false;

	w->out->annotated = true;
	w->out->tagger = person_of(w->a, git_tag_tagger(t));
	w->out->tag_message = enrich_text(w, message ? message : "", message ? strlen(message) : 0, &cut);
	if (cut)
		enrich_lacks(w, "the tag's message was shortened to %d bytes", LIMIT_MESSAGE);
}

/* What `after` names. 0 when that is a commit; *oid is it. */
static int fill_new(struct enrich *n, struct enrich_work *w, git_oid *oid)
{
	git_object *o = NULL, *commit = NULL;
	git_oid id;
	int result = -1;

	if (strlen(w->after) != GIT_OID_HEXSZ || git_oid_fromstr(&id, w->after) ||
		git_object_lookup(&o, repo_git2(n->repo), &id, GIT_OBJECT_ANY)) {
		enrich_lacks(w, "the repository does not have %s: %s", w->after, git_words());
		return -1;
	}
	w->out->computed = true;
	if (git_object_type(o) == GIT_OBJECT_TAG)
		fill_tag(w, o);
	if (git_object_peel(&commit, o, GIT_OBJECT_COMMIT)) {
		enrich_lacks(w, "%s names no commit", w->after);
	} else {
		*oid = *git_object_id(commit);
		w->out->peeled = hex_of(w->a, oid);
		result = commit_get(n, w, oid, &w->out->head);
		if (result)
			enrich_lacks(w, "commit %s cannot be read: %s", w->out->peeled, git_words());
	}
	git_object_free(commit);
	git_object_free(o);
	return result;
}

/* The commit of `before`. */
static int find_old(struct enrich *n, struct enrich_work *w, git_oid *oid)
{
	git_object *o = NULL, *commit = NULL;
	git_oid id;
	int failed = strlen(w->before) != GIT_OID_HEXSZ || git_oid_fromstr(&id, w->before) ||
		git_object_lookup(&o, repo_git2(n->repo), &id, GIT_OBJECT_ANY) ||
		git_object_peel(&commit, o, GIT_OBJECT_COMMIT);

	if (failed)
		enrich_lacks(w, "the repository does not have the commit %s any more, so what "
			"changed since cannot be known", w->before);
	else
		*oid = *git_object_id(commit);
	git_object_free(commit);
	git_object_free(o);
	return failed ? -1 : 0;
}

static void fill_forced(struct enrich *n, struct enrich_work *w, const git_oid *old,
	const git_oid *new)
{
	int descends = git_oid_equal(old, new) ? 1 :
		git_graph_descendant_of(repo_git2(n->repo), new, old);

	if (descends >= 0)
		w->out->forced = descends ? TRI_NO : TRI_YES;
	else
		enrich_lacks(w, "whether it was forced cannot be known: %s", git_words());
}

/* Newest first, as they come; *n of at most LIMIT_COMMITS are kept. */
static void walk(struct enrich_work *w, git_revwalk *walk, git_oid *kept, size_t *nkept)
{
	int64_t total = 0;
	git_oid oid;
	int got = 0;

	*nkept = 0;
	while (total <= ENRICH_COUNT && (got = git_revwalk_next(&oid, walk)) == 0) {
		if (*nkept < LIMIT_COMMITS)
			kept[(*nkept)++] = oid;
		if (++total % 1024 == 0 && enrich_late(w))
			break;
	}
	if (got == GIT_ITEROVER)
		w->out->total_commits = total;
	else
		enrich_lacks(w, "the commits could not all be counted: %s", got ? git_words() :
			"there are too many");
}

static void read_commits(struct enrich *n, struct enrich_work *w, const git_oid *kept,
	size_t nkept)
{
	w->out->commits = arena_alloc(w->a, nkept * sizeof *w->out->commits);
	for (size_t i = 0; i < nkept; i++)
		if (commit_get(n, w, &kept[i], &w->out->commits[nkept - 1 - i])) {
			enrich_lacks(w, "the commits cannot be read: %s", git_words());
			return;
		}
	w->out->ncommits = nkept;
}

/* Many by one `git log`, when git can be run. */
static void list_commits(struct enrich *n, struct enrich_work *w, const git_oid *kept,
	size_t nkept, const git_oid *hide, const git_oid *new)
{
	if (nkept <= w->git_from || enrich_log(w, hex_of(w->a, new),
			hide ? hex_of(w->a, hide) : NULL) != nkept)
		read_commits(n, w, kept, nkept);
}

static void fill_commits(struct enrich *n, struct enrich_work *w, const git_oid *hide,
	const git_oid *new)
{
	git_oid *kept = mem_alloc(LIMIT_COMMITS * sizeof *kept);
	git_revwalk *rw = NULL;
	size_t nkept = 0;

	if (git_revwalk_new(&rw, repo_git2(n->repo)) || git_revwalk_push(rw, new) ||
		git_revwalk_sorting(rw, GIT_SORT_TOPOLOGICAL | GIT_SORT_TIME) ||
		(hide && git_revwalk_hide(rw, hide)))
		enrich_lacks(w, "the commits cannot be read: %s", git_words());
	else
		walk(w, rw, kept, &nkept);
	list_commits(n, w, kept, nkept, hide, new);
	git_revwalk_free(rw);
	free(kept);
}

static git_tree *tree_of(git_repository *repo, const git_oid *oid)
{
	git_commit *c = NULL;
	git_tree *t = NULL;

	if (oid && git_commit_lookup(&c, repo, oid) == 0 && git_commit_tree(&t, c))
		t = NULL;
	git_commit_free(c);
	return t;
}

static void fill_paths(struct enrich *n, struct enrich_work *w, const git_oid *base,
	const git_oid *new)
{
	git_repository *repo = repo_git2(n->repo);
	struct tree_diff d = { .repo = repo, .a = w->a, .deadline_us = w->deadline_us,
		.paths = LIMIT_PATHS, .bytes = ENRICH_TEXT, .together = true };
	git_tree *from = tree_of(repo, base), *to = tree_of(repo, new);

	if ((!base || from) && to && tree_diff(&d, from, to) == 0) {
		w->out->paths_known = true;
		w->out->paths = d.list[TREE_ALL].v;
		w->out->npaths = d.list[TREE_ALL].n;
	} else {
		enrich_lacks(w, "the changed paths are not known: %s", d.why ? d.why : git_words());
	}
	w->out->base = base ? hex_of(w->a, base) : "";
	git_tree_free(from);
	git_tree_free(to);
}

/* Where a created branch left HEAD's: 0 and *base, or NULL for nowhere. */
static int base_of_create(struct enrich *n, struct enrich_work *w, const git_oid *new,
	git_oid *oid, const git_oid **base)
{
	int found;

	*base = NULL;
	if (!n->tip_known || strcmp(w->ref, n->head_ref) == 0)
		return 0;
	if (git_oid_equal(&n->tip, new)) {
		*base = new;
		return 0;
	}
	found = git_merge_base(oid, repo_git2(n->repo), &n->tip, new);
	if (found && found != GIT_ENOTFOUND) {
		enrich_lacks(w, "where it left %s cannot be known: %s", n->head_ref, git_words());
		return -1;
	}
	if (!found)
		*base = oid;
	return 0;
}

static void fill_create(struct enrich *n, struct enrich_work *w, const git_oid *new)
{
	const git_oid *base;
	git_oid oid;

	if (base_of_create(n, w, new, &oid, &base))
		return;
	if (base && git_oid_equal(base, new)) {		/* nothing HEAD's branch does not have */
		w->out->total_commits = 0;
		w->out->paths_known = true;
		w->out->base = hex_of(w->a, base);
		return;
	}
	fill_commits(n, w, base ? &n->tip : NULL, new);
	fill_paths(n, w, base, new);
}

static void fill_update(struct enrich *n, struct enrich_work *w, const git_oid *new)
{
	git_oid old;

	if (find_old(n, w, &old))
		return;
	fill_forced(n, w, &old, new);
	fill_commits(n, w, &old, new);
	fill_paths(n, w, &old, new);
}

/* libgit2 keeps up to 256 MiB of objects, and no tree over 4 KiB, of which history
   reads each one twice. For the whole process; repo_open has begun libgit2. */
static void set_cache(void)
{
	git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, (ssize_t)CACHE);
	git_libgit2_opts(GIT_OPT_SET_CACHE_OBJECT_LIMIT, GIT_OBJECT_TREE, (size_t)CACHE_TREE);
}

static void by_libgit2(struct enrich *n, struct enrich_work *w)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	git_oid new;

	pthread_once(&once, set_cache);
	read_head(n);
	w->out->head_ref = n->head_ref;
	if (fill_new(n, w, &new) || *ref_tag(w->ref))
		return;
	if (oid_is_zero(w->before))
		fill_create(n, w, &new);
	else
		fill_update(n, w, &new);
}

/* ---- the interface ---- */

static void enrich_init(struct enrich *n, struct repo *r, struct arena *a)
{
	*n = (struct enrich){ .repo = r, .a = a, .head_ref = "" };
}

struct enrich *enrich_open(struct repo *r)
{
	struct enrich *n = mem_alloc(sizeof *n);

	enrich_init(n, r, &n->own);
	arena_init(&n->own);
	return n;
}

void enrich_close(struct enrich *n)
{
	if (!n)
		return;
	arena_release(&n->own);
	free(n);
}

void enrich_update_by(struct enrich *n, struct arena *a, const char *ref, const char *before,
	const char *after, int64_t deadline_us, size_t git_from, struct enrichment *out)
{
	struct enrich_work w = { .repo = n->repo, .a = a, .ref = ref, .before = before,
		.after = after, .deadline_us = deadline_us, .git_from = git_from, .out = out };

	enrich_begin(&w);
	if (!n->repo)
		enrich_lacks(&w, "there is no local repository to read commits and paths from");
	else if (oid_is_zero(after))
		out->computed = true;		/* what is gone has nothing to read */
	else if (repo_by_git(n->repo))
		enrich_by_git(&w);
	else
		by_libgit2(n, &w);
}

void enrich_update(struct enrich *n, struct arena *a, const char *ref, const char *before,
	const char *after, int64_t deadline_us, struct enrichment *out)
{
	enrich_update_by(n, a, ref, before, after, deadline_us, GIT_FROM, out);
}

void enrich_compute(struct repo *r, struct arena *a, const char *ref, const char *before,
	const char *after, int64_t deadline_us, struct enrichment *out)
{
	struct enrich n;

	enrich_init(&n, r, a);
	enrich_update(&n, a, ref, before, after, deadline_us, out);
}

void enrich_blame_mirror(struct arena *a, const char *dir, struct enrichment *out)
{
	const char *why = *out->why_not ? mirror_why(a, dir) : "";

	if (*why)
		out->why_not = arena_fmt(a, "%s; %s", why, out->why_not);
}
