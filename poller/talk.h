/*
 * talk.h - the conversation of one listing over a stream (ssh, git://): hear the
 * greeting; ask ls-refs where protocol 2 is spoken, else the greeting was all; say
 * goodbye with a flush. It fits proc.h's talk.
 */
#ifndef TALK_H
#define TALK_H

#include "advert.h"

struct talk {
	struct advert advert;
	struct arena *arena;
	const struct queue_texts *scope;
	bool done;
};

void talk_init(struct talk *t, struct arena *a, const struct queue_texts *scope);
void talk_release(struct talk *t);
/* arg is a struct talk. Bytes heard; what to say is added to say. 0: go on, 1: all
   is heard and said, -1. */
int talk_hear(void *arg, const char *piece, size_t n, struct buf *say, struct err *e);
/* The stream ended. */
int talk_refs(struct talk *t, struct repo_refs *out, struct err *e);

#endif
