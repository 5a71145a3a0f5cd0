/* pem.c - see pem.h. */
#include "pem.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <time.h>

#include "clock.h"

/* Of an encrypted key: there is nobody to ask. */
static int no_passphrase(char *out, int size, int writing, void *asked)
{
	(void)out;
	(void)size;
	(void)writing;
	*(bool *)asked = true;
	return -1;
}

static X509 *cert_read(const char *path, struct err *e)
{
	FILE *f = fopen(path, "re");
	X509 *x;

	if (!f) {
		err_sys(e, "cannot open %s", path);
		return NULL;
	}
	x = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	if (!x)
		err_set(e, ERR_CONFIG, "%s holds no certificate in PEM", path);
	return x;
}

static EVP_PKEY *key_read(const char *path, struct err *e)
{
	bool asked = false;
	FILE *f = fopen(path, "re");
	EVP_PKEY *k;

	if (!f) {
		err_sys(e, "cannot open %s", path);
		return NULL;
	}
	k = PEM_read_PrivateKey(f, NULL, no_passphrase, &asked);
	fclose(f);
	if (!k)
		err_set(e, ERR_CONFIG, asked ? "the key in %s is encrypted, and refire has nobody to ask: "
			"store it without a passphrase, mode 0600" : "%s holds no private key in PEM", path);
	return k;
}

int pem_pair(const char *cert, const char *key, int64_t *until_us, struct err *e)
{
	X509 *x = cert_read(cert, e);
	EVP_PKEY *k = x ? key_read(key, e) : NULL;
	struct tm end = { 0 };
	int result = k ? 0 : -1;

	if (k && X509_check_private_key(x, k) != 1)
		result = err_set(e, ERR_CONFIG, "the key in %s is not the one of the certificate in %s", key,
			cert);
	if (k && ASN1_TIME_to_tm(X509_get0_notAfter(x), &end) == 1)
		*until_us = (int64_t)timegm(&end) * US_PER_S;
	EVP_PKEY_free(k);
	X509_free(x);
	return result;
}
