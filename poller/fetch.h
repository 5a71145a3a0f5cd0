/*
 * fetch.h - the mirror of a polled repository follows what the poll saw, so that commits
 * and trees are there when the sender joins (lib/mirror.h).
 *
 * `git fetch` brings the refs of the look's scope, without blobs where the server filters,
 * prunes what is gone, checks what comes (fsck) and runs no hook. It and what follows it
 * take mirror-timeout at most, and are ended with the program. A mirror that is damaged,
 * or has grown to more than twice what it was when it was made, is made anew beside the
 * old one and takes its place. What a look reports never waits for more than that.
 */
#ifndef FETCH_H
#define FETCH_H

#include <stdbool.h>

#include "look.h"

/* A good look of a repository with a mirror, not fetched yet: is there anything to do? */
bool fetch_wanted(const struct look *l);
/* Blocks. l->fetched from now on; l->mirror_failed says what went wrong. */
void fetch_mirror(struct look *l);

#endif
