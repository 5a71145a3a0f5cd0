/* ledger.c - see ledger.h. */
#include "ledger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "fs.h"

#define FIRST_LINE "refire-installed 1"
#define SIZE_LIMIT (64 * MIB)

static void push(struct ledger *l, const char *word, const char *rest)
{
	l->lines = mem_grow(l->lines, &l->cap, l->n + 1, sizeof(*l->lines));
	l->lines[l->n++] = (struct ledger_line){ word, rest };
}

static int parse(struct ledger *l, char *text, struct err *e)
{
	char *line = text, *end, *space;

	for (int number = 1; *line; number++, line = end + 1) {
		end = strchr(line, '\n');
		if (!end)
			return err_set(e, ERR_DATA, "%.300s: line %d has no end", l->path, number);
		*end = 0;
		if (number == 1 && strcmp(line, FIRST_LINE))
			return err_set(e, ERR_DATA, "%.300s: line 1 is not `%s`", l->path, FIRST_LINE);
		space = strchr(line, ' ');
		if (!space)
			return err_set(e, ERR_DATA, "%.300s: line %d is not a word and a value",
				l->path, number);
		*space = 0;
		if (number > 1)
			push(l, line, space + 1);
	}
	return 0;
}

int ledger_read(struct ledger *l, const char *dir, const char *name, struct err *e)
{
	char *text;
	size_t len;
	int failed;

	*l = (struct ledger){ 0 };
	arena_init(&l->arena);
	if (snprintf(l->path, sizeof(l->path), "%s/%s", dir, name) >= LIMIT_PATH)
		return err_set(e, ERR_CONFIG, "path too long: %.200s", dir);
	if (fs_read_path(l->path, SIZE_LIMIT, &text, &len, NULL, e))
		return e->code == ERR_NOENT ? 0 : -1;
	failed = parse(l, arena_memdup(&l->arena, text, len), e);
	free(text);
	return failed;
}

void ledger_release(struct ledger *l)
{
	arena_release(&l->arena);
	free(l->lines);
	*l = (struct ledger){ 0 };
}

const char *ledger_get(const struct ledger *l, const char *word)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->lines[i].word, word))
			return l->lines[i].rest;
	return NULL;
}

bool ledger_has(const struct ledger *l, const char *word, const char *rest)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->lines[i].word, word) && !strcmp(l->lines[i].rest, rest))
			return true;
	return false;
}

size_t ledger_count(const struct ledger *l, const char *word)
{
	size_t count = 0;

	for (size_t i = 0; i < l->n; i++)
		count += !strcmp(l->lines[i].word, word);
	return count;
}

void ledger_add(struct ledger *l, const char *word, const char *rest)
{
	if (ledger_has(l, word, rest))
		return;
	push(l, arena_strdup(&l->arena, word), arena_strdup(&l->arena, rest));
	l->changed = true;
}

void ledger_drop(struct ledger *l, const char *word, const char *rest)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->lines[i].word, word) || (rest && strcmp(l->lines[i].rest, rest)))
			l->lines[kept++] = l->lines[i];
	l->changed |= kept != l->n;
	l->n = kept;
}

int ledger_write(struct ledger *l, struct err *e)
{
	struct buf text;
	int failed;

	if (!l->changed)
		return 0;
	l->changed = false;
	if (!l->n)
		return unlink(l->path) && errno != ENOENT ?
			err_sys(e, "cannot remove %.300s", l->path) : 0;
	buf_init(&text, SIZE_LIMIT);
	buf_str(&text, FIRST_LINE "\n");
	for (size_t i = 0; i < l->n; i++)
		buf_fmt(&text, "%s %s\n", l->lines[i].word, l->lines[i].rest);
	failed = fs_replace(l->path, 0644, text.s, text.len, e);
	buf_release(&text);
	return failed;
}
