/*
 * trail_key.h - the keys that sign the trail's digests.
 *
 *	STATE/trail/keys/signing.pem		0600: the pair in use
 *	STATE/trail/keys/FINGERPRINT.der	each public key there ever was, PKCS#1 DER
 *
 * FINGERPRINT is the first 32 hex digits of the DER's SHA-256. Rotating makes a new
 * pair and destroys the old private key: what it signed can no longer be signed anew.
 */
#ifndef TRAIL_KEY_H
#define TRAIL_KEY_H

#include "rsa.h"

#define TRAIL_FINGERPRINT 33

struct trail_key_pair {
	struct rsa *pair;
	char fingerprint[TRAIL_FINGERPRINT];
};
/* The pair in use; makes one where there is none yet. rsa_free(pair). */
int trail_key_use(const char *dir, struct trail_key_pair *out, struct err *e);
/* The same, but ERR_NOENT where there is none. */
int trail_key_read(const char *dir, struct trail_key_pair *out, struct err *e);
int trail_key_make(const char *dir, struct trail_key_pair *out, struct err *e);
int trail_key_public(const char *dir, const char *fingerprint, struct rsa **out, struct err *e);
void trail_key_fingerprint(const void *der, size_t n, char out[TRAIL_FINGERPRINT]);

#endif
