/*
 * pem.h - looks at files of certificates and keys (PEM), for a person who set them up;
 * the transfers themselves are libcurl's.
 */
#ifndef PEM_H
#define PEM_H

#include <stdint.h>

#include "err.h"

/* Is key (a file that may be cert itself) the one of the first certificate in cert?
   until_us: when that certificate ends. ERR_CONFIG: which file, and what is wrong. */
int pem_pair(const char *cert, const char *key, int64_t *until_us, struct err *e);

#endif
