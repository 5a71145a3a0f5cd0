/* whsig.c - see whsig.h. */
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "digest.h"
#include "whsig.h"

#define KEY_MAX 256			/* bytes of a secret; the specification has 24 to 64 */

/* The key after the prefix; its length, or 0. */
static size_t key_of(const struct secret *s, const char *prefix, unsigned char key[KEY_MAX])
{
	size_t n = strlen(prefix);

	if (s->len <= n || memcmp(s->s, prefix, n) != 0)
		return 0;
	return digest_unbase64(s->s + n, s->len - n, key, KEY_MAX);
}

static int sign_one(struct buf *value, const struct secret *s, const struct buf *content,
	struct err *e)
{
	unsigned char key[KEY_MAX], mac[ED25519_SIZE];
	size_t n = key_of(s, WHSIG_SYMMETRIC, key), size = SHA256_SIZE;
	int result = 0;

	if (n) {
		digest_hmac_sha256(key, n, content->s, content->len, mac);
		buf_str(value, value->len ? " v1," : "v1,");
	} else {
		n = key_of(s, WHSIG_ASYMMETRIC, key);
		size = ED25519_SIZE;
		if (n != ED25519_SEED && n != 2 * ED25519_SEED)
			result = err_set(e, ERR_CONFIG, "a line of secret-file is neither whsec_ and base64 "
				"(v1) nor whsk_ and the base64 of 32 or 64 bytes (v1a)");
		else
			digest_ed25519(key, content->s, content->len, mac);
		buf_str(value, value->len ? " v1a," : "v1a,");
	}
	if (result == 0)
		digest_base64(value, mac, size);
	explicit_bzero(key, sizeof key);
	return result;
}

int whsig_add(struct headers *out, const char *id, const struct secrets *s,
	const struct body *body, int64_t now_us, struct err *e)
{
	long long seconds = (long long)(now_us / US_PER_S);
	struct buf content, value;
	int result = 0;

	buf_init(&content, LIMIT_BODY + KIB);
	buf_init(&value, LIMIT_HEADER);
	buf_fmt(&content, "%s.%lld.", id, seconds);
	buf_add(&content, body->s, body->len);
	for (size_t i = 0; i < s->n && result == 0; i++)
		result = sign_one(&value, &s->v[i], &content, e);
	if (result == 0 && (headers_add(out, "webhook-id", id) ||
		headers_add(out, "webhook-timestamp", arena_fmt(out->a, "%lld", seconds)) ||
		headers_add(out, "webhook-signature", value.s)))
		result = err_set(e, ERR_CONFIG, "there are too many secrets for one header");
	buf_release(&content);
	buf_release(&value);
	return result;
}
