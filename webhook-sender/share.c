/* share.c - see share.h. */
#include "share.h"

#include <stdlib.h>
#include <string.h>

#include "breaker.h"

struct share {
	struct share *next;
	char *pipeline;
	size_t running;
	bool calm;			/* nothing is to be remembered of its breaker */
};

struct shares {
	const struct sender *sender;
	struct queue_door door;
	struct share *list;
};

size_t share_limit(const struct config *c, const struct pipeline *p)
{
	int64_t all = c->concurrency, own = p ? p->concurrency : 0;

	if (!own)
		own = all - all / 4;
	return (size_t)(own < all ? own : all);
}

size_t share_room(size_t limit, size_t running)
{
	size_t free = limit > running ? limit - running : 0;

	return running == 0 || free >= (limit + 3) / 4 ? free : 0;
}

static struct share *find(struct shares *t, const char *pipeline)
{
	struct share *s = t->list;

	while (s && strcmp(s->pipeline, pipeline) != 0)
		s = s->next;
	if (s)
		return s;
	s = mem_alloc(sizeof(*s));
	s->pipeline = mem_strdup(pipeline);
	s->next = t->list;
	return t->list = s;
}

static struct queue_room room(const struct gate *g, int64_t now_us, void *arg)
{
	struct shares *t = arg;
	const struct config *c = t->sender->config;
	struct share *s = find(t, g->pipeline);
	const struct pipeline *p = config_pipeline(c, g->pipeline);
	size_t limit = share_limit(c, p);
	struct queue_room r;

	(void)now_us;
	s->calm = breaker_calm(&g->breaker);
	r = breaker_room(&g->breaker, limit, s->running,
		(struct queue_room){ .most = share_room(limit, s->running) });
	r.spacing_us = p ? p->spacing_us : 0;
	return r;
}

struct shares *shares_open(const struct sender *s)
{
	struct shares *t = mem_alloc(sizeof(*t));

	t->sender = s;
	t->door = (struct queue_door){ room, t };
	return t;
}

void shares_close(struct shares *t)
{
	struct share *next;

	for (struct share *s = t->list; s; s = next) {
		next = s->next;
		free(s->pipeline);
		free(s);
	}
	free(t);
}

const struct queue_door *shares_door(const struct shares *t)
{
	return &t->door;
}

struct share *shares_begin(struct shares *t, const char *pipeline)
{
	struct share *s = find(t, pipeline);

	s->running++;
	return s;
}

void shares_end(struct share *s)
{
	s->running--;
}

void share_leave(struct share *s, bool leave)
{
	s->running += leave ? (size_t)-1 : 1;
}

bool *share_calm(struct share *s)
{
	return &s->calm;
}
