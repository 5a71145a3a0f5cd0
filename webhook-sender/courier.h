/*
 * courier.h - http.h in a thread of its own: requests go one way and answers come back,
 * while the main thread is at the queue. No other thread touches libcurl.
 *
 * From courier_send until courier_next hands out the tag again, the request, all that it
 * points to and the arena belong to the courier; the answer's strings are in that arena.
 *
 *	courier_send(c, &request, &arena, tag);	many, then
 *	courier_go(c);				they are on their way
 *	poll(courier_fd(c))			answers are there, or it failed
 *	while (courier_next(c, &tag, &answer, &refused)) ...
 */
#ifndef COURIER_H
#define COURIER_H

#include "http.h"

struct courier;

int courier_open(struct courier **out, size_t concurrency, struct err *e);
/* Ends what is under way. What was given to it is the caller's again. NULL does nothing. */
void courier_close(struct courier *c);

void courier_send(struct courier *c, const struct request *r, struct arena *a, void *tag);
void courier_go(struct courier *c);
int courier_fd(const struct courier *c);
/* refused: why libcurl would not make the request, until the next courier_send; NULL: it
   did, and out is the answer. false: no more now. */
bool courier_next(struct courier *c, void **tag, struct answer *out, const struct err **refused);
/* -1 when it cannot go on: nothing more will come. */
int courier_check(struct courier *c, struct err *e);

#endif
