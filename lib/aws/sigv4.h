/*
 * sigv4.h - AWS Signature Version 4. Pure: a request and a time in, headers or a
 * presigned URL out. Format: docs.aws.amazon.com, "Create a signed AWS API request";
 * CodeCommit's password as git-remote clients make it.
 *
 * The URL is signed as the service reads it, whatever its spelling: query parameters
 * are decoded, encoded strictly and sorted; one without a value gets its "="; a path is
 * normalised and encoded once more, but S3's is taken as it is and encoded once.
 * Headers of one name are joined; what an agent on the way may change (User-Agent,
 * Expect, Connection, Transfer-Encoding, Content-Length) is not signed.
 *
 *	sigv4_sign(&r, &arena, &out, &e)	send r.headers and those of out
 */
#ifndef AWS_SIGV4_H
#define AWS_SIGV4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "mem.h"

#define SIGV4_UNSIGNED "UNSIGNED-PAYLOAD"
#define SIGV4_DATE_SIZE 17		/* 20150830T123600Z */

struct aws_keys {
	const char *access, *secret;
	const char *token;		/* of the session, "" none */
};

struct sigv4_header {
	const char *name, *value;
};

struct sigv4 {
	const char *method, *url;
	const struct sigv4_header *headers;	/* that will be sent, without Host */
	size_t nheaders;
	const char *sha256;		/* hex, of the body; or SIGV4_UNSIGNED */
	const char *region, *service;	/* service: its signing name; "s3" has its own rules */
	const struct aws_keys *keys;
	int64_t now_us;
};
/* Strings in the arena; "" : not to be sent. */
struct sigv4_signed {
	const char *authorization;
	const char *date;		/* X-Amz-Date */
	const char *token;		/* X-Amz-Security-Token */
	const char *sha256;		/* X-Amz-Content-SHA256, S3 only */
};
/* ERR_CONFIG: the URL has no host. */
int sigv4_sign(const struct sigv4 *r, struct arena *a, struct sigv4_signed *out, struct err *e);
/* The URL with the signature in its query, good for that long; r->headers are signed
   too and must be sent with it. NULL with e. */
const char *sigv4_presign(const struct sigv4 *r, int64_t seconds, struct arena *a, struct err *e);

/* The text that is hashed and signed, for tests and for people who compare. */
int sigv4_canonical(const struct sigv4 *r, struct arena *a, struct buf *out, struct err *e);

/* CodeCommit over https: git's user name and password for that host and path
   ("v1/repos/NAME"). The region is the host's. ERR_CONFIG: not a CodeCommit host. */
int sigv4_codecommit(const char *host, const char *path, const struct aws_keys *keys,
	int64_t now_us, struct arena *a, const char **user, const char **password, struct err *e);

/* Percent-encode but A-Za-z0-9-_.~ (and / when it is kept): the only spelling that all
   services agree on. */
void sigv4_encode(struct buf *b, const char *s, size_t n, bool keep_slash);
/* "20150830T123600Z" */
void sigv4_date(int64_t now_us, char out[SIGV4_DATE_SIZE]);

#endif
