/* trail_verify.c - see trail_verify.h. */
#include "trail_verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "fs.h"
#include "gzip.h"
#include "trail_digest.h"
#include "trail_index.h"
#include "trail_key.h"
#include "trail_seal.h"

#define WITNESS_MAX (256 * MIB)
#define SEALED_FILE_MAX (1024 * MIB)

const char *const trail_state_words[TRAIL_STATES] = {
	[TRAIL_VALID] = "valid", [TRAIL_CHANGED] = "changed", [TRAIL_MISSING] = "missing",
	[TRAIL_CUT] = "cut", [TRAIL_UNLISTED] = "unlisted",
};

struct checking {
	struct trail_verify *v;
	struct arena arena;
	struct trail_files digests, sealed;
	bool *listed;			/* of sealed */
	const char **signatures;	/* of digests; NULL: not valid */
	const char *key_name;		/* fingerprint of the key at hand */
	struct rsa *key;
	size_t done;
	struct err *e;
};

static void tell(struct checking *c, enum trail_state state, bool digest, const char *object,
	const char *why)
{
	struct trail_verify *v = c->v;

	++*(digest ? &v->digests[state] : &v->logs[state]);
	if (v->each)
		v->each(&(struct trail_verdict){ state, digest, object, why }, v->arg);
}

/* ---- log files ---- */

static int hash_piece(const char *p, size_t n, void *arg)
{
	digest_stream_add(arg, p, n);
	return 0;
}

static bool log_same(const char *file, size_t n, const struct trail_digest_log *l, struct err *e)
{
	struct digest_stream content;
	char hex[DIGEST_HEX];
	int failed;

	digest_stream_init(&content);
	failed = gzip_read(file, n, TRAIL_SEALED_MAX, hash_piece, NULL, &content, e);
	digest_stream_end(&content, hex);
	if (!failed && strcmp(hex, l->hash))
		failed = err_set(e, ERR_DATA, "its content is not what was sealed");
	digest_sha256_hex(file, n, hex);
	if (!failed && strcmp(hex, l->file_hash))
		failed = err_set(e, ERR_DATA, "its records are as they were sealed, but the file was written anew");
	return !failed;
}

/* Names come from a digest whose signature may not hold: nothing outside is opened. */
static bool name_ok(const char *object)
{
	return !strncmp(object, TRAIL_PREFIX "/AWSLogs/", strlen(TRAIL_PREFIX "/AWSLogs/")) &&
		!strstr(object, "..") && strlen(object) < TRAIL_OBJECT;
}

static void listed_mark(struct checking *c, const char *object)
{
	for (size_t i = c->sealed.n; i > 0; i--)
		if (!strcmp(c->sealed.v[i - 1].name, object))
			c->listed[i - 1] = true;
}

static void log_check(struct checking *c, const struct trail_digest_log *l)
{
	char path[LIMIT_PATH + TRAIL_OBJECT], *file;
	struct err e;
	size_t n;

	if (c->v->progress)
		c->v->progress(c->done, c->digests.n + c->sealed.n, c->v->arg);
	c->done++;
	if (!name_ok(l->object)) {
		tell(c, TRAIL_MISSING, false, l->object, "no name of a sealed file");
		return;
	}
	listed_mark(c, l->object);
	snprintf(path, sizeof(path), "%s/%s", c->v->dir, l->object);
	if (fs_read_path(path, SEALED_FILE_MAX, &file, &n, NULL, &e)) {
		tell(c, e.code == ERR_NOENT ? TRAIL_MISSING : TRAIL_CHANGED, false, l->object, e.text);
		return;
	}
	if (log_same(file, n, l, &e))
		tell(c, TRAIL_VALID, false, l->object, "");
	else
		tell(c, TRAIL_CHANGED, false, l->object, e.text);
	free(file);
}

/* ---- digests ---- */

static int key_find(struct checking *c, const char *fingerprint, struct err *e)
{
	if (c->v->key || (c->key && !strcmp(c->key_name, fingerprint)))
		return 0;
	rsa_free(c->key);
	c->key = NULL;
	c->key_name = fingerprint;
	return trail_key_public(c->v->dir, fingerprint, &c->key, e);
}

static int signature_check(struct checking *c, const struct trail_digest_file *f, struct err *e)
{
	struct buf b;
	int failed;

	if (key_find(c, f->d.fingerprint, e))
		return -1;
	buf_init(&b, MIB);
	trail_digest_string(&f->d, f->hash, &b);
	failed = rsa_verify(c->v->key ? c->v->key : c->key, b.s, b.len, f->signature, e);
	buf_release(&b);
	return failed;
}

/* As the one before it says, and at its own place. before: NULL for the first. */
static int place_check(struct checking *c, const char *name, const struct trail_digest_file *f,
	const struct trail_digest_file *before, struct err *e)
{
	if (strcmp(f->d.object, name) || strcmp(f->d.bucket, c->v->bucket))
		return err_set(e, ERR_DATA, "it is of another place: %.20s/%.250s", f->d.bucket, f->d.object);
	if (!before)
		return 0;
	if (strcmp(f->d.before_signature, before->signature) || strcmp(f->d.before_hash, before->hash))
		return err_set(e, ERR_DATA, "it does not follow the digest before it");
	return f->d.start_us == before->d.end_us ? 0 :
		err_set(e, ERR_DATA, "it does not begin where the digest before it ends");
}

/* The one it names as its predecessor, among those that were read. */
static const struct trail_digest_file *before_of(const struct checking *c,
	struct trail_digest_file *const *read, size_t i)
{
	while (i-- > 0)
		if (read[i] && !strcmp(c->digests.v[i].name, read[i]->d.object) &&
		    !strcmp(read[i]->d.object, read[c->digests.n]->d.before))
			return read[i];
	return NULL;
}

static void before_check(struct checking *c, const struct trail_digest_file *f)
{
	for (size_t i = 0; i < c->digests.n; i++)
		if (!strcmp(c->digests.v[i].name, f->d.before))
			return;
	tell(c, TRAIL_MISSING, true, f->d.before, "the digest after it names it");
}

static void digest_check(struct checking *c, size_t i, struct trail_digest_file **read)
{
	struct trail_digest_file *f = arena_alloc(&c->arena, sizeof(*f));
	const char *name = c->digests.v[i].name;
	const struct trail_digest_file *before;
	struct err e;

	c->done++;
	if (trail_digest_read(c->v->dir, name, &c->arena, f, &e) || signature_check(c, f, &e)) {
		tell(c, TRAIL_CHANGED, true, name, e.text);
		return;
	}
	read[i] = read[c->digests.n] = f;
	before = before_of(c, read, i);
	if (place_check(c, name, f, before, &e)) {
		tell(c, TRAIL_CHANGED, true, name, e.text);
		return;
	}
	tell(c, TRAIL_VALID, true, name, "");
	c->signatures[i] = f->signature;
	if (*f->d.before)
		before_check(c, f);
	if (!c->v->from_us)
		c->v->from_us = f->d.start_us;
	c->v->to_us = f->d.end_us;
	for (size_t k = 0; k < f->d.nlogs; k++)
		log_check(c, &f->d.logs[k]);
}

static void digests_check(struct checking *c)
{
	struct trail_digest_file **read = mem_alloc((c->digests.n + 1) * sizeof(struct trail_digest_file *));

	for (size_t i = 0; i < c->digests.n; i++)
		digest_check(c, i, read);
	free(read);
}

/* ---- the witnesses ---- */

static void head_check(struct checking *c, const char *object, const char *signature)
{
	c->v->witnessed++;
	for (size_t i = 0; i < c->digests.n; i++) {
		if (strcmp(c->digests.v[i].name, object))
			continue;
		if (c->signatures[i] && strcmp(c->signatures[i], signature))
			tell(c, TRAIL_CHANGED, true, object, "a witness noted another signature: it was made anew");
		return;
	}
	tell(c, TRAIL_CUT, true, object, "a witness noted it");
}

static int witness_check(struct checking *c, const char *path)
{
	char *text, *line, *save = NULL, object[TRAIL_OBJECT], signature[2100];
	struct err e;
	size_t n;

	if (fs_read_path(path, WITNESS_MAX, &text, &n, NULL, &e)) {
		if (e.code == ERR_NOENT)
			return 0;
		*c->e = e;
		return err_wrap(c->e, "the witness");
	}
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const char *at = strstr(line, TRAIL_WITNESS_WORD " ");

		if (at && sscanf(at + strlen(TRAIL_WITNESS_WORD), "%*31s %319s %2099s", object, signature) == 2)
			head_check(c, object, signature);
	}
	free(text);
	return 0;
}

/* ---- all of it ---- */

/* Sealed files between those of the chain and the live ones may be of a seal that is
   under way, or was interrupted: a live file still has what is in them. */
static void unlisted_check(struct checking *c, const struct trail_files *live)
{
	for (size_t i = 0; i < c->sealed.n; i++)
		if (!c->listed[i] && !(live->n && c->sealed.v[i].sequence >= live->v[0].sequence))
			tell(c, TRAIL_UNLISTED, false, c->sealed.v[i].name, "no valid digest lists it");
}

static int check_all(struct checking *c)
{
	struct trail_files live;
	int failed;

	if (trail_files_live(c->v->dir, &live, c->e))
		return -1;
	failed = trail_files_digests(c->v->dir, &c->digests, c->e) ||
		trail_files_sealed(c->v->dir, &c->sealed, c->e);
	if (!failed) {
		c->listed = mem_alloc(c->sealed.n + 1);
		c->signatures = mem_alloc((c->digests.n + 1) * sizeof(const char *));
		c->v->unsealed = (int64_t)live.n;
		digests_check(c);
		unlisted_check(c, &live);
		for (size_t i = 0; i < c->v->witness.n && !failed; i++)
			if (strcmp(c->v->witness.v[i], TRAIL_WITNESS_SYSLOG))
				failed = witness_check(c, c->v->witness.v[i]);
	}
	free(live.v);
	return failed ? -1 : 0;
}

int trail_verify(struct trail_verify *v, struct err *e)
{
	struct checking c = { .v = v, .e = e, .key_name = "" };
	int failed;

	arena_init(&c.arena);
	failed = check_all(&c);
	free(c.digests.v);
	free(c.sealed.v);
	free(c.listed);
	free(c.signatures);
	rsa_free(c.key);
	arena_release(&c.arena);
	return failed;
}

bool trail_verify_good(const struct trail_verify *v)
{
	for (int i = TRAIL_VALID + 1; i < TRAIL_STATES; i++)
		if (v->digests[i] || v->logs[i])
			return false;
	return true;
}
