/*
 * profile.h - the files that AWS's tools share, ~/.aws/config and ~/.aws/credentials. Pure.
 *
 *	[profile web]
 *	role_arn = arn:aws:iam::123456789012:role/deploy
 *	s3 =
 *	  endpoint_url = http://127.0.0.1:9000
 *
 * Format: docs.aws.amazon.com/sdkref, "Shared config and credentials files". Lines that
 * begin with # or ; are comments, as is what follows " #" or " ;" in a value; an
 * indented line is a key below the one before. Where something is given twice, the
 * later one holds. What cannot be read is an error: half a file would be the wrong keys.
 */
#ifndef AWS_PROFILE_H
#define AWS_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "mem.h"

struct profile_item {
	const char *section, *key, *sub, *value;	/* sub: the key below key; "" none */
};
struct profiles {
	struct profile_item *v;
	size_t n, cap;
};

/* Adds what text says; label is the file in the sentence. All strings in a. ERR_CONFIG. */
int profile_parse(const char *label, const char *text, size_t n, struct arena *a,
	struct profiles *out, struct err *e);
/* NULL: not set. p may be NULL. */
const char *profile_get(const struct profiles *p, const char *section, const char *key,
	const char *sub);
bool profile_has(const struct profiles *p, const char *section);
/* "profile web", "default": its section in the config file. */
const char *profile_section(struct arena *a, const char *profile);

#endif
