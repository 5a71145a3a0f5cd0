/*
 * jwt.h - a JSON Web Token signed by RS256 (RFC 7519, RFC 7518 section 3.3), as a GitHub App
 * shows who it is: iss, iat a minute ago (clocks differ), exp nine minutes ahead of ten allowed.
 */
#ifndef JWT_H
#define JWT_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "mem.h"

/* pem: the private key, RSA. ERR_DATA: it is none. */
int jwt_make(struct arena *a, const char *pem, size_t n, const char *iss, int64_t now_us,
	const char **out, struct err *e);

#endif
