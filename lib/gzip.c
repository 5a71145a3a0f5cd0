/* gzip.c - see gzip.h. */
#include <zlib.h>

#include "gzip.h"

#include <stdlib.h>
#include <string.h>

#include "fs.h"
#include "mem.h"

#define PIECE (128 * KIB)
#define GZIP_WINDOW (15 + 16)		/* zlib's: a gzip header */

int gzip_open(struct gzip_out *g, int fd, int level, struct err *e)
{
	z_stream *z = mem_alloc(sizeof(*z));

	*g = (struct gzip_out){ .z = z, .fd = fd };
	if (deflateInit2(z, level, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
		free(z);
		g->z = NULL;
		return err_set(e, ERR_TEMP, "zlib cannot begin");
	}
	digest_stream_init(&g->content);
	digest_stream_init(&g->file);
	return 0;
}

static int push(struct gzip_out *g, const void *p, size_t n, int flush, struct err *e)
{
	unsigned char out[PIECE];
	z_stream *z = g->z;
	int rc;

	z->next_in = (unsigned char *)(uintptr_t)p;
	z->avail_in = (unsigned)n;
	do {
		z->next_out = out;
		z->avail_out = sizeof(out);
		rc = deflate(z, flush);
		if (rc == Z_STREAM_ERROR)
			return err_set(e, ERR_BUG, "zlib refused to go on");
		if (fs_write(g->fd, out, sizeof(out) - z->avail_out))
			return err_sys(e, "cannot write a compressed file");
		digest_stream_add(&g->file, out, sizeof(out) - z->avail_out);
		g->out += sizeof(out) - z->avail_out;
	} while (z->avail_out == 0);
	return 0;
}

int gzip_add(struct gzip_out *g, const void *p, size_t n, struct err *e)
{
	if (!n)
		return 0;
	digest_stream_add(&g->content, p, n);
	g->in += n;
	return push(g, p, n, Z_NO_FLUSH, e);
}

int gzip_block(struct gzip_out *g, struct err *e)
{
	return push(g, "", 0, Z_FULL_FLUSH, e);
}

void gzip_abort(struct gzip_out *g)
{
	char hex[2 * SHA256_SIZE + 1];

	if (!g->z)
		return;
	deflateEnd(g->z);
	free(g->z);
	g->z = NULL;
	digest_stream_end(&g->content, hex);
	digest_stream_end(&g->file, hex);
}

int gzip_close(struct gzip_out *g, char content[2 * SHA256_SIZE + 1],
	char file[2 * SHA256_SIZE + 1], struct err *e)
{
	if (push(g, "", 0, Z_FINISH, e)) {
		gzip_abort(g);
		return -1;
	}
	deflateEnd(g->z);
	free(g->z);
	g->z = NULL;
	digest_stream_end(&g->content, content);
	digest_stream_end(&g->file, file);
	return 0;
}

/* ---- reading ---- */

struct reading {
	z_stream z;
	const unsigned char *file;
	uint64_t max;
	int (*each)(const char *p, size_t n, void *arg);
	void (*block)(uint64_t in, uint64_t out, void *arg);
	void *arg;
};

/* After an empty stored block, which a flush leaves, at a byte's boundary. */
static bool at_flush(const struct reading *r, size_t used)
{
	static const unsigned char mark[] = { 0, 0, 0xff, 0xff };

	return (r->z.data_type & 0xff) == 128 && used > sizeof(mark) &&
		!memcmp(r->file + used - sizeof(mark), mark, sizeof(mark));
}

static int inflate_all(struct reading *r, size_t n, struct err *e)
{
	unsigned char out[PIECE];
	int rc, stop;

	do {
		r->z.next_out = out;
		r->z.avail_out = sizeof(out);
		rc = inflate(&r->z, r->block ? Z_BLOCK : Z_NO_FLUSH);
		if (rc != Z_OK && rc != Z_STREAM_END)
			return err_set(e, ERR_DATA, "not a whole gzip file: %s", r->z.msg ? r->z.msg :
				"it ends early");
		if (r->z.total_out > r->max)
			return err_set(e, ERR_DATA, "its content is larger than %llu bytes",
				(unsigned long long)r->max);
		stop = r->each((char *)out, sizeof(out) - r->z.avail_out, r->arg);
		if (stop)
			return stop;
		if (r->block && rc == Z_OK && at_flush(r, n - r->z.avail_in))
			r->block(r->z.total_out, n - r->z.avail_in, r->arg);
	} while (rc != Z_STREAM_END);
	if (r->z.avail_in)
		return err_set(e, ERR_DATA, "%u bytes follow its end", r->z.avail_in);
	return 0;
}

int gzip_read(const void *file, size_t n, uint64_t max,
	int (*each)(const char *p, size_t n, void *arg),
	void (*block)(uint64_t in, uint64_t out, void *arg), void *arg, struct err *e)
{
	struct reading r = { .file = file, .max = max, .each = each, .block = block, .arg = arg };
	int rc;

	if (n > UINT32_MAX)
		return err_set(e, ERR_DATA, "a compressed file of %zu bytes is none of ours", n);
	if (inflateInit2(&r.z, GZIP_WINDOW) != Z_OK)
		return err_set(e, ERR_TEMP, "zlib cannot begin");
	r.z.next_in = (unsigned char *)(uintptr_t)file;
	r.z.avail_in = (unsigned)n;
	rc = inflate_all(&r, n, e);
	inflateEnd(&r.z);
	return rc;
}

int gzip_inflate(const void *block, size_t n, char *out, size_t size, struct err *e)
{
	z_stream z = { 0 };
	int rc;

	if (inflateInit2(&z, -15) != Z_OK)
		return err_set(e, ERR_TEMP, "zlib cannot begin");
	z.next_in = (unsigned char *)(uintptr_t)block;
	z.avail_in = (unsigned)n;
	z.next_out = (unsigned char *)out;
	z.avail_out = (unsigned)size;
	rc = inflate(&z, Z_SYNC_FLUSH);
	inflateEnd(&z);
	if ((rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) || z.avail_out)
		return err_set(e, ERR_DATA, "a compressed block is damaged: %s", z.msg ? z.msg :
			"it has another size");
	return 0;
}

/* RFC 1952 and RFC 1951, 3.2.4: a fixed header, stored blocks, CRC-32 and length. */
static void number(struct buf *b, uint32_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		buf_chr(b, (char)(v >> (8 * i)));
}

void gzip_stored(const void *p, size_t n, struct buf *out)
{
	static const unsigned char head[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3 };
	const char *s = p;
	size_t at = 0;

	buf_add(out, head, sizeof(head));
	do {
		size_t take = n - at > 65535 ? 65535 : n - at;

		buf_chr(out, at + take == n);
		number(out, (uint32_t)take, 2);
		number(out, ~(uint32_t)take, 2);
		buf_add(out, s + at, take);
		at += take;
	} while (at < n);
	number(out, (uint32_t)crc32(0, p, (unsigned)n), 4);
	number(out, (uint32_t)n, 4);
}
