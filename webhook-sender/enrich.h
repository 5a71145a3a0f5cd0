/*
 * enrich.h - what a ref update means: commits, authors, changed paths, forced.
 *
 * Computed once per update at the join, outside any transaction, from the
 * repository's own disk, bounded in time, commits, paths and bytes; stored as
 * JSON with the update and decoded for every attempt. What could not be computed
 * says why and is never guessed.
 *
 * commits are old..new, oldest first; for a created branch those that HEAD's
 * branch does not have. Paths compare old..new (for a create, merge base..new;
 * HEAD's own branch and unrelated histories are compared with the empty tree).
 * Tags have neither. A merge's paths are against its first parent. Renames are a
 * removal and an addition, as git plumbing and GitHub's payload have them.
 *
 * forced: old is not an ancestor of new. A tag that moves is always forced, which
 * is git's own rule (git-push(1), the refspec's "+").
 *
 *	struct enrich *n = enrich_open(repo);		one batch of updates
 *	enrich_update(n, &arena, ref, before, after, deadline, &out);
 *	enrich_encode(&out, &json);			before enrich_close
 *	enrich_close(n);
 */
#ifndef ENRICH_H
#define ENRICH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "mem.h"
#include "repo.h"

enum tri { TRI_UNKNOWN = -1, TRI_NO = 0, TRI_YES = 1 };

struct person {
	const char *name, *email;	/* as in the commit: any bytes */
	int64_t time_s;
	int offset_min;
};

struct commit {
	const char *oid, *tree;
	struct person author, committer;
	const char *message;		/* any bytes, NUL-terminated, at most LIMIT_MESSAGE */
	bool message_cut;
	const char **added, **removed, **modified;	/* paths, against the first parent */
	size_t nadded, nremoved, nmodified;
	bool paths_known;
};

struct enrichment {
	bool computed;
	const char *why_not;		/* a sentence when !computed or a part is missing */
	enum tri forced;
	struct commit *commits;		/* newest LIMIT_COMMITS of them, oldest first */
	size_t ncommits;
	int64_t total_commits;		/* how many old..new has; -1 unknown */
	bool paths_known;
	const char **paths;		/* changed paths */
	size_t npaths;
	const char *base;		/* oid the paths are compared with; "" none */
	const char *peeled;		/* the commit of new (of an annotated tag: what it names) */
	bool annotated;			/* new is a tag object */
	const char *tag_message;	/* "" */
	struct person tagger;
	const char *head_ref;		/* HEAD's symbolic target, "refs/heads/main"; "" unknown */
	struct commit head;		/* the commit of new; head.oid "" on delete or unknown */
};

struct enrich;
/* What updates of one repository share is read once: HEAD's branch, commits that
   many refs point at. Close it after the batch: HEAD may move. r may be NULL (no
   local repository): then computed is false and says so. */
struct enrich *enrich_open(struct repo *r);
void enrich_close(struct enrich *n);
/* deadline_us is monotonic. Always fills out; its strings live in a and in n. */
void enrich_update(struct enrich *n, struct arena *a, const char *ref, const char *before,
	const char *after, int64_t deadline_us, struct enrichment *out);

/* The same for one update alone: everything lives in a. */
void enrich_compute(struct repo *r, struct arena *a, const char *ref, const char *before,
	const char *after, int64_t deadline_us, struct enrichment *out);

/* Where dir is a mirror whose last fetch failed, that is why something is missing. */
void enrich_blame_mirror(struct arena *a, const char *dir, struct enrichment *out);

/* JSON, lossless (bytes that are not UTF-8 are kept). Within LIMIT_ENRICHMENT: what
   does not fit is left out, the least needed first, and why_not says so. */
void enrich_encode(const struct enrichment *n, struct buf *out);
int enrich_decode(struct arena *a, const char *json, struct enrichment *out, struct err *e);

#endif
