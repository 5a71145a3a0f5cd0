/*
 * trail_digest.h - one digest file: what was sealed in a period, signed, and chained to
 * the digest before. The fields and the string that is signed are CloudTrail's (the
 * user guide's "CloudTrail log file integrity validation", custom implementations).
 *
 * Fields of our own, which other validators pass over: newestSequence, of the last record
 * sealed so far, and of each log file fileHashValue, the hash of the compressed file: it
 * shows what the hash of the content cannot, a second gzip member.
 *
 * The digest itself is stored in gzip, not compressed, so that its bytes follow from its
 * content. Its signature, which S3 keeps as metadata, is in NAME.sig beside it.
 */
#ifndef TRAIL_DIGEST_H
#define TRAIL_DIGEST_H

#include <stdint.h>

#include "buf.h"
#include "digest.h"
#include "err.h"
#include "mem.h"

#define DIGEST_HEX (2 * SHA256_SIZE + 1)

struct trail_digest_log {
	const char *object;
	const char *hash, *file_hash;
	int64_t oldest_us, newest_us;
};
struct trail_digest {
	const char *account, *bucket, *object, *fingerprint;
	int64_t start_us, end_us;
	int64_t sequence;
	const char *before, *before_hash, *before_signature;	/* "" none */
	struct trail_digest_log *logs;
	size_t nlogs, cap_logs;
};

void trail_digest_render(const struct trail_digest *d, struct buf *out);
int trail_digest_parse(struct arena *a, const char *json, size_t n, struct trail_digest *out,
	struct err *e);
/* What is signed: hash is the content's. */
void trail_digest_string(const struct trail_digest *d, const char *hash, struct buf *out);

struct trail_digest_file {
	struct trail_digest d;		/* its strings and logs in the arena */
	char hash[DIGEST_HEX];
	const char *signature;		/* "" there is none */
};
/* name: below dir. ERR_DATA when it is not exactly as it was written. */
int trail_digest_read(const char *dir, const char *name, struct arena *a,
	struct trail_digest_file *out, struct err *e);
/* Signature first: a digest without one does not exist. */
int trail_digest_write(const char *dir, const struct trail_digest *d, const char *signature,
	struct err *e);

#endif
