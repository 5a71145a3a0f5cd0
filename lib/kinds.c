/* kinds.c - see kinds.h. */
#include "kinds.h"

#include <string.h>

const struct kind kinds[] = {
#define X(name, keys) { name, keys },
	KIND_LIST(X)
#undef X
	{ NULL, NULL },
};

const struct kind *kind_find(const char *name)
{
	for (const struct kind *k = kinds; k->name; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

bool kind_next(const char **keys, struct kind_word *out)
{
	const char *s = *keys + strspn(*keys, " ");

	out->needed = *s == '!';
	out->at = s + out->needed;
	out->end = *keys = s + strcspn(s, " ");
	return out->end > out->at;
}

const char *kind_key(struct kind_word *w, size_t *len)
{
	const char *s = w->at;

	if (s >= w->end)
		return NULL;
	*len = strcspn(s, "| ");
	w->at = s + *len + (s[*len] == '|');
	return s;
}

bool kind_takes(const struct kind *k, const char *key)
{
	const char *keys = k->keys, *one;
	struct kind_word w;
	size_t n;

	while (kind_next(&keys, &w))
		while ((one = kind_key(&w, &n)))
			if (strlen(key) == n && strncmp(one, key, n) == 0)
				return true;
	return false;
}
