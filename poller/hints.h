/*
 * hints.h - the wake-ups in the spool: "look at this repository soon".
 *
 * A hint file holds a git directory or a repository's name, and may come from
 * any pusher: it only ever leads to a repository of the configuration. It is
 * removed when a look that began after it was read has ended well; should it be
 * touched again meanwhile, it stays, and counts again. One whose look failed is
 * kept, does not ask again, and goes with the next good look.
 */
#ifndef HINTS_H
#define HINTS_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "err.h"
#include "spool.h"

enum hint_state {
	HINT_NEW,		/* asks for a look */
	HINT_LOOKING,		/* the look under way began after it */
	HINT_TRIED,		/* that look failed */
};

struct hint {
	struct spool_entry entry;
	char *repository;	/* its name; "" when the configuration knows none: no use */
	enum hint_state state;
	bool seen;		/* inside hints_scan */
};

struct hints {
	struct hint *v;
	size_t n, cap;
};

/* A descriptor that is readable when something moves in the spool, or -1: then only
   scanning tells. */
int hints_watch(const struct spool_paths *p);
/* Was it a hint? Reads fd empty. */
bool hints_moved(int fd);
/* Read what is there: new ones are added, vanished ones dropped, those of no use
   removed. */
int hints_scan(struct hints *h, const struct spool_paths *p, const struct config *c,
	struct err *e);
/* A look at the repository begins; it ended. */
void hints_begin(struct hints *h, const char *repository);
int hints_end(struct hints *h, const struct spool_paths *p, const char *repository, bool good,
	struct err *e);
bool hints_new(const struct hints *h);		/* does any ask? */
void hints_release(struct hints *h);

#endif
