/* rsa.c - see rsa.h. */
#define INT_MAX __INT_MAX__		/* <limits.h> is hidden by ours, and openssl/err.h needs it */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "rsa.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

#define SIGNATURE_MAX 1024		/* bytes: keys of 8192 bits */

struct rsa {
	EVP_PKEY *key;
};

static int refuse(struct err *e, const char *what)
{
	unsigned long code = ERR_get_error();
	const char *why = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return err_set(e, ERR_DATA, "%s%s%s", what, why ? ": " : "", why ? why : "");
}

static int wrap(EVP_PKEY *key, struct rsa **out, const char *what, struct err *e)
{
	if (!key || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) {
		EVP_PKEY_free(key);
		return refuse(e, what);
	}
	*out = mem_alloc(sizeof(**out));
	(*out)->key = key;
	return 0;
}

int rsa_make(int bits, struct rsa **out, struct err *e)
{
	return wrap(EVP_RSA_gen((unsigned)bits), out, "cannot make a key", e);
}

void rsa_free(struct rsa *r)
{
	if (!r)
		return;
	EVP_PKEY_free(r->key);
	free(r);
}

int rsa_private_write(const struct rsa *r, struct buf *out, struct err *e)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *p;
	long n;
	int failed = !b || !PEM_write_bio_PrivateKey(b, r->key, NULL, NULL, 0, NULL, NULL);

	if (!failed) {
		n = BIO_get_mem_data(b, &p);
		buf_add(out, p, (size_t)n);
	}
	BIO_free(b);
	return failed ? refuse(e, "cannot write the key") : 0;
}

int rsa_private_read(const char *pem, size_t n, struct rsa **out, struct err *e)
{
	BIO *b = BIO_new_mem_buf(pem, (int)n);
	EVP_PKEY *key = b ? PEM_read_bio_PrivateKey(b, NULL, NULL, NULL) : NULL;

	BIO_free(b);
	return wrap(key, out, "not an RSA key in PEM", e);
}

int rsa_public_write(const struct rsa *r, struct buf *out, struct err *e)
{
	unsigned char *der = NULL;
	int n = i2d_PublicKey(r->key, &der);

	if (n <= 0)
		return refuse(e, "cannot write the public key");
	buf_add(out, der, (size_t)n);
	OPENSSL_free(der);
	return 0;
}

int rsa_public_read(const void *der, size_t n, struct rsa **out, struct err *e)
{
	const unsigned char *p = der;
	EVP_PKEY *key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, (long)n);

	if (key && p != (const unsigned char *)der + n) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	return wrap(key, out, "not an RSA public key (PKCS#1 DER)", e);
}

int rsa_sign(const struct rsa *r, const void *p, size_t n, struct buf *hex, struct err *e)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	unsigned char out[SIGNATURE_MAX];
	size_t len = sizeof(out);
	int good = c && EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, r->key) == 1 &&
		EVP_DigestSign(c, out, &len, p, n) == 1;

	EVP_MD_CTX_free(c);
	if (!good)
		return refuse(e, "cannot sign");
	buf_hex(hex, out, len);
	return 0;
}

static int nibble(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static size_t from_hex(const char *hex, unsigned char *out)
{
	size_t n = 0;

	for (; hex[0] && n < SIGNATURE_MAX; hex += 2) {
		int high = nibble(hex[0]), low = high < 0 ? -1 : nibble(hex[1]);

		if (low < 0)
			return 0;
		out[n++] = (unsigned char)(high << 4 | low);
	}
	return *hex ? 0 : n;
}

int rsa_verify(const struct rsa *r, const void *p, size_t n, const char *hex, struct err *e)
{
	unsigned char signature[SIGNATURE_MAX];
	size_t len = from_hex(hex, signature);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	int good = len && c && EVP_DigestVerifyInit(c, NULL, EVP_sha256(), NULL, r->key) == 1 &&
		EVP_DigestVerify(c, signature, len, p, n) == 1;

	EVP_MD_CTX_free(c);
	ERR_clear_error();
	return good ? 0 : err_set(e, ERR_DATA, "the signature is not that of this key");
}
