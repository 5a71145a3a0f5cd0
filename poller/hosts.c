/* hosts.c - lines of those that wait, and a ring of lines. */
#include "hosts.h"

#include <stdlib.h>
#include <string.h>

#include "roster.h"

struct host *hosts_get(struct hosts *h, const char *name, enum watched_by by)
{
	size_t low = 0, high = h->n;
	struct host *host;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(h->v[mid]->name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < h->n && !strcmp(h->v[low]->name, name))
		return h->v[low];
	h->v = mem_grow(h->v, &h->cap, h->n + 1, sizeof(struct host *));
	memmove(h->v + low + 1, h->v + low, (h->n - low) * sizeof(struct host *));
	h->n++;
	host = mem_alloc(sizeof(*host));
	host->name = mem_strdup(name);
	host->by = by;
	return h->v[low] = host;
}

static bool has_room(const struct hosts *h, const struct host *host)
{
	return !*host->name || host->running < h->most;
}

/* To the end of the ring, when somebody waits there who may go. */
static void line_up(struct hosts *h, struct host *host)
{
	if (host->in_ring || host->first == host->n || !has_room(h, host))
		return;
	host->in_ring = true;
	host->next = NULL;
	if (h->ring[host->by].last)
		h->ring[host->by].last->next = host;
	else
		h->ring[host->by].first = host;
	h->ring[host->by].last = host;
}

void hosts_wait(struct hosts *h, struct watched *w)
{
	struct host *host = w->host;

	if (host->first == host->n)
		host->first = host->n = 0;
	host->v = mem_grow(host->v, &host->cap, host->n + 1, sizeof(struct watched *));
	host->v[host->n++] = w;
	w->queued = true;
	line_up(h, host);
}

static struct host *take_turn(struct hosts *h, enum watched_by by)
{
	struct host *host = h->ring[by].first;

	if (!host)
		return NULL;
	h->ring[by].first = host->next;
	if (!host->next)
		h->ring[by].last = NULL;
	host->in_ring = false;
	return host;
}

/* One that a twin's look serves meanwhile waits no longer: it is passed over. */
static struct watched *take_first(struct host *host)
{
	while (host->first < host->n) {
		struct watched *w = host->v[host->first++];

		if (w->queued) {
			w->queued = false;
			return w;
		}
	}
	return NULL;
}

struct watched *hosts_next(struct hosts *h, enum watched_by by)
{
	struct host *host;
	struct watched *w = NULL;

	while (!w && (host = take_turn(h, by))) {
		w = take_first(host);
		host->running += w != NULL;
		line_up(h, host);
	}
	return w;
}

void hosts_leave(struct hosts *h, struct host *host)
{
	host->running--;
	line_up(h, host);
}

bool hosts_any_wait(const struct hosts *h)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->v[i]->first < h->v[i]->n)
			return true;
	return false;
}

void hosts_disperse(struct hosts *h)
{
	for (size_t i = 0; i < h->n; i++)
		while (take_first(h->v[i]))
			;
	for (int by = 0; by < BY_COUNT; by++)
		while (take_turn(h, (enum watched_by)by))
			;
}

void hosts_release(struct hosts *h)
{
	for (size_t i = 0; i < h->n; i++) {
		free(h->v[i]->v);
		free(h->v[i]->name);
		free(h->v[i]);
	}
	free(h->v);
	*h = (struct hosts){ 0 };
}
