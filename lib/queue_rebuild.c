/* queue_rebuild.c - a damaged queue made new. */
#include "queue_rebuild.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "fs.h"
#include "json.h"
#include "queue_db.h"
#include "queue_recall.h"
#include "trail.h"

#define PIECE 200			/* rows copied at once; singly where that fails */

/* ---- setting aside, and putting in place ---- */

static int path_with(char *out, const char *path, const char *end, struct err *e)
{
	if (snprintf(out, LIMIT_PATH, "%s%s", path, end) >= LIMIT_PATH)
		return err_set(e, ERR_CONFIG, "path too long: %.200s", path);
	return 0;
}

static int copy_bytes(int from, int to)
{
	char b[65536];
	ssize_t n;

	while ((n = read(from, b, sizeof(b))) > 0)
		if (fs_write(to, b, (size_t)n))
			return -1;
	return n < 0 || fsync(to) ? -1 : 0;
}

/* 0 also when there is nothing to copy. */
static int copy_file(const char *from, const char *to, struct err *e)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out, failed;

	if (in < 0)
		return errno == ENOENT ? 0 : err_sys(e, "cannot read %s", from);
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	failed = out < 0 || copy_bytes(in, out) ? err_sys(e, "cannot copy %s to %s", from, to) : 0;
	if (out >= 0)
		close(out);
	close(in);
	return failed;
}

/* The file with its WAL: together they may hold more than the file alone. The queue
   itself stays where it is until the new one is whole. */
static int set_aside(const char *queue, char *aside, struct err *e)
{
	char from[LIMIT_PATH], to[LIMIT_PATH], stamp[40];
	struct stat st;

	*aside = 0;
	if (stat(queue, &st))
		return errno == ENOENT ? 0 : err_sys(e, "cannot look at %s", queue);
	snprintf(stamp, sizeof(stamp), ".damaged-%lld", (long long)clock_wall_us());
	if (path_with(aside, queue, stamp, e) || copy_file(queue, aside, e) ||
	    path_with(from, queue, "-wal", e) || path_with(to, aside, "-wal", e))
		return -1;
	return copy_file(from, to, e);
}

static int remove_wal(const char *queue, struct err *e)
{
	static const char *const parts[] = { "-wal", "-shm" };
	char path[LIMIT_PATH];

	for (size_t i = 0; i < 2; i++) {
		if (path_with(path, queue, parts[i], e))
			return -1;
		if (unlink(path) && errno != ENOENT)
			return err_sys(e, "cannot remove %s", path);
	}
	return 0;
}

static int sync_parent(const char *path, struct err *e)
{
	char dir[LIMIT_PATH];
	int fd, failed;

	snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(path, '/') - path), path);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "cannot open %s", dir);
	failed = fs_sync_dir(fd, e);
	close(fd);
	return failed;
}

/* A crash before the rename leaves the old queue, to be rebuilt again. */
static int put_in_place(const char *fresh, const char *queue, struct err *e)
{
	if (remove_wal(queue, e))
		return -1;
	if (rename(fresh, queue))
		return err_sys(e, "cannot move %s to %s", fresh, queue);
	return sync_parent(queue, e);
}

static int remove_leftover(const char *fresh, struct err *e)
{
	if (unlink(fresh) && errno != ENOENT)
		return err_sys(e, "cannot remove %s", fresh);
	return remove_wal(fresh, e);
}

/* ---- reading what can be read ---- */

struct table {
	const char *name;
	size_t count;			/* its counter in struct queue_rebuilt, or NOWHERE */
};
#define NOWHERE ((size_t)-1)
#define TABLE(name, counter) { name, counter }
static const struct table tables[] = {
	TABLE("refs", offsetof(struct queue_rebuilt, refs)),
	TABLE("spaces", NOWHERE),
	TABLE("changes", offsetof(struct queue_rebuilt, changes)),
	TABLE("updates", NOWHERE),
	TABLE("enrichments", NOWHERE),
	TABLE("deliveries", offsetof(struct queue_rebuilt, deliveries)),
	TABLE("journal", offsetof(struct queue_rebuilt, journal)),
	TABLE("polls", NOWHERE),
	TABLE("heard", NOWHERE),
	TABLE("gates", NOWHERE),
	TABLE("tombstones", NOWHERE),
};

struct copying {			/* the statements of one table */
	struct buf all, piece, probe;	/* piece: ?1 LIMIT, ?2 OFFSET; probe: ?1 OFFSET */
};

/* The damaged file may be of an older schema, with columns fewer: those it has. */
static int columns(struct queue *q, const char *table, struct buf *out)
{
	struct db_row r;
	struct err e;
	int got;

	if (db_query(q->db, &r, &e, "SELECT name FROM pragma_table_info(?1, 'old')", "s", table))
		return -1;
	while ((got = db_next(&r, &e)) > 0)
		buf_fmt(out, "%s\"%s\"", out->len ? ", " : "", db_text(&r, 0));
	return got < 0 || !out->len ? -1 : 0;
}

static int copying_make(struct queue *q, const char *table, struct copying *c)
{
	struct buf names;
	int failed;

	buf_init(&names, 4 * KIB);
	buf_init(&c->all, 16 * KIB);
	buf_init(&c->piece, 16 * KIB);
	buf_init(&c->probe, 1 * KIB);
	failed = columns(q, table, &names);
	buf_fmt(&c->all, "INSERT OR IGNORE INTO main.%s(%s) SELECT %s FROM old.%s", table, names.s,
		names.s, table);
	buf_fmt(&c->piece, "%s LIMIT ?1 OFFSET ?2", c->all.s);
	buf_fmt(&c->probe, "SELECT 1 FROM old.%s LIMIT 1 OFFSET ?1", table);
	buf_release(&names);
	return failed;
}

static void copying_release(struct copying *c)
{
	buf_release(&c->all);
	buf_release(&c->piece);
	buf_release(&c->probe);
}

/* Does the table go on at this row? An error counts as yes: something is there. */
static bool goes_on(struct queue *q, const struct copying *c, int64_t at)
{
	struct db_row r;
	struct err e;
	int got;

	if (db_query(q->db, &r, &e, c->probe.s, "i", at))
		return true;
	got = db_next(&r, &e);
	if (got > 0)
		db_done(&r);
	return got != 0;
}

/* Around what cannot be read: pieces, single rows within a bad piece, and an end after
   a piece's worth of bad rows in a row. */
static int64_t copy_pieces(struct queue *q, const struct copying *c)
{
	int64_t at = 0, rows = 0, step = PIECE, singles = 0, bad = 0;
	struct err e;

	while (bad < PIECE && goes_on(q, c, at)) {
		if (db_exec(q->db, &e, c->piece.s, "ii", step, at)) {
			if (step == 1) {
				at++;
				bad++;
			} else {
				step = 1;
				singles = 0;
			}
			continue;
		}
		rows += db_changes(q->db);
		at += step;
		bad = db_changes(q->db) ? 0 : bad + 1;
		if (step == 1 && ++singles >= PIECE)
			step = PIECE;
	}
	return rows;
}

static int64_t copy_table(struct queue *q, const struct table *t, bool *whole)
{
	struct copying c;
	int64_t rows = 0;
	struct err e;

	if (copying_make(q, t->name, &c)) {
		*whole = false;
	} else if (!db_exec(q->db, &e, c.all.s, "")) {
		rows = db_changes(q->db);
	} else {
		*whole = false;
		rows = copy_pieces(q, &c);
	}
	copying_release(&c);
	return rows;
}

static void salvage(struct queue *q, struct queue_rebuilt *out)
{
	struct err e;

	out->whole = true;
	if (!*out->aside)
		return;
	if (db_exec(q->db, &e, "ATTACH ?1 AS old", "s", out->aside)) {
		out->whole = false;
		return;
	}
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		int64_t n = copy_table(q, &tables[i], &out->whole);

		if (tables[i].count != NOWHERE)
			memcpy((char *)out + tables[i].count, &n, sizeof(n));
	}
	db_exec(q->db, &e, "DETACH old", "");
}

/* ---- making what was read whole ---- */

/* A change some of whose updates were lost is forgotten, so that the spool brings all of
   it back. A delivery whose change or update was lost keeps its id, ref and commits and
   gets a stand-in for who caused it: it is still owed. */
static int stand_in(struct queue *q, int64_t seq, const char *repository, struct err *e)
{
	char id[UUID_SIZE];
	int64_t now = clock_wall_us();

	if (uuid_v7(now, id))
		return err_sys(e, "cannot draw a change id");
	return db_exec(q->db, e, "INSERT INTO changes(seq, id, source, repository, path, time, taken, uid,"
		" user, actor, address, skip, reported, detail) VALUES(?1,?2,?3,?4,'',?5,?5,?6,'unknown',"
		" 'unknown','',0,0,'{\"options\":[],\"claims\":{},\"vars\":{},\"shortened\":[]}')",
		"isisii", seq, id, (int64_t)SOURCE_RECONCILE, repository, now, (int64_t)geteuid());
}

static int stand_ins(struct queue *q, struct err *e)
{
	struct db_row r;
	int got;

	if (db_query(q->db, &r, e, "SELECT DISTINCT change, repository FROM deliveries"
		" WHERE change NOT IN (SELECT seq FROM changes)", ""))
		return -1;
	while ((got = db_next(&r, e)) > 0) {
		if (stand_in(q, db_int(&r, 0), db_text(&r, 1), e)) {
			db_done(&r);
			return -1;
		}
	}
	return got;
}

static int make_whole(struct queue *q, struct err *e)
{
	if (db_exec(q->db, e, "DELETE FROM updates WHERE state = 0 AND change IN (SELECT c.seq FROM"
		" changes c WHERE c.reported <> (SELECT count(*) FROM updates u WHERE u.change = c.seq"
		" AND u.kind <> ?1))", "i", (int64_t)UPDATE_FILLED) ||
	    db_exec(q->db, e, "DELETE FROM changes WHERE reported <> (SELECT count(*) FROM updates u"
		" WHERE u.change = changes.seq AND u.kind <> ?1)", "i", (int64_t)UPDATE_FILLED) ||
	    stand_ins(q, e))
		return -1;
	return db_exec(q->db, e, "INSERT OR IGNORE INTO updates(seq, change, kind, repository, ref, old,"
		" new, base, time, taken, state) SELECT upd, change, ?1, repository, ref, before, after,"
		" -1, made, made, ?2 FROM deliveries WHERE upd NOT IN (SELECT seq FROM updates)", "ii",
		(int64_t)UPDATE_FILLED, (int64_t)UPDATE_ACCEPTED);
}

/* ---- what the spool kept ---- */

static int known(struct queue *q, const char *id, struct err *e)
{
	struct db_row r;
	int got;

	if (db_query(q->db, &r, e, "SELECT 1 FROM changes WHERE id = ?1 UNION ALL"
		" SELECT 1 FROM tombstones WHERE id = ?1", "s", id))
		return -1;
	got = db_next(&r, e);
	if (got > 0)
		db_done(&r);
	return got;
}

/* "e." and the id without its dashes: a name as a source would have given. */
static int respool(const struct spool_paths *p, const char *id, struct err *e)
{
	char from[LIMIT_PATH], to[LIMIT_PATH];
	size_t n;

	if (snprintf(from, sizeof(from), "%s/%s", p->done, id) >= (int)sizeof(from) ||
	    snprintf(to, sizeof(to), "%s/e.", p->new_) >= (int)sizeof(to) - UUID_SIZE)
		return err_set(e, ERR_CONFIG, "path too long: %.200s", p->done);
	n = strlen(to);
	for (const char *c = id; *c; c++)
		if (*c != '-')
			to[n++] = *c;
	to[n] = 0;
	return rename(from, to) ? err_sys(e, "cannot put %s back into the spool", from) : 0;
}

static int respool_missing(struct queue *q, const struct spool_paths *p, int64_t *n, struct err *e)
{
	DIR *h = opendir(p->done);
	struct dirent *d;
	int there = 0;

	if (!h)
		return errno == ENOENT ? 0 : err_sys(e, "cannot list %s", p->done);
	while (there >= 0 && (d = readdir(h))) {
		if (!uuid_valid(d->d_name))
			continue;
		there = known(q, d->d_name, e);
		if (there == 0) {
			there = respool(p, d->d_name, e);
			++*n;
		}
	}
	closedir(h);
	return there < 0 ? -1 : 0;
}

/* ---- all of it ---- */

static int journal(struct queue *q, const struct queue_rebuilt *r, struct err *e)
{
	struct journal_row row = { .time_us = clock_wall_us(), .event = JOURNAL_REBUILD,
		.response = "", .code = "", .message = "", .extra = "" };
	struct buf b;
	struct json j;
	int failed;

	buf_init(&b, LIMIT_RECORD_BIG);
	json_init(&j, &b);
	json_object(&j);
	json_kv(&j, "setAside", r->aside);
	json_key(&j, "whole");
	json_bool(&j, r->whole);
	json_key(&j, "deliveries");
	json_int(&j, r->deliveries);
	json_key(&j, "settledByTrail");
	json_int(&j, r->settled);
	json_key(&j, "recalled");
	json_int(&j, r->recalled);
	json_key(&j, "respooled");
	json_int(&j, r->respooled);
	json_end(&j);
	row.request = b.s;
	failed = queue_journal_add(q, &row, e);
	buf_release(&b);
	return failed;
}

static int fill(struct queue *q, const struct spool_paths *p, struct queue_rebuilt *out,
	struct err *e)
{
	int64_t last;

	salvage(q, out);
	if (trail_last_sequence(p->trail, &last, e) || queue_journal_floor(q, last, e) ||
	    queue_cursor_set(q, last, e))
		return -1;
	if (queue_begin(q, e))
		return -1;
	if (make_whole(q, e) || queue_recall(q, p->trail, &out->settled, &out->recalled, e) ||
	    queue_commit(q, e)) {
		queue_rollback(q);
		return -1;
	}
	if (respool_missing(q, p, &out->respooled, e))
		return -1;
	return journal(q, out, e);
}

int queue_rebuild(const struct spool_paths *p, struct queue_rebuilt *out, struct err *e)
{
	char fresh[LIMIT_PATH];
	struct queue *q;
	int failed;

	*out = (struct queue_rebuilt){ 0 };
	if (path_with(fresh, p->queue, ".new", e) || remove_leftover(fresh, e) ||
	    set_aside(p->queue, out->aside, e) || queue_open(fresh, QUEUE_WRITE, &q, e))
		return -1;
	failed = fill(q, p, out, e);
	queue_close(q);
	return failed ? -1 : put_in_place(fresh, p->queue, e);
}
