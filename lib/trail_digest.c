/* trail_digest.c - see trail_digest.h. */
#include <jansson.h>

#include "trail_digest.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "fs.h"
#include "gzip.h"
#include "json.h"

#define DIGEST_MAX (64 * MIB)
#define SIGNATURE_MAX 4096

/* ---- to JSON ---- */

static void time_put(struct json *j, const char *key, int64_t us)
{
	char t[CLOCK_ISO_SIZE];

	json_kv(j, key, us ? clock_iso(us, t) : NULL);
}

static const char *or_null(const char *s)
{
	return *s ? s : NULL;
}

static void log_put(struct json *j, const struct trail_digest *d, const struct trail_digest_log *l)
{
	json_object(j);
	json_kv(j, "s3Bucket", d->bucket);
	json_kv(j, "s3Object", l->object);
	json_kv(j, "hashValue", l->hash);
	json_kv(j, "hashAlgorithm", "SHA-256");
	time_put(j, "newestEventTime", l->newest_us);
	time_put(j, "oldestEventTime", l->oldest_us);
	json_kv(j, "fileHashValue", l->file_hash);
	json_end(j);
}

void trail_digest_render(const struct trail_digest *d, struct buf *out)
{
	int64_t oldest = 0, newest = 0;
	struct json j;

	for (size_t i = 0; i < d->nlogs; i++) {
		if (!oldest || d->logs[i].oldest_us < oldest)
			oldest = d->logs[i].oldest_us;
		if (d->logs[i].newest_us > newest)
			newest = d->logs[i].newest_us;
	}
	json_init(&j, out);
	json_object(&j);
	json_kv(&j, "awsAccountId", d->account);
	time_put(&j, "digestStartTime", d->start_us);
	time_put(&j, "digestEndTime", d->end_us);
	json_kv(&j, "digestS3Bucket", d->bucket);
	json_kv(&j, "digestS3Object", d->object);
	json_kv(&j, "digestPublicKeyFingerprint", d->fingerprint);
	json_kv(&j, "digestSignatureAlgorithm", "SHA256withRSA");
	time_put(&j, "newestEventTime", newest);
	time_put(&j, "oldestEventTime", oldest);
	json_kv(&j, "previousDigestS3Bucket", *d->before ? d->bucket : NULL);
	json_kv(&j, "previousDigestS3Object", or_null(d->before));
	json_kv(&j, "previousDigestHashValue", or_null(d->before_hash));
	json_kv(&j, "previousDigestHashAlgorithm", *d->before ? "SHA-256" : NULL);
	json_kv(&j, "previousDigestSignature", or_null(d->before_signature));
	json_key(&j, "newestSequence");
	json_int(&j, d->sequence);
	json_key(&j, "logFiles");
	json_array(&j);
	for (size_t i = 0; i < d->nlogs; i++)
		log_put(&j, d, &d->logs[i]);
	json_end(&j);
	json_end(&j);
}

void trail_digest_string(const struct trail_digest *d, const char *hash, struct buf *out)
{
	char t[CLOCK_ISO_SIZE];

	buf_fmt(out, "%s\n%s/%s\n%s\n%s", clock_iso(d->end_us, t), d->bucket, d->object, hash,
		*d->before_signature ? d->before_signature : "null");
}

/* ---- from JSON ---- */

static const char *text(struct arena *a, const json_t *o, const char *key)
{
	return arena_strdup(a, json_string_value(json_object_get(o, key)));
}

static int64_t time_get(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	int64_t at;

	return s && !clock_parse(s, 0, &at) ? at : 0;
}

static void logs_get(struct arena *a, const json_t *list, struct trail_digest *out)
{
	size_t i, n = json_array_size(list);
	json_t *o;

	out->logs = arena_alloc(a, (n + 1) * sizeof(*out->logs));
	out->nlogs = n;
	json_array_foreach((json_t *)(uintptr_t)list, i, o)
		out->logs[i] = (struct trail_digest_log){ .object = text(a, o, "s3Object"),
			.hash = text(a, o, "hashValue"), .file_hash = text(a, o, "fileHashValue"),
			.oldest_us = time_get(o, "oldestEventTime"),
			.newest_us = time_get(o, "newestEventTime") };
}

int trail_digest_parse(struct arena *a, const char *json, size_t n, struct trail_digest *out,
	struct err *e)
{
	json_t *o = json_loadb(json, n, JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_object(o)) {
		json_decref(o);
		return err_set(e, ERR_DATA, "it is no JSON object");
	}
	*out = (struct trail_digest){ .account = text(a, o, "awsAccountId"),
		.bucket = text(a, o, "digestS3Bucket"), .object = text(a, o, "digestS3Object"),
		.fingerprint = text(a, o, "digestPublicKeyFingerprint"),
		.start_us = time_get(o, "digestStartTime"), .end_us = time_get(o, "digestEndTime"),
		.sequence = json_integer_value(json_object_get(o, "newestSequence")),
		.before = text(a, o, "previousDigestS3Object"),
		.before_hash = text(a, o, "previousDigestHashValue"),
		.before_signature = text(a, o, "previousDigestSignature") };
	logs_get(a, json_object_get(o, "logFiles"), out);
	json_decref(o);
	return 0;
}

/* ---- files ---- */

static int path_of(const char *dir, const char *name, bool signature, char out[LIMIT_PATH],
	struct err *e)
{
	size_t n = strlen(name) - (signature ? strlen(".json.gz") : 0);

	if (snprintf(out, LIMIT_PATH, "%s/%.*s%s", dir, (int)n, name, signature ? ".sig" : "") < LIMIT_PATH)
		return 0;
	return err_set(e, ERR_CONFIG, "path too long: %.100s", dir);
}

static int add_piece(const char *p, size_t n, void *arg)
{
	buf_add(arg, p, n);
	return 0;
}

/* Its content, when the file is what gzip_stored makes of it, byte for byte. */
static int content_of(const char *file, size_t n, struct buf *content, struct err *e)
{
	struct buf same;
	int failed;

	if (gzip_read(file, n, DIGEST_MAX, add_piece, NULL, content, e))
		return -1;
	buf_init(&same, DIGEST_MAX + MIB);
	gzip_stored(content->s, content->len, &same);
	failed = same.len != n || memcmp(same.s, file, n) ?
		err_set(e, ERR_DATA, "it is not as it was written") : 0;
	buf_release(&same);
	return failed;
}

static int signature_read(const char *dir, const char *name, struct arena *a, const char **out,
	struct err *e)
{
	char path[LIMIT_PATH], *s;
	size_t n;

	*out = "";
	if (path_of(dir, name, true, path, e))
		return -1;
	if (fs_read_path(path, SIGNATURE_MAX, &s, &n, NULL, e))
		return err_wrap(e, "its signature");
	*out = arena_memdup(a, s, n && s[n - 1] == '\n' ? n - 1 : n);
	free(s);
	return 0;
}

int trail_digest_read(const char *dir, const char *name, struct arena *a,
	struct trail_digest_file *out, struct err *e)
{
	char path[LIMIT_PATH], *file;
	struct buf content;
	size_t n;
	int failed;

	if (path_of(dir, name, false, path, e) || fs_read_path(path, DIGEST_MAX, &file, &n, NULL, e))
		return -1;
	buf_init(&content, DIGEST_MAX);
	failed = content_of(file, n, &content, e) ||
		trail_digest_parse(a, content.s, content.len, &out->d, e) ||
		signature_read(dir, name, a, &out->signature, e);
	digest_sha256_hex(content.s, content.len, out->hash);
	buf_release(&content);
	free(file);
	return failed ? -1 : 0;
}

int trail_digest_write(const char *dir, const struct trail_digest *d, const char *signature,
	struct err *e)
{
	char path[LIMIT_PATH], folder[LIMIT_PATH];
	struct buf content, file;
	int failed;

	if (path_of(dir, d->object, true, path, e))
		return -1;
	memcpy(folder, path, sizeof(folder));
	buf_init(&content, DIGEST_MAX);
	buf_init(&file, DIGEST_MAX + MIB);
	trail_digest_render(d, &content);
	gzip_stored(content.s, content.len, &file);
	failed = fs_mkdirs(dirname(folder), 0750, e) ||
		fs_replace(path, 0640, signature, strlen(signature), e) ||
		path_of(dir, d->object, false, path, e) || fs_replace(path, 0640, file.s, file.len, e);
	buf_release(&content);
	buf_release(&file);
	return failed ? -1 : 0;
}
