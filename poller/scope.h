/*
 * scope.h - which refs of a repository are worth asking for. Pure.
 *
 * Of a polled one: what the pipelines that watch it can match, as string prefixes
 * (the literal head of each pattern), so that one branch of a large repository
 * costs two kilobytes. Of a local one: all of refs/.
 */
#ifndef SCOPE_H
#define SCOPE_H

#include <stdbool.h>

#include "config.h"
#include "mem.h"
#include "queue.h"

#define SCOPE_MAX 128		/* more prefixes than this become refs/heads/, refs/tags/ */

/* Sorted, none a prefix of another; strings in a. Empty when no enabled pipeline
   watches the repository. */
void scope_of(const struct config *c, const char *repository, struct arena *a,
	struct queue_texts *out);
/* What two scopes cover together; strings stay where they are. */
void scope_join(struct arena *a, const struct queue_texts *one, const struct queue_texts *other,
	struct queue_texts *out);
/* One prefix. */
void scope_one(struct arena *a, const char *prefix, struct queue_texts *out);
bool scope_covers(const struct queue_texts *scope, const char *ref);

#endif
