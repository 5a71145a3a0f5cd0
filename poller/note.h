/*
 * note.h - what an entry of the roster knows after a look, failed or not: when, how it
 * went, how often it failed, when it is due again, and the mark to keep.
 */
#ifndef NOTE_H
#define NOTE_H

#include "look.h"
#include "report.h"
#include "roster.h"

/* All that its row holds but the times of looks: most looks change only those. */
uint64_t note_sum(const struct watched *w);
/* Its row is in the queue as it is now. */
void note_stored(struct watched *w);
/* now_us: wall-clock, after the look. r: what was reported of it. */
void note_look(struct watched *w, const struct look *l, const struct report *r, int64_t now_us);

#endif
