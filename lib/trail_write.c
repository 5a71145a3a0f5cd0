/* trail_write.c - append records to the hour's file, in the journal's order, each
   once: the cursor, the torn tail, the turn of the hour. */
#include "trail.h"

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
#include "trail_files.h"

#define TAIL (2 * MIB)			/* more than any record */
#define TAKEN (8 * MIB)			/* as much is kept between two exports */
#define BATCH 5000			/* rows read at once */

struct trail {
	struct queue *q;
	const char *dir;
	struct trail_context ctx;
	int fd;
	char hour[16];			/* "2026-11-23T14": no later file is of an earlier one */
	off_t size;
	bool resumed;			/* the disk was looked at: fd, hour, size, written hold */
	int64_t rendered, written, synced;	/* sequence numbers: in out, in the file, by the cursor */
	int64_t durable;		/* up to which the file was synced, and how long it was */
	off_t durable_size;
	int64_t taken;			/* of the rendered, how many were given */
	struct buf out;
	struct arena arena;		/* the last change and delivery looked up */
	struct change_row change;
	struct delivery delivery;
};

static int newest(const char *dir, char out[TRAIL_NAME], struct err *e)
{
	struct trail_files live;

	*out = 0;
	if (trail_files_live(dir, &live, e)) {
		free(live.v);
		return -1;
	}
	if (live.n)
		snprintf(out, TRAIL_NAME, "%.39s", live.v[live.n - 1].name);
	free(live.v);
	return 0;
}

/* The last record that is in a sealed file, 0 none. */
static int last_sealed(const char *dir, int64_t *seq, struct err *e)
{
	struct trail_files sealed;
	int failed = trail_files_sealed(dir, &sealed, e);

	*seq = !failed && sealed.n ? sealed.v[sealed.n - 1].sequence : 0;
	free(sealed.v);
	return failed;
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
			*seq = trail_sequence_of(s + from, n - from);
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

/* The newest file may have been made and nothing written: what is written before the
   cursor moved is then in the one before. */
static int last_live(const char *dir, int64_t *seq, struct err *e)
{
	struct trail_files live;
	int failed = trail_files_live(dir, &live, e);

	*seq = 0;
	for (size_t i = live.n; !failed && !*seq && i > 0; i--) {
		off_t size, end;
		int fd;

		failed = open_file(dir, live.v[i - 1].name, O_RDONLY, &fd, &size, e);
		if (!failed) {
			failed = last_line(fd, size, seq, &end, e);
			close(fd);
		}
	}
	free(live.v);
	return failed;
}

static int resume(struct trail *w, struct err *e)
{
	char name[TRAIL_NAME];
	int64_t seq;
	off_t end;

	if (last_sealed(w->dir, &seq, e) || newest(w->dir, name, e))
		return -1;
	if (seq > w->written)
		w->written = seq;
	if (!*name)
		return 0;
	if (last_live(w->dir, &seq, e))
		return -1;
	if (seq > w->written)
		w->written = seq;
	if (open_file(w->dir, name, O_RDWR, &w->fd, &w->size, e) ||
	    last_line(w->fd, w->size, &seq, &end, e))
		return -1;
	if (end != w->size && set_aside(w, name, end, e))
		return -1;
	snprintf(w->hour, sizeof(w->hour), name[10] == 'T' ? "%.13s" : "%.10s", name);
	if (seq > w->written)
		w->written = seq;
	return 0;
}

struct trail *trail_open(struct queue *q, const char *dir, const struct trail_context *t)
{
	struct trail *w = mem_alloc(sizeof(*w));

	w->q = q;
	w->dir = dir;
	w->ctx = *t;
	w->fd = -1;
	buf_init(&w->out, 64 * MIB);
	arena_init(&w->arena);
	return w;
}

/* Where it was left off: once, when the disk lets us. */
static int begin(struct trail *w, struct err *e)
{
	if (w->resumed)
		return 0;
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
	if (fs_mkdirs(w->dir, 0700, e) || queue_cursor(w->q, &w->written, e) || resume(w, e))
		return -1;
	w->rendered = w->durable = w->written;
	w->durable_size = w->size;
	w->resumed = true;
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
	w->written = w->rendered;
	buf_clear(&w->out);
	return 0;
}

/* A sync that failed has taken with it what it was to write, and the next one would not
   say so: what came after the last good one is written once more, from the journal. */
static int sync_file(struct trail *w, struct err *e)
{
	if (!fsync(w->fd)) {
		w->durable = w->written;
		w->durable_size = w->size;
		return 0;
	}
	err_sys(e, "cannot sync the trail in %s", w->dir);
	w->size = w->durable_size;
	w->written = w->rendered = w->durable;
	buf_clear(&w->out);
	if (ftruncate(w->fd, w->size))
		err_wrap(e, "and cannot take back what was not");
	return -1;
}

static int leave(struct trail *w, struct err *e)
{
	if (flush(w, e))
		return -1;
	if (w->fd < 0)
		return 0;
	if (sync_file(w, e))
		return -1;
	close(w->fd);
	w->fd = -1;
	return 0;
}

static int turn_to(struct trail *w, const char *hour, int64_t seq, struct err *e)
{
	char name[TRAIL_NAME];

	if (leave(w, e))
		return -1;
	if (strncmp(hour, w->hour, 13) > 0)
		snprintf(w->hour, sizeof(w->hour), "%.13s", hour);
	snprintf(name, sizeof(name), "%.13s-%016" PRId64 ".jsonl", w->hour, seq);
	if (open_file(w->dir, name, O_RDWR | O_CREAT, &w->fd, &w->size, e))
		return -1;
	w->durable = w->written;
	w->durable_size = w->size;
	return 0;
}

/* A journal row whose time went back belongs to the open file: hours only advance. */
static bool same_hour(const struct trail *w, const char *when)
{
	return w->fd >= 0 && strncmp(when, w->hour, 13) <= 0;
}

static int on_hour(struct trail *w, const struct journal_row *r, struct err *e)
{
	char when[CLOCK_ISO_SIZE];

	clock_iso(r->time_us, when);
	return same_hour(w, when) ? 0 : turn_to(w, when, r->seq, e);
}

void trail_take(struct trail *w, const struct journal_row *r, const struct change_row *change,
	const struct delivery *d)
{
	char when[CLOCK_ISO_SIZE];

	if (r->seq != w->rendered + 1 || (r->change && !change) || w->out.len > TAKEN ||
	    !same_hour(w, clock_iso(r->time_us, when)))
		return;
	trail_render(&w->ctx, r, change, d, &w->out);
	w->rendered = r->seq;
	w->taken++;
}

int trail_turn(struct trail *w, int64_t now_us, bool always, struct err *e)
{
	char when[CLOCK_ISO_SIZE];

	clock_iso(now_us, when);
	if (trail_export(w, e) < 0 || trail_sync(w, e))
		return -1;
	if (w->fd < 0 || (!always && strncmp(when, w->hour, 13) <= 0))
		return 0;
	if (leave(w, e))
		return -1;
	if (strncmp(when, w->hour, 13) > 0 || !w->hour[10])
		snprintf(w->hour, sizeof(w->hour), "%.13s", when);
	return 0;
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
	int64_t n;
};

static int one(const struct journal_row *r, void *arg)
{
	struct export *x = arg;

	if (on_hour(x->w, r, x->e) || look_up(x->w, r, x->e))
		return -1;
	trail_render(&x->w->ctx, r, r->change ? &x->w->change : NULL,
		r->delivery ? &x->w->delivery : NULL, &x->w->out);
	x->w->rendered = r->seq;
	x->n++;
	return 0;
}

/* What fails here fails again, and is told, in trail_export. */
void trail_catch_up(struct trail *w, int64_t seq)
{
	struct err unused;
	struct export x = { w, &unused, 0 };

	if (seq > w->rendered + 1 && !begin(w, &unused) && w->out.len <= TAKEN &&
	    !queue_journal(w->q, w->rendered, 0, seq - w->rendered - 1, one, &x, &unused))
		w->taken += x.n;
}

int64_t trail_export(struct trail *w, struct err *e)
{
	int64_t total = w->taken;

	w->taken = 0;
	if (begin(w, e))
		return -1;
	for (;;) {
		struct export x = { w, e, 0 };

		if (queue_journal(w->q, w->rendered, 0, BATCH, one, &x, e) || flush(w, e)) {
			buf_clear(&w->out);
			w->rendered = w->written;
			return -1;
		}
		total += x.n;
		if (x.n < BATCH)
			return total;
	}
}

int64_t trail_written(const struct trail *w)
{
	return w->written;
}

int trail_sync(struct trail *w, struct err *e)
{
	if (!w->resumed || w->written == w->synced || w->fd < 0)
		return 0;
	if (sync_file(w, e))
		return -1;
	if (queue_cursor_set(w->q, w->written, e))
		return -1;
	w->synced = w->written;
	return 0;
}

int trail_last_sequence(const char *dir, int64_t *seq, struct err *e)
{
	int64_t live;

	if (last_sealed(dir, seq, e) || last_live(dir, &live, e))
		return -1;
	if (live > *seq)
		*seq = live;
	return 0;
}
