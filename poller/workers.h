/*
 * workers.h - threads for looks that block: local directories (which may hang on a
 * dead mount), ssh, git://. Started as they are needed. A look belongs to the workers
 * between give and take.
 */
#ifndef WORKERS_H
#define WORKERS_H

#include <stddef.h>

#include "look.h"

#define WORKERS_MAX 16

struct workers;

/* most: threads at once, up to WORKERS_MAX. */
int workers_open(struct workers **out, size_t most, struct err *e);
/* Waits some seconds for those under way; what was given and not begun is freed.
   false: one hangs in the kernel, and what its look points at must stay. */
bool workers_close(struct workers *w);
void workers_give(struct workers *w, struct look *l);
/* A finished one, or NULL. */
struct look *workers_take(struct workers *w);
size_t workers_busy(struct workers *w);		/* given and not taken */
/* Readable when there is one to take. */
int workers_fd(const struct workers *w);

#endif
