/*
 * zip.h - writes a zip by libarchive, as its bytes come: into a file, hashed on the way,
 * never more than a limit. The only file with archive.h beside tar_zip.c.
 *
 * The bytes depend on what is put in and nothing else: order is the caller's, the time is
 * one for all, there is no owner, and times are UTC's. Names are bytes; those that are
 * UTF-8 are marked so, as git does.
 */
#ifndef ZIP_H
#define ZIP_H

#include <stdint.h>

#include "err.h"
#include "mem.h"

#define ZIP_PARTS 128

struct zip_made {
	int64_t bytes, entries;
	char sha256[65];
	char parts[ZIP_PARTS][65];	/* of each part_bytes of it; none when it is one part */
	size_t nparts;
};

struct zip;
/* The file is there under its name when it is whole. part_bytes 0: no parts. limit_bytes 0: none. */
int zip_open(struct zip **out, const char *path, int64_t time_s, int64_t part_bytes,
	int64_t limit_bytes, struct err *e);
/* mode: git's, 0100644, 0100755, 0120000, 040000. text: a link's target. */
int zip_entry(struct zip *z, const char *path, unsigned mode, int64_t size, const char *text,
	struct err *e);
int zip_data(struct zip *z, const void *p, size_t n, struct err *e);
/* Whole and on disk. Frees z, as zip_drop does, which leaves nothing. */
int zip_close(struct zip *z, struct zip_made *out, struct err *e);
void zip_drop(struct zip *z);

#endif
