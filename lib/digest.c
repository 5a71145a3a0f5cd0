/* digest.c - see digest.h. The only file with openssl's digest headers.
   libcrypto's calls for SHA and HMAC fail only for want of memory, which ends
   the process (mem.h's policy). */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "err.h"
#include "limits.h"
#include "mem.h"

/* libcrypto 3.0 goes on with a null pointer where its first allocations fail: so what
   it wants is given, or the process ends (mem.h); only what is large may be refused. */
static void *resize(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	if (!n) {
		free(p);
		return NULL;
	}
	return n < MIB ? mem_realloc(p, n) : realloc(p, n);
}

static void *make(size_t n, const char *file, int line)
{
	return resize(NULL, n, file, line);
}

static void release(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

/* Before anybody has used it: it takes no other functions later. */
__attribute__((constructor)) static void set_up_memory(void)
{
	CRYPTO_set_mem_functions(make, resize, release);
}

static void must(int worked)
{
	if (!worked) {
		fputs("refire: libcrypto failed, for want of memory; nothing recorded is lost, "
			"run it again\n", stderr);
		exit(ERR_TEMP);
	}
}

/* Fetched once: EVP_sha256() is looked up anew at each use. */
static EVP_MD *sha256, *sha1;

static void fetch(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	must(sha256 && sha1);
}

static void fetched(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, fetch);
}

void digest_sha256(const void *p, size_t n, unsigned char out[SHA256_SIZE])
{
	fetched();
	must(EVP_Digest(p, n, out, NULL, sha256, NULL));
}

static void digest_to_hex(const unsigned char *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

void digest_sha256_hex(const void *p, size_t n, char out[2 * SHA256_SIZE + 1])
{
	unsigned char raw[SHA256_SIZE];

	digest_sha256(p, n, raw);
	digest_to_hex(raw, sizeof raw, out);
}

#define BLOCK 64			/* bytes, of SHA-1 and of SHA-256 */

static void half(EVP_MD_CTX *ctx, const EVP_MD *md, const unsigned char key[BLOCK], unsigned char pad,
	const void *p, size_t n, unsigned char *out)
{
	unsigned char padded[BLOCK];

	for (size_t i = 0; i < BLOCK; i++)
		padded[i] = key[i] ^ pad;
	must(EVP_DigestInit_ex(ctx, md, NULL) && EVP_DigestUpdate(ctx, padded, BLOCK) &&
		EVP_DigestUpdate(ctx, p, n) && EVP_DigestFinal_ex(ctx, out, NULL));
	OPENSSL_cleanse(padded, BLOCK);
}

/* RFC 2104. HMAC() looks its algorithms up by name each time. */
static void digest_hmac(const EVP_MD *md, size_t size, const void *key, size_t klen,
	const void *p, size_t n, unsigned char *out)
{
	unsigned char block[BLOCK] = { 0 };
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	must(ctx != NULL);
	if (klen > BLOCK)
		must(EVP_Digest(key, klen, block, NULL, md, NULL));
	else if (klen)
		memcpy(block, key, klen);
	half(ctx, md, block, 0x36, p, n, out);
	half(ctx, md, block, 0x5c, out, size, out);
	EVP_MD_CTX_free(ctx);
	OPENSSL_cleanse(block, BLOCK);
}

void digest_hmac_sha256(const void *key, size_t klen, const void *p, size_t n,
	unsigned char out[SHA256_SIZE])
{
	fetched();
	digest_hmac(sha256, SHA256_SIZE, key, klen, p, n, out);
}

void digest_hmac_sha1(const void *key, size_t klen, const void *p, size_t n,
	unsigned char out[SHA1_SIZE])
{
	fetched();
	digest_hmac(sha1, SHA1_SIZE, key, klen, p, n, out);
}

bool digest_equal(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}

void digest_ed25519(const unsigned char seed[ED25519_SEED], const void *p, size_t n,
	unsigned char out[ED25519_SIZE])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, ED25519_SEED);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t size = ED25519_SIZE;

	must(key && ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) &&
		EVP_DigestSign(ctx, out, &size, p, n));
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
}

static int digit_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

size_t digest_unbase64(const char *s, size_t n, unsigned char *out, size_t max)
{
	size_t len = 0;
	unsigned v = 0;
	int bits = 0;

	while (n && s[n - 1] == '=')
		n--;
	for (size_t i = 0; i < n; i++) {
		int d = digit_of(s[i]);

		if (d < 0)
			return 0;
		v = v << 6 | (unsigned)d;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		if (len == max)
			return 0;
		out[len++] = (unsigned char)(v >> bits);
	}
	return bits < 6 && !(v & ((1u << bits) - 1)) ? len : 0;
}

void digest_base64(struct buf *b, const void *p, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *s = p;
	size_t i;

	for (i = 0; i + 2 < n; i += 3) {
		unsigned v = (unsigned)s[i] << 16 | (unsigned)s[i + 1] << 8 | s[i + 2];
		char four[4] = { digits[v >> 18], digits[v >> 12 & 63], digits[v >> 6 & 63],
			digits[v & 63] };

		buf_add(b, four, 4);
	}
	if (i < n) {
		unsigned v = (unsigned)s[i] << 16 | (i + 1 < n ? (unsigned)s[i + 1] << 8 : 0);
		char four[4] = { digits[v >> 18], digits[v >> 12 & 63],
			i + 1 < n ? digits[v >> 6 & 63] : '=', '=' };

		buf_add(b, four, 4);
	}
}

static void *digest_begin(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	fetched();
	must(ctx && EVP_DigestInit_ex(ctx, sha256, NULL));
	return ctx;
}

void digest_pieces_init(struct digest_pieces *d)
{
	d->ctx = digest_begin();
}

void digest_pieces_add(struct digest_pieces *d, const char *s)
{
	uint64_t n = strlen(s);
	unsigned char len[8];

	for (int i = 0; i < 8; i++)
		len[i] = (unsigned char)(n >> (56 - 8 * i));
	must(EVP_DigestUpdate(d->ctx, len, sizeof len) && EVP_DigestUpdate(d->ctx, s, n));
}

void digest_pieces_end(struct digest_pieces *d, unsigned char out[SHA256_SIZE])
{
	must(EVP_DigestFinal_ex(d->ctx, out, NULL));
	EVP_MD_CTX_free(d->ctx);
	d->ctx = NULL;
}

void digest_stream_init(struct digest_stream *d)
{
	d->ctx = digest_begin();
}

void digest_stream_add(struct digest_stream *d, const void *p, size_t n)
{
	must(EVP_DigestUpdate(d->ctx, p, n));
}

void digest_stream_end(struct digest_stream *d, char hex[2 * SHA256_SIZE + 1])
{
	unsigned char raw[SHA256_SIZE];

	must(EVP_DigestFinal_ex(d->ctx, raw, NULL));
	EVP_MD_CTX_free(d->ctx);
	d->ctx = NULL;
	digest_to_hex(raw, sizeof raw, hex);
}
