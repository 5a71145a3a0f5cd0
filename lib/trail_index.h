/*
 * trail_index.h - beside each sealed file NAME.json.gz an index NAME.idx: where its
 * blocks begin, which block has records of an id, and of which time they are.
 *
 * It only spares reading. What it finds is compared with the record itself; when it
 * is absent, or was made of another file (size and checksum tell), it is made anew from
 * the file, and put there if the directory lets us.
 *
 * Ids are UUIDs: a change's, a delivery's, an event's. The first 16 digits are the key, so
 * that the beginning of an id is found too.
 *
 *	trail_index_open(&x, dir, &file, &e)
 *	n = trail_index_find(&x, "01a2", &blocks)	free(blocks)
 *	trail_index_block(&x, blocks[0], &text, &n, &e)
 *	trail_index_close(&x)
 */
#ifndef TRAIL_INDEX_H
#define TRAIL_INDEX_H

#include "buf.h"
#include "trail_files.h"

#define TRAIL_BLOCK (256 * KIB)		/* of content, about */
#define TRAIL_SEALED_MAX (1024 * MIB)	/* content of one file: more is none of ours */

struct trail_block {
	uint64_t in, out;		/* where it begins: content, file */
};
struct trail_key {
	uint64_t id;			/* the first 16 digits */
	uint32_t block, unused;
};
struct trail_index {
	int fd;				/* of the sealed file */
	uint64_t size;			/* of it */
	unsigned char trailer[8];	/* its CRC-32 and length */
	int64_t oldest_us, newest_us;	/* of its records; 0 none */
	struct trail_block *blocks;	/* nblocks + 1: the last one is the end */
	struct trail_key *keys;		/* in order of id */
	uint32_t nblocks, nkeys;
	size_t cap_blocks, cap_keys;
	void *map;			/* blocks and keys lie in it; NULL: malloc()ed */
	size_t map_size;
	char *room;			/* for one block */
	size_t room_size;
};

int trail_index_open(struct trail_index *x, const char *dir, const struct trail_file *f,
	struct err *e);
void trail_index_close(struct trail_index *x);
/* Blocks that may have records of an id that begins so, ascending, each once. */
size_t trail_index_find(const struct trail_index *x, const char *id, uint32_t **blocks);
/* The content of a block: whole lines. It lives until the next call. */
int trail_index_block(struct trail_index *x, uint32_t k, const char **text, size_t *n,
	struct err *e);
/* Record i's line in block text at *p: without its comma; false at the end. What is no
   record (the first and last line of the file) is passed over. */
bool trail_index_line(const char **p, const char *end, const char **line, size_t *n);

/* Making one, while its file is written. */
void trail_index_init(struct trail_index *x);
void trail_index_begin(struct trail_index *x, uint64_t in, uint64_t out);	/* a block */
void trail_index_add(struct trail_index *x, const char *line, size_t n);	/* into it */
/* in, out: the ends. To path, replaced as a whole. */
int trail_index_write(struct trail_index *x, const char *path, uint64_t in, uint64_t out,
	const unsigned char trailer[8], struct err *e);
/* eventTime of a line, 0 none. */
int64_t trail_time_of(const char *line, size_t n);

/* Every record of a sealed or live file, oldest first; fn returns non-zero to stop. */
int trail_file_each(const char *dir, const struct trail_file *f,
	int (*fn)(const char *line, size_t n, void *arg), void *arg, struct err *e);

#endif
