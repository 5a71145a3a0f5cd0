/* talk.c - greeting, question, answer, goodbye. */
#include "talk.h"

void talk_init(struct talk *t, struct arena *a, const struct queue_texts *scope)
{
	*t = (struct talk){ .arena = a, .scope = scope };
	advert_init(&t->advert, ADVERT_GREETING, a, scope);
}

void talk_release(struct talk *t)
{
	advert_release(&t->advert);
}

int talk_hear(void *arg, const char *piece, size_t n, struct buf *say, struct err *e)
{
	struct talk *t = arg;
	struct advert_caps caps;

	if (advert_feed(&t->advert, piece, n, e))
		return -1;
	if (!advert_done(&t->advert))
		return 0;
	if (t->advert.version == 2) {
		caps = t->advert.caps;
		advert_request(say, &caps, t->scope);
		advert_release(&t->advert);
		advert_init(&t->advert, ADVERT_LS_REFS, t->arena, t->scope);
		return 0;
	}
	pkt_flush(say);
	t->done = true;
	return 1;
}

int talk_refs(struct talk *t, struct repo_refs *out, struct err *e)
{
	return advert_refs(&t->advert, out, e);
}
