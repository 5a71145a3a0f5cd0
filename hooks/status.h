/*
 * status.h - what stands where: of each repository whether the hook is there and
 * ours, what it chains to, where its settings lead, and what is wrong.
 */
#ifndef STATUS_H
#define STATUS_H

#include <stdbool.h>

#include "install.h"

/* Prints all of paths (n), a table or one JSON object a line. 1 when something is
   wrong, else 0. */
int status_print(const struct installer *i, char *const *paths, int n, bool json);

#endif
