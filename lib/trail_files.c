/* trail_files.c - see trail_files.h. */
#include "trail_files.h"

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
#include "mem.h"

#define HOUR_US (3600 * US_PER_S)
#define DAY_US (24 * HOUR_US)
#define HEAD (64 * KIB)			/* of a file, in which its first sequence number is */
#define UNIQUE 16

/* ---- names ---- */

/* 9 stands for any digit. */
static bool shaped(const char *s, const char *shape)
{
	for (; *shape; s++, shape++)
		if (*shape == '9' ? *s < '0' || *s > '9' : *s != *shape)
			return false;
	return *s == '\0';
}

bool trail_name_live(const char *name)
{
	return shaped(name, "9999-99-99T99-9999999999999999.jsonl") ||
		shaped(name, "9999-99-99.jsonl");
}

void trail_name_make(int64_t time_us, int64_t sequence, char out[TRAIL_NAME])
{
	char iso[CLOCK_ISO_SIZE];

	snprintf(out, TRAIL_NAME, "%.13s-%016" PRId64 ".jsonl", clock_iso(time_us, iso), sequence);
}

static const char digits36[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

static void to_36(int64_t v, char out[UNIQUE + 1])
{
	memset(out, '0', UNIQUE);
	out[UNIQUE] = '\0';
	for (int i = UNIQUE - 4; i >= 0; i--, v /= 36)
		out[i] = digits36[v % 36];
}

static int64_t from_36(const char *s)
{
	int64_t v = 0;

	for (int i = 0; i < UNIQUE - 3; i++) {
		const char *d = strchr(digits36, s[i]);

		if (!d || !*d || v > INT64_MAX / 36 - 36)
			return 0;
		v = v * 36 + (d - digits36);
	}
	return v;
}

/* "2026/11/23" and "20261123T1402" of a time. */
static void parts(int64_t time_us, char folder[16], char compact[20])
{
	char t[CLOCK_ISO_SIZE];

	clock_iso(time_us, t);
	snprintf(folder, 16, "%.4s/%.2s/%.2s", t, t + 5, t + 8);
	snprintf(compact, 20, "%.4s%.2s%.2sT%.2s%.2s%.2s", t, t + 5, t + 8, t + 11, t + 14, t + 17);
}

void trail_object_log(const char *account, const char *region, int64_t time_us, int64_t last,
	char out[TRAIL_OBJECT])
{
	char folder[16], compact[20], unique[UNIQUE + 1];

	parts(time_us, folder, compact);
	to_36(last, unique);
	snprintf(out, TRAIL_OBJECT, TRAIL_PREFIX "/AWSLogs/%s/CloudTrail/%s/%s/%s_CloudTrail_%s_%.13sZ_%s"
		".json.gz", account, region, folder, account, region, compact, unique);
}

void trail_object_digest(const char *account, const char *region, int64_t end_us,
	char out[TRAIL_OBJECT])
{
	char folder[16], compact[20];

	parts(end_us, folder, compact);
	snprintf(out, TRAIL_OBJECT, TRAIL_PREFIX "/AWSLogs/%s/CloudTrail-Digest/%s/%s/%s_CloudTrail-Digest"
		"_%s_refire_%s_%sZ.json.gz", account, region, folder, account, region, region, compact);
}

int64_t trail_sequence_of(const char *line, size_t n)
{
	static const char key[] = "\"additionalEventData\":{\"sequence\":";
	const char *p = memmem(line, n, key, sizeof(key) - 1);

	return p ? strtoll(p + sizeof(key) - 1, NULL, 10) : 0;
}

/* ---- one file ---- */

static struct trail_file *add(struct trail_files *l, const char *name)
{
	struct trail_file *f;

	l->v = mem_grow(l->v, &l->cap, l->n + 1, sizeof(*l->v));
	f = &l->v[l->n++];
	*f = (struct trail_file){ .to_us = INT64_MAX };
	snprintf(f->name, sizeof(f->name), "%s", name);
	return f;
}

/* Of a file of an older version, whose name does not tell. */
static int64_t first_sequence(const char *dir, const char *name)
{
	char path[LIMIT_PATH + TRAIL_OBJECT], *text = mem_alloc(HEAD);
	int64_t sequence = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	n = fd < 0 ? -1 : pread(fd, text, HEAD, 0);
	if (n > 0)
		sequence = trail_sequence_of(text, (size_t)n);
	if (fd >= 0)
		close(fd);
	free(text);
	return sequence;
}

/* Rows may be older than the hour in which they are written by as long as a sender
   was not there: a day is allowed for. */
static void live_add(struct trail_files *l, const char *dir, const char *name)
{
	struct trail_file *f = add(l, name);
	char hour[24];

	f->sequence = name[10] == 'T' ? strtoll(name + 14, NULL, 10) : first_sequence(dir, name);
	snprintf(hour, sizeof(hour), name[10] == 'T' ? "%.13s:00Z" : "%.10sT23:00Z", name);
	if (!clock_parse(hour, 0, &f->to_us)) {
		f->from_us = f->to_us - (name[10] == 'T' ? DAY_US : 2 * DAY_US);
		f->to_us += HOUR_US;
	}
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

static void sealed_add(struct trail_files *l, const char *name)
{
	struct trail_file *f = add(l, name);
	const char *stamp = name + strlen(name) - strlen("20261123T1402Z_0000000000000000.json.gz");
	char text[32];

	f->sealed = true;
	f->sequence = from_36(name + strlen(name) - UNIQUE - strlen(".json.gz"));
	snprintf(text, sizeof(text), "%.4s-%.2s-%.2sT%.2s:%.2sZ", stamp, stamp + 4, stamp + 6, stamp + 9,
		stamp + 11);
	if (!clock_parse(text, 0, &f->to_us)) {
		f->from_us = f->to_us - 2 * DAY_US;
		f->to_us += HOUR_US;
	}
}

/* ---- folders ---- */

struct walk {
	const char *dir, *kind;		/* "CloudTrail", "CloudTrail-Digest" */
	struct trail_files *out;
	struct err *e;
};

/* Below STATE/trail/at; depth 0: files. At depth 5 stand the kinds. */
static int descend(struct walk *w, const char *at, int depth)
{
	char path[LIMIT_PATH + TRAIL_OBJECT], sub[TRAIL_OBJECT];
	struct dirent *d;
	int failed = 0;
	DIR *h;

	snprintf(path, sizeof(path), "%s/%s", w->dir, at);
	h = opendir(path);
	if (!h)
		return errno == ENOENT || errno == ENOTDIR ? 0 : err_sys(w->e, "cannot list %s", path);
	while (!failed && (d = readdir(h))) {
		if (d->d_name[0] == '.' || (depth == 5 && strcmp(d->d_name, w->kind)) ||
		    snprintf(sub, sizeof(sub), "%s/%s", at, d->d_name) >= (int)sizeof(sub))
			continue;
		if (depth)
			failed = descend(w, sub, depth - 1);
		else if (ends_with(sub, ".json.gz") && strlen(d->d_name) > 40)
			sealed_add(w->out, sub);
	}
	closedir(h);
	return failed;
}

static int by_sequence(const void *a, const void *b)
{
	const struct trail_file *x = a, *y = b;

	if (x->sequence != y->sequence)
		return x->sequence < y->sequence ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* Folder, account and region stand before the time: by the part after the last slash. */
static int by_base(const void *a, const void *b)
{
	const struct trail_file *x = a, *y = b;

	return strcmp(strrchr(x->name, '_'), strrchr(y->name, '_'));
}

static int walk(const char *dir, const char *kind, struct trail_files *out,
	int (*order)(const void *, const void *), struct err *e)
{
	struct walk w = { dir, kind, out, e };
	int failed;

	*out = (struct trail_files){ 0 };
	failed = descend(&w, TRAIL_PREFIX "/AWSLogs", 6);
	if (!failed && out->n)
		qsort(out->v, out->n, sizeof(*out->v), order);
	return failed;
}

int trail_files_sealed(const char *dir, struct trail_files *out, struct err *e)
{
	return walk(dir, "CloudTrail", out, by_sequence, e);
}

int trail_files_digests(const char *dir, struct trail_files *out, struct err *e)
{
	return walk(dir, "CloudTrail-Digest", out, by_base, e);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct trail_file *)a)->name, ((const struct trail_file *)b)->name);
}

int trail_files_live(const char *dir, struct trail_files *out, struct err *e)
{
	DIR *h = opendir(dir);
	struct dirent *d;

	*out = (struct trail_files){ 0 };
	if (!h)
		return errno == ENOENT ? 0 : err_sys(e, "cannot list the trail in %s", dir);
	while ((d = readdir(h)))
		if (trail_name_live(d->d_name))
			live_add(out, dir, d->d_name);
	closedir(h);
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_name);
	return 0;
}

/* Live first: what is sealed in between is then in both, and left out of one. */
int trail_files_list(const char *dir, struct trail_files *out, struct err *e)
{
	struct trail_files live, sealed;
	int64_t covered = INT64_MAX;

	*out = (struct trail_files){ 0 };
	if (trail_files_live(dir, &live, e))
		return -1;
	if (trail_files_sealed(dir, &sealed, e)) {
		free(live.v);
		free(sealed.v);
		return -1;
	}
	for (size_t i = 0; i < live.n; i++)
		if (live.v[i].sequence && live.v[i].sequence < covered)
			covered = live.v[i].sequence;
	while (sealed.n && sealed.v[sealed.n - 1].sequence >= covered)
		sealed.n--;
	*out = sealed;
	for (size_t i = 0; i < live.n; i++) {
		out->v = mem_grow(out->v, &out->cap, out->n + 1, sizeof(*out->v));
		out->v[out->n++] = live.v[i];
	}
	free(live.v);
	return 0;
}
