/*
 * token.h - the token in a file, as it stands there now, so that it can be changed at any
 * time. One line, private to its owner.
 */
#ifndef TOKEN_H
#define TOKEN_H

#include "err.h"

/* malloc()ed: explicit_bzero and free it. */
int token_read(const char *path, char **out, struct err *e);

#endif
