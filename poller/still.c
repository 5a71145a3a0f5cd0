/* still.c - one sum over the stats of what a ref's change must touch. */
#include "still.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limits.h"

#define SEED UINT64_C(14695981039346656037)
#define DEPTH 64			/* directories below one another */

struct taking {
	int base;			/* the git directory */
	int64_t young_us;		/* from here on a time is too young */
	uint64_t sum;			/* of all parts, in any order */
	bool unsure;
	char name[LIMIT_REF + 1];	/* relative to base */
	size_t len;
	int depth;
};

/* As FNV-1a, but eight bytes a step: an answer is summed in each poll. */
static uint64_t fold(uint64_t h, const void *p, size_t n)
{
	const char *s = p;
	uint64_t word;

	for (; n >= sizeof(word); s += sizeof(word), n -= sizeof(word)) {
		memcpy(&word, s, sizeof(word));
		h = (h ^ word) * UINT64_C(0x9ddfea08eb382d69);
		h ^= h >> 32;
	}
	word = 0;
	memcpy(&word, s, n);
	return (h ^ word ^ (uint64_t)n << 56) * UINT64_C(1099511628211);
}

static uint64_t mix(uint64_t h)
{
	h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

uint64_t still_add(uint64_t sum, const char *text)
{
	return mix(fold(sum, text, strlen(text) + 1));
}

uint64_t still_add_bytes(uint64_t sum, const char *s, size_t n)
{
	return mix(fold(sum, s, n));
}

uint64_t still_add_number(uint64_t sum, int64_t n)
{
	return mix(sum ^ (uint64_t)n) * UINT64_C(1099511628211);
}

static void check_age(struct taking *t, const struct timespec *at)
{
	int64_t us = (int64_t)at->tv_sec * US_PER_S + at->tv_nsec / 1000;

	t->unsure |= us >= t->young_us;
}

static void add(struct taking *t, const char *name, const struct stat *st)
{
	const int64_t v[] = { (int64_t)st->st_dev, (int64_t)st->st_ino, (int64_t)st->st_size,
		(int64_t)st->st_mode, st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
		st->st_ctim.tv_sec, st->st_ctim.tv_nsec };

	check_age(t, &st->st_mtim);
	check_age(t, &st->st_ctim);
	t->sum += mix(fold(fold(SEED, name, strlen(name) + 1), v, sizeof(v)));
}

static void add_file(struct taking *t, const char *name)
{
	struct stat st;

	if (fstatat(t->base, name, &st, AT_SYMLINK_NOFOLLOW))
		return;
	add(t, name, &st);
	if (S_ISLNK(st.st_mode) && !fstatat(t->base, name, &st, 0))
		add(t, name, &st);
}

static bool down(struct taking *t, const char *name)
{
	size_t n = strlen(name);

	if (t->len + 1 + n > LIMIT_REF || t->depth == DEPTH)
		return false;
	t->name[t->len] = '/';
	memcpy(t->name + t->len + 1, name, n + 1);
	t->len += 1 + n;
	t->depth++;
	return true;
}

static void up(struct taking *t, size_t len)
{
	t->len = len;
	t->name[len] = 0;
	t->depth--;
}

static void add_dir(struct taking *t);

/* A ref that is a symbolic link may lead to what has no directory here. */
static void add_entry(struct taking *t, const struct dirent *de)
{
	size_t len = t->len;
	struct stat st;

	if (de->d_type != DT_DIR && de->d_type != DT_LNK && de->d_type != DT_UNKNOWN)
		return;
	if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
		return;
	if (!down(t, de->d_name)) {
		t->unsure = true;
		return;
	}
	if (de->d_type != DT_DIR)
		add_file(t, t->name);
	if (de->d_type == DT_DIR || (!fstatat(t->base, t->name, &st, 0) && S_ISDIR(st.st_mode)))
		add_dir(t);
	up(t, len);
}

static void add_dir(struct taking *t)
{
	int fd = openat(t->base, t->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *de;
	struct stat st;
	DIR *d;

	if (fd < 0 || fstat(fd, &st) || !(d = fdopendir(fd))) {
		t->unsure = true;
		if (fd >= 0)
			close(fd);
		return;
	}
	add(t, t->name, &st);
	while (!t->unsure && (de = readdir(d)))
		add_entry(t, de);
	closedir(d);
}

void still_take(const char *git_dir, int64_t now_us, char digest[STILL_DIGEST])
{
	static const char *const files[] = { "HEAD", "config", "packed-refs",
		"reftable/tables.list" };
	struct taking t = { .young_us = now_us - STILL_YOUNG_US, .name = "refs", .len = 4 };

	*digest = 0;
	t.base = open(git_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t.base < 0)
		return;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		add_file(&t, files[i]);
	add_dir(&t);
	close(t.base);
	if (!t.unsure)
		snprintf(digest, STILL_DIGEST, "%016" PRIx64, t.sum);
}

/* ---- the mark: "still VERSION DIGEST SECONDS" ---- */

static uint64_t version_sum(const struct queue_version *v)
{
	_Static_assert(sizeof(*v) == 4 * sizeof(int64_t), "no padding is summed");

	return mix(fold(SEED, v, sizeof(*v)));
}

void still_mark(const struct queue_version *accepted, const char *digest, int64_t whole_us,
	char mark[STILL_MARK])
{
	snprintf(mark, STILL_MARK, "still %016" PRIx64 " %s %" PRId64, version_sum(accepted), digest,
		whole_us / US_PER_S);
}

bool still_fits(const char *mark, const struct queue_version *accepted, int64_t now_us,
	char digest[STILL_DIGEST])
{
	char start[32];
	int64_t whole_us;
	size_t n;

	n = (size_t)snprintf(start, sizeof(start), "still %016" PRIx64 " ", version_sum(accepted));
	if (strncmp(mark, start, n) || strlen(mark) < n + STILL_DIGEST ||
	    mark[n + STILL_DIGEST - 1] != ' ')
		return false;
	whole_us = strtoll(mark + n + STILL_DIGEST, NULL, 10) * US_PER_S;
	memcpy(digest, mark + n, STILL_DIGEST - 1);
	digest[STILL_DIGEST - 1] = 0;
	return now_us >= whole_us && now_us - whole_us < STILL_WHOLE_US;
}
