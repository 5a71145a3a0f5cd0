/*
 * roster.h - who is watched: the repositories of the configuration, those that
 * are below a `root` now, and when each was looked at.
 *
 * A sync makes it fit the configuration and the directories of the moment; what
 * stays keeps its state, what is new gets the state the queue has of it. A look
 * under way belongs to an entry only while entry->look is that look: an entry that
 * went or points elsewhere disowns it.
 *
 * Sections that name the same remote, with the same credentials, are twins: one poll
 * serves them all.
 */
#ifndef ROSTER_H
#define ROSTER_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "hosts.h"
#include "look.h"
#include "queue.h"
#include "schedule.h"

struct watched {
	char *name;
	enum watched_by by;
	struct host *host;
	struct watched *twin;		/* the next of those of the same remote, in a ring */
	uint64_t remote_sum;		/* of what tells remotes apart */
	const struct repository *conf;
	char *dir;			/* git directory; "": polled by URL */
	char *what;			/* dir, or the URL as it is shown */
	int64_t interval_us;
	bool idle;			/* no enabled pipeline watches the URL */
	bool wanted;			/* a hint or a name asks for it */
	bool queued;
	const struct look *look;	/* under way */
	struct schedule_state when;
	int64_t ok_us, changed_us, refs;
	char *error, *mark, *head;
	int64_t speaks, greet_us;	/* as in struct poll_row */
	int64_t failures_stored;
	char *head_stored;
	uint64_t stored_sum;		/* note_sum of its row in the queue; 0 none */
	struct queue_version version;	/* of its accepted refs, as of stamp */
	int64_t stamp;			/* queue_stamp; 0 version is not known */
	bool dirty;			/* to be stored */
	bool seen;			/* inside roster_sync */
};

struct roster {
	struct watched **v;		/* byte order of name */
	size_t n, cap;
	struct hosts hosts;
};

/* complain is told of each root that cannot be read; its repositories stay. q may be
   NULL. -1: the queue cannot be read. */
int roster_sync(struct roster *r, const struct config *c, struct queue *q,
	void (*complain)(const struct err *e, void *arg), void *arg, struct err *e);
void roster_release(struct roster *r);
/* What was noted of looks does not hold for another queue. */
void roster_forget_marks(struct roster *r);
struct watched *roster_find(const struct roster *r, const char *name);
/* One below a root that was made since the last sync; NULL when there is none. */
struct watched *roster_meet(struct roster *r, const struct config *c, const char *name);

#endif
