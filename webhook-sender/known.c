/* known.c - see known.h. */
#include "known.h"

#include <stdlib.h>
#include <string.h>

#include "formats/payload.h"

#define KEPT 4				/* a push's deliveries come one after the other */

struct knowns {
	struct known *kept[KEPT];
	size_t next;			/* the one that makes room */
};

struct knowns *knowns_open(void)
{
	return mem_alloc(sizeof(struct knowns));
}

void known_release(struct known *k)
{
	if (!k || --k->users)
		return;
	config_free(k->config);
	arena_release(&k->arena);
	free(k);
}

void knowns_close(struct knowns *all)
{
	for (size_t i = 0; i < KEPT; i++)
		known_release(all->kept[i]);
	free(all);
}

static int read_all(struct known *k, struct queue *q, int64_t change, struct err *e)
{
	char *json;

	if (queue_change(q, &k->arena, change, &k->change, e) ||
	    detail_decode(&k->arena, k->change.detail, &k->detail, e) ||
	    queue_enrichment(q, &k->arena, k->enrichment_seq, &json, e))
		return -1;
	return enrich_decode(&k->arena, json, &k->enrichment, e);
}

static struct known *make(struct queue *q, struct config *c, int64_t change, int64_t enrichment,
	struct err *e)
{
	struct known *k = mem_alloc(sizeof(*k));

	arena_init(&k->arena);
	k->users = 1;
	k->config = config_hold(c);
	k->enrichment_seq = enrichment;
	k->parts = payload_parts(&k->arena);
	if (!read_all(k, q, change, e))
		return k;
	known_release(k);
	return NULL;
}

struct known *known_get(struct knowns *all, struct queue *q, struct config *c, int64_t change,
	int64_t enrichment, struct err *e)
{
	struct known *k = NULL;

	for (size_t i = 0; i < KEPT && !k; i++)
		if (all->kept[i] && all->kept[i]->config == c && all->kept[i]->change.seq == change &&
		    all->kept[i]->enrichment_seq == enrichment)
			k = all->kept[i];
	if (!k) {
		k = make(q, c, change, enrichment, e);
		if (!k)
			return NULL;
		known_release(all->kept[all->next]);
		all->kept[all->next] = k;
		all->next = (all->next + 1) % KEPT;
	}
	k->users++;
	return k;
}
