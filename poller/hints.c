/* hints.c - hint files and what became of them. */
#include "hints.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "fs.h"
#include "mem.h"

#define HINTS_MAX 10000		/* at once: more wait for the next scan */

int hints_watch(const struct spool_paths *p)
{
	const uint32_t what = IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ATTRIB;
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0)
		return -1;
	inotify_add_watch(fd, p->new_, what);
	inotify_add_watch(fd, p->drop, what);
	return fd;
}

bool hints_moved(int fd)
{
	char events[4096] __attribute__((aligned(8)));
	bool hint = false;
	ssize_t n;

	while (fd >= 0 && (n = read(fd, events, sizeof(events))) > 0) {
		for (ssize_t at = 0; at < n; ) {
			const struct inotify_event *ev = (const void *)(events + at);

			hint |= ev->mask & IN_Q_OVERFLOW || (ev->len && !strncmp(ev->name, "h.", 2));
			at += (ssize_t)(sizeof(*ev) + ev->len);
		}
	}
	return hint;
}

static struct hint *find(struct hints *h, const struct spool_entry *s)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->v[i].entry.drop == s->drop && !strcmp(h->v[i].entry.name, s->name))
			return &h->v[i];
	return NULL;
}

/* A git directory, or a name, as the configuration knows it. */
static const char *resolve(const struct config *c, const char *text, char *name)
{
	if (*text == '/')
		return config_repository_at(c, text, name) ? name : "";
	return config_repository(c, text) ? text : "";
}

/* Its repository's name, malloc()ed; NULL while it is empty: being written. */
static char *read_hint(const struct spool_paths *p, const struct config *c,
	const struct spool_entry *s)
{
	int dir = open(s->drop ? p->drop : p->new_, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *text, *repository, name[LIMIT_PATH];
	size_t len;
	int failed = dir < 0 ? -1 : fs_read(dir, s->name, LIMIT_PATH - 1, &text, &len, NULL, NULL);

	if (dir >= 0)
		close(dir);
	if (failed)
		return mem_strdup("");
	repository = len ? mem_strdup(resolve(c, text, name)) : NULL;
	free(text);
	return repository;
}

static void take(struct hints *h, const struct spool_paths *p, const struct config *c,
	const struct spool_entry *s)
{
	struct hint *known = find(h, s);
	char *repository;

	if (known && known->entry.mtime_us == s->mtime_us) {
		known->seen = true;
		return;
	}
	repository = read_hint(p, c, s);
	if (!repository)
		return;
	if (!*repository)
		spool_remove_hint(p, s, NULL);
	if (!known) {
		h->v = mem_grow(h->v, &h->cap, h->n + 1, sizeof(*h->v));
		known = &h->v[h->n++];
		*known = (struct hint){ 0 };
	}
	free(known->repository);
	*known = (struct hint){ *s, repository, *repository ? HINT_NEW : HINT_TRIED, true };
}

static void drop_unseen(struct hints *h)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++) {
		if (h->v[i].seen)
			h->v[n++] = h->v[i];
		else
			free(h->v[i].repository);
	}
	h->n = n;
}

int hints_scan(struct hints *h, const struct spool_paths *p, const struct config *c,
	struct err *e)
{
	struct spool_list list = { 0 };
	int failed = spool_scan(p, true, HINTS_MAX, &list, e);

	for (size_t i = 0; i < h->n; i++)
		h->v[i].seen = false;
	for (size_t i = 0; !failed && i < list.n; i++)
		take(h, p, c, &list.v[i]);
	if (!failed)
		drop_unseen(h);
	spool_list_release(&list);
	return failed;
}

void hints_begin(struct hints *h, const char *repository)
{
	for (size_t i = 0; i < h->n; i++)
		if (!strcmp(h->v[i].repository, repository))
			h->v[i].state = HINT_LOOKING;
}

int hints_end(struct hints *h, const struct spool_paths *p, const char *repository, bool good,
	struct err *e)
{
	size_t n = 0;
	int failed = 0;

	for (size_t i = 0; i < h->n; i++) {
		struct hint *k = &h->v[i];
		bool ours = k->state == HINT_LOOKING && !strcmp(k->repository, repository);

		if (ours && good && !spool_remove_hint(p, &k->entry, e)) {
			free(k->repository);
			continue;
		}
		failed |= ours && good ? -1 : 0;
		if (ours)
			k->state = HINT_TRIED;
		h->v[n++] = *k;
	}
	h->n = n;
	return failed;
}

bool hints_new(const struct hints *h)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->v[i].state == HINT_NEW)
			return true;
	return false;
}

void hints_release(struct hints *h)
{
	for (size_t i = 0; i < h->n; i++)
		free(h->v[i].repository);
	free(h->v);
	*h = (struct hints){ 0 };
}
