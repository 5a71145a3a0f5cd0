/*
 * enrich.h - what a ref update means: commits, authors, changed paths, forced.
 *
 * Computed once per update at the join, outside any transaction, from the
 * repository's own disk, bounded in time, commits, paths and bytes; stored as
 * JSON with the update and decoded for every attempt. What could not be computed
 * says why and is never guessed.
 *
 * commits are old..new, oldest first; for a created branch from the merge base
 * with HEAD's branch. Paths compare old..new (merge base..new for a create).
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

/* r may be NULL (no local repository): then computed is false and says so.
   deadline_us is monotonic. Always fills out. */
void enrich_compute(struct repo *r, struct arena *a, const char *ref, const char *before,
	const char *after, int64_t deadline_us, struct enrichment *out);

/* JSON, lossless (bytes that are not UTF-8 are kept). */
void enrich_encode(const struct enrichment *n, struct buf *out);
int enrich_decode(struct arena *a, const char *json, struct enrichment *out, struct err *e);

#endif
