/*
 * advice.h - sentences about what is right with the hook and wrong around it: a
 * repository no configuration names, pushers who cannot reach the spool, nobody
 * who retries. `install` warns of them, `status` lists them as problems.
 */
#ifndef ADVICE_H
#define ADVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "mem.h"
#include "spool.h"

struct advice {
	struct arena arena;
	const char **v;
	size_t n, cap;
};
void advice_init(struct advice *a);
void advice_release(struct advice *a);
void advice_add(struct advice *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Can everybody who may push to git_dir leave a change in the spool? */
void advice_pushers(struct advice *a, const struct config *c, const struct spool_paths *p,
	const char *git_dir);
/* Has a timer, a person or a resident run the sender of late? Else retries wait for
   the next push; adds the cron line that would do. */
void advice_runner(struct advice *a, const struct config *c, const struct spool_paths *p,
	const char *refire);
/* The configured name of git_dir into name (LIMIT_PATH bytes); false and a proposal
   when there is none. */
bool advice_named(const struct config *c, const char *git_dir, char *name);

#endif
