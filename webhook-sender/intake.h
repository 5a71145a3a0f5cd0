/*
 * intake.h - stage 1: spool files become changes and updates in the queue.
 *
 * A batch of files is read and checked, stored in one transaction, and only then
 * moved to done/; a file met twice is known by its change's id. What cannot be
 * read goes to quarantine with its reason and the next file goes on; a file of a
 * newer version is left alone. Commands of other users are judged here, by the
 * uid of their file, against `operators`.
 */
#ifndef INTAKE_H
#define INTAKE_H

#include "sender.h"

/* Everything that is in the spool now. Returns how many files were dealt with, 0
   when there was nothing, -1. */
int intake_run(struct sender *s, struct err *e);
/* Is there a file to take in? One of a newer version is not: it is left alone. */
bool intake_waiting(struct sender *s);

#endif
