/* config_kind.c - are the keys of each pipeline those of its kind of target? (kinds.h) */
#include <string.h>

#include "buf.h"
#include "config.h"
#include "kinds.h"
#include "limits.h"

/* "jenkins, azure-pipelines": the kinds that take a key; "" every pipeline does. */
static void takers(const char *key, struct buf *out)
{
	for (const struct kind *k = kinds; k->name; k++)
		if (kind_takes(k, key))
			buf_fmt(out, "%s%s", out->len ? ", " : "", k->name);
}

static int check_key(const struct config *c, const struct pipeline *p, const struct kind *k,
	const char *key, struct err *e)
{
	struct buf others;
	int failed = 0;

	if (kind_takes(k, key))
		return 0;
	buf_init(&others, LIMIT_ERR / 2);
	takers(key, &others);
	if (others.len)
		failed = config_fail(c, SECTION_PIPELINE, p->name, key, e, "`%s` means nothing to "
			"target = %s; it is for %s", key, k->name, others.s);
	buf_release(&others);
	return failed;
}

/* The section's keys, each. */
static int check_keys(const struct config *c, const struct pipeline *p, const struct kind *k,
	struct err *e)
{
	for (size_t i = 0; i < c->source.n; i++) {
		const struct conf_item *item = &c->source.items[i];

		if (*item->key && strcmp(item->name, p->name) == 0 &&
		    strcmp(item->section, settings_section_name(SECTION_PIPELINE)) == 0 &&
		    check_key(c, p, k, item->key, e))
			return -1;
	}
	return 0;
}

static bool is_given(const struct config *c, const struct pipeline *p, const char *key)
{
	for (size_t i = 0; i < c->source.n; i++) {
		const struct conf_item *item = &c->source.items[i];

		if (strcmp(item->key, key) == 0 && strcmp(item->name, p->name) == 0 &&
		    strcmp(item->section, settings_section_name(SECTION_PIPELINE)) == 0)
			return true;
	}
	return false;
}

/* Of a|b: how many are given, and what they are called, for a sentence. */
static size_t count_given(const struct config *c, const struct pipeline *p, struct kind_word w,
	struct buf *names, char second[LIMIT_CONF_NAME])
{
	size_t given = 0, n;
	const char *key;

	while ((key = kind_key(&w, &n))) {
		char name[LIMIT_CONF_NAME];

		memcpy(name, key, n);
		name[n] = '\0';
		buf_fmt(names, "%s`%s`", names->len ? " or " : "", name);
		if (is_given(c, p, name) && ++given == 2)
			memcpy(second, name, n + 1);
	}
	return given;
}

static int check_word(const struct config *c, const struct pipeline *p, const struct kind *k,
	struct kind_word w, struct err *e)
{
	char second[LIMIT_CONF_NAME];
	struct buf names;
	size_t given;
	int failed = 0;

	if (!w.needed && !memchr(w.at, '|', (size_t)(w.end - w.at)))
		return 0;
	buf_init(&names, LIMIT_ERR / 2);
	given = count_given(c, p, w, &names, second);
	if (given == 0 && w.needed)
		failed = config_fail(c, SECTION_PIPELINE, p->name, "", e, "pipeline `%s` needs %s, as "
			"target = %s always does", p->name, names.s, k->name);
	else if (given > 1)
		failed = config_fail(c, SECTION_PIPELINE, p->name, second, e, "%s: one of them, not "
			"both", names.s);
	buf_release(&names);
	return failed;
}

int config_check_kind(const struct config *c, const struct pipeline *p, struct err *e)
{
	const struct kind *k = kind_find(p->target);
	const char *keys = k->keys;
	struct kind_word w;

	if (check_keys(c, p, k, e))
		return -1;
	while (kind_next(&keys, &w))
		if (check_word(c, p, k, w, e))
			return -1;
	return 0;
}
