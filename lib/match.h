/*
 * match.h - does a ref update start a pipeline, and if not, why not: pure.
 *
 * CodePipeline's rules (facts/aws.md section 1): globs, exclude wins. `on` not
 * set means push, or what `branches` and `tags` imply. A branch update matches
 * paths when one changed path is included and not excluded; tags, deletions and
 * what could not be computed match every path filter, and say so.
 */
#ifndef MATCH_H
#define MATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"

/* One list: enum, the word in the trail, the sentence. */
#define MATCH_LIST(X) \
	X(MATCHED, "Matched", "it matches") \
	X(PATHS_UNKNOWN, "MatchedPathsUnknown", "it matches; the path filter was not applied: it is a tag, a deletion, or its changed paths could not be computed") \
	X(REPOSITORY, "FilteredByRepository", "it watches other repositories") \
	X(DISABLED, "PipelineDisabled", "enabled = no") \
	X(KIND, "FilteredByKind", "`on` does not name this kind of change") \
	X(REF_KIND, "FilteredByRef", "only branches and tags start pipelines") \
	X(BRANCH, "FilteredByBranch", "no pattern of `branches` matches") \
	X(BRANCH_EXCLUDED, "FilteredByBranch", "a pattern of `branches-exclude` matches") \
	X(TAG, "FilteredByTag", "no pattern of `tags` matches") \
	X(TAG_EXCLUDED, "FilteredByTag", "a pattern of `tags-exclude` matches") \
	X(PATHS, "FilteredByPath", "no changed path matches `paths` and is not excluded") \
	X(SKIPPED, "SkippedByPusher", "pushed with -o ci.skip")

enum match_reason {
#define X(name, word, text) MATCH_##name,
	MATCH_LIST(X)
#undef X
	MATCH_COUNT
};

struct match_input {
	const char *repository, *ref, *before, *after;	/* oids; all zeros: none */
	bool skip;			/* ci.skip */
	bool paths_known;
	const char *const *paths;	/* changed paths of before..after */
	size_t npaths;
};

/* Whether the reason fires. */
bool match_fires(enum match_reason r);
const char *match_word(enum match_reason r);
const char *match_text(enum match_reason r);
/* pattern (may be NULL) is set to the pattern that decided, where one did. */
enum match_reason match_pipeline(const struct pipeline *p, const struct match_input *in,
	const char **pattern);
/* Which kinds of ref can start it at all: for who asks a remote for refs. */
enum match_kinds { MATCH_BRANCHES = 1, MATCH_TAGS = 2 };
unsigned match_ref_kinds(const struct pipeline *p);
/* Does any enabled pipeline that watches the repository have path filters? Then
   the join must know the changed paths. */
bool match_needs_paths(const struct config *c, const char *repository);

bool oid_is_zero(const char *oid);		/* "" or only zeros */
/* "main" of refs/heads/main, "v1" of refs/tags/v1, else "" */
const char *ref_branch(const char *ref);
const char *ref_tag(const char *ref);

#endif
