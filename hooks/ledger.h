/*
 * ledger.h - what the installer did, so that it can be undone: lines of a word
 * and the rest, in a file that is replaced as a whole.
 *
 *	GITDIR/refire/installed		WORD: what was done in this repository
 *	HOOKS/refire.installed		in a hooks directory that others use too:
 *					who uses it
 *
 * A ledger without lines is no file.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "mem.h"

struct ledger_line {
	const char *word, *rest;
};

struct ledger {
	struct arena arena;
	char path[LIMIT_PATH];
	struct ledger_line *lines;
	size_t n, cap;
	bool changed;
};

/* An absent file is an empty ledger. ERR_DATA when it is not one of ours. */
int ledger_read(struct ledger *l, const char *dir, const char *name, struct err *e);
void ledger_release(struct ledger *l);

/* The rest of the first line of that word, or NULL. */
const char *ledger_get(const struct ledger *l, const char *word);
bool ledger_has(const struct ledger *l, const char *word, const char *rest);
/* How many lines of that word. */
size_t ledger_count(const struct ledger *l, const char *word);
void ledger_add(struct ledger *l, const char *word, const char *rest);	/* once only */
/* rest NULL: every line of that word. */
void ledger_drop(struct ledger *l, const char *word, const char *rest);
/* To disk, if it changed. */
int ledger_write(struct ledger *l, struct err *e);

#endif
