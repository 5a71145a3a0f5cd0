/* records.c - see records.h. */
#include <jansson.h>

#include "records.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem.h"
#include "trail_index.h"

#define BLOCK (64 * KIB)
#define BLOCK_MAX (8 * MIB)		/* a longer line is no record of ours */

/* ---- one block of whole lines ---- */

struct lines {
	struct line {
		const char *s;
		size_t n;
	} *v;
	size_t n, cap;
};

static void lines_add(struct lines *l, const char *s, size_t n)
{
	if (n == 0)
		return;
	l->v = mem_grow(l->v, &l->cap, l->n + 1, sizeof(*l->v));
	l->v[l->n++] = (struct line){ s, n };
}

/* The lines of [p, end) that hold the first needle; all of them without one. */
static void lines_find(const struct lookup *l, const char *p, const char *end, struct lines *out)
{
	size_t n;
	const char *needle = lookup_needle(l, &n);

	out->n = 0;
	while (p < end) {
		const char *hit = p, *stop, *start;

		if (needle)
			hit = memmem(p, (size_t)(end - p), needle, n);
		if (!hit)
			return;
		start = memrchr(p, '\n', (size_t)(hit - p));
		start = start ? start + 1 : p;
		stop = memchr(hit, '\n', (size_t)(end - hit));
		stop = stop ? stop : end;
		lines_add(out, start, (size_t)(stop - start));
		p = stop + 1;
	}
}

static int line_look(struct records *w, const struct line *line)
{
	json_t *record;
	int rc = lookup_match(w->lookup, line->s, line->n, &record);

	if (rc < 0)
		w->unreadable++;
	if (rc <= 0)
		return 0;
	rc = w->each(line->s, line->n, record, w->arg);
	json_decref(record);
	return rc;
}

static int lines_look(struct records *w, const struct lines *lines)
{
	for (size_t i = 0; i < lines->n; i++) {
		int rc = line_look(w, &lines->v[w->oldest_first ? i : lines->n - 1 - i]);

		if (rc)
			return rc;
	}
	return 0;
}

/* ---- one file ---- */

struct reader {
	struct records *walk;
	int fd;
	const char *name;
	char *block;
	size_t size;
	struct lines lines;
};

static int read_at(struct reader *r, off_t at, size_t n, struct err *e)
{
	size_t got = 0;

	while (got < n) {
		ssize_t m = pread(r->fd, r->block + got, n - got, at + (off_t)got);

		if (m < 0 && errno == EINTR)
			continue;
		if (m < 0)
			return err_sys(e, "cannot read the trail's file %s", r->name);
		if (m == 0)
			return err_set(e, ERR_TEMP, "the trail's file %s became shorter while it was read",
				r->name);
		got += (size_t)m;
	}
	return 0;
}

/* A line that does not fit: more room, until it cannot be a record. */
static bool block_grow(struct reader *r)
{
	if (r->size >= BLOCK_MAX)
		return false;
	r->size *= 2;
	r->block = mem_realloc(r->block, r->size);
	return true;
}

/* What stands before the first newline of a block belongs to an overlong line that
   began earlier, when inside is set. */
static int walk_forward(struct reader *r, off_t end, struct err *e)
{
	bool inside = false;
	off_t at = 0;

	while (at < end) {
		size_t n = (size_t)(end - at) < r->size ? (size_t)(end - at) : r->size;
		const char *first = r->block, *last;
		int rc;

		if (read_at(r, at, n, e))
			return -1;
		last = memrchr(r->block, '\n', n);
		if (!last) {
			if (!inside && block_grow(r))
				continue;
			r->walk->unreadable += !inside && at + (off_t)n < end;
			inside = true;
			at += (off_t)n;
			continue;
		}
		if (inside)
			first = (char *)memchr(r->block, '\n', n) + 1;
		inside = false;
		if (first < last) {
			lines_find(r->walk->lookup, first, last, &r->lines);
			rc = lines_look(r->walk, &r->lines);
			if (rc)
				return rc;
		}
		at += last + 1 - r->block;
	}
	return 0;
}

/* Whole lines lie between the first and the last newline of a block: what stands
   before is read again with the block before it, what stands after was torn or is
   the end of an overlong line. */
static int walk_backward(struct reader *r, off_t end, struct err *e)
{
	while (end > 0) {
		size_t n = (size_t)end < r->size ? (size_t)end : r->size;
		off_t at = end - (off_t)n;
		const char *first = r->block, *last;
		int rc;

		if (read_at(r, at, n, e))
			return -1;
		end = at;
		last = memrchr(r->block, '\n', n);
		if (!last)
			continue;
		if (at > 0) {
			first = memchr(r->block, '\n', (size_t)(last - r->block));
			if (!first) {
				end = at + (last + 1 - r->block);
				if (block_grow(r))
					continue;
				r->walk->unreadable++;
				end = at;
				continue;
			}
			first++;
			end = at + (first - r->block);
		}
		lines_find(r->walk->lookup, first, last, &r->lines);
		rc = lines_look(r->walk, &r->lines);
		if (rc)
			return rc;
	}
	return 0;
}

static int torn_look(struct reader *r, off_t size, struct err *e)
{
	if (size == 0)
		return 0;
	if (read_at(r, size - 1, 1, e))
		return -1;
	if (r->block[0] != '\n')
		r->walk->torn++;
	return 0;
}

int records_file(struct records *w, int fd, const char *name, struct err *e)
{
	struct reader r = { .walk = w, .fd = fd, .name = name, .size = BLOCK };
	struct stat st;
	int rc;

	if (fstat(fd, &st) != 0)
		return err_sys(e, "cannot look at the trail's file %s", name);
	r.block = mem_alloc(r.size);
	rc = torn_look(&r, st.st_size, e);
	if (rc == 0)
		rc = w->oldest_first ? walk_forward(&r, st.st_size, e)
			: walk_backward(&r, st.st_size, e);
	free(r.block);
	free(r.lines.v);
	return rc;
}

/* ---- a sealed file ---- */

/* The lines of a block that hold the needle, without commas and the file's frame. */
static void sealed_find(const struct lookup *l, const char *p, const char *end, struct lines *out)
{
	struct lines found = { 0 };

	out->n = 0;
	lines_find(l, p, end, &found);
	for (size_t i = 0; i < found.n; i++) {
		const char *at = found.v[i].s, *line;
		size_t n;

		if (trail_index_line(&at, found.v[i].s + found.v[i].n, &line, &n))
			lines_add(out, line, n);
	}
	free(found.v);
}

static int block_look(struct records *w, struct trail_index *x, uint32_t k, struct lines *lines,
	struct err *e)
{
	const char *text;
	size_t n;

	if (trail_index_block(x, k, &text, &n, e))
		return -1;
	sealed_find(w->lookup, text, text + n, lines);
	return lines_look(w, lines);
}

/* An id that is sought narrows the blocks to those that may have it. */
static int blocks_look(struct records *w, struct trail_index *x, struct err *e)
{
	const char *id = lookup_id(w->lookup);
	uint32_t *some = NULL;
	size_t n = id ? trail_index_find(x, id, &some) : x->nblocks;
	struct lines lines = { 0 };
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++) {
		size_t k = w->oldest_first ? i : n - 1 - i;

		rc = block_look(w, x, id ? some[k] : (uint32_t)k, &lines, e);
	}
	free(lines.v);
	free(some);
	return rc;
}

static int sealed_look(struct records *w, const char *dir, const struct trail_file *f, struct err *e)
{
	struct trail_index x;
	int rc = 0;

	if (trail_index_open(&x, dir, f, e))
		return e->code == ERR_NOENT ? 0 : -1;
	if (x.newest_us && lookup_span(w->lookup, x.oldest_us, x.newest_us + 1))
		rc = blocks_look(w, &x, e);
	if (rc < 0)
		err_wrap(e, "%s", f->name);
	trail_index_close(&x);
	return rc;
}

/* ---- the directory ---- */

int records_days(const char *dir, struct records_days *out, struct err *e)
{
	struct trail_files live;
	int failed = trail_files_live(dir, &live, e);

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < live.n; i++) {
		out->v = mem_grow(out->v, &out->cap, out->n + 1, sizeof(*out->v));
		snprintf(out->v[out->n++].name, TRAIL_NAME, "%.39s", live.v[i].name);
	}
	free(live.v);
	return failed;
}

static int live_look(struct records *w, int fd, const struct trail_file *f, struct err *e)
{
	if (fd < 0)
		return err_set(e, ERR_TEMP, "the trail's file %s could not be opened", f->name);
	return records_file(w, fd, f->name, e);
}

/* Live files are opened before any is read: what is sealed meanwhile is still read. */
static void live_open(const char *dir, const struct trail_files *files, int *fds)
{
	char path[LIMIT_PATH + TRAIL_OBJECT];

	for (size_t i = 0; i < files->n; i++) {
		fds[i] = -1;
		if (files->v[i].sealed)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, files->v[i].name);
		fds[i] = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	}
}

static int files_look(struct records *w, const char *dir, const struct trail_files *files, int *fds,
	struct err *e)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < files->n; i++) {
		size_t k = w->oldest_first ? i : files->n - 1 - i;
		const struct trail_file *f = &files->v[k];

		if (w->progress)
			w->progress(i, files->n, w->arg);
		if (!lookup_span(w->lookup, f->from_us, f->to_us))
			continue;
		rc = f->sealed ? sealed_look(w, dir, f, e) : live_look(w, fds[k], f, e);
	}
	return rc;
}

int records_dir(struct records *w, const char *dir, struct err *e)
{
	struct trail_files files;
	int *fds, rc;

	if (trail_files_list(dir, &files, e)) {
		free(files.v);
		return -1;
	}
	fds = mem_alloc((files.n + 1) * sizeof(*fds));
	live_open(dir, &files, fds);
	rc = files_look(w, dir, &files, fds, e);
	for (size_t i = 0; i < files.n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(fds);
	free(files.v);
	return rc;
}
