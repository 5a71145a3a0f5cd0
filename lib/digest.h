/*
 * digest.h - hashes and HMAC over libcrypto; comparison in constant time.
 * All outputs are raw bytes; *_hex forms write 2n hex digits and a NUL.
 */
#ifndef DIGEST_H
#define DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

#define SHA256_SIZE 32
#define SHA1_SIZE 20

void digest_sha256(const void *p, size_t n, unsigned char out[SHA256_SIZE]);
void digest_sha256_hex(const void *p, size_t n, char out[2 * SHA256_SIZE + 1]);
void digest_hmac_sha256(const void *key, size_t klen, const void *p, size_t n,
	unsigned char out[SHA256_SIZE]);
void digest_hmac_sha1(const void *key, size_t klen, const void *p, size_t n,
	unsigned char out[SHA1_SIZE]);
bool digest_equal(const void *a, const void *b, size_t n);
/* Ed25519 (RFC 8032) of p under the key that seed is. */
#define ED25519_SEED 32
#define ED25519_SIZE 64
void digest_ed25519(const unsigned char seed[ED25519_SEED], const void *p, size_t n,
	unsigned char out[ED25519_SIZE]);
/* Base64 (RFC 4648, 4), padded or not, into at most max bytes: how many, 0 when it is not
   that, or too long. */
size_t digest_unbase64(const char *s, size_t n, unsigned char *out, size_t max);
void digest_base64(struct buf *b, const void *p, size_t n);

/* Many pieces into one SHA-256: each piece is preceded by its length, so that
   ("ab","c") and ("a","bc") differ. For ids made of several strings. */
struct digest_pieces {
	void *ctx;
};
void digest_pieces_init(struct digest_pieces *d);
void digest_pieces_add(struct digest_pieces *d, const char *s);
void digest_pieces_end(struct digest_pieces *d, unsigned char out[SHA256_SIZE]);

/* SHA-256 of bytes that come in parts. */
struct digest_stream {
	void *ctx;			/* NULL: not begun, or ended */
};
void digest_stream_init(struct digest_stream *d);
void digest_stream_add(struct digest_stream *d, const void *p, size_t n);
void digest_stream_end(struct digest_stream *d, char hex[2 * SHA256_SIZE + 1]);

#endif
