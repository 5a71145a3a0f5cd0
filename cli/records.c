/* records.c - see records.h. */
#include <jansson.h>

#include "records.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "mem.h"

#define BLOCK (64 * KIB)
#define BLOCK_MAX (8 * MIB)		/* a longer line is no record of ours */
#define NAME_LENGTH 16			/* "2026-11-23.jsonl" */
#define DAY_US (86400 * US_PER_S)

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

/* ---- the directory ---- */

/* 9 stands for any digit. */
static bool name_is_day(const char *name)
{
	static const char shape[] = "9999-99-99.jsonl";
	size_t i;

	for (i = 0; shape[i]; i++)
		if (shape[i] == '9' ? name[i] < '0' || name[i] > '9' : name[i] != shape[i])
			return false;
	return name[i] == '\0';
}

static int name_order(const void *a, const void *b)
{
	return strcmp(((const struct records_day *)a)->name, ((const struct records_day *)b)->name);
}

int records_days(const char *dir, struct records_days *out, struct err *e)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	memset(out, 0, sizeof(*out));
	if (!d)
		return errno == ENOENT ? 0 : err_sys(e, "cannot read the trail in %s", dir);
	while ((entry = readdir(d))) {
		if (!name_is_day(entry->d_name))
			continue;
		out->v = mem_grow(out->v, &out->cap, out->n + 1, sizeof(*out->v));
		memcpy(out->v[out->n++].name, entry->d_name, NAME_LENGTH + 1);
	}
	closedir(d);
	if (out->n > 0)
		qsort(out->v, out->n, sizeof(*out->v), name_order);
	return 0;
}

/* Can a file of that day hold records of the time asked for? A record's day is its
   file's, so whole days are left out unopened. */
static bool day_is(const struct lookup *l, const char *name)
{
	char day[11];
	int64_t start;

	memcpy(day, name, 10);
	day[10] = '\0';
	if (clock_parse(day, 0, &start))
		return true;
	return lookup_span(l, start, start + DAY_US);
}

static int day_look(struct records *w, int dirfd, const char *name, struct err *e)
{
	int fd, rc;

	if (!day_is(w->lookup, name))
		return 0;
	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, "cannot open the trail's file %s", name);
	rc = records_file(w, fd, name, e);
	close(fd);
	return rc;
}

int records_dir(struct records *w, const char *dir, struct err *e)
{
	struct records_days files;
	int dirfd, rc = 0;

	if (records_days(dir, &files, e))
		return -1;
	if (files.n == 0)
		return 0;
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		rc = err_sys(e, "cannot open the trail in %s", dir);
	for (size_t i = 0; rc == 0 && i < files.n; i++)
		rc = day_look(w, dirfd, files.v[w->oldest_first ? i : files.n - 1 - i].name, e);
	if (dirfd >= 0)
		close(dirfd);
	free(files.v);
	return rc;
}
