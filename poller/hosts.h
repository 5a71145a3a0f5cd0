/*
 * hosts.h - the far ends of polls, and who waits for a turn at each.
 *
 * No host sees more polls at once than polls-per-host says, whoever's repositories
 * they are: its others wait in line, in order. Of one kind, the hosts that have
 * somebody waiting take turns. What is local is one host, "", without that limit.
 *
 *	w->host = hosts_get(h, name)	once, by the roster
 *	hosts_wait(h, w)		it is due
 *	while (there is a slot && (w = hosts_next(h, by))) ...	its look begins
 *	hosts_leave(h, host)		that look ended
 */
#ifndef HOSTS_H
#define HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a repository is looked at, and so what it must not wait behind. */
enum watched_by { BY_PATH, BY_HTTP, BY_STREAM, BY_COUNT };

struct watched;

struct host {
	char *name;			/* "https://git.example.org:8443"; "" the local one */
	enum watched_by by;
	int64_t speaks;			/* as advert_speaks; 0 not known */
	size_t running;
	struct watched **v;		/* v[first..n-1] wait */
	size_t first, n, cap;
	struct host *next;		/* behind it in the ring */
	bool in_ring;			/* somebody waits, and may go */
};

struct hosts {
	struct host **v;		/* byte order of name */
	size_t n, cap;
	struct {
		struct host *first, *last;
	} ring[BY_COUNT];
	size_t most;			/* at once, of one host */
};

/* The one of that name; made when there is none. It stays until hosts_release. */
struct host *hosts_get(struct hosts *h, const char *name, enum watched_by by);
void hosts_wait(struct hosts *h, struct watched *w);
/* The next one that may go, NULL none; its host's slot is taken. */
struct watched *hosts_next(struct hosts *h, enum watched_by by);
void hosts_leave(struct hosts *h, struct host *host);
bool hosts_any_wait(const struct hosts *h);
/* Nobody waits any more. */
void hosts_disperse(struct hosts *h);
void hosts_release(struct hosts *h);

#endif
