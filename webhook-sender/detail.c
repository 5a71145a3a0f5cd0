/* detail.c - see detail.h. */
#include <jansson.h>
#include <string.h>

#include "detail.h"

/* Text that is not UTF-8 has its bytes beside it, as "<key>Base64": payloads are
   JSON too, so what stands here is what they say. */
static bool beside(const json_t *o, const char *key)
{
	size_t n = strlen(key), suffix = sizeof "Base64" - 1;
	char plain[256];

	if (n <= suffix || n - suffix >= sizeof plain || strcmp(key + n - suffix, "Base64") != 0)
		return false;
	memcpy(plain, key, n - suffix);
	plain[n - suffix] = '\0';
	return json_object_get(o, plain) != NULL;
}

static bool texts(struct arena *a, const json_t *v, const char ***out, size_t *n)
{
	size_t count = json_array_size(v);

	*out = arena_alloc(a, count * sizeof **out);
	for (*n = 0; *n < count; (*n)++) {
		const char *s = json_string_value(json_array_get(v, *n));

		if (!s)
			return false;
		(*out)[*n] = arena_strdup(a, s);
	}
	return true;
}

static bool pairs(struct arena *a, json_t *v, struct name_value **out, size_t *n)
{
	const char *key;
	json_t *value;

	*n = 0;
	*out = arena_alloc(a, json_object_size(v) * sizeof **out);
	json_object_foreach(v, key, value) {
		if (!json_is_string(value))
			return false;
		if (!beside(v, key))
			(*out)[(*n)++] = (struct name_value){ arena_strdup(a, key),
				arena_strdup(a, json_string_value(value)) };
	}
	return true;
}

int detail_decode(struct arena *a, const char *json, struct detail *out, struct err *e)
{
	json_t *root;
	bool good;

	*out = (struct detail){ 0 };
	if (!json || !*json)
		return 0;
	root = json_loads(json, 0, NULL);
	good = json_is_object(root) &&
		texts(a, json_object_get(root, "options"), &out->options, &out->noptions) &&
		texts(a, json_object_get(root, "shortened"), &out->shortened, &out->nshortened) &&
		pairs(a, json_object_get(root, "claims"), &out->claims, &out->nclaims) &&
		pairs(a, json_object_get(root, "vars"), &out->vars, &out->nvars);
	json_decref(root);
	return good ? 0 : err_set(e, ERR_DATA, "the stored details of the change are damaged");
}

const char *detail_var(const struct detail *d, const char *name)
{
	for (size_t i = 0; i < d->nvars; i++)
		if (strcmp(d->vars[i].name, name) == 0)
			return d->vars[i].value;
	return NULL;
}
