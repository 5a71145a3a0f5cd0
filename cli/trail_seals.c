/* trail_seals.c - see trail_seals.h. */
#include "trail_seals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "fs.h"
#include "json.h"
#include "log.h"
#include "table.h"
#include "trail_key.h"
#include "trail_seal.h"
#include "trail_verify.h"
#include "words.h"

#define ASK_STEP_US 50000		/* between looks whether the sender has done it */
#define ASK_LONG_US (60 * US_PER_S)
#define KEY_MAX (64 * KIB)

/* ---- seal ---- */

/* A sender is at work: it does it, and removes what asked for it. */
static int ask_sender(const struct session *s, struct err *e)
{
	int64_t until = clock_mono_us() + ASK_LONG_US;
	char path[LIMIT_PATH + 32];

	snprintf(path, sizeof(path), "%s/seal-now", s->paths.trail);
	if (fs_replace(path, 0600, "", 0, e))
		return -1;
	while (access(path, F_OK) == 0) {
		if (clock_mono_us() > until)
			return err_set(e, ERR_TEMP, "the sender at work was asked to seal and has not begun within a "
				"minute; see its log");
		usleep(ASK_STEP_US);
	}
	log_info("the sender at work has sealed what there was");
	return 0;
}

int seals_seal(const struct session *s, struct err *e)
{
	const struct config *c = s->config;
	struct trail_seal seal = { .dir = s->paths.trail, .account = c->account_id, .region = c->region,
		.bucket = c->trail_bucket, .witness = c->trail_witness, .now_us = clock_wall_us(),
		.all = true };
	struct trail_sealed done;
	int lock, failed;

	if (s->who == SESSION_NEW)
		return err_set(e, ERR_USAGE, "there is no trail yet in %s", s->paths.trail);
	lock = fs_lock_try(s->paths.sender_lock, e);
	if (lock == -1)
		return -1;
	if (lock == -2)
		return ask_sender(s, e);
	failed = trail_seal(&seal, &done, e);
	fs_unlock(lock);
	if (failed)
		return -1;
	printf("%lld %s sealed in %lld %s, %lld %s written\n", (long long)done.records,
		done.records == 1 ? "record" : "records", (long long)done.files,
		done.files == 1 ? "file" : "files", (long long)done.digests,
		done.digests == 1 ? "digest" : "digests");
	return 0;
}

/* ---- verify ---- */

struct reporting {
	struct screen screen;
	const struct seals_verify *v;
};

static void json_tell(const struct trail_verdict *v)
{
	struct json j;
	struct buf b;

	buf_init(&b, 64 * KIB);
	json_init(&j, &b);
	json_object(&j);
	json_kv(&j, "file", v->object);
	json_kv(&j, "kind", v->digest ? "digest" : "log");
	json_kv(&j, "state", trail_state_words[v->state]);
	json_kv(&j, "reason", *v->why ? v->why : NULL);
	json_end(&j);
	puts(b.s);
	buf_release(&b);
}

static void verdict_tell(const struct trail_verdict *v, void *arg)
{
	struct reporting *r = arg;
	struct buf b;

	if (r->v->json) {
		json_tell(v);
		return;
	}
	if (v->state == TRAIL_VALID && !r->v->all)
		return;
	buf_init(&b, 64 * KIB);
	buf_fmt(&b, "%s%s%s", v->object, *v->why ? ": " : "", v->why);
	screen_wrap(&r->screen, 10, v->state == TRAIL_VALID ? STYLE_GOOD : STYLE_BAD,
		trail_state_words[v->state], STYLE_NONE, b.s);
	buf_release(&b);
}

static void count_add(struct buf *b, const int64_t n[TRAIL_STATES], const char *what)
{
	int64_t all = 0;

	for (int i = 0; i < TRAIL_STATES; i++)
		all += i == TRAIL_UNLISTED ? 0 : n[i];
	words_count(b, n[TRAIL_VALID]);
	buf_str(b, " of ");
	words_count(b, all);
	buf_fmt(b, " %s valid", what);
}

static void summary_tell(const struct trail_verify *v)
{
	char from[CLOCK_ISO_SIZE], to[CLOCK_ISO_SIZE];
	struct buf b;

	buf_init(&b, 4 * KIB);
	if (v->from_us)
		buf_fmt(&b, "%s to %s: ", clock_iso(v->from_us, from), clock_iso(v->to_us, to));
	count_add(&b, v->digests, "digests");
	buf_str(&b, ", ");
	count_add(&b, v->logs, "log files");
	puts(b.s);
	if (v->unsealed)
		printf("not sealed yet, so nothing is said of them: %lld live %s\n", (long long)v->unsealed,
			v->unsealed == 1 ? "file" : "files");
	if (!v->witnessed)
		puts("no witness was read: that the newest digests were removed could not be seen (`trail-witness`,"
			" or --witness FILE)");
	buf_release(&b);
}

static int key_load(const char *path, struct rsa **out, struct err *e)
{
	char *der;
	size_t n;
	int failed;

	if (fs_read_path(path, KEY_MAX, &der, &n, NULL, e))
		return -1;
	failed = rsa_public_read(der, n, out, e);
	free(der);
	return failed ? err_wrap(e, "%s", path) : 0;
}

int seals_verify(const struct session *s, const struct seals_verify *ask, struct err *e)
{
	struct reporting r = { .v = ask };
	struct trail_verify v = { .dir = s->paths.trail, .bucket = s->config->trail_bucket,
		.each = verdict_tell, .arg = &r };
	const struct list *own = &s->config->trail_witness;
	const char **names = mem_alloc((own->n + 1) * sizeof(const char *));
	struct rsa *key = NULL;
	int failed;

	for (size_t i = 0; i < own->n; i++)
		names[v.witness.n++] = own->v[i];
	if (ask->witness)
		names[v.witness.n++] = ask->witness;
	v.witness.v = names;
	screen_init(&r.screen, stdout);
	failed = ask->key && key_load(ask->key, &key, e) ? -1 : 0;
	v.key = key;
	failed = failed || (ask->witness && access(ask->witness, R_OK)) ?
		(failed ? -1 : err_sys(e, "cannot read the witness %s", ask->witness)) : trail_verify(&v, e);
	if (!failed && !ask->json)
		summary_tell(&v);
	rsa_free(key);
	free(names);
	if (failed)
		return -1;
	return trail_verify_good(&v) ? 0 : ERR_FAILED;
}

/* ---- key ---- */

static int key_export(const struct trail_key_pair *k, struct err *e)
{
	struct buf der;

	buf_init(&der, KEY_MAX);
	if (rsa_public_write(k->pair, &der, e)) {
		buf_release(&der);
		return -1;
	}
	fwrite(der.s, 1, der.len, stdout);
	buf_release(&der);
	return 0;
}

/* The sender signs with it: it must not change under its hands. */
static int key_make(const struct session *s, struct trail_key_pair *k, bool again, struct err *e)
{
	int lock = fs_lock_try(s->paths.sender_lock, e), failed;

	if (lock == -1)
		return -1;
	if (lock == -2)
		return err_set(e, ERR_TEMP, "a sender is at work; stop it first (systemctl stop refire), or try "
			"again later");
	failed = again ? trail_key_make(s->paths.trail, k, e) : trail_key_use(s->paths.trail, k, e);
	fs_unlock(lock);
	return failed;
}

int seals_key(const struct session *s, const char *verb, struct err *e)
{
	struct trail_key_pair k;
	int failed = 0;

	if (verb && (!strcmp(verb, "make") || !strcmp(verb, "rotate")))
		failed = key_make(s, &k, !strcmp(verb, "rotate"), e);
	else if (trail_key_read(s->paths.trail, &k, e))
		failed = e->code == ERR_NOENT ? err_set(e, ERR_USAGE, "there is no key yet: the first seal makes "
			"one, or `refire trail key make`") : -1;
	if (failed)
		return -1;
	if (verb && !strcmp(verb, "export"))
		failed = key_export(&k, e);
	else
		printf("%s\n%s/keys/%s.der\n", k.fingerprint, s->paths.trail, k.fingerprint);
	rsa_free(k.pair);
	return failed;
}
