/* trail_write.c - append records to the day's file, in the journal's order, each
   once: the cursor, the torn tail, the turn of the day. */
#include "trail.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "fs.h"

#define TAIL (2 * MIB)			/* more than any record */
#define TAKEN (8 * MIB)			/* as much is kept between two exports */
#define BATCH 5000			/* rows read at once */

struct trail {
	struct queue *q;
	const char *dir;
	struct trail_context ctx;
	int fd;
	char day[16];			/* "2026-11-23", of the open file */
	off_t size;
	int64_t rendered, written, synced;	/* sequence numbers: in out, in the file, durable */
	int64_t taken;			/* of the rendered, how many were given */
	struct buf out;
	struct arena arena;		/* the last change and delivery looked up */
	struct change_row change;
	struct delivery delivery;
};

static bool is_day_file(const char *name)
{
	return strlen(name) == 16 && !strcmp(name + 10, ".jsonl") && name[4] == '-' && name[7] == '-';
}

static int newest(const char *dir, char out[32], struct err *e)
{
	DIR *h = opendir(dir);
	struct dirent *d;

	*out = 0;
	if (!h)
		return errno == ENOENT ? 0 : err_sys(e, "cannot list the trail %s", dir);
	while ((d = readdir(h)))
		if (is_day_file(d->d_name) && strcmp(d->d_name, out) > 0)
			snprintf(out, 32, "%.16s", d->d_name);
	closedir(h);
	return 0;
}

/* The number after "sequence": in one line of ours; 0 none. */
static int64_t sequence_of(const char *line, size_t n)
{
	static const char key[] = "\"additionalEventData\":{\"sequence\":";
	const char *p = memmem(line, n, key, sizeof(key) - 1);

	return p ? strtoll(p + sizeof(key) - 1, NULL, 10) : 0;
}

/* In the tail s of n bytes: where the last whole record ends (0: there is none). */
static size_t last_record(const char *s, size_t n, int64_t *seq)
{
	while (n) {
		const char *nl = memrchr(s, '\n', n), *before;
		size_t from;

		if (!nl)
			break;
		n = (size_t)(nl - s);
		before = n ? memrchr(s, '\n', n) : NULL;
		from = before ? (size_t)(before - s) + 1 : 0;
		if (n > from && s[from] == '{' && s[n - 1] == '}') {
			*seq = sequence_of(s + from, n - from);
			if (*seq)
				return n + 1;
		}
	}
	return 0;
}

/* The last whole record of the file, and where it ends. */
static int last_line(int fd, off_t size, int64_t *seq, off_t *end, struct err *e)
{
	size_t n = size > TAIL ? TAIL : (size_t)size;
	char *s = mem_alloc(n + 1);
	int failed = 0;

	*seq = 0;
	if (pread(fd, s, n, size - (off_t)n) != (ssize_t)n)
		failed = err_sys(e, "cannot read the trail's end");
	else
		*end = size - (off_t)n + (off_t)last_record(s, n, seq);
	free(s);
	return failed;
}

static int open_file(const char *dir, const char *name, int flags, int *fd, off_t *size,
	struct err *e)
{
	char path[LIMIT_PATH];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return err_set(e, ERR_CONFIG, "path too long: %.100s", dir);
	*fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (*fd < 0 || fstat(*fd, &st)) {
		err_sys(e, "cannot open the trail file %s", path);
		if (*fd >= 0)
			close(*fd);
		*fd = -1;
		return -1;
	}
	*size = st.st_size;
	return 0;
}

/* What a power cut left after the last whole line goes into a file beside. */
static int set_aside(struct trail *w, const char *name, off_t from, struct err *e)
{
	char path[LIMIT_PATH], *s;
	size_t n = (size_t)(w->size - from);
	int failed;

	snprintf(path, sizeof(path), "%s/%s.torn-%" PRId64, w->dir, name, clock_wall_us());
	s = mem_alloc(n + 1);
	if (pread(w->fd, s, n, from) != (ssize_t)n)
		failed = err_sys(e, "cannot read the torn end of %s", name);
	else
		failed = fs_replace(path, 0640, s, n, e);
	free(s);
	if (failed)
		return -1;
	if (ftruncate(w->fd, from) || fsync(w->fd))
		return err_sys(e, "cannot cut the torn end of %s", name);
	w->size = from;
	return 0;
}

static int resume(struct trail *w, struct err *e)
{
	char name[32];
	int64_t seq;
	off_t end;

	if (newest(w->dir, name, e) || !*name)
		return *name ? -1 : 0;
	if (open_file(w->dir, name, O_RDWR, &w->fd, &w->size, e) ||
	    last_line(w->fd, w->size, &seq, &end, e))
		return -1;
	if (end != w->size && set_aside(w, name, end, e))
		return -1;
	snprintf(w->day, sizeof(w->day), "%.10s", name);
	if (seq > w->written)
		w->written = seq;
	return 0;
}

int trail_open(struct trail **out, struct queue *q, const char *dir,
	const struct trail_context *t, struct err *e)
{
	struct trail *w = mem_alloc(sizeof(*w));

	w->q = q;
	w->dir = dir;
	w->ctx = *t;
	w->fd = -1;
	buf_init(&w->out, 64 * MIB);
	arena_init(&w->arena);
	if (queue_cursor(q, &w->written, e) || resume(w, e)) {
		trail_close(w);
		return -1;
	}
	w->rendered = w->written;
	w->synced = 0;
	*out = w;
	return 0;
}

void trail_close(struct trail *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	buf_release(&w->out);
	arena_release(&w->arena);
	free(w);
}

/* Append what is rendered. A short write is taken back, so that a line is whole or
   not there. */
static int flush(struct trail *w, struct err *e)
{
	if (!w->out.len)
		return 0;
	if (lseek(w->fd, w->size, SEEK_SET) < 0 || fs_write(w->fd, w->out.s, w->out.len)) {
		err_sys(e, "cannot append to the trail in %s", w->dir);
		if (ftruncate(w->fd, w->size))
			err_wrap(e, "and cannot take back half a line");
		return -1;
	}
	w->size += (off_t)w->out.len;
	buf_clear(&w->out);
	return 0;
}

static int turn_to(struct trail *w, const char *day, struct err *e)
{
	char name[32];

	if (flush(w, e))
		return -1;
	if (w->fd >= 0) {
		if (fsync(w->fd))
			return err_sys(e, "cannot sync the trail in %s", w->dir);
		close(w->fd);
	}
	snprintf(name, sizeof(name), "%.10s.jsonl", day);
	snprintf(w->day, sizeof(w->day), "%.10s", day);
	return open_file(w->dir, name, O_RDWR | O_CREAT, &w->fd, &w->size, e);
}

/* A journal row whose time went back belongs to the open file: days only advance. */
static bool same_day(const struct trail *w, const char *when)
{
	return w->fd >= 0 && strncmp(when, w->day, 10) <= 0;
}

static int on_day(struct trail *w, int64_t time_us, struct err *e)
{
	char when[CLOCK_ISO_SIZE];

	clock_iso(time_us, when);
	return same_day(w, when) ? 0 : turn_to(w, when, e);
}

void trail_take(struct trail *w, const struct journal_row *r, const struct change_row *change,
	const struct delivery *d)
{
	char when[CLOCK_ISO_SIZE];

	if (r->seq != w->rendered + 1 || (r->change && !change) || w->out.len > TAKEN ||
	    !same_day(w, clock_iso(r->time_us, when)))
		return;
	trail_render(&w->ctx, r, change, d, &w->out);
	w->rendered = r->seq;
	w->taken++;
}

static int look_up(struct trail *w, const struct journal_row *r, struct err *e)
{
	bool change = r->change && r->change != w->change.seq;
	bool delivery = r->delivery && r->delivery != w->delivery.seq;

	if (change || delivery) {
		arena_release(&w->arena);
		w->change.seq = w->delivery.seq = 0;
		if (r->change && queue_change(w->q, &w->arena, r->change, &w->change, e))
			return -1;
		if (r->delivery && queue_delivery(w->q, &w->arena, r->delivery, &w->delivery, e))
			return -1;
	}
	return 0;
}

struct export {
	struct trail *w;
	struct err *e;
	int64_t n, last;
};

static int one(const struct journal_row *r, void *arg)
{
	struct export *x = arg;

	if (on_day(x->w, r->time_us, x->e) || look_up(x->w, r, x->e))
		return -1;
	trail_render(&x->w->ctx, r, r->change ? &x->w->change : NULL,
		r->delivery ? &x->w->delivery : NULL, &x->w->out);
	x->last = r->seq;
	x->n++;
	return 0;
}

int64_t trail_export(struct trail *w, struct err *e)
{
	int64_t total = w->taken;

	w->taken = 0;
	for (;;) {
		struct export x = { w, e, 0, w->rendered };

		if (queue_journal(w->q, w->rendered, 0, BATCH, one, &x, e) || flush(w, e)) {
			buf_clear(&w->out);
			w->rendered = w->written;
			return -1;
		}
		w->rendered = w->written = x.last;
		total += x.n;
		if (x.n < BATCH)
			return total;
	}
}

int trail_sync(struct trail *w, struct err *e)
{
	if (w->written == w->synced || w->fd < 0)
		return 0;
	if (fsync(w->fd))
		return err_sys(e, "cannot sync the trail in %s", w->dir);
	if (queue_cursor_set(w->q, w->written, e))
		return -1;
	w->synced = w->written;
	return 0;
}

int trail_last_sequence(const char *dir, int64_t *seq, struct err *e)
{
	char name[32];
	off_t size, end;
	int fd, failed;

	*seq = 0;
	if (newest(dir, name, e))
		return -1;
	if (!*name)
		return 0;
	if (open_file(dir, name, O_RDONLY, &fd, &size, e))
		return -1;
	failed = last_line(fd, size, seq, &end, e);
	close(fd);
	return failed;
}
