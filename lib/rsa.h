/*
 * rsa.h - RSA signatures, PKCS#1 v1.5 over SHA-256 (RFC 8017, 8.2), by libcrypto.
 * Public keys are DER of RSAPublicKey (RFC 8017, A.1.1), as CloudTrail hands them out.
 */
#ifndef RSA_H
#define RSA_H

#include <stddef.h>

#include "buf.h"
#include "err.h"

struct rsa;			/* a pair, or a public key alone */

int rsa_make(int bits, struct rsa **out, struct err *e);
void rsa_free(struct rsa *r);
/* PEM of the pair. */
int rsa_private_write(const struct rsa *r, struct buf *out, struct err *e);
int rsa_private_read(const char *pem, size_t n, struct rsa **out, struct err *e);
int rsa_public_write(const struct rsa *r, struct buf *out, struct err *e);
int rsa_public_read(const void *der, size_t n, struct rsa **out, struct err *e);

/* Lower-case hex of the signature. */
int rsa_sign(const struct rsa *r, const void *p, size_t n, struct buf *hex, struct err *e);
/* 0 it is, ERR_DATA it is not. */
int rsa_verify(const struct rsa *r, const void *p, size_t n, const char *hex, struct err *e);

#endif
