/* message.c - see message.h. */
#include <string.h>
#include <strings.h>

#include "message.h"

/* token = 1*tchar (RFC 9110, 5.6.2) */
static bool header_name_ok(const char *s)
{
	static const char others[] = "!#$%&'*+-.^_`|~";
	const char *at = s;

	for (; *at; at++) {
		char c = (char)(*at | 0x20);

		if (!(c >= 'a' && c <= 'z') && !(*at >= '0' && *at <= '9') && !strchr(others, *at))
			return false;
	}
	return at > s;
}

static bool header_value_ok(const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

int headers_add(struct headers *h, const char *name, const char *value)
{
	if (!header_name_ok(name) || !header_value_ok(value) ||
		strlen(name) + strlen(value) > LIMIT_HEADER)
		return -1;
	if (h->n == h->cap) {
		size_t cap = h->cap ? h->cap * 2 : 12;
		struct header *v = arena_alloc(h->a, cap * sizeof *v);

		if (h->n)
			memcpy(v, h->v, h->n * sizeof *v);
		h->v = v;
		h->cap = cap;
	}
	h->v[h->n].name = arena_strdup(h->a, name);
	h->v[h->n].value = arena_strdup(h->a, value);
	h->v[h->n].hidden = false;
	h->n++;
	return 0;
}

int headers_add_hidden(struct headers *h, const char *name, const char *value)
{
	if (headers_add(h, name, value))
		return -1;
	h->v[h->n - 1].hidden = true;
	return 0;
}

const char *headers_get(const struct headers *h, const char *name)
{
	for (size_t i = 0; i < h->n; i++)
		if (strcasecmp(h->v[i].name, name) == 0)
			return h->v[i].value;
	return NULL;
}

static const struct {
	const char *code, *text;
} answers[] = {
#define X(name, errorcode, sentence) [ANSWER_##name] = { errorcode, sentence },
	ANSWER_LIST(X)
#undef X
};
_Static_assert(sizeof answers / sizeof *answers == ANSWER_COUNT, "one entry a kind");

const char *answer_code(enum answer_kind k)
{
	return answers[k].code;
}

const char *answer_text(enum answer_kind k)
{
	return answers[k].text;
}
