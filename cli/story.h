/*
 * story.h - one change in words: who did what, what was decided about each ref, what
 * became of each delivery, and what to do about a failure. One screen.
 *
 *	story_open(&s, &session, queue, now_us)
 *	story_tell(&s, &change, NULL, &e)	or story_absent(&s, "3a1b0c2d", &e)
 *	fwrite(s.out.s, 1, s.out.len, stdout)
 *	story_close(&s)
 */
#ifndef STORY_H
#define STORY_H

#include <stdbool.h>

#include "queue_story.h"
#include "session.h"
#include "table.h"

struct story {
	const struct session *session;
	struct screen screen;
	struct queue *q;
	struct arena arena;
	struct buf out;
	int64_t now_us;
	bool sender;			/* one is at work now */
	bool failed;			/* out: something told of needs a person */
	bool whole;			/* every attempt, not the first and last few */
};
void story_open(struct story *s, const struct session *session, struct queue *q, int64_t now_us);
void story_close(struct story *s);

struct story_focus {			/* 0: all of it */
	int64_t update;
	int64_t delivery;
};
int story_tell(struct story *s, const struct change_row *c, const struct story_focus *f,
	struct err *e);
/* A commit of which the queue has no update: which repository has it, with which push
   it came, or why nobody told. *known: it came with a change, told of here. */
int story_absent(struct story *s, const char *oid, struct err *e);

/* One delivery under its pipeline's name: story_delivery.c. d lives until it returns. */
int story_delivery(struct story *s, const struct change_row *c, const struct delivery *d,
	struct err *e);

/* A wrapped paragraph in the story's layout: label in the left column. */
void story_line(struct story *s, enum style label_style, const char *label, enum style style,
	const char *text);
/* "14:31:08", with the date where it is another day than now. */
void story_clock(struct buf *out, int64_t us, int64_t now_us);

#endif
