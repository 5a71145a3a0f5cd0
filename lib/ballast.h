/*
 * ballast.h - STATE/ballast, a file that only takes up room, to be given up when the
 * disk is full. SQLite needs new pages even to settle and to delete; with the file's
 * room it can, and nothing that is under way has to be sent twice.
 *
 * The sender lays it, gives it up, and lays it again once twice its size is free; until
 * then it takes nothing new in (spool files are as durable where they are).
 */
#ifndef BALLAST_H
#define BALLAST_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

/* A hundredth of the file system, within these bounds. */
#define BALLAST_LEAST (256 * KIB)
#define BALLAST_MOST  (16 * MIB)

bool ballast_there(const char *path);
/* 0: where it lies, or would, cannot be asked. */
int64_t ballast_size(const char *path);
/* 1 it is there, or was laid; 0 less than twice its size is free; -1 it cannot be. */
int ballast_lay(const char *path, struct err *e);
/* Was there one to give up? */
bool ballast_give_up(const char *path);

/* Did it fail for want of room, or quota? */
bool ballast_would_help(const struct err *e);

#endif
