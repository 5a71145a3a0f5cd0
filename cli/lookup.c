/* lookup.c - see lookup.h. */
#include <jansson.h>

#include "lookup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "json.h"
#include "mem.h"

#define NEEDLES_MAX 12
#define BLOCK (512 * KIB)
#define BLOCK_MAX (8 * MIB)		/* a longer line is no record of ours */
#define NAME_LENGTH 16			/* "2026-11-23.jsonl" */
#define DAY_US (86400 * US_PER_S)

struct needle {
	char *s;
	size_t n;
};

struct lookup {
	struct arena arena;
	struct lookup_query q;
	struct needle needles[NEEDLES_MAX];	/* narrowest first */
	size_t n;
};

/* ---- compiling a query ---- */

enum ends { ENDS_OPEN, ENDS_LEFT, ENDS_RIGHT, ENDS_BOTH };	/* where quotes are certain */

/* Text as the trail's writer would have put it, with its quotes where they are certain. */
static void needle_add(struct lookup *l, const char *text, enum ends ends)
{
	struct buf b;
	struct json j;
	size_t left = ends == ENDS_OPEN || ends == ENDS_RIGHT;
	size_t right = ends == ENDS_OPEN || ends == ENDS_LEFT;

	if (!text || !*text || l->n == NEEDLES_MAX)
		return;
	buf_init(&b, 1 * MIB);
	json_init(&j, &b);
	json_str(&j, text);
	l->needles[l->n].n = b.len - left - right;
	l->needles[l->n].s = arena_memdup(&l->arena, b.s + left, b.len - left - right);
	l->n++;
	buf_release(&b);
}

static const char *keep(struct lookup *l, const char *s)
{
	return s ? arena_strdup(&l->arena, s) : NULL;
}

static void query_copy(struct lookup *l, const struct lookup_query *q)
{
	l->q = *q;
	l->q.event_name = keep(l, q->event_name);
	l->q.event_source = keep(l, q->event_source);
	l->q.event_id = keep(l, q->event_id);
	l->q.username = keep(l, q->username);
	l->q.resource = keep(l, q->resource);
	l->q.change = keep(l, q->change);
	l->q.delivery = keep(l, q->delivery);
	l->q.pipeline = keep(l, q->pipeline);
	l->q.repository = keep(l, q->repository);
	l->q.error_code = keep(l, q->error_code);
	l->q.text = keep(l, q->text);
}

/* In the order of how few records usually hold them. */
struct lookup *lookup_new(const struct lookup_query *q)
{
	struct lookup *l = mem_alloc(sizeof(*l));

	arena_init(&l->arena);
	query_copy(l, q);
	needle_add(l, q->event_id, ENDS_BOTH);
	needle_add(l, q->delivery, ENDS_LEFT);
	needle_add(l, q->change, ENDS_LEFT);
	needle_add(l, q->text, ENDS_OPEN);
	needle_add(l, q->error_code, ENDS_BOTH);
	if (q->failed)
		needle_add(l, "errorCode", ENDS_BOTH);
	needle_add(l, q->username, ENDS_BOTH);
	needle_add(l, q->pipeline, ENDS_BOTH);
	needle_add(l, q->resource, ENDS_RIGHT);
	needle_add(l, q->repository, ENDS_BOTH);
	needle_add(l, q->event_name, ENDS_BOTH);
	needle_add(l, q->event_source, ENDS_BOTH);
	return l;
}

void lookup_free(struct lookup *l)
{
	if (!l)
		return;
	arena_release(&l->arena);
	free(l);
}

/* ---- one record ---- */

const json_t *lookup_get(const json_t *record, const char *path)
{
	while (record && *path) {
		size_t n = strcspn(path, ".");
		char key[64];

		if (n >= sizeof(key))
			return NULL;
		memcpy(key, path, n);
		key[n] = '\0';
		record = json_object_get(record, key);
		path += n + (path[n] == '.');
	}
	return record;
}

const char *lookup_text(const json_t *record, const char *path)
{
	const char *s = json_string_value(lookup_get(record, path));

	return s ? s : "";
}

int64_t lookup_int(const json_t *record, const char *path)
{
	return json_integer_value(lookup_get(record, path));
}

static bool field_is(const json_t *record, const char *path, const char *want)
{
	return !want || strcmp(lookup_text(record, path), want) == 0;
}

static bool field_begins(const json_t *record, const char *path, const char *want)
{
	return strncmp(lookup_text(record, path), want, strlen(want)) == 0;
}

static bool id_is(const json_t *record, const char *one, const char *other, const char *want)
{
	return !want || field_begins(record, one, want) || field_begins(record, other, want);
}

/* Who caused it, by name or number; for a command, who gave it. */
static bool user_is(const json_t *record, const char *want)
{
	return !want || field_is(record, "userIdentity.userName", want)
		|| field_is(record, "userIdentity.principalId", want)
		|| field_is(record, "additionalEventData.operator", want);
}

static bool pipeline_is(const json_t *record, const char *want)
{
	return !want || field_is(record, "additionalEventData.pipeline", want)
		|| field_is(record, "requestParameters.pipelineName", want);
}

/* The whole ARN, or what stands after one of its separators. */
static bool arn_is(const char *arn, const char *want)
{
	size_t n = strlen(arn), m = strlen(want);

	if (n < m || strcmp(arn + n - m, want) != 0)
		return false;
	return n == m || arn[n - m - 1] == ':' || arn[n - m - 1] == '/';
}

static bool resource_is(const json_t *record, const char *want)
{
	const json_t *list = lookup_get(record, "resources"), *item;
	size_t i;

	if (!want)
		return true;
	json_array_foreach(list, i, item)
		if (arn_is(lookup_text(item, "ARN"), want))
			return true;
	return false;
}

static bool read_only_is(const json_t *record, int want)
{
	const json_t *value = lookup_get(record, "readOnly");

	return want < 0 || (json_is_boolean(value) && json_is_true(value) == (want == 1));
}

static bool time_is(const json_t *record, int64_t since, int64_t until)
{
	int64_t at;

	if (!since && !until)
		return true;
	if (clock_parse(lookup_text(record, "eventTime"), 0, &at))
		return false;
	return (!since || at >= since) && (!until || at < until);
}

static bool record_is(const json_t *r, const struct lookup_query *q)
{
	return field_is(r, "eventName", q->event_name)
		&& field_is(r, "eventSource", q->event_source)
		&& field_is(r, "eventID", q->event_id)
		&& user_is(r, q->username)
		&& id_is(r, "sharedEventID", "additionalEventData.change", q->change)
		&& id_is(r, "additionalEventData.delivery", "requestID", q->delivery)
		&& pipeline_is(r, q->pipeline)
		&& field_is(r, "additionalEventData.repository", q->repository)
		&& field_is(r, "errorCode", q->error_code)
		&& (!q->failed || *lookup_text(r, "errorCode"))
		&& read_only_is(r, q->read_only)
		&& resource_is(r, q->resource)
		&& time_is(r, q->since_us, q->until_us);
}

int lookup_match(const struct lookup *l, const char *line, size_t n, json_t **record)
{
	json_t *r;

	for (size_t i = 0; i < l->n; i++)
		if (!memmem(line, n, l->needles[i].s, l->needles[i].n))
			return 0;
	r = json_loadb(line, n, 0, NULL);
	if (!json_is_object(r)) {
		json_decref(r);
		return -1;
	}
	if (!record_is(r, &l->q)) {
		json_decref(r);
		return 0;
	}
	*record = r;
	return 1;
}

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
	out->n = 0;
	while (p < end) {
		const char *hit = p, *stop, *start;

		if (l->n > 0)
			hit = memmem(p, (size_t)(end - p), l->needles[0].s, l->needles[0].n);
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

static int line_look(struct lookup_walk *w, const struct line *line)
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

static int lines_look(struct lookup_walk *w, const struct lines *lines)
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
	struct lookup_walk *walk;
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

int lookup_file(struct lookup_walk *w, int fd, const char *name, struct err *e)
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
	return strcmp(((const struct lookup_name *)a)->name, ((const struct lookup_name *)b)->name);
}

int lookup_files(const char *dir, struct lookup_files *out, struct err *e)
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
static bool day_is(const struct lookup_query *q, const char *name)
{
	char day[11];
	int64_t start;

	memcpy(day, name, 10);
	day[10] = '\0';
	if (clock_parse(day, 0, &start))
		return true;
	return (!q->since_us || start + DAY_US > q->since_us) && (!q->until_us || start < q->until_us);
}

static int day_look(struct lookup_walk *w, int dirfd, const char *name, struct err *e)
{
	int fd, rc;

	if (!day_is(&w->lookup->q, name))
		return 0;
	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, "cannot open the trail's file %s", name);
	rc = lookup_file(w, fd, name, e);
	close(fd);
	return rc;
}

int lookup_dir(struct lookup_walk *w, const char *dir, struct err *e)
{
	struct lookup_files files;
	int dirfd, rc = 0;

	if (lookup_files(dir, &files, e))
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
