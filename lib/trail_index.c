/* trail_index.c - see trail_index.h. */
#include "trail_index.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "fs.h"
#include "gzip.h"
#include "mem.h"

/* The file: this, then blocks, then keys, as they lie in memory. Another machine's
   byte order shows in `magic`, and the index is made anew. */
struct head {
	uint64_t magic, size;
	unsigned char trailer[8];
	int64_t oldest_us, newest_us;
	uint32_t nblocks, nkeys;
};
#define MAGIC UINT64_C(0x3158444945524652)	/* "RFREIDX1" */

static int hex_of(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The first 16 digits of an id; *n how many there are. */
static uint64_t key_of(const char *id, int *n)
{
	uint64_t v = 0;

	*n = 0;
	for (; *n < 16 && *id; id++) {
		int d = hex_of(*id);

		if (*id == '-')
			continue;
		if (d < 0)
			break;
		v = v << 4 | (uint64_t)d;
		++*n;
	}
	return v;
}

/* ---- making ---- */

void trail_index_init(struct trail_index *x)
{
	*x = (struct trail_index){ .fd = -1 };
}

void trail_index_begin(struct trail_index *x, uint64_t in, uint64_t out)
{
	x->blocks = mem_grow(x->blocks, &x->cap_blocks, x->nblocks + 2, sizeof(*x->blocks));
	x->blocks[x->nblocks++] = (struct trail_block){ in, out };
}

int64_t trail_time_of(const char *line, size_t n)
{
	static const char key[] = "\"eventTime\":\"";
	const char *p = memmem(line, n, key, sizeof(key) - 1);
	char text[24];
	int64_t at;

	if (!p || (size_t)(line + n - p) < sizeof(key) - 1 + 20)
		return 0;
	snprintf(text, sizeof(text), "%.20s", p + sizeof(key) - 1);
	return clock_parse(text, 0, &at) ? 0 : at;
}

static void key_add(struct trail_index *x, const char *line, size_t n, const char *name)
{
	const char *p = memmem(line, n, name, strlen(name));
	char id[40];
	int digits;
	uint64_t key;

	if (!p || (size_t)(line + n - p) < strlen(name) + 36)
		return;
	snprintf(id, sizeof(id), "%.36s", p + strlen(name));
	key = key_of(id, &digits);
	if (digits < 16)
		return;
	x->keys = mem_grow(x->keys, &x->cap_keys, x->nkeys + 1, sizeof(*x->keys));
	x->keys[x->nkeys++] = (struct trail_key){ key, x->nblocks - 1, 0 };
}

void trail_index_add(struct trail_index *x, const char *line, size_t n)
{
	static const char extra[] = "\"additionalEventData\":{\"sequence\":";
	const char *own = memmem(line, n, extra, sizeof(extra) - 1);
	int64_t at = trail_time_of(line, n);
	size_t rest = own ? (size_t)(line + n - own) : n;

	if (at && (!x->oldest_us || at < x->oldest_us))
		x->oldest_us = at;
	if (at > x->newest_us)
		x->newest_us = at;
	own = own ? own : line;
	key_add(x, own, rest, "\"change\":\"");
	key_add(x, own, rest, "\"delivery\":\"");
	key_add(x, own, rest, "\"eventID\":\"");
}

static int by_id(const void *a, const void *b)
{
	const struct trail_key *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->block < y->block ? -1 : x->block > y->block;
}

static void finish(struct trail_index *x, uint64_t in, uint64_t out)
{
	uint32_t n = 0;

	if (!x->nblocks)
		trail_index_begin(x, 0, 0);
	x->blocks[x->nblocks] = (struct trail_block){ in, out };
	x->size = out;
	if (x->nkeys)
		qsort(x->keys, x->nkeys, sizeof(*x->keys), by_id);
	for (uint32_t i = 0; i < x->nkeys; i++)
		if (!n || by_id(&x->keys[n - 1], &x->keys[i]))
			x->keys[n++] = x->keys[i];
	x->nkeys = n;
}

static int write_to(const struct trail_index *x, const char *path, struct err *e)
{
	struct head h = { MAGIC, x->size, { 0 }, x->oldest_us, x->newest_us, x->nblocks, x->nkeys };
	struct buf b;
	int failed;

	memcpy(h.trailer, x->trailer, sizeof(h.trailer));
	buf_init(&b, TRAIL_SEALED_MAX);
	buf_add(&b, &h, sizeof(h));
	buf_add(&b, x->blocks, (x->nblocks + 1) * sizeof(*x->blocks));
	buf_add(&b, x->keys, x->nkeys * sizeof(*x->keys));
	failed = fs_replace(path, 0640, b.s, b.len, e);
	buf_release(&b);
	return failed;
}

int trail_index_write(struct trail_index *x, const char *path, uint64_t in, uint64_t out,
	const unsigned char trailer[8], struct err *e)
{
	finish(x, in, out);
	memcpy(x->trailer, trailer, 8);
	return write_to(x, path, e);
}

/* ---- opening ---- */

static void path_of(const char *dir, const char *name, const char *ext, char out[LIMIT_PATH])
{
	snprintf(out, LIMIT_PATH, "%.3000s/%.*s%s", dir, (int)(strlen(name) - strlen(".json.gz")), name,
		ext);
}

static int load(struct trail_index *x, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	const struct head *h;
	struct stat st;
	char *map;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) || st.st_size < (off_t)sizeof(*h)) {
		close(fd);
		return -1;
	}
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return -1;
	h = (const struct head *)map;
	if (h->magic != MAGIC || h->size != x->size || memcmp(h->trailer, x->trailer, 8) || !h->nblocks ||
	    (uint64_t)st.st_size != sizeof(*h) + (h->nblocks + UINT64_C(1)) * sizeof(*x->blocks) +
	    h->nkeys * (uint64_t)sizeof(*x->keys)) {
		munmap(map, (size_t)st.st_size);
		return -1;
	}
	x->map = map;
	x->map_size = (size_t)st.st_size;
	x->oldest_us = h->oldest_us;
	x->newest_us = h->newest_us;
	x->nblocks = h->nblocks;
	x->nkeys = h->nkeys;
	x->blocks = (struct trail_block *)(map + sizeof(*h));
	x->keys = (struct trail_key *)(map + sizeof(*h) + (x->nblocks + 1) * sizeof(*x->blocks));
	return 0;
}

struct rebuild {
	struct trail_index *x;
	struct buf line;		/* its beginning, of the piece before */
	uint64_t in;			/* content so far */
};

static int rebuild_lines(const char *p, size_t n, void *arg)
{
	struct rebuild *r = arg;
	const char *end = p + n, *stop;

	r->in += n;
	for (; p < end && (stop = memchr(p, '\n', (size_t)(end - p))); p = stop + 1) {
		buf_add(&r->line, p, (size_t)(stop - p));
		trail_index_add(r->x, r->line.s, r->line.len);
		buf_clear(&r->line);
	}
	buf_add(&r->line, p, (size_t)(end - p));
	return 0;
}

/* Only where a line ends too: a block is whole lines. */
static void rebuild_block(uint64_t in, uint64_t out, void *arg)
{
	struct rebuild *r = arg;

	if (!r->line.len && in > r->x->blocks[r->x->nblocks - 1].in)
		trail_index_begin(r->x, in, out);
}

static int whole(int fd, uint64_t size, char **out, struct err *e)
{
	*out = mem_alloc(size + 1);
	if (pread(fd, *out, size, 0) == (ssize_t)size)
		return 0;
	free(*out);
	return err_sys(e, "cannot read a sealed file");
}

static int rebuild(struct trail_index *x, const char *path, struct err *e)
{
	struct rebuild r = { .x = x };
	struct err unsaid;
	char *file;
	int failed;

	if (whole(x->fd, x->size, &file, e))
		return -1;
	buf_init(&r.line, TRAIL_SEALED_MAX);
	trail_index_begin(x, 0, 0);
	failed = gzip_read(file, x->size, TRAIL_SEALED_MAX, rebuild_lines, rebuild_block, &r, e);
	buf_release(&r.line);
	free(file);
	if (failed)
		return -1;
	finish(x, r.in, x->size);
	(void)write_to(x, path, &unsaid);	/* a reader may have no right to: the next one rebuilds */
	return 0;
}

int trail_index_open(struct trail_index *x, const char *dir, const struct trail_file *f,
	struct err *e)
{
	char path[LIMIT_PATH];
	struct stat st;

	trail_index_init(x);
	path_of(dir, f->name, ".json.gz", path);
	x->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (x->fd < 0)
		return err_sys(e, "cannot open the sealed file %s", path);
	if (fstat(x->fd, &st) || st.st_size < 18 ||
	    pread(x->fd, x->trailer, 8, st.st_size - 8) != 8) {
		trail_index_close(x);
		return err_set(e, ERR_DATA, "the sealed file %s is no gzip file", path);
	}
	x->size = (uint64_t)st.st_size;
	path_of(dir, f->name, ".idx", path);
	if (load(x, path) == 0)
		return 0;
	if (rebuild(x, path, e)) {
		err_wrap(e, "the sealed file %s", f->name);
		trail_index_close(x);
		return -1;
	}
	return 0;
}

void trail_index_close(struct trail_index *x)
{
	if (x->fd >= 0)
		close(x->fd);
	if (x->map) {
		munmap(x->map, x->map_size);
	} else {
		free(x->blocks);
		free(x->keys);
	}
	free(x->room);
	trail_index_init(x);
}

/* ---- finding ---- */

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* The keys that an id, or the beginning of one, may have. */
static void range_of(const char *id, uint64_t *low, uint64_t *high)
{
	int digits, shift;
	uint64_t key = key_of(id, &digits);

	shift = 4 * (16 - digits);
	*low = digits ? key << shift : 0;
	*high = digits ? ((key + 1) << shift) - 1 : UINT64_MAX;
}

size_t trail_index_find(const struct trail_index *x, const char *id, uint32_t **blocks)
{
	uint64_t low, high, at = 0, end = x->nkeys;
	size_t n = 0, kept = 0, cap = 0;

	*blocks = NULL;
	range_of(id, &low, &high);
	while (at < end) {
		uint64_t mid = (at + end) / 2;

		if (x->keys[mid].id < low)
			at = mid + 1;
		else
			end = mid;
	}
	for (; at < x->nkeys && x->keys[at].id <= high; at++) {
		*blocks = mem_grow(*blocks, &cap, n + 1, sizeof(**blocks));
		(*blocks)[n++] = x->keys[at].block;
	}
	if (n)
		qsort(*blocks, n, sizeof(**blocks), by_number);
	for (size_t i = 0; i < n; i++)
		if (!kept || (*blocks)[kept - 1] != (*blocks)[i])
			(*blocks)[kept++] = (*blocks)[i];
	return kept;
}

int trail_index_block(struct trail_index *x, uint32_t k, const char **text, size_t *n,
	struct err *e)
{
	uint64_t from, size, packed;
	char *file;
	int failed;

	if (k >= x->nblocks || x->blocks[k + 1].in < x->blocks[k].in ||
	    x->blocks[k + 1].out < x->blocks[k].out || x->blocks[k + 1].out > x->size)
		return err_set(e, ERR_DATA, "the index of a sealed file is damaged: remove it");
	from = k ? x->blocks[k].out : 10;	/* the first one follows the header (RFC 1952) */
	size = x->blocks[k + 1].in - x->blocks[k].in;
	packed = x->blocks[k + 1].out - from;
	if (size > TRAIL_SEALED_MAX)
		return err_set(e, ERR_DATA, "the index of a sealed file is damaged: remove it");
	if (size + packed + 2 > x->room_size) {
		x->room_size = size + packed + 2;
		x->room = mem_realloc(x->room, x->room_size);
	}
	file = x->room + size + 1;
	if (pread(x->fd, file, packed, (off_t)from) != (ssize_t)packed)
		return err_sys(e, "cannot read a sealed file");
	failed = gzip_inflate(file, packed, x->room, size, e);
	*text = x->room;
	*n = size;
	return failed;
}

bool trail_index_line(const char **p, const char *end, const char **line, size_t *n)
{
	while (*p < end) {
		const char *stop = memchr(*p, '\n', (size_t)(end - *p));
		const char *from = *p;

		stop = stop ? stop : end;
		*p = stop < end ? stop + 1 : end;
		if (stop > from && stop[-1] == ',')
			stop--;
		if (stop - from < 2 || *from != '{' || stop[-1] != '}')
			continue;
		*line = from;
		*n = (size_t)(stop - from);
		return true;
	}
	return false;
}

/* ---- each record ---- */

static int sealed_each(const char *dir, const struct trail_file *f,
	int (*fn)(const char *line, size_t n, void *arg), void *arg, struct err *e)
{
	struct trail_index x;
	int rc = 0;

	if (trail_index_open(&x, dir, f, e))
		return -1;
	for (uint32_t k = 0; k < x.nblocks && !rc; k++) {
		const char *p, *line;
		size_t n;

		rc = trail_index_block(&x, k, &p, &n, e);
		if (rc)
			break;
		for (const char *end = p + n; !rc && trail_index_line(&p, end, &line, &n);)
			rc = fn(line, n, arg);
	}
	trail_index_close(&x);
	return rc;
}

int trail_file_each(const char *dir, const struct trail_file *f,
	int (*fn)(const char *line, size_t n, void *arg), void *arg, struct err *e)
{
	char path[LIMIT_PATH + TRAIL_OBJECT], *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int rc = 0;
	FILE *in;

	if (f->sealed)
		return sealed_each(dir, f, fn, arg, e);
	snprintf(path, sizeof(path), "%s/%s", dir, f->name);
	in = fopen(path, "re");
	if (!in)
		return err_sys(e, "cannot read the trail file %s", path);
	while (!rc && (n = getline(&line, &cap, in)) > 0)
		rc = fn(line, line[n - 1] == '\n' ? (size_t)n - 1 : (size_t)n, arg);
	free(line);
	fclose(in);
	return rc;
}
