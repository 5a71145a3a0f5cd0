/* Fuzz the configuration: never a crash; what the reader took can be written down
   and is read back the same; what config took has nothing in it that it must refuse. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "conf.h"
#include "config.h"
#include "limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A ; after a blank would begin a comment. */
static void write_value(struct buf *b, const char *s)
{
	for (; *s; s++) {
		if (*s == ';')
			buf_chr(b, '\\');
		buf_chr(b, *s);
	}
}

static void write_items(const struct conf_file *f, struct buf *b)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct conf_item *item = &f->items[i];

		if (*item->key) {
			buf_fmt(b, "%s =", item->key);
			write_value(b, item->value);
			buf_chr(b, '\n');
		} else {
			buf_fmt(b, "[%s %s]\n", item->section, item->name);
		}
	}
}

static void same(const struct conf_file *a, const struct conf_file *b)
{
	if (a->n != b->n)
		abort();
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->items[i].section, b->items[i].section) ||
		    strcmp(a->items[i].name, b->items[i].name) ||
		    strcmp(a->items[i].key, b->items[i].key) ||
		    strcmp(a->items[i].value, b->items[i].value))
			abort();
}

static void sound(const struct conf_file *f)
{
	for (size_t i = 0; i < f->n; i++) {
		if (strlen(f->items[i].value) > LIMIT_CONF_VALUE)
			abort();
		for (const char *s = f->items[i].value; *s; s++)
			if (((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7f)
				abort();
	}
}

static void read_back(struct arena *a, const char *text, size_t n)
{
	struct conf_file f, again;
	struct err e;
	struct buf b;

	if (conf_read_text(a, "t", text, n, &f, &e)) {
		if (e.code != ERR_CONFIG || strncmp(e.text, "t:", 2))
			abort();
		return;
	}
	sound(&f);
	buf_init(&b, LIMIT_CONF_FILE);
	write_items(&f, &b);
	if (conf_read_text(a, "t", b.s, b.len, &again, &e))
		abort();
	same(&f, &again);
	buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *c;
	struct arena a;
	struct err e;

	arena_init(&a);
	read_back(&a, (const char *)data, size);
	if (config_parse_text("t", arena_memdup(&a, data, size), &c, &e) == 0) {
		char name[LIMIT_PATH];

		config_repository_at(c, "/srv/git/a/b.git", name);
		config_free(c);
	}
	arena_release(&a);
	return 0;
}
