/* redact.c - see redact.h. */
#include "redact.h"

#include <string.h>

#include "secrets.h"

bool redact_hides(const struct header *h)
{
	static const char *const words[] = {
		"authorization", "token", "secret", "cookie", "password", "api-key", "apikey",
		"x-auth",
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcasestr(h->name, words[i]))
			return true;
	return h->hidden;
}

/* A copy without the secrets. */
static const char *mask(const struct pipeline *p, const char *s, size_t n, struct arena *a)
{
	char *copy = arena_memdup(a, s, n);

	secrets_mask(p->secret_file, copy, n);
	secrets_mask(p->url_file, copy, n);
	secrets_mask(p->header_file, copy, n);
	secrets_mask(p->proxy_login_file, copy, n);
	return copy;
}

void redact_answer(const struct pipeline *p, struct answer *a, struct arena *arena)
{
	if (!*p->secret_file && !*p->url_file && !*p->header_file && !*p->proxy_login_file)
		return;
	a->body = mask(p, a->body, a->body_len, arena);
	a->detail = mask(p, a->detail, strlen(a->detail), arena);
	for (size_t i = 0; i < a->headers.n; i++)
		a->headers.v[i].value = mask(p, a->headers.v[i].value, strlen(a->headers.v[i].value),
			arena);
}
