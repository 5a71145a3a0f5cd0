/* redact.c - see redact.h. */
#include "redact.h"

#include <string.h>
#include <strings.h>

#include "buf.h"
#include "digest.h"
#include "secrets.h"

#define HEADER_MIN 8			/* a shorter value is no secret, and would mask words */

bool redact_hides(const struct header *h)
{
	static const char *const words[] = {
		"authorization", "token", "secret", "cookie", "password", "api-key", "apikey",
		"x-auth",
	};

	for (const char *at = h->name; *at; at++)
		for (size_t i = 0; i < sizeof words / sizeof *words; i++)
			if ((*at | 0x20) == *words[i] && !strncasecmp(at, words[i], strlen(words[i])))
				return true;
	return h->hidden;
}

/* What of the URL of a request is not shown. */
struct hidden {
	struct secret user, basic, query;	/* basic: as the Authorization header has user */
};

static int hex_of(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 0x20) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* "user:password", percent-decoded, in base64. */
static struct secret basic_of(const struct secret *user, struct arena *a)
{
	char *text = arena_memdup(a, user->s, user->len);
	size_t n = 0;
	struct buf b;
	struct secret out;

	for (size_t i = 0; i < user->len; i++, n++) {
		int high = text[i] == '%' ? hex_of(text[i + 1]) : -1;
		int low = high >= 0 ? hex_of(text[i + 2]) : -1;

		text[n] = low >= 0 ? (char)(high * 16 + low) : text[i];
		i += low >= 0 ? 2 : 0;
	}
	buf_init(&b, 2 * LIMIT_URL);
	digest_base64(&b, text, n);
	out = (struct secret){ arena_memdup(a, b.s, b.len), b.len };
	buf_wipe(&b);
	return out;
}

static struct hidden hidden_of(const char *url, struct arena *a)
{
	const char *host = strstr(url, "://"), *end, *at;
	struct hidden h = { .user = { "", 0 }, .basic = { "", 0 }, .query = { "", 0 } };

	host = host ? host + 3 : url;
	end = host + strcspn(host, "/?#");
	at = memrchr(host, '@', (size_t)(end - host));
	if (at) {
		h.user = (struct secret){ host, (size_t)(at - host) };
		h.basic = basic_of(&h.user, a);
	}
	end += strcspn(end, "?#");
	if (*end)
		h.query = (struct secret){ end + 1, strlen(end + 1) };
	return h;
}

/* "Bearer TOKEN": the token too, where it was fetched and stands in no file. */
static void mask_header(const char *value, char *s, size_t n)
{
	const char *blank = strrchr(value, ' ');
	const struct secret whole = { value, strlen(value) };
	const struct secret last = { blank ? blank + 1 : "", blank ? strlen(blank + 1) : 0 };

	if (whole.len >= HEADER_MIN)
		secrets_mask_text(&whole, s, n);
	if (last.len >= HEADER_MIN)
		secrets_mask_text(&last, s, n);
}

static bool has_hidden(const struct request *r)
{
	for (size_t i = 0; i < r->headers.n; i++)
		if (r->headers.v[i].hidden)
			return true;
	return false;
}

/* A copy without the secrets. */
static const char *mask(const struct pipeline *p, const struct request *r, const struct hidden *h,
	const char *s, size_t n, struct arena *a)
{
	char *copy = arena_memdup(a, s, n);
	const char *path;

	for (size_t i = 0; config_secret_file(p, i, &path); i++)
		secrets_mask(path, copy, n);
	for (size_t i = 0; i < r->headers.n; i++)
		if (r->headers.v[i].hidden)
			mask_header(r->headers.v[i].value, copy, n);
	secrets_mask_text(&h->user, copy, n);
	secrets_mask_text(&h->basic, copy, n);
	secrets_mask_text(&h->query, copy, n);
	return copy;
}

static bool has_secrets(const struct pipeline *p)
{
	const char *path;

	for (size_t i = 0; config_secret_file(p, i, &path); i++)
		if (*path)
			return true;
	return false;
}

void redact_answer(const struct pipeline *p, const struct request *r, struct answer *a,
	struct arena *arena)
{
	struct hidden h = hidden_of(r->url, arena);

	if (!has_secrets(p) && !has_hidden(r) && !h.user.len && !h.query.len)
		return;
	if (h.user.len)
		arena->secret = true;
	a->body = mask(p, r, &h, a->body, a->body_len, arena);
	a->detail = mask(p, r, &h, a->detail, strlen(a->detail), arena);
	for (size_t i = 0; i < a->headers.n; i++)
		a->headers.v[i].value = mask(p, r, &h, a->headers.v[i].value,
			strlen(a->headers.v[i].value), arena);
}
