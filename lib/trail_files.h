/*
 * trail_files.h - where the trail's files are, what they are called, and in which
 * order their records stand.
 *
 *	STATE/trail/2026-11-23T14-0000000000000123.jsonl	live: hour, first sequence
 *	STATE/trail/refire/AWSLogs/ACCOUNT/CloudTrail/REGION/Y/M/D/
 *		ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHMMZ_UNIQUE.json.gz
 *	STATE/trail/refire/AWSLogs/ACCOUNT/CloudTrail-Digest/REGION/Y/M/D/
 *		ACCOUNT_CloudTrail-Digest_REGION_refire_REGION_YYYYMMDDTHHMMSSZ.json.gz
 *
 * UNIQUE is the sequence number of the file's last record: 13 digits to the base of
 * 36, and three zeros. So making a file twice makes the same one, and from the name alone one
 * knows what it covers. What is in STATE/trail/refire can be copied to a bucket as it
 * is: the names are S3's keys. A live file of older versions is called 2026-11-23.jsonl.
 *
 * A sealed file and the live file it was made from exist side by side until the live
 * one is removed: a list leaves out sealed files that a live one still covers.
 */
#ifndef TRAIL_FILES_H
#define TRAIL_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define TRAIL_PREFIX "refire"
#define TRAIL_NAME 40			/* bytes of a live file's name */
#define TRAIL_OBJECT 320		/* bytes of a key */

struct trail_file {
	char name[TRAIL_OBJECT];	/* below STATE/trail */
	bool sealed;
	int64_t sequence;		/* live: of its first record; sealed: of its last */
	int64_t from_us, to_us;		/* no record outside of this, unless the clock went back */
	int64_t size;
};
struct trail_files {
	struct trail_file *v;		/* free() */
	size_t n, cap;
};
/* Sealed and live files, oldest first. No directory is no files. */
int trail_files_list(const char *dir, struct trail_files *out, struct err *e);
/* Live ones alone. */
int trail_files_live(const char *dir, struct trail_files *out, struct err *e);
/* Every sealed file, also those a live one covers. */
int trail_files_sealed(const char *dir, struct trail_files *out, struct err *e);
/* Digests, by the time of their end. */
int trail_files_digests(const char *dir, struct trail_files *out, struct err *e);

bool trail_name_live(const char *name);
/* The name of a live file that begins with this record. */
void trail_name_make(int64_t time_us, int64_t sequence, char out[TRAIL_NAME]);
/* Keys, as S3 has them: below STATE/trail. */
void trail_object_log(const char *account, const char *region, int64_t time_us, int64_t last,
	char out[TRAIL_OBJECT]);
void trail_object_digest(const char *account, const char *region, int64_t end_us,
	char out[TRAIL_OBJECT]);

/* The number after "sequence": in a line of ours; 0 none. */
int64_t trail_sequence_of(const char *line, size_t n);

#endif
