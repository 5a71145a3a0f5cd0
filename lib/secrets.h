/*
 * secrets.h - files of secrets (secret_lines.h), kept in memory while they are used.
 *
 * A file is looked at (stat) each time it is asked for, and read again when it has
 * changed; one that is broken after a change, or gone, leaves in force what it held
 * before. It must be private (fs_check_private). For one thread. All memory here that
 * held secrets is wiped before it is given back; secrets_private keeps the rest of
 * the process from being looked at.
 *
 *	secrets_load(path, NULL, now, &lines, &e)	lines.v[0] signs
 */
#ifndef SECRETS_H
#define SECRETS_H

#include "secret_lines.h"

/* What a line must be, where it is not any bytes: a URL, a header. */
struct secrets_kind {
	int (*check)(const char *line, struct err *e);	/* its sentence does not repeat it */
};

/* The lines valid now, in the file's order, at least one; they point into the cache:
   good until the next call. kind NULL: any bytes. The sentence names the file.
   ERR_TEMP: mending the file is enough, the next try reads it. */
int secrets_load(const char *path, const struct secrets_kind *kind, int64_t now_us,
	struct secret_lines *out, struct err *e);
/* All of a file as it is now, past the cache: for a person. Release it. */
struct secrets_text {
	char *s;
	size_t size;
	struct secret_line v[SECRET_LINES];
	size_t n;
};
int secrets_read(const char *path, const struct secrets_kind *kind, struct secrets_text *out,
	struct err *e);
void secrets_release(struct secrets_text *t);
/* On a reload: keep each file that is still named; then forget the others, and read
   these again. Calls broken for each that cannot be: what it held stays in force. */
void secrets_keep(const char *path);
void secrets_refresh(void (*broken)(const struct err *e));
/* Overwrite with * what in s is a secret of this file (as it is in the cache), or a
   part of one of eight bytes or more: far sides repeat what they were sent. */
void secrets_mask(const char *path, char *s, size_t n);
/* The same for one that is in no file. */
void secrets_mask_text(const struct secret *k, char *s, size_t n);
/* Forget and wipe all. */
void secrets_clear(void);

/* This process holds secrets: no core file, no look into its memory for others of our
   own user, no session keys to a file that the environment names. */
void secrets_private(void);

#endif
