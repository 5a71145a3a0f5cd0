/* zip.c - see zip.h. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "digest.h"
#include "fs.h"
#include "json.h"
#include "limits.h"
#include "zip.h"

#define BLOCK (256 * KIB)

struct zip {
	struct archive *a;
	struct archive_entry *entry;
	char path[LIMIT_PATH], made_at[LIMIT_PATH];	/* its name, and the one until it is whole */
	int fd;
	int64_t time_s, part_bytes, limit_bytes, part_fill;
	bool over;			/* the limit was met */
	int sys;			/* errno of a write that failed */
	struct digest_stream all, part;
	struct zip_made made;
};

static void end_part(struct zip *z)
{
	if (z->made.nparts < ZIP_PARTS)
		digest_stream_end(&z->part, z->made.parts[z->made.nparts++]);
	else
		z->over = true;
	digest_stream_init(&z->part);
	z->part_fill = 0;
}

static void hash_parts(struct zip *z, const char *p, size_t n)
{
	while (z->part_bytes && n) {
		size_t room = (size_t)(z->part_bytes - z->part_fill), k = n < room ? n : room;

		digest_stream_add(&z->part, p, k);
		z->part_fill += (int64_t)k;
		p += k, n -= k;
		if (z->part_fill == z->part_bytes)
			end_part(z);
	}
}

static la_ssize_t on_write(struct archive *a, void *arg, const void *p, size_t n)
{
	struct zip *z = arg;

	z->made.bytes += (int64_t)n;
	if (z->limit_bytes && z->made.bytes > z->limit_bytes)
		z->over = true;
	if (z->over) {
		archive_set_error(a, EFBIG, "too large");
		return -1;
	}
	if (fs_write(z->fd, p, n)) {
		z->sys = errno;
		archive_set_error(a, errno, "write");
		return -1;
	}
	digest_stream_add(&z->all, p, n);
	hash_parts(z, p, n);
	return (la_ssize_t)n;
}

static int refused(struct zip *z, struct err *e)
{
	if (z->over)
		return err_set(e, ERR_DATA, "the zip becomes larger than %lld bytes, the limit",
			(long long)z->limit_bytes);
	errno = z->sys;
	return z->sys ? err_sys(e, "cannot write %s", z->path) :
		err_set(e, ERR_DATA, "cannot make the zip: %s", archive_error_string(z->a));
}

int zip_open(struct zip **out, const char *path, int64_t time_s, int64_t part_bytes,
	int64_t limit_bytes, struct err *e)
{
	struct zip *z = mem_alloc(sizeof *z);

	z->time_s = time_s;
	z->part_bytes = part_bytes;
	z->limit_bytes = limit_bytes;
	if (snprintf(z->path, sizeof z->path, "%s", path) >= LIMIT_PATH - 16) {
		free(z);
		return err_set(e, ERR_USAGE, "the output's path is too long");
	}
	snprintf(z->made_at, sizeof z->made_at, "%.*s.%lx", LIMIT_PATH - 16, path, (unsigned long)getpid());
	z->fd = open(z->made_at, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (z->fd < 0) {
		free(z);
		return err_sys(e, "cannot make %.200s", path);
	}
	digest_stream_init(&z->all);
	digest_stream_init(&z->part);
	z->a = archive_write_new();
	z->entry = archive_entry_new();
	archive_write_set_format_zip(z->a);
	archive_write_set_options(z->a, "zip:compression=deflate,zip:compression-level=6");
	archive_write_set_bytes_per_block(z->a, BLOCK);
	archive_write_set_bytes_in_last_block(z->a, 1);
	if (archive_write_open(z->a, z, NULL, on_write, NULL) != ARCHIVE_OK) {
		refused(z, e);
		zip_drop(z);
		return -1;
	}
	*out = z;
	return 0;
}

/* libarchive marks names as UTF-8 by the locale. */
static void mark_names(const char *path, const char *text)
{
	bool utf8 = json_utf8_valid(path, strlen(path)) && (!text || json_utf8_valid(text, strlen(text)));

	setlocale(LC_CTYPE, utf8 ? "C.UTF-8" : "C");
}

int zip_entry(struct zip *z, const char *path, unsigned mode, int64_t size, const char *text,
	struct err *e)
{
	struct archive_entry *en = archive_entry_clear(z->entry);
	bool dir = S_ISDIR(mode), link = S_ISLNK(mode);

	archive_entry_copy_pathname(en, path);
	archive_entry_set_filetype(en, dir ? AE_IFDIR : link ? AE_IFLNK : AE_IFREG);
	archive_entry_set_perm(en, dir || mode & 0100 ? 0755 : link ? 0777 : 0644);
	archive_entry_set_mtime(en, z->time_s, 0);
	archive_entry_set_size(en, dir || link ? 0 : size);
	if (link)
		archive_entry_copy_symlink(en, text);
	mark_names(path, text);
	z->made.entries++;
	return archive_write_header(z->a, en) < ARCHIVE_WARN || z->over || z->sys ? refused(z, e) : 0;
}

int zip_data(struct zip *z, const void *p, size_t n, struct err *e)
{
	for (size_t at = 0; at < n;) {
		la_ssize_t wrote = archive_write_data(z->a, (const char *)p + at, n - at);

		if (wrote <= 0)
			return refused(z, e);
		at += (size_t)wrote;
	}
	return 0;
}

static void release(struct zip *z)
{
	char unused[65];

	archive_write_free(z->a);
	archive_entry_free(z->entry);
	if (z->all.ctx)
		digest_stream_end(&z->all, unused);
	if (z->part.ctx)
		digest_stream_end(&z->part, unused);
	close(z->fd);
	free(z);
}

void zip_drop(struct zip *z)
{
	z->over = true;			/* the rest of it is not written */
	unlink(z->made_at);
	release(z);
}

int zip_close(struct zip *z, struct zip_made *out, struct err *e)
{
	int failed = archive_write_close(z->a) != ARCHIVE_OK ? refused(z, e) : 0;

	if (!failed && (fsync(z->fd) || rename(z->made_at, z->path)))
		failed = err_sys(e, "cannot write %s", z->path);
	if (failed) {
		zip_drop(z);
		return -1;
	}
	if (z->made.nparts && z->part_fill)
		end_part(z);
	digest_stream_end(&z->all, z->made.sha256);
	*out = z->made;
	release(z);
	return 0;
}
