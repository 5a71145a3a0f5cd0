/*
 * sibling.h - find another program of refire: beside this one (a build
 * directory, libexec/refire), or in ../libexec/refire from it (bin). Never by
 * PATH: what runs belongs to the same installation.
 */
#ifndef SIBLING_H
#define SIBLING_H

#include "err.h"

/* The absolute path of program name ("refire-send") into out (LIMIT_PATH bytes).
   ERR_NOENT when this installation has none. */
int sibling_find(const char *name, char *out, struct err *e);

/* Calls each with "queue" for every executable refire-queue of this installation,
   in no order, perhaps twice. */
void sibling_each(void (*each)(const char *verb, void *arg), void *arg);

#endif
