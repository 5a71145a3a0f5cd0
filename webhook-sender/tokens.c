/* tokens.c - a list: there are as many as pipelines that need one. See tokens.h. */
#include "tokens.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

struct token {
	struct token *next;
	char *key, *value;		/* value NULL: none now */
	int64_t until_us;
	bool fetching;
};

static struct token *list;

static struct token *find(const char *key)
{
	struct token *t = list;

	while (t && strcmp(t->key, key) != 0)
		t = t->next;
	return t;
}

static struct token *find_or_make(const char *key)
{
	struct token *t = find(key);

	if (t)
		return t;
	t = mem_alloc(sizeof(*t));
	t->key = mem_strdup(key);
	t->next = list;
	return list = t;
}

static void wipe(struct token *t)
{
	if (t->value)
		explicit_bzero(t->value, strlen(t->value));
	free(t->value);
	t->value = NULL;
}

const char *tokens_get(const char *key, int64_t now_us)
{
	struct token *t = find(key);

	return t && t->value && now_us < t->until_us ? t->value : NULL;
}

void tokens_put(const char *key, const char *value, int64_t until_us)
{
	struct token *t = find_or_make(key);

	wipe(t);
	t->value = mem_strdup(value);
	t->until_us = until_us;
}

void tokens_drop(const char *key)
{
	struct token *t = find(key);

	if (t)
		wipe(t);
}

bool tokens_fetch(const char *key)
{
	struct token *t = find_or_make(key);

	if (t->fetching)
		return false;
	return t->fetching = true;
}

bool tokens_fetching(const char *key)
{
	const struct token *t = find(key);

	return t && t->fetching;
}

void tokens_fetched(const char *key)
{
	find_or_make(key)->fetching = false;
}

void tokens_clear(void)
{
	struct token *next;

	for (struct token *t = list; t; t = next) {
		next = t->next;
		wipe(t);
		free(t->key);
		free(t);
	}
	list = NULL;
}
