/* trail_key.c - see trail_key.h. */
#include "trail_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "fs.h"

#define BITS 2048			/* as CloudTrail's own */
#define KEY_MAX (64 * KIB)

void trail_key_fingerprint(const void *der, size_t n, char out[TRAIL_FINGERPRINT])
{
	char hex[2 * SHA256_SIZE + 1];

	digest_sha256_hex(der, n, hex);
	snprintf(out, TRAIL_FINGERPRINT, "%.32s", hex);
}

static int path_in(const char *dir, const char *name, const char *ext, char out[LIMIT_PATH],
	struct err *e)
{
	if (snprintf(out, LIMIT_PATH, "%s/keys/%s%s", dir, name, ext) < LIMIT_PATH)
		return 0;
	return err_set(e, ERR_CONFIG, "path too long: %.100s", dir);
}

static int public_of(struct trail_key_pair *k, struct buf *der, struct err *e)
{
	if (rsa_public_write(k->pair, der, e))
		return -1;
	trail_key_fingerprint(der->s, der->len, k->fingerprint);
	return 0;
}

/* The public half first: nothing is ever signed with a key that cannot be looked up. */
static int store(const char *dir, struct trail_key_pair *k, struct buf *pem, struct buf *der,
	struct err *e)
{
	char path[LIMIT_PATH];

	return public_of(k, der, e) || rsa_private_write(k->pair, pem, e) ||
		path_in(dir, "", "", path, e) || fs_mkdirs(path, 0700, e) ||
		path_in(dir, k->fingerprint, ".der", path, e) ||
		fs_replace(path, 0644, der->s, der->len, e) ||
		path_in(dir, "signing", ".pem", path, e) ||
		fs_replace(path, 0600, pem->s, pem->len, e) ? -1 : 0;
}

int trail_key_make(const char *dir, struct trail_key_pair *out, struct err *e)
{
	struct buf pem, der;
	int failed;

	if (rsa_make(BITS, &out->pair, e))
		return -1;
	buf_init(&pem, KEY_MAX);
	buf_init(&der, KEY_MAX);
	failed = store(dir, out, &pem, &der, e);
	memset(pem.s, 0, pem.len);
	buf_release(&pem);
	buf_release(&der);
	if (failed)
		rsa_free(out->pair);
	return failed;
}

int trail_key_read(const char *dir, struct trail_key_pair *out, struct err *e)
{
	char path[LIMIT_PATH], *pem;
	struct buf der;
	size_t n;
	int failed;

	if (path_in(dir, "signing", ".pem", path, e) || fs_read_path(path, KEY_MAX, &pem, &n, NULL, e))
		return -1;
	failed = fs_check_private(path, true, e) || rsa_private_read(pem, n, &out->pair, e);
	memset(pem, 0, n);
	free(pem);
	if (failed)
		return err_wrap(e, "the signing key %s", path);
	buf_init(&der, KEY_MAX);
	failed = public_of(out, &der, e);
	buf_release(&der);
	if (failed)
		rsa_free(out->pair);
	return failed;
}

int trail_key_use(const char *dir, struct trail_key_pair *out, struct err *e)
{
	if (trail_key_read(dir, out, e) == 0)
		return 0;
	return e->code == ERR_NOENT ? trail_key_make(dir, out, e) : -1;
}

int trail_key_public(const char *dir, const char *fingerprint, struct rsa **out, struct err *e)
{
	char path[LIMIT_PATH], *der, own[TRAIL_FINGERPRINT];
	size_t n;
	int failed;

	if (strlen(fingerprint) != TRAIL_FINGERPRINT - 1 ||
	    fingerprint[strspn(fingerprint, "0123456789abcdef")])
		return err_set(e, ERR_DATA, "no fingerprint of a key: %.40s", fingerprint);
	if (path_in(dir, fingerprint, ".der", path, e) ||
	    fs_read_path(path, KEY_MAX, &der, &n, NULL, e))
		return err_wrap(e, "its public key");
	trail_key_fingerprint(der, n, own);
	failed = strcmp(own, fingerprint) ? err_set(e, ERR_DATA, "the public key %s was changed", path) :
		rsa_public_read(der, n, out, e);
	free(der);
	return failed;
}
