/*
 * whsig.h - signatures by Standard Webhooks 1.0.0 (the specification's "Signature
 * scheme"): of "<id>.<unix seconds>.<body>", one for each secret, so that a receiver can
 * change over at any time of a rotation.
 *
 *	whsec_<base64>	v1: HMAC-SHA256
 *	whsk_<base64>	v1a: Ed25519; 32 bytes, the seed, or 64, seed and public key
 */
#ifndef WHSIG_H
#define WHSIG_H

#include "../format.h"

#define WHSIG_SYMMETRIC "whsec_"
#define WHSIG_ASYMMETRIC "whsk_"

/* Adds webhook-id, webhook-timestamp and webhook-signature. ERR_CONFIG: a secret is of
   neither kind. */
int whsig_add(struct headers *out, const char *id, const struct secrets *s,
	const struct body *body, int64_t now_us, struct err *e);

#endif
