/*
 * gzip.h - gzip files of one member that can be entered at many places: zlib behind it.
 *
 * The writer ends a block where it is told to (a full flush: what follows refers to
 * nothing before it), so that a block can be inflated by itself. To any other reader
 * it is an ordinary gzip file of exactly one member. Its bytes depend on the content
 * and on zlib alone: no name, no time.
 */
#ifndef GZIP_H
#define GZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "digest.h"
#include "err.h"

struct gzip_out {
	void *z;
	int fd;
	uint64_t in, out;		/* bytes so far: content, file */
	struct digest_stream content, file;	/* their SHA-256 */
};
/* level 1..9; 0 stores: the bytes then depend on the content alone. */
int gzip_open(struct gzip_out *g, int fd, int level, struct err *e);
int gzip_add(struct gzip_out *g, const void *p, size_t n, struct err *e);
/* A block ends here; g->in and g->out are where the next one begins. */
int gzip_block(struct gzip_out *g, struct err *e);
/* Writes the end; the digests as hex. Frees, also on failure; fd stays open. */
int gzip_close(struct gzip_out *g, char content[2 * SHA256_SIZE + 1],
	char file[2 * SHA256_SIZE + 1], struct err *e);
void gzip_abort(struct gzip_out *g);

/* A whole file of n bytes: exactly one member, nothing after it, its checksum right.
   each gets the content in pieces; block (NULL: none) where a block may begin. Both
   stop it with non-zero, which is returned. -1 ERR_DATA. max: of content. */
int gzip_read(const void *file, size_t n, uint64_t max,
	int (*each)(const char *p, size_t n, void *arg),
	void (*block)(uint64_t in, uint64_t out, void *arg), void *arg, struct err *e);

/* One block, that begins in the middle of a file, to exactly size bytes. */
int gzip_inflate(const void *block, size_t n, char *out, size_t size, struct err *e);

/* The gzip file of a short content, stored, as gzip_open(level 0) makes it. */
void gzip_stored(const void *p, size_t n, struct buf *out);

#endif
