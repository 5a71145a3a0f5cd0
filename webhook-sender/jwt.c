/* jwt.c - see jwt.h. */
#include "jwt.h"

#include <string.h>

#include "clock.h"
#include "digest.h"
#include "json.h"
#include "rsa.h"

#define AGO_S 60
#define AHEAD_S (9 * 60)

/* Base64url without padding (RFC 7515, 2). */
static void add_url64(struct buf *b, const void *p, size_t n)
{
	size_t from = b->len;

	digest_base64(b, p, n);
	while (b->len > from && b->s[b->len - 1] == '=')
		b->s[--b->len] = '\0';
	for (size_t i = from; i < b->len; i++)
		b->s[i] = b->s[i] == '+' ? '-' : b->s[i] == '/' ? '_' : b->s[i];
}

static void add_claims(struct buf *b, const char *iss, int64_t now_us)
{
	struct buf claims;
	struct json j;

	buf_init(&claims, 4 * KIB);
	json_init(&j, &claims);
	json_object(&j);
	json_kv_int(&j, "iat", now_us / US_PER_S - AGO_S);
	json_kv_int(&j, "exp", now_us / US_PER_S + AHEAD_S);
	json_kv(&j, "iss", iss);
	json_end(&j);
	add_url64(b, claims.s, claims.len);
	buf_release(&claims);
}

static int nibble(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* Hex, as rsa.h hands it out, to bytes in place. */
static size_t from_hex(char *s)
{
	size_t n = 0;

	for (; s[2 * n] && s[2 * n + 1]; n++)
		s[n] = (char)(nibble(s[2 * n]) << 4 | nibble(s[2 * n + 1]));
	return n;
}

int jwt_make(struct arena *a, const char *pem, size_t n, const char *iss, int64_t now_us,
	const char **out, struct err *e)
{
	static const char head[] = "{\"alg\":\"RS256\",\"typ\":\"JWT\"}";
	struct rsa *key;
	struct buf b, hex;
	int failed;

	if (rsa_private_read(pem, n, &key, e))
		return -1;
	buf_init(&b, 16 * KIB);
	buf_init(&hex, 16 * KIB);
	add_url64(&b, head, sizeof(head) - 1);
	buf_chr(&b, '.');
	add_claims(&b, iss, now_us);
	failed = rsa_sign(key, b.s, b.len, &hex, e);
	if (!failed) {
		buf_chr(&b, '.');
		add_url64(&b, hex.s, from_hex(hex.s));
		*out = arena_memdup(a, b.s, b.len);
	}
	buf_release(&hex);
	buf_wipe(&b);
	rsa_free(key);
	return failed;
}
