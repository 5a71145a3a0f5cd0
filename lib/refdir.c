/* refdir.c - loose refs first, then packed-refs. */
#include "refdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "fs.h"

#define SYMREF_DEPTH 5			/* as git: SYMREF_MAXDEPTH */
#define FILE_MAX (LIMIT_REF + 64)	/* a loose file: an id, or "ref: NAME" */

struct refdir {
	char *git_dir;
	struct arena arena;		/* of the packed refs kept for refdir_ref */
	struct repo_refs packed;
	struct stat stamp;		/* of packed-refs when they were read */
	bool loaded;
};

struct refdir *refdir_open(const char *git_dir)
{
	struct refdir *d = mem_alloc(sizeof(*d));

	d->git_dir = mem_strdup(git_dir);
	arena_init(&d->arena);
	return d;
}

void refdir_close(struct refdir *d)
{
	if (!d)
		return;
	free(d->packed.v);
	arena_release(&d->arena);
	free(d->git_dir);
	free(d);
}

/* ---- one file ---- */

enum what { WHAT_GONE, WHAT_OID, WHAT_SYMBOLIC, WHAT_ERROR };

/* The length of the hex id s begins with, when nothing but space follows; else 0. */
static size_t oid_length(const char *s)
{
	size_t n = strspn(s, "0123456789abcdef");

	if ((n != 40 && n != 64) || strspn(s, "0") == n)
		return 0;
	return s[n + strspn(s + n, " \t\r\n")] ? 0 : n;
}

/* Decide what the text of a loose file says; cuts it to the id or the target. */
static enum what judge(char *text, char **value)
{
	size_t n = strlen(text);

	while (n && strchr(" \t\r\n", text[n - 1]))
		text[--n] = 0;
	*value = text;
	if (oid_length(text))
		return WHAT_OID;
	if (strncmp(text, "ref:", 4))
		return WHAT_ERROR;
	*value += 4 + strspn(text + 4, " \t");
	return **value && strlen(*value) <= LIMIT_REF ? WHAT_SYMBOLIC : WHAT_ERROR;
}

static bool absent(int sys)
{
	return sys == ENOENT || sys == ENOTDIR || sys == EISDIR || sys == ENAMETOOLONG;
}

/* name relative to dirfd, its text into text[FILE_MAX]. */
static enum what read_ref(int dirfd, const char *name, char *text, char **value, struct err *e)
{
	int fd = openat(dirfd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), sys;
	ssize_t n;

	if (fd < 0 && absent(errno))
		return WHAT_GONE;
	if (fd < 0) {
		err_sys(e, "cannot read the ref %s", name);
		return WHAT_ERROR;
	}
	do
		n = read(fd, text, FILE_MAX - 1);
	while (n < 0 && errno == EINTR);
	sys = errno;
	close(fd);
	if (n < 0 && absent(sys))
		return WHAT_GONE;
	if (n < 0) {
		errno = sys;
		err_sys(e, "cannot read the ref %s", name);
		return WHAT_ERROR;
	}
	text[n] = 0;
	if (judge(text, value) != WHAT_ERROR)
		return judge(text, value);
	err_set(e, ERR_DATA, "the ref %s is broken: its file holds no object id; `git fsck` tells more",
		name);
	return WHAT_ERROR;
}

/* ---- all loose refs ---- */

struct loose {
	struct repo_ref ref;
	const char *target;		/* symbolic, else NULL */
};

struct walk {
	int base;			/* the git directory */
	struct arena *a;
	struct buf name;		/* "refs/heads/x", as far as we are down */
	struct loose *v;
	size_t n, cap;
	struct err *e;
};

/* A component that git would take (git-check-ref-format(1)); others, such as
   x.lock, are no refs. */
static bool component_ok(const char *s)
{
	size_t n = strlen(s);

	if (*s == '.' || s[n - 1] == '.' || strstr(s, "..") || strstr(s, "@{"))
		return false;
	if (n >= 5 && !strcmp(s + n - 5, ".lock"))
		return false;
	for (; *s; s++)
		if ((unsigned char)*s <= 0x20 || *s == 0x7f || strchr("~^:?*[\\", *s))
			return false;
	return true;
}

static int add_loose(struct walk *w, const char *oid, const char *target)
{
	if (w->n == LIMIT_REFS)
		return err_set(w->e, ERR_DATA, "there are more than %d loose refs", LIMIT_REFS);
	w->v = mem_grow(w->v, &w->cap, w->n + 1, sizeof(*w->v));
	w->v[w->n++] = (struct loose){
		.ref = { arena_memdup(w->a, w->name.s, w->name.len), oid, "" },
		.target = target,
	};
	return 0;
}

static int take_file(struct walk *w)
{
	char text[FILE_MAX], *value;

	switch (read_ref(w->base, w->name.s, text, &value, w->e)) {
	case WHAT_GONE:
		return 0;
	case WHAT_OID:
		return add_loose(w, arena_strdup(w->a, value), NULL);
	case WHAT_SYMBOLIC:
		return add_loose(w, NULL, arena_strdup(w->a, value));
	default:
		return -1;
	}
}

struct entries {
	struct arena names;
	struct entry {
		const char *name;
		unsigned char type;
	} *v;
	size_t n, cap;
};

/* All of it before anything is opened, so that depth costs no descriptors. ENOENT
   for a directory that was there a moment ago is an empty one. */
static int read_dir(struct walk *w, struct entries *out)
{
	int fd = openat(w->base, w->name.s, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;

	if (!d && absent(errno))
		return 0;
	if (!d) {
		err_sys(w->e, "cannot read the directory %s", w->name.s);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while (errno = 0, (de = readdir(d))) {
		if (!component_ok(de->d_name))
			continue;
		out->v = mem_grow(out->v, &out->cap, out->n + 1, sizeof(*out->v));
		out->v[out->n++] = (struct entry){
			arena_strdup(&out->names, de->d_name), de->d_type };
	}
	if (errno)
		err_sys(w->e, "cannot read the directory %s", w->name.s);
	fd = errno ? -1 : 0;
	closedir(d);
	return fd;
}

static bool is_dir(const struct walk *w, unsigned char type)
{
	struct stat st;

	if (type != DT_UNKNOWN && type != DT_LNK)
		return type == DT_DIR;
	return !fstatat(w->base, w->name.s, &st, 0) && S_ISDIR(st.st_mode);
}

static int walk_dir(struct walk *w);

static int walk_entry(struct walk *w, const struct entry *e)
{
	size_t len = w->name.len;
	int failed;

	buf_chr(&w->name, '/');
	buf_str(&w->name, e->name);
	if (w->name.over)
		return err_set(w->e, ERR_DATA, "a ref below %.200s is longer than %d bytes",
			w->name.s, LIMIT_REF);
	failed = is_dir(w, e->type) ? walk_dir(w) : take_file(w);
	w->name.len = len;
	w->name.s[len] = 0;
	return failed;
}

static int walk_dir(struct walk *w)
{
	struct entries list = { 0 };
	int failed;

	arena_init(&list.names);
	failed = read_dir(w, &list);
	for (size_t i = 0; !failed && i < list.n; i++)
		failed = walk_entry(w, &list.v[i]);
	free(list.v);
	arena_release(&list.names);
	return failed;
}

static int by_name(const void *a, const void *b)
{
	const struct repo_ref *x = a, *y = b;	/* also a struct loose: ref is its first */

	return strcmp(x->ref, y->ref);
}

static int walk_refs(struct walk *w, const char *git_dir)
{
	int failed;

	w->base = open(git_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w->base < 0)
		return err_sys(w->e, "cannot open the repository %s", git_dir);
	buf_init(&w->name, LIMIT_REF);
	buf_str(&w->name, "refs");
	failed = walk_dir(w);
	buf_release(&w->name);
	close(w->base);
	if (!failed && w->n)
		qsort(w->v, w->n, sizeof(*w->v), by_name);
	return failed;
}

/* ---- packed-refs ---- */

static int torn(struct err *e, const char *git_dir, size_t line)
{
	return err_set(e, ERR_DATA, "%s/packed-refs is damaged at line %zu", git_dir, line);
}

/* "OID SP NAME" or "^OID"; s is NUL-terminated. */
static int packed_line(struct repo_refs *out, char *s)
{
	size_t n;

	if (*s == '^') {
		n = oid_length(s + 1);
		if (!n || !out->n || s[n + 1])
			return -1;
		out->v[out->n - 1].peeled = s + 1;
		return 0;
	}
	n = strspn(s, "0123456789abcdef");
	if ((n != 40 && n != 64) || strspn(s, "0") == n || s[n] != ' ' ||
	    strncmp(s + n + 1, "refs/", 5))
		return -1;
	s[n] = 0;
	if (strlen(s + n + 1) > LIMIT_REF || out->n == LIMIT_REFS)
		return -1;
	out->v = mem_grow(out->v, &out->cap, out->n + 1, sizeof(*out->v));
	out->v[out->n++] = (struct repo_ref){ s + n + 1, s, "" };
	return 0;
}

/* text (modified) lives as long as out. */
static int parse_packed(const char *git_dir, char *text, size_t len, struct repo_refs *out,
	struct err *e)
{
	size_t line = 0;
	bool sorted = true;

	for (char *s = text, *end; s < text + len; s = end + 1) {
		end = memchr(s, '\n', len - (size_t)(s - text));
		line++;
		if (!end || memchr(s, 0, (size_t)(end - s)))
			return torn(e, git_dir, line);
		*end = 0;
		if (*s == '#')
			continue;
		if (packed_line(out, s))
			return torn(e, git_dir, line);
		if (*s != '^' && out->n > 1 && by_name(&out->v[out->n - 2], &out->v[out->n - 1]) >= 0)
			sorted = false;
	}
	if (!sorted)
		qsort(out->v, out->n, sizeof(*out->v), by_name);
	return 0;
}

static int load_packed(const char *git_dir, struct arena *a, struct repo_refs *out,
	struct stat *st, struct err *e)
{
	char path[LIMIT_PATH], *text, *copy;
	size_t len;

	snprintf(path, sizeof(path), "%s/packed-refs", git_dir);
	if (fs_read_path(path, LIMIT_ADVERTISEMENT, &text, &len, st, e)) {
		memset(st, 0, sizeof(*st));
		return e->code == ERR_NOENT ? 0 : -1;
	}
	copy = arena_memdup(a, text, len);
	free(text);
	return parse_packed(git_dir, copy, len, out, e);
}

/* ---- together ---- */

static const void *find(const void *v, size_t n, size_t size, const char *name)
{
	const struct repo_ref key = { name, NULL, NULL };

	return n ? bsearch(&key, v, n, size, by_name) : NULL;
}

/* The object a symbolic ref's target leads to; NULL when it dangles. */
static const char *follow(const struct walk *w, const struct repo_refs *packed, const char *name)
{
	for (int depth = 0; depth < SYMREF_DEPTH; depth++) {
		const struct loose *l = find(w->v, w->n, sizeof(*w->v), name);
		const struct repo_ref *p = find(packed->v, packed->n, sizeof(*p), name);

		if (!l)
			return p ? p->oid : NULL;
		if (!l->target)
			return l->ref.oid;
		name = l->target;
	}
	return NULL;
}

/* Merge by name; a loose ref covers the packed one. */
static void merge(const struct walk *w, const struct repo_refs *packed, struct repo_refs *out)
{
	size_t i = 0, k = 0;

	out->v = mem_grow(out->v, &out->cap, w->n + packed->n + 1, sizeof(*out->v));
	while (i < w->n || k < packed->n) {
		int c = i == w->n ? 1 : k == packed->n ? -1 :
			strcmp(w->v[i].ref.ref, packed->v[k].ref);
		struct repo_ref r = c <= 0 ? w->v[i].ref : packed->v[k];

		if (c <= 0 && w->v[i].target)
			r.oid = follow(w, packed, w->v[i].target);
		i += c <= 0;
		k += c >= 0;
		if (r.oid)
			out->v[out->n++] = r;
	}
}

int refdir_list(struct refdir *d, struct arena *a, struct repo_refs *out, struct err *e)
{
	struct walk w = { .a = a, .e = e };
	struct repo_refs packed = { 0 };
	struct stat st;
	int failed;

	failed = walk_refs(&w, d->git_dir) || load_packed(d->git_dir, a, &packed, &st, e) ||
		refdir_head(d, a, &out->head, e);
	if (!failed)
		merge(&w, &packed, out);
	free(w.v);
	free(packed.v);
	return failed ? -1 : 0;
}

int refdir_head(struct refdir *d, struct arena *a, const char **out, struct err *e)
{
	char path[LIMIT_PATH], text[FILE_MAX], *value;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/HEAD", d->git_dir);
	n = readlink(path, text, sizeof(text) - 1);
	if (n > 0) {			/* git before 2005 */
		text[n] = 0;
		*out = arena_strdup(a, strncmp(text, "refs/", 5) ? "" : text);
		return 0;
	}
	switch (read_ref(AT_FDCWD, path, text, &value, e)) {
	case WHAT_GONE:
		return err_set(e, ERR_DATA, "%s has no HEAD", d->git_dir);
	case WHAT_ERROR:
		return -1;
	case WHAT_SYMBOLIC:
		*out = arena_strdup(a, value);
		return 0;
	default:
		*out = "";
		return 0;
	}
}

static int refresh_packed(struct refdir *d, struct err *e)
{
	char path[LIMIT_PATH];
	struct stat st;

	snprintf(path, sizeof(path), "%s/packed-refs", d->git_dir);
	if (stat(path, &st)) {
		if (errno != ENOENT)
			return err_sys(e, "cannot look at %s", path);
		memset(&st, 0, sizeof(st));
	}
	if (d->loaded && st.st_ino == d->stamp.st_ino && st.st_size == d->stamp.st_size &&
	    !memcmp(&st.st_mtim, &d->stamp.st_mtim, sizeof(st.st_mtim)) &&
	    !memcmp(&st.st_ctim, &d->stamp.st_ctim, sizeof(st.st_ctim)))
		return 0;
	arena_release(&d->arena);
	d->packed.n = 0;
	d->loaded = !load_packed(d->git_dir, &d->arena, &d->packed, &d->stamp, e);
	return d->loaded ? 0 : -1;
}

static int from_packed(struct refdir *d, const char *ref, char *oid, struct err *e)
{
	const struct repo_ref *p;

	if (refresh_packed(d, e))
		return -1;
	p = find(d->packed.v, d->packed.n, sizeof(*p), ref);
	if (!p)
		return 1;
	memcpy(oid, p->oid, strlen(p->oid) + 1);
	return 0;
}

int refdir_ref(struct refdir *d, const char *ref, char *oid, struct err *e)
{
	char path[LIMIT_PATH + LIMIT_REF], text[FILE_MAX], *value, name[LIMIT_REF + 1];

	if (strlen(ref) > LIMIT_REF || strstr(ref, ".."))
		return 1;
	memcpy(name, ref, strlen(ref) + 1);
	for (int depth = 0; depth < SYMREF_DEPTH; depth++) {
		snprintf(path, sizeof(path), "%s/%s", d->git_dir, name);
		switch (read_ref(AT_FDCWD, path, text, &value, e)) {
		case WHAT_ERROR:
			return -1;
		case WHAT_GONE:
			return from_packed(d, name, oid, e);
		case WHAT_OID:
			memcpy(oid, value, strlen(value) + 1);
			return 0;
		case WHAT_SYMBOLIC:
			if (strncmp(value, "refs/", 5) || strstr(value, ".."))
				return 1;
			memcpy(name, value, strlen(value) + 1);
		}
	}
	return 1;
}

int refdir_whole(const char *git_dir, struct err *e)
{
	static const char *const parts[] = { "HEAD", "objects", "refs" };
	char path[LIMIT_PATH];
	struct stat st;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (snprintf(path, sizeof(path), "%s/%s", git_dir, parts[i]) >= (int)sizeof(path))
			return err_set(e, ERR_CONFIG, "path too long: %.100s...", git_dir);
		if (i == 0 ? !lstat(path, &st) : !stat(path, &st) && S_ISDIR(st.st_mode))
			continue;
		if (errno == EACCES)
			return err_sys(e, "cannot look into the repository %s", git_dir);
		return err_set(e, ERR_DATA,
			"%s is not a whole git repository: it has no %s (unmounted, emptied, or "
			"not a repository)", git_dir, parts[i]);
	}
	return 0;
}
