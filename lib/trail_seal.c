/* trail_seal.c - see trail_seal.h. */
#include "trail_seal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "clock.h"
#include "fs.h"
#include "gzip.h"
#include "trail_digest.h"
#include "trail_index.h"
#include "trail_key.h"

#define HOUR_US (3600 * US_PER_S)
#define PART_MAX (64 * MIB)		/* content of one sealed file */
#define LEVEL 6
#define EMPTY_MOST (31 * 24)		/* hourly digests of a time in which nobody ran */
#define UNFINISHED ".sealing"

struct sealer {
	const struct trail_seal *s;
	struct trail_sealed *done;
	struct trail_key_pair key;
	struct arena arena;
	struct trail_digest_file last;	/* the newest digest; object "" none */
	int64_t covered;		/* sequence number of the last record in the chain */
	struct trail_digest d;		/* the one being made */
	/* one sealed file */
	char tmp[LIMIT_PATH];
	int fd;
	struct gzip_out gz;
	struct trail_index index;
	struct buf held;		/* the last line: is there one after it? */
	uint64_t block;			/* where the block at hand began */
	int64_t sequence, time_us;	/* of the last record */
	struct err *e;
};

/* ---- one sealed file ---- */

static int part_open(struct sealer *w)
{
	static const char head[] = "{\"Records\":[\n";

	snprintf(w->tmp, sizeof(w->tmp), "%.4000s/" UNFINISHED, w->s->dir);
	w->fd = open(w->tmp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (w->fd < 0)
		return err_sys(w->e, "cannot make %s", w->tmp);
	trail_index_init(&w->index);
	trail_index_begin(&w->index, 0, 0);
	w->block = 0;
	return gzip_open(&w->gz, w->fd, LEVEL, w->e) || gzip_add(&w->gz, head, sizeof(head) - 1, w->e);
}

/* The held line goes out; more: another one follows in this file. */
static int held_put(struct sealer *w, bool more)
{
	if (!w->held.len)
		return 0;
	trail_index_add(&w->index, w->held.s, w->held.len);
	buf_str(&w->held, more ? ",\n" : "\n");
	if (gzip_add(&w->gz, w->held.s, w->held.len, w->e))
		return -1;
	buf_clear(&w->held);
	if (!more || w->gz.in - w->block < TRAIL_BLOCK)
		return 0;
	if (gzip_block(&w->gz, w->e))
		return -1;
	w->block = w->gz.in;
	trail_index_begin(&w->index, w->gz.in, w->gz.out);
	return 0;
}

static int log_add(struct sealer *w, const char *object, const char *hash, const char *file_hash)
{
	struct trail_digest *d = &w->d;

	d->logs = mem_grow(d->logs, &d->cap_logs, d->nlogs + 1, sizeof(*d->logs));
	d->logs[d->nlogs++] = (struct trail_digest_log){ .object = arena_strdup(&w->arena, object),
		.hash = arena_strdup(&w->arena, hash), .file_hash = arena_strdup(&w->arena, file_hash),
		.oldest_us = w->index.oldest_us, .newest_us = w->index.newest_us };
	d->sequence = w->sequence;
	return 0;
}

static int publish(struct sealer *w, const char *object)
{
	char path[LIMIT_PATH], index[LIMIT_PATH], folder[LIMIT_PATH];
	unsigned char trailer[8];
	int dirfd, failed;

	snprintf(path, sizeof(path), "%.3000s/%s", w->s->dir, object);
	snprintf(index, sizeof(index), "%.*s.idx", (int)(strlen(path) - strlen(".json.gz")), path);
	memcpy(folder, path, sizeof(folder));
	if (pread(w->fd, trailer, 8, (off_t)w->gz.out - 8) != 8 || fsync(w->fd))
		return err_sys(w->e, "cannot sync %s", w->tmp);
	if (fs_mkdirs(dirname(folder), 0750, w->e) ||
	    trail_index_write(&w->index, index, w->gz.in, w->gz.out, trailer, w->e))
		return -1;
	if (rename(w->tmp, path))
		return err_sys(w->e, "cannot rename %s to %s", w->tmp, path);
	dirfd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return err_sys(w->e, "cannot open %s", folder);
	failed = fs_sync_dir(dirfd, w->e);
	close(dirfd);
	return failed;
}

static void part_free(struct sealer *w)
{
	gzip_abort(&w->gz);
	trail_index_close(&w->index);
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
	buf_clear(&w->held);
}

static int part_close(struct sealer *w)
{
	static const char tail[] = "]}\n";
	char hash[DIGEST_HEX], file_hash[DIGEST_HEX], object[TRAIL_OBJECT];
	int failed;

	if (w->fd < 0)
		return 0;
	trail_object_log(w->s->account, w->s->region, w->time_us, w->sequence, object);
	failed = held_put(w, false) || gzip_add(&w->gz, tail, sizeof(tail) - 1, w->e) ||
		gzip_close(&w->gz, hash, file_hash, w->e) || publish(w, object) ||
		log_add(w, object, hash, file_hash);
	part_free(w);
	w->done->files += !failed;
	return failed ? -1 : 0;
}

static int line_seal(struct sealer *w, const char *line, size_t n)
{
	int64_t sequence = trail_sequence_of(line, n), at = trail_time_of(line, n);

	if (!sequence || sequence <= w->covered || line[n - 1] != '}')
		return 0;
	if (w->fd >= 0 && w->gz.in > PART_MAX && part_close(w))
		return -1;
	if ((w->fd < 0 && part_open(w)) || held_put(w, true))
		return -1;
	buf_add(&w->held, line, n);
	w->sequence = w->covered = sequence;
	w->time_us = at ? at : w->time_us;
	w->done->records++;
	return 0;
}

/* ---- one live file ---- */

/* What a crash left after the last whole line is kept beside, as the sender does. */
static int torn_keep(struct sealer *w, const char *name, const char *line, size_t n)
{
	char path[LIMIT_PATH];

	snprintf(path, sizeof(path), "%.3000s/%s.torn-%" PRId64, w->s->dir, name, clock_wall_us());
	return fs_replace(path, 0640, line, n, w->e);
}

static int live_seal(struct sealer *w, const struct trail_file *f)
{
	char path[LIMIT_PATH + TRAIL_OBJECT], *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int failed = 0;
	FILE *in;

	snprintf(path, sizeof(path), "%s/%s", w->s->dir, f->name);
	in = fopen(path, "re");
	if (!in)
		return err_sys(w->e, "cannot read the trail file %s", path);
	while (!failed && (n = getline(&line, &cap, in)) > 0) {
		if (line[n - 1] != '\n')
			failed = torn_keep(w, f->name, line, (size_t)n);
		else if (n > 1)
			failed = line_seal(w, line, (size_t)n - 1);
	}
	if (!failed && ferror(in))
		failed = err_sys(w->e, "cannot read the trail file %s", path);
	free(line);
	fclose(in);
	if (!failed)
		return part_close(w);
	part_free(w);
	return -1;
}

/* ---- the chain ---- */

/* Files that no digest lists, made before a crash, and that a live file has too. */
static int leftovers_remove(struct sealer *w, const struct trail_files *live)
{
	char path[LIMIT_PATH + TRAIL_OBJECT];
	struct trail_files sealed;
	int failed;

	failed = trail_files_sealed(w->s->dir, &sealed, w->e);
	for (size_t i = 0; !failed && live->n && i < sealed.n; i++) {
		if (sealed.v[i].sequence <= w->covered || sealed.v[i].sequence < live->v[0].sequence)
			continue;
		snprintf(path, sizeof(path), "%s/%s", w->s->dir, sealed.v[i].name);
		if (unlink(path) && errno != ENOENT)
			failed = err_sys(w->e, "cannot remove %s", path);
	}
	free(sealed.v);
	return failed;
}

/* The newest digest of this account and region; what any chain covers. */
static int chain_read(struct sealer *w)
{
	char own[TRAIL_OBJECT];
	struct trail_files digests;
	int failed = trail_files_digests(w->s->dir, &digests, w->e);
	bool found = false;

	snprintf(own, sizeof(own), TRAIL_PREFIX "/AWSLogs/%s/CloudTrail-Digest/%s/", w->s->account,
		w->s->region);
	w->last.d.object = w->last.signature = "";
	for (size_t i = digests.n; !failed && i > 0 && !found; i--) {
		struct trail_digest_file f;

		failed = trail_digest_read(w->s->dir, digests.v[i - 1].name, &w->arena, &f, w->e);
		if (failed) {
			err_wrap(w->e, "the newest digest %s cannot be built upon (`refire trail verify`)",
				digests.v[i - 1].name);
			break;
		}
		if (f.d.sequence > w->covered)
			w->covered = f.d.sequence;
		found = !strncmp(digests.v[i - 1].name, own, strlen(own));
		if (found)
			w->last = f;
	}
	free(digests.v);
	return failed;
}

static int sign(struct sealer *w, struct buf *signature)
{
	char hash[DIGEST_HEX];
	struct buf b;
	int failed;

	buf_init(&b, 64 * MIB);
	trail_digest_render(&w->d, &b);
	digest_sha256_hex(b.s, b.len, hash);
	memcpy(w->last.hash, hash, sizeof(hash));
	buf_clear(&b);
	trail_digest_string(&w->d, hash, &b);
	failed = rsa_sign(w->key.pair, b.s, b.len, signature, w->e);
	buf_release(&b);
	return failed;
}

static void digest_begin(struct sealer *w, int64_t start_us, int64_t end_us)
{
	char object[TRAIL_OBJECT];

	trail_object_digest(w->s->account, w->s->region, end_us, object);
	w->d = (struct trail_digest){ .account = w->s->account, .bucket = w->s->bucket,
		.object = arena_strdup(&w->arena, object), .fingerprint = w->key.fingerprint,
		.start_us = start_us, .end_us = end_us, .sequence = w->covered,
		.before = w->last.d.object, .before_signature = w->last.signature,
		.before_hash = *w->last.d.object ? arena_strdup(&w->arena, w->last.hash) : "" };
}

static int digest_end(struct sealer *w)
{
	struct buf signature;
	int failed;

	buf_init(&signature, 8 * KIB);
	failed = sign(w, &signature) || trail_digest_write(w->s->dir, &w->d, signature.s, w->e);
	if (!failed) {
		w->last.d.object = w->d.object;
		w->last.d.end_us = w->d.end_us;
		w->last.signature = arena_strdup(&w->arena, signature.s);
		w->done->digests++;
	}
	buf_release(&signature);
	free(w->d.logs);
	w->d.logs = NULL;
	return failed ? -1 : 0;
}

/* ---- the witnesses ---- */

static int append(const char *path, const char *line, struct err *e)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	int failed;

	if (fd < 0)
		return err_sys(e, "cannot open the witness %s", path);
	failed = fs_write(fd, line, strlen(line)) || fsync(fd) ?
		err_sys(e, "cannot write to the witness %s", path) : 0;
	close(fd);
	return failed;
}

static int testify(struct sealer *w)
{
	char *line, t[CLOCK_ISO_SIZE];
	int failed = 0;

	line = arena_fmt(&w->arena, "%s %s %s %s\n", TRAIL_WITNESS_WORD,
		clock_iso(w->last.d.end_us, t), w->last.d.object, w->last.signature);
	for (size_t i = 0; i < w->s->witness.n; i++) {
		if (!strcmp(w->s->witness.v[i], TRAIL_WITNESS_SYSLOG))
			syslog(LOG_AUTHPRIV | LOG_NOTICE, "%s", line);
		else if (append(w->s->witness.v[i], line, w->e))
			failed = -1;
	}
	return failed;
}

/* ---- all of it ---- */

static int64_t hour_of(int64_t us)
{
	return us - us % HOUR_US;
}

static bool closed(const struct sealer *w, const struct trail_file *f)
{
	return f->to_us <= hour_of(w->s->now_us) ||
		(w->s->all && (!w->s->until || f->sequence <= w->s->until));
}

static int live_remove(struct sealer *w, const struct trail_file *f)
{
	char path[LIMIT_PATH + TRAIL_OBJECT];

	snprintf(path, sizeof(path), "%s/%s", w->s->dir, f->name);
	return unlink(path) && errno != ENOENT ? err_sys(w->e, "cannot remove %s", path) : 0;
}

/* Where the next period ends, 0 when it is not over. */
static int64_t next_end(const struct sealer *w, int64_t start_us)
{
	int64_t now = hour_of(w->s->now_us), end = hour_of(start_us) + HOUR_US;

	if (now - end > EMPTY_MOST * HOUR_US)
		end = now - EMPTY_MOST * HOUR_US;
	if (end <= now)
		return end;
	end = w->s->now_us - w->s->now_us % US_PER_S;
	return w->s->all && end > start_us ? end : 0;
}

static int periods_seal(struct sealer *w, const struct trail_files *live, int64_t start_us)
{
	int64_t end_us;
	size_t from, i = 0;

	for (; (end_us = next_end(w, start_us)) != 0; start_us = end_us) {
		bool last = hour_of(end_us) + HOUR_US > w->s->now_us;

		digest_begin(w, start_us, end_us);
		for (from = i; i < live->n && closed(w, &live->v[i]) &&
		     (last || live->v[i].to_us <= end_us); i++)
			if (live_seal(w, &live->v[i])) {
				free(w->d.logs);
				return -1;
			}
		if (digest_end(w) || (last && testify(w)))
			return -1;
		for (; from < i; from++)
			if (live_remove(w, &live->v[from]))
				return -1;
		if (last || (w->s->stop && atomic_load(w->s->stop)))
			break;
	}
	return 0;
}

/* A chain begins with the hour of the oldest live file. */
static int begin(struct sealer *w, const struct trail_files *live)
{
	int64_t start_us = w->last.d.end_us;

	if (!*w->last.d.object) {
		if (!live->n)
			return 0;
		start_us = live->v[0].to_us - HOUR_US;
		if (start_us > w->s->now_us)
			start_us = hour_of(w->s->now_us);
	}
	if (!next_end(w, start_us))
		return 0;
	return trail_key_use(w->s->dir, &w->key, w->e) || leftovers_remove(w, live) ||
		periods_seal(w, live, start_us) ? -1 : 0;
}

int trail_seal(const struct trail_seal *s, struct trail_sealed *out, struct err *e)
{
	struct sealer w = { .s = s, .done = out, .fd = -1, .e = e };
	struct trail_files live;
	int failed;

	*out = (struct trail_sealed){ 0 };
	arena_init(&w.arena);
	buf_init(&w.held, 2 * LIMIT_RECORD);
	failed = trail_files_live(s->dir, &live, e) || chain_read(&w) || begin(&w, &live);
	free(live.v);
	buf_release(&w.held);
	rsa_free(w.key.pair);
	arena_release(&w.arena);
	return failed ? -1 : 0;
}
