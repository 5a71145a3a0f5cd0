/*
 * mirror.h - the mirror of a polled repository (`mirror = yes`): a bare git
 * repository in state-dir/mirror, for its objects alone. What its refs say counts for
 * nothing: the remote, as the poller reports it, is the authority.
 *
 * The poller fetches into it before it reports what moved, the sender reads commits and
 * paths from it. Where the last fetch failed, the file refire-why inside holds the
 * sentence that an enrichment gives as its reason.
 */
#ifndef MIRROR_H
#define MIRROR_H

#include "config.h"
#include "err.h"
#include "mem.h"

/* Its directory (it need not be there): state-dir/mirror/NAME, where a / of the name is
   %2F. out is LIMIT_PATH bytes. -1: the repository has none. */
int mirror_dir(const struct config *c, const char *name, char *out);
/* Where commits of a repository are read from: its git directory, or its mirror. -1 when
   there is neither. */
int mirror_objects(const struct config *c, const char *name, char *out);
/* The sentence of the last fetch into dir, "" when that went well or dir is no mirror. */
const char *mirror_why(struct arena *a, const char *dir);
/* Keep it; "": it went well. The directory is made when need be. */
int mirror_note(const char *dir, const char *why, struct err *e);

#endif
