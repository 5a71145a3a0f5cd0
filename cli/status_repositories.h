/*
 * status_repositories.h - the repositories on the screen of `refire status`: a table,
 * those in trouble first, or all that is known of one.
 */
#ifndef STATUS_REPOSITORIES_H
#define STATUS_REPOSITORIES_H

#include "state.h"
#include "table.h"

/* most: rows; 0 all. */
void status_repositories(const struct state *st, const struct screen *screen, size_t most);
void status_repository(const struct state *st, const struct screen *screen,
	const struct state_repository *r);

#endif
