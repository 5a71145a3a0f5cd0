/*
 * spool.h - the directory where sources leave files and the sender takes them.
 *
 *	STATE/spool/new/	0700  the owner's sources
 *	STATE/spool/drop/	3730 owner:pushers, where `pushers` is configured
 *	STATE/spool/done/	taken in; kept 7 days, then pruned
 *	STATE/spool/quarantine/	what could not be read, with a NAME.reason beside it
 *	STATE/sender.lock, STATE/poller.lock
 *
 * Names: t.<32 hex> while being written, e.<32 hex> published, h.<uid>.<16 hex>
 * a hint whose content is a git directory or a repository name, q.<32 hex> set aside
 * where it is, because it is a directory of another user. The file is the
 * truth and the wake-up a hint. Nothing is ever deleted unread; a bad file is
 * set aside and the next one goes on.
 */
#ifndef SPOOL_H
#define SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "err.h"

struct spool_paths {
	char state[LIMIT_PATH];
	char new_[LIMIT_PATH], drop[LIMIT_PATH], done[LIMIT_PATH], quarantine[LIMIT_PATH];
	char sender_lock[LIMIT_PATH], poller_lock[LIMIT_PATH];
	char queue[LIMIT_PATH], trail[LIMIT_PATH], ballast[LIMIT_PATH];
};
/* libc only. -1 when state_dir is too long. */
int spool_paths(struct spool_paths *p, const char *state_dir, struct err *e);

/* Make what is missing (the owner only): directories with their modes; drop/ only
   when pushers is a group's name. */
int spool_init(const struct spool_paths *p, const char *pushers, struct err *e);

/* Which of new/ and drop/ this process may publish in: "" when neither. libc only. */
const char *spool_mine(const struct spool_paths *p);

/* Publish the pieces as one spool file into dir. libc only. Durable on 0. */
int spool_put(const char *dir, const struct iovec *pieces, int n, struct err *e);
/* Touch the hint for a git directory or repository name. libc only. */
int spool_hint(const char *dir, const char *what, struct err *e);

/* Wake a sender: when nobody holds the lock and we own the state directory, start
   `sender` (an absolute path to refire-send) detached with --linger. libc only.
   1 started, 0 one is there (or not ours to start), -1 error. */
int spool_wake(const struct spool_paths *p, const char *sender, const char *config,
	struct err *e);

/* Reading, by the sender and the poller. */
struct spool_entry {
	char name[80];
	bool drop;		/* in drop/, else in new/ */
	int64_t mtime_us;
};
struct spool_list {
	struct spool_entry *v;
	size_t n, cap;
};
/* Published files, oldest first, at most max. Adopts complete t. files older than
   ADOPT_AFTER_S. hints: list hints instead. */
int spool_scan(const struct spool_paths *p, bool hints, size_t max, struct spool_list *out,
	struct err *e);
void spool_list_release(struct spool_list *l);
/* The content (malloc()ed) and the owner's uid. */
int spool_read(const struct spool_paths *p, const struct spool_entry *s, char **text,
	size_t *len, uid_t *uid, struct err *e);
/* Into done/ (renamed to ID of the change), or quarantine/ with the reason. */
int spool_done(const struct spool_paths *p, const struct spool_entry *s, const char *id,
	struct err *e);
int spool_quarantine(const struct spool_paths *p, const struct spool_entry *s,
	const char *reason, struct err *e);
/* One that was touched again since it was listed (another mtime) stays. */
int spool_remove_hint(const struct spool_paths *p, const struct spool_entry *s, struct err *e);
/* A timer, a person or a resident ran the sender (not a hook): note the time, so
   that status and the installer can tell whether retries depend on the next push.
   spool_ran returns that time (microseconds), 0 never. */
int spool_note_ran(const struct spool_paths *p, struct err *e);
int64_t spool_ran(const struct spool_paths *p);

/* Remove files of done/ older than DONE_KEPT_S, at most once in PRUNE_EVERY_S. Returns how many, or -1. */
int spool_prune(const struct spool_paths *p, int64_t now_us, struct err *e);

#endif
