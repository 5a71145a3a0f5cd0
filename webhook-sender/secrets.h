/*
 * secrets.h - files of secrets: one a line, newest first, so that two can overlap
 * while receivers change over. Also url-file, whose first line is the URL.
 *
 * Read when it is asked for and the file has changed since; a small cache, for one
 * thread. Memory that held secrets is wiped. The file must be private
 * (fs_check_private); lines may end in CR LF; empty ones are passed over.
 */
#ifndef SECRETS_H
#define SECRETS_H

#include "err.h"
#include "format.h"

/* out points into the cache: valid until the next call. The sentence names the file.
   ERR_TEMP: mending the file is enough, the next try reads it. */
int secrets_load(const char *path, struct secrets *out, struct err *e);
/* The same without the cache, for `refire check`. */
int secrets_check(const char *path, struct err *e);
/* Forget and wipe all. */
void secrets_clear(void);

#endif
