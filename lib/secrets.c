/* secrets.c - see secrets.h. */
#include "secrets.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "clock.h"
#include "fs.h"
#include "mem.h"

#define BUCKETS 256
#define PART_MIN 8		/* bytes; of less, too much would be masked by chance */
#define WHOLE_MIN 4

/* A file as it was read. It is the same file while all of st is. */
struct file {
	struct file *next;		/* of its bucket */
	char *path;
	const struct secrets_kind *kind;
	struct secrets_text text;	/* .s NULL: never read well */
	struct secret_line valid[SECRET_LINES];		/* of text, when last asked */
	struct stat st;
	bool young;			/* changed just before: a change in the same tick of
					   the file system's clock would not show */
	bool broken;			/* text is older than the file */
	bool kept;			/* by secrets_keep */
};

static struct file *buckets[BUCKETS];

/* ---- reading ---- */

void secrets_release(struct secrets_text *t)
{
	if (t->s)
		explicit_bzero(t->s, t->size);
	free(t->s);
	*t = (struct secrets_text){ .s = NULL };
}

static int lines_check(const struct secrets_text *t, const struct secrets_kind *kind, struct err *e)
{
	for (size_t i = 0; kind && i < t->n; i++) {
		const struct secret_line *l = &t->v[i];

		if (strlen(l->key.s) != l->key.len)
			return err_set(e, ERR_DATA, "line %d holds a zero byte", l->line);
		if (kind->check(l->key.s, e))
			return err_wrap(e, "line %d", l->line);
	}
	return 0;
}

static int text_read(const char *path, const struct secrets_kind *kind, struct secrets_text *out,
	struct stat *st, struct err *e)
{
	*out = (struct secrets_text){ .s = NULL };
	if (fs_check_private(path, true, e) ||
	    fs_read_path(path, LIMIT_SECRET, &out->s, &out->size, st, e))
		return -1;
	if (secret_lines_parse(out->s, out->size, out->v, &out->n, e) || lines_check(out, kind, e)) {
		secrets_release(out);
		return err_wrap(e, "%s", path);
	}
	return 0;
}

int secrets_read(const char *path, const struct secrets_kind *kind, struct secrets_text *out,
	struct err *e)
{
	return text_read(path, kind, out, NULL, e);
}

/* ---- the cache ---- */

static struct file **place_of(const char *path)
{
	unsigned h = 5381;
	struct file **f;

	for (const char *s = path; *s; s++)
		h = h * 33 + (unsigned char)*s;
	for (f = &buckets[h % BUCKETS]; *f && strcmp((*f)->path, path) != 0; f = &(*f)->next)
		continue;
	return f;
}

static void file_drop(struct file **at)
{
	struct file *f = *at;

	*at = f->next;
	secrets_release(&f->text);
	free(f->path);
	free(f);
}

static bool file_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
		a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
		a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
		a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int file_renew(struct file *f, struct err *e)
{
	struct secrets_text text;
	struct stat st;

	f->broken = text_read(f->path, f->kind, &text, &st, e) != 0;
	if (f->broken)
		return -1;
	secrets_release(&f->text);
	f->text = text;
	f->st = st;
	f->young = clock_wall_us() / US_PER_S - st.st_ctim.tv_sec < 2;
	return 0;
}

/* As it is now, or as it last was well. */
static struct file *file_get(const char *path, const struct secrets_kind *kind, struct err *e)
{
	struct file **at = place_of(path), *f = *at;
	struct stat st;

	if (!f) {
		f = *at = mem_alloc(sizeof *f);
		f->path = mem_strdup(path);
	}
	if (f->text.s && !f->young && !f->broken && f->kind == kind && stat(path, &st) == 0 &&
	    file_same(&st, &f->st))
		return f;
	f->kind = kind;
	if (file_renew(f, e) && !f->text.s) {
		file_drop(at);
		return NULL;
	}
	return f;
}

/* Why none is valid: the next bound, or the last. */
static int none_valid(const struct file *f, int64_t now_us, struct err *e)
{
	int64_t next = 0, last = 0;
	char when[CLOCK_ISO_SIZE];

	for (size_t i = 0; i < f->text.n; i++) {
		const struct secret_line *l = &f->text.v[i];

		if (l->from_us > now_us && (!next || l->from_us < next))
			next = l->from_us;
		if (l->until_us > last && l->until_us <= now_us)
			last = l->until_us;
	}
	return err_set(e, ERR_TEMP, "%s: no secret in it is valid now: the %s %s", f->path,
		next ? "next is from" : "last was until", clock_iso(next ? next : last, when));
}

int secrets_load(const char *path, const struct secrets_kind *kind, int64_t now_us,
	struct secret_lines *out, struct err *e)
{
	struct file *f = file_get(path, kind, e);

	if (!f) {
		e->code = ERR_TEMP;
		return -1;
	}
	*out = (struct secret_lines){ f->valid, 0 };
	for (size_t i = 0; i < f->text.n; i++)
		if (secret_line_valid(&f->text.v[i], now_us))
			f->valid[out->n++] = f->text.v[i];
	return out->n ? 0 : none_valid(f, now_us, e);
}

void secrets_keep(const char *path)
{
	struct file *f = *place_of(path);

	if (f)
		f->kept = true;
}

void secrets_refresh(void (*broken)(const struct err *e))
{
	struct err e;

	for (size_t i = 0; i < BUCKETS; i++)
		for (struct file **at = &buckets[i]; *at;) {
			struct file *f = *at;

			if (!f->kept) {
				file_drop(at);
				continue;
			}
			f->kept = false;
			if (file_renew(f, &e))
				broken(&e);
			at = &f->next;
		}
}

void secrets_clear(void)
{
	for (size_t i = 0; i < BUCKETS; i++)
		while (buckets[i])
			file_drop(&buckets[i]);
}

/* ---- masking ---- */

static void mask(char *s, size_t n, const char *secret, size_t len, size_t least)
{
	char *found;

	while (len >= least && n >= len && (found = memmem(s, n, secret, len))) {
		memset(found, '*', len);
		n -= (size_t)(found + len - s);
		s = found + len;
	}
}

/* A URL or a header is seldom repeated whole: its parts are masked as well. */
static void mask_parts(char *s, size_t n, const struct secret *k)
{
	size_t begin = 0;

	for (size_t i = 0; i <= k->len; i++)
		if (i == k->len || strchr(" \t/?&=#{}:;,@", k->s[i])) {
			mask(s, n, k->s + begin, i - begin, PART_MIN);
			begin = i + 1;
		}
}

void secrets_mask_text(const struct secret *k, char *s, size_t n)
{
	mask(s, n, k->s, k->len, WHOLE_MIN);
	mask_parts(s, n, k);
}

void secrets_mask(const char *path, char *s, size_t n)
{
	const struct file *f = *path && n ? *place_of(path) : NULL;

	for (size_t i = 0; f && i < f->text.n; i++)
		secrets_mask_text(&f->text.v[i].key, s, n);
}

/* ---- the process ---- */

void secrets_private(void)
{
	const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	unsetenv("SSLKEYLOGFILE");
}
