/*
 * observe.h - what a complete answer says beside what was accepted. Pure.
 *
 * An observation is "the ref is X now", made while the accepted row stood at
 * sequence number `base`: so accepted must be read before the repository is. Only
 * differences are reported; a ref of a listed prefix that is not in the answer is
 * gone (zeros). A held disappearance is reported again only when the ref is back.
 */
#ifndef OBSERVE_H
#define OBSERVE_H

#include <stdbool.h>
#include <stddef.h>

#include "change.h"
#include "mem.h"
#include "queue.h"
#include "repo.h"

struct observe_in {
	const struct queue_ref *accepted;	/* byte order of name */
	size_t naccepted;
	struct queue_texts known;	/* prefixes that have a baseline */
	struct queue_texts listed;	/* prefixes the answer holds completely */
	const struct repo_refs *answer;	/* byte order, each once, all within listed */
};

struct observe_out {
	struct ref_update *seen;	/* in the arena */
	size_t n;
	size_t made, moved, gone;
	bool first;			/* a listed prefix has no baseline yet */
};

void observe_diff(struct arena *a, const struct observe_in *in, struct observe_out *out);
/* Is there anything to report? */
bool observe_news(const struct observe_out *out);
/* The same report gives the same digest: 16 hex digits and a NUL. */
void observe_digest(const struct observe_out *out, const struct queue_texts *listed,
	char digest[17]);

#endif
