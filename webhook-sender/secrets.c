/* secrets.c - see secrets.h. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "fs.h"
#include "mem.h"
#include "secrets.h"

#define FILES 32
#define LINES 16		/* secrets in one file */

/* A file as it was read. It is the same file while all of st is. */
struct file {
	char *path, *text;
	size_t size;			/* of text */
	struct stat st;
	bool young;			/* changed just before: a change in the same tick of
					   the file system's clock would not show */
	struct secret v[LINES];
	size_t n;
};

static struct file files[FILES];
static size_t next_file;

static bool file_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
		a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
		a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
		a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void file_clear(struct file *f)
{
	if (f->text)
		explicit_bzero(f->text, f->size);
	free(f->text);
	free(f->path);
	f->text = f->path = NULL;
	f->size = f->n = 0;
}

static int file_split(struct file *f, struct err *e)
{
	char *p = f->text, *end = f->text + f->size;

	while (p < end) {
		char *nl = memchr(p, '\n', (size_t)(end - p)), *last = nl ? nl : end;

		while (last > p && last[-1] == '\r')
			last--;
		if (last > p && f->n == LINES)
			return err_set(e, ERR_TEMP, "%s has more than %d lines", f->path, LINES);
		if (last > p)
			f->v[f->n++] = (struct secret){ p, (size_t)(last - p) };
		*last = '\0';
		p = nl ? nl + 1 : end;
	}
	return f->n ? 0 : err_set(e, ERR_TEMP, "%s is empty", f->path);
}

static int file_read(struct file *f, const char *path, struct err *e)
{
	char *text;

	f->path = mem_strdup(path);
	if (fs_check_private(path, true, e) ||
		fs_read_path(path, LIMIT_SECRET, &text, &f->size, &f->st, e)) {
		e->code = ERR_TEMP;
		return -1;
	}
	f->text = text;
	f->young = clock_wall_us() / US_PER_S - f->st.st_ctim.tv_sec < 2;
	return file_split(f, e);
}

/* The one that has it, else the one whose turn it is. */
static struct file *file_slot(const char *path)
{
	for (size_t i = 0; i < FILES; i++)
		if (files[i].path && strcmp(files[i].path, path) == 0)
			return &files[i];
	next_file = (next_file + 1) % FILES;
	return &files[next_file];
}

int secrets_load(const char *path, struct secrets *out, struct err *e)
{
	struct file *f = file_slot(path);
	struct stat st;

	if (!f->path || strcmp(f->path, path) != 0 || f->young || stat(path, &st) ||
		!file_same(&st, &f->st)) {
		file_clear(f);
		if (file_read(f, path, e)) {
			file_clear(f);
			return -1;
		}
	}
	*out = (struct secrets){ f->v, f->n };
	return 0;
}

int secrets_check(const char *path, struct err *e)
{
	struct file f = { 0 };
	int result = file_read(&f, path, e);

	file_clear(&f);
	return result;
}

void secrets_clear(void)
{
	for (size_t i = 0; i < FILES; i++)
		file_clear(&files[i]);
}
