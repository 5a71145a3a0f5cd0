/* follow.c - see follow.h. */
#include <jansson.h>

#include "follow.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "limits.h"
#include "records.h"

#define LOOK_MS ((int)(RESCAN_US / 1000))
#define READ_SIZE (64 * KIB)
#define LINE_MAX_SIZE (8 * MIB)

struct tail {
	const struct follow *follow;
	const char *dir;
	int watch;			/* inotify, or -1 */
	bool watched;			/* dir is */
	int fd;				/* the file that is read, or -1 */
	char name[TRAIL_NAME];
	struct buf part;		/* the begin of a line whose end is not there yet */
};

static int line_give(struct tail *t, const char *line, size_t n)
{
	json_t *record;
	int rc;

	if (n == 0 || lookup_match(t->follow->lookup, line, n, &record) != 1)
		return 0;
	rc = t->follow->each(line, n, record, t->follow->arg);
	json_decref(record);
	return rc;
}

/* Bytes that came: give every line that is whole now. */
static int bytes_take(struct tail *t, const char *p, size_t n)
{
	const char *end = p + n, *stop;

	for (; p < end && (stop = memchr(p, '\n', (size_t)(end - p))); p = stop + 1) {
		int rc;

		buf_add(&t->part, p, (size_t)(stop - p));
		rc = t->part.over ? 0 : line_give(t, t->part.s, t->part.len);
		buf_clear(&t->part);
		if (rc)
			return rc;
	}
	buf_add(&t->part, p, (size_t)(end - p));
	return 0;
}

static int file_drain(struct tail *t, struct err *e)
{
	char block[READ_SIZE];
	ssize_t n;

	while (t->fd >= 0 && (n = read(t->fd, block, sizeof(block))) != 0) {
		int rc;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "cannot read the trail's file %s", t->name);
		rc = bytes_take(t, block, (size_t)n);
		if (rc)
			return rc;
	}
	return 0;
}

static int file_open(struct tail *t, const char *name, bool at_end, struct err *e)
{
	char path[LIMIT_PATH + 32];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", t->dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, "cannot open the trail's file %s", path);
	if (at_end && lseek(fd, 0, SEEK_END) < 0) {
		close(fd);
		return err_sys(e, "cannot read the trail's file %s", path);
	}
	if (t->fd >= 0)
		close(t->fd);
	t->fd = fd;
	buf_clear(&t->part);
	snprintf(t->name, sizeof(t->name), "%s", name);
	return 0;
}

/* What is new in the file at hand, then in each newer one. first: only find the end. */
static int dir_look(struct tail *t, bool first, struct err *e)
{
	struct records_days files;
	int rc = file_drain(t, e);

	if (rc || records_days(t->dir, &files, e))
		return rc ? rc : -1;
	if (first && files.n > 0)
		rc = file_open(t, files.v[files.n - 1].name, true, e);
	for (size_t i = 0; rc == 0 && !first && i < files.n; i++) {
		if (strcmp(files.v[i].name, t->name) <= 0)
			continue;
		rc = file_drain(t, e);
		if (rc == 0)
			rc = file_open(t, files.v[i].name, false, e);
		if (rc == 0)
			rc = file_drain(t, e);
	}
	free(files.v);
	return rc;
}

static void watch_set(struct tail *t)
{
	if (t->watch >= 0 && !t->watched)
		t->watched = inotify_add_watch(t->watch, t->dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO) >= 0;
}

static int watch_wait(struct tail *t, struct err *e)
{
	struct pollfd p = { .fd = t->watch, .events = POLLIN };
	char events[4096];
	int n = poll(&p, 1, LOOK_MS);

	if (n < 0 && errno != EINTR)
		return err_sys(e, "cannot wait for the trail");
	while (n > 0 && read(t->watch, events, sizeof(events)) > 0)
		;
	return 0;
}

int follow_dir(const struct follow *f, const char *dir, struct err *e)
{
	struct tail t = { .follow = f, .dir = dir, .fd = -1 };
	int rc;

	t.watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	buf_init(&t.part, LINE_MAX_SIZE);
	watch_set(&t);
	rc = dir_look(&t, true, e);
	while (rc == 0) {
		rc = watch_wait(&t, e);
		watch_set(&t);
		if (rc == 0)
			rc = dir_look(&t, false, e);
	}
	buf_release(&t.part);
	if (t.fd >= 0)
		close(t.fd);
	if (t.watch >= 0)
		close(t.watch);
	return rc;
}
