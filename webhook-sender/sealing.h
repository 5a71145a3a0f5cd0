/*
 * sealing.h - seal the trail by the hour, in a thread of its own: compressing what an
 * hour wrote holds no delivery back.
 *
 * The main thread has the trail turn to a new file first; the thread touches files
 * only, never the queue. `refire trail seal` asks by a file, STATE/trail/seal-now.
 */
#ifndef SEALING_H
#define SEALING_H

#include "sender.h"

struct sealing;

struct sealing *sealing_open(void);
/* Now and then, from the main thread. What failed is logged and tried again later. */
int sealing_step(struct sealing *g, struct sender *s, struct err *e);
/* Waits for what is under way. */
void sealing_close(struct sealing *g);

#endif
