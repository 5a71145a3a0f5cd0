/*
 * conf.c - see conf.h. The only file with ini.h.
 *
 * How inih is kept from misreading: ini_parse_stream asks a reader for lines,
 * as fgets would give them. Ours (conf_line) takes physical lines of any length
 * from memory, joins continuations, cuts comments, checks everything, and keeps
 * section names and values in tables of its own. What it hands to inih is at most
 * KEY_MAX + 12 bytes of letters, digits and `-`: "[7]" for the seventh section,
 * "key=3" for the third value, so that no limit, quoting or comment rule of inih's
 * can touch them. inih's handler (conf_take) turns the numbers back into text.
 * Each line handed over must come back once; else inih is built in a way this
 * file does not know, and reading fails loudly.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <libgen.h>
#include <search.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "conf.h"
#include "fs.h"
#include "glob.h"

#define KEY_MAX 48		/* inih cuts at 49 */
#define KEYS_MAX 256		/* keys in one section */
#define SECTION_MARK "section-begins"	/* handed to inih after each [N] */

/* What one conf_read shares over all its files. */
struct conf_all {
	struct arena *a;
	struct err *e;
	struct conf_item *items;
	size_t n, cap;
	char **files;
	size_t nfiles, files_cap;
	void *sections;			/* tsearch(3) tree of struct conf_item */
	bool from_text;
};

/* One file being read. */
struct conf_reader {
	struct conf_all *all;
	const char *file;
	const char *next, *end;			/* text not yet read */
	int line;				/* of the physical line read last */
	const struct conf_item *section;	/* NULL: before the first */
	struct conf_item *keys[KEYS_MAX];	/* of the section, to find duplicates */
	size_t nkeys;
	struct conf_item *pending;		/* handed to inih, to come back */
	bool mark;				/* the section's mark is to be handed next */
	unsigned handed, taken;
	int sections;
	bool failed;
};

static int conf_read_path(struct conf_all *all, const struct conf_reader *parent,
	const char *path);

__attribute__((format(printf, 3, 4)))
static int conf_fail(struct conf_reader *r, int line, const char *fmt, ...)
{
	char text[LIMIT_ERR];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	r->failed = true;
	return err_set(r->all->e, ERR_CONFIG, "%s:%d: %s", r->file, line, text);
}

/* ---- physical lines ---- */

struct span {
	const char *s;
	size_t n;
};

static bool conf_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct span conf_trim(struct span t)
{
	while (t.n && conf_blank(t.s[0]))
		t.s++, t.n--;
	while (t.n && conf_blank(t.s[t.n - 1]))
		t.n--;
	return t;
}

/* The next physical line without its end: 1, 0 at the end of the text, -1. */
static int conf_physical(struct conf_reader *r, struct span *out)
{
	const char *lf;

	if (r->next == r->end)
		return 0;
	r->line++;
	lf = memchr(r->next, '\n', (size_t)(r->end - r->next));
	*out = (struct span){ r->next, (size_t)((lf ? lf : r->end) - r->next) };
	r->next = lf ? lf + 1 : r->end;
	if (out->n && out->s[out->n - 1] == '\r')
		out->n--;
	for (size_t i = 0; i < out->n; i++) {
		unsigned char c = (unsigned char)out->s[i];

		if (c == 0)
			return conf_fail(r, r->line, "a NUL byte: this is not a text file");
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return conf_fail(r, r->line, "control byte 0x%02x in column %zu", c,
				i + 1);
	}
	return 1;
}

/* Blank, or a comment, indented or not. */
static bool conf_nothing(struct span t)
{
	t = conf_trim(t);
	return t.n == 0 || t.s[0] == ';' || t.s[0] == '#';
}

/* Cut a comment: a ; after a blank. What is left, trimmed. */
static struct span conf_uncomment(struct span t)
{
	for (size_t i = 1; i < t.n; i++)
		if (t.s[i] == ';' && conf_blank(t.s[i - 1])) {
			t.n = i;
			break;
		}
	return conf_trim(t);
}

/* ---- values over several lines ---- */

/* Is the line we stand before one that goes on a value? */
static bool conf_goes_on(const struct conf_reader *r)
{
	return r->next < r->end && conf_blank(*r->next);
}

/* How far an indented `key =` or `[section name]` reaches that was surely meant
   to stand at the start of its line; 0: it is not one. */
static size_t conf_misplaced(struct span t)
{
	size_t i = 0, word;

	while (i < t.n && (islower((unsigned char)t.s[i]) || (i && t.s[i] == '-')))
		i++;
	word = i;
	while (i < t.n && conf_blank(t.s[i]))
		i++;
	if (word && i < t.n && t.s[i] == '=')
		return word;
	if (t.n > 2 && t.s[0] == '[' && t.s[t.n - 1] == ']' && memchr(t.s, ' ', t.n))
		return t.n;
	return 0;
}

/* `\;` is a semicolon. */
static void conf_append(struct buf *b, struct span t)
{
	if (b->len)
		buf_chr(b, ' ');
	for (size_t i = 0; i < t.n; i++)
		if (t.s[i] != '\\' || i + 1 == t.n || t.s[i + 1] != ';')
			buf_chr(b, t.s[i]);
}

/* The indented lines that follow belong to the value in b. */
static int conf_continue(struct conf_reader *r, struct buf *b)
{
	struct span t;

	while (conf_goes_on(r)) {
		size_t n;

		if (conf_physical(r, &t) < 0)
			return -1;
		if (conf_trim(t).n == 0)
			return 0;
		if (conf_nothing(t))
			continue;
		t = conf_uncomment(t);
		n = conf_misplaced(t);
		if (n)
			return conf_fail(r, r->line, "`%.*s` is indented, so it would go on "
				"the value above; begin it at the start of the line",
				(int)n, t.s);
		conf_append(b, t);
	}
	return 0;
}

/* The value that begins with first, into the arena; NULL after an error. */
static const char *conf_value(struct conf_reader *r, struct span first)
{
	int line = r->line;
	const char *value = NULL;
	struct buf b;

	buf_init(&b, LIMIT_CONF_VALUE);
	conf_append(&b, first);
	if (conf_continue(r, &b) == 0) {
		if (b.over)
			conf_fail(r, line, "the value is longer than %d bytes",
				LIMIT_CONF_VALUE);
		else
			value = arena_memdup(r->all->a, b.s, b.len);
	}
	buf_release(&b);
	return value;
}

/* ---- sections and keys ---- */

static struct conf_item *conf_item(struct conf_reader *r, const char *section,
	const char *name, const char *key)
{
	struct conf_item *i = (struct conf_item *)arena_alloc(r->all->a, sizeof *i);

	*i = (struct conf_item){ section, name, key, "", r->file, r->line };
	return i;
}

static int conf_compare(const void *a, const void *b)
{
	const struct conf_item *x = (const struct conf_item *)a;
	const struct conf_item *y = (const struct conf_item *)b;
	int d = strcmp(x->section, y->section);

	return d ? d : strcmp(x->name, y->name);
}

/* "[section name]" to its two parts. */
static int conf_header(struct conf_reader *r, struct span t, struct span *word,
	struct span *name)
{
	size_t n = 0;

	if (t.n < 2 || t.s[t.n - 1] != ']')
		return conf_fail(r, r->line, "a section is written [word] or [word name]; "
			"the closing ] is missing");
	t = conf_trim((struct span){ t.s + 1, t.n - 2 });
	if (memchr(t.s, '[', t.n) || memchr(t.s, ']', t.n))
		return conf_fail(r, r->line, "a section's name cannot have [ or ] in it");
	while (n < t.n && !conf_blank(t.s[n]))
		n++;
	*word = (struct span){ t.s, n };
	*name = conf_trim((struct span){ t.s + n, t.n - n });
	if (n == 0)
		return conf_fail(r, r->line, "the section has no name");
	if (n > LIMIT_CONF_NAME || name->n > LIMIT_CONF_NAME)
		return conf_fail(r, r->line, "the section's name is longer than %d bytes",
			LIMIT_CONF_NAME);
	return 0;
}

static int conf_section(struct conf_reader *r, struct span t)
{
	struct arena *a = r->all->a;
	struct span word = { NULL, 0 }, name = { NULL, 0 };
	struct conf_item *item, **seen;

	if (conf_header(r, conf_uncomment(t), &word, &name))
		return -1;
	item = conf_item(r, arena_memdup(a, word.s, word.n),
		arena_memdup(a, name.s, name.n), "");
	seen = (struct conf_item **)tsearch(item, &r->all->sections, conf_compare);
	if (!seen) {
		r->failed = true;
		return err_set(r->all->e, ERR_TEMP, "out of memory reading %s; try again", r->file);
	}
	if (*seen != item)
		return conf_fail(r, r->line, "section [%s%s%s] is there already, at %s:%d; "
			"put its keys together", item->section, *item->name ? " " : "",
			item->name, (*seen)->file, (*seen)->line);
	r->section = item;
	r->pending = item;
	r->nkeys = 0;
	r->sections++;
	return 0;
}

static bool conf_key_ok(struct span k)
{
	for (size_t i = 0; i < k.n; i++)
		if (!isalnum((unsigned char)k.s[i]) && !memchr("-_.", k.s[i], 3))
			return false;
	return k.n > 0;
}

/* The key's place in its section, or an error when it is there twice. */
static int conf_key_new(struct conf_reader *r, struct conf_item *item)
{
	for (size_t i = 0; i < r->nkeys; i++)
		if (strcmp(r->keys[i]->key, item->key) == 0)
			return conf_fail(r, item->line, "`%s` is given twice in this section; "
				"the first is in line %d", item->key, r->keys[i]->line);
	if (r->nkeys == KEYS_MAX)
		return conf_fail(r, item->line, "more than %d keys in one section", KEYS_MAX);
	r->keys[r->nkeys++] = item;
	return 0;
}

static int conf_key(struct conf_reader *r, struct span t)
{
	const char *equals = (const char *)memchr(t.s, '=', t.n);
	struct conf_item *item;
	struct span key, value;

	if (!equals)
		return conf_fail(r, r->line, "expected `key = value` or [section]; there is no =");
	key = conf_trim((struct span){ t.s, (size_t)(equals - t.s) });
	/* from the = on, so that a ; right after "= " begins a comment */
	value = conf_uncomment((struct span){ equals + 1, (size_t)(t.s + t.n - equals) - 1 });
	if (key.n > KEY_MAX)
		return conf_fail(r, r->line, "the key is longer than %d bytes", KEY_MAX);
	if (!conf_key_ok(key))
		return conf_fail(r, r->line, "`%.*s` is no key: letters, digits and - only",
			(int)key.n, key.s);
	if (!r->section)
		return conf_fail(r, r->line, "`%.*s` stands before the first [section]",
			(int)key.n, key.s);
	item = conf_item(r, r->section->section, r->section->name,
		arena_memdup(r->all->a, key.s, key.n));
	item->value = conf_value(r, value);
	if (!item->value || conf_key_new(r, item))
		return -1;
	r->pending = item;
	return 0;
}

/* Read on to the next section or key: 1 it is pending, 0 end, -1. */
static int conf_next(struct conf_reader *r)
{
	struct span t;
	int got;

	while ((got = conf_physical(r, &t)) == 1) {
		if (conf_nothing(t))
			continue;
		if (conf_blank(t.s[0]))
			return conf_fail(r, r->line, "an indented line goes on the value above "
				"it, and there is none; begin keys at the start of the line");
		return (t.s[0] == '[' ? conf_section(r, t) : conf_key(r, t)) ? -1 : 1;
	}
	return got;
}

/* ---- between us and inih ---- */

/* inih's reader. The numbers only have to fit; r->pending says what is meant. */
static char *conf_line(char *line, int size, void *arg)
{
	struct conf_reader *r = (struct conf_reader *)arg;

	if (r->failed)
		return NULL;
	if (r->mark) {
		r->mark = false;
		r->handed++;
		snprintf(line, (size_t)size, SECTION_MARK "=%d\n", r->sections);
		return line;
	}
	if (conf_next(r) != 1) {
		return NULL;
	} else if (*r->pending->key == '\0') {
		r->mark = true;
		snprintf(line, (size_t)size, "[%d]\n", r->sections);
	} else {
		r->handed++;
		snprintf(line, (size_t)size, "%s=%d\n", r->pending->key, (int)r->nkeys);
	}
	return line;
}

static void conf_add(struct conf_all *all, const struct conf_item *item)
{
	all->items = (struct conf_item *)mem_grow(all->items, &all->cap, all->n + 1,
		sizeof *all->items);
	all->items[all->n++] = *item;
}

static int conf_read_one(struct conf_reader *r, const char *dir, const char *name)
{
	return conf_read_path(r->all, r, arena_fmt(r->all->a, "%s/%s", dir, name));
}

/* What of dir matches the pattern, in byte order; dot files only when meant. */
static int conf_read_matching(struct conf_reader *r, int line, const char *dir,
	const char *pattern)
{
	struct dirent **found = NULL;
	int n = scandir(dir, &found, NULL, alphasort), failed = 0;
	const int count = n;

	if (n < 0 && errno != ENOENT)
		failed = conf_fail(r, line, "include: cannot list %s: %s", dir, strerror(errno));
	for (int i = 0; i < count; i++) {
		const char *name = found[i]->d_name;

		if (!failed && (*name != '.' || *pattern == '.') && glob_match(pattern, name))
			failed = conf_read_one(r, dir, name);
		free(found[i]);
	}
	free(found);
	return failed;
}

static int conf_include(struct conf_reader *r, const struct conf_item *item)
{
	struct arena *a = r->all->a;
	char *path = arena_strdup(a, item->value), *slash;
	const char *dir, *last;
	int failed;

	if (r->all->from_text)
		return conf_fail(r, item->line, "include needs a file to be relative to");
	if (*path != '/')
		path = arena_fmt(a, "%s/%s", dirname(arena_strdup(a, item->file)), path);
	slash = strrchr(path, '/');
	*slash = '\0';
	dir = path;
	last = slash + 1;
	if (!*last || strpbrk(dir, "*?[{"))
		return conf_fail(r, item->line, "include names files: only its last part may "
			"be a pattern, as in conf.d/*.conf");
	if (!strpbrk(last, "*?[{"))
		failed = conf_read_one(r, dir, last);
	else if (glob_check(last, r->all->e))
		failed = conf_fail(r, item->line, "include: `%s` is not a good pattern", last);
	else
		failed = conf_read_matching(r, item->line, dir, last);
	r->failed = failed;
	return failed;
}

static bool conf_came_back(const struct conf_reader *r, const char *section,
	const char *key, const char *value)
{
	const struct conf_item *item = r->pending;
	bool mark = *item->key == '\0';

	return atoi(section) == r->sections &&
		strcmp(key, mark ? SECTION_MARK : item->key) == 0 &&
		atoi(value) == (mark ? r->sections : (int)r->nkeys);
}

/* inih's handler: non-zero is success. */
static int conf_take(void *arg, const char *section, const char *key, const char *value)
{
	struct conf_reader *r = (struct conf_reader *)arg;
	const struct conf_item *item = r->pending;

	if (!key || !value)
		return 1;	/* builds that also call for each new section */
	if (!conf_came_back(r, section, key, value))
		return 0;
	r->taken++;
	conf_add(r->all, item);
	if (strcmp(item->section, "refire") == 0 && strcmp(item->key, "include") == 0)
		return conf_include(r, item) == 0;
	return 1;
}

static int conf_parse(struct conf_all *all, const char *file, const char *text, size_t n)
{
	struct conf_reader r = { .all = all, .file = file, .next = text,
		.end = text + n };
	int got;

	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		r.next += 3;
	got = ini_parse_stream(conf_line, &r, conf_take, &r);
	if (r.failed)
		return -1;
	if (got || r.handed != r.taken)
		return err_set(all->e, ERR_BUG, "%s:%d: libinih misread this line; is it "
			"another version than the one refire was built with?", file, r.line);
	return 0;
}

/* ---- files ---- */

/* An include can hold no include of its own, since [refire] stands once; but it
   can be the file that includes it. */
static int conf_may_read(struct conf_all *all, const struct conf_reader *parent,
	const char *file)
{
	if (parent && strcmp(parent->file, file) == 0)
		return err_set(all->e, ERR_CONFIG, "%s includes itself", file);
	return 0;
}

static int conf_read_path(struct conf_all *all, const struct conf_reader *parent,
	const char *path)
{
	char *real = realpath(path, NULL), *text = NULL;
	const char *file;
	size_t n;
	int failed;

	if (!real) {
		err_sys(all->e, "cannot read the configuration %s", path);
		return parent ? err_wrap(all->e, "%s:%d", parent->file, parent->line) : -1;
	}
	file = arena_strdup(all->a, real);
	free(real);
	if (conf_may_read(all, parent, file) || fs_check_private(file, false, all->e) ||
	    fs_read_path(file, LIMIT_CONF_FILE, &text, &n, NULL, all->e)) {
		return parent ? err_wrap(all->e, "%s:%d", parent->file, parent->line) : -1;
	}
	all->files = (char **)mem_grow(all->files, &all->files_cap, all->nfiles + 1,
		sizeof *all->files);
	all->files[all->nfiles++] = arena_strdup(all->a, file);
	failed = conf_parse(all, file, text, n);
	free(text);
	return failed;
}

static void conf_keep(void *item)
{
	(void)item;	/* the arena owns it */
}

/* Move what was gathered into the arena. */
static void conf_finish(struct conf_all *all, struct conf_file *out)
{
	size_t items = all->n * sizeof *all->items, files = all->nfiles * sizeof *all->files;

	*out = (struct conf_file){ .n = all->n, .nfiles = all->nfiles };
	if (all->n)
		out->items = (struct conf_item *)memcpy(arena_alloc(all->a, items),
			all->items, items);
	if (all->nfiles)
		out->files = (char **)memcpy(arena_alloc(all->a, files), all->files, files);
	free(all->items);
	free(all->files);
	tdestroy(all->sections, conf_keep);
}

int conf_read(struct arena *a, const char *path, struct conf_file *out, struct err *e)
{
	struct conf_all all = { .a = a, .e = e };
	int failed = conf_read_path(&all, NULL, path);

	conf_finish(&all, out);
	return failed;
}

int conf_read_text(struct arena *a, const char *label, const char *text, size_t n,
	struct conf_file *out, struct err *e)
{
	struct conf_all all = { .a = a, .e = e, .from_text = true };
	int failed = conf_parse(&all, arena_strdup(a, label), text, n);

	conf_finish(&all, out);
	return failed;
}
