/* db_sqlite.c - the database interface over SQLite; the only file with sqlite3.h. */
#include "db.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "mem.h"

#define STATEMENTS 192
#define BUSY_MS 15000

struct db {
	sqlite3 *h;
	char *path;
	struct {
		const char *sql;	/* compared by address first: literals */
		sqlite3_stmt *stmt;
	} cache[STATEMENTS];
	size_t ncache;
};

/* 0, or the errno with which the file cannot be read. */
static int read_through(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), sys = fd < 0 ? errno : 0;
	char page[16 * KIB];
	ssize_t n = 1;

	while (!sys && n > 0) {
		n = read(fd, page, sizeof(page));
		sys = n < 0 && errno != EINTR ? errno : 0;
		n = n < 0 ? 1 : n;
	}
	if (fd >= 0)
		close(fd);
	return sys;
}

/* SQLite calls a read that failed with EIO damage too (SQLITE_IOERR_CORRUPTFS becomes
   SQLITE_CORRUPT): only a second look at the whole file tells. */
static bool is_whole(const struct db *d)
{
	sqlite3 *h = NULL;
	sqlite3_stmt *s = NULL;
	bool whole = sqlite3_open_v2(d->path, &h, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
		sqlite3_busy_timeout(h, BUSY_MS) == SQLITE_OK &&
		sqlite3_prepare_v2(h, "PRAGMA quick_check(1)", -1, &s, NULL) == SQLITE_OK &&
		sqlite3_step(s) == SQLITE_ROW &&
		!strcmp((const char *)sqlite3_column_text(s, 0), "ok");

	sqlite3_finalize(s);
	sqlite3_close(h);
	return whole;
}

static bool is_full(int sys)
{
	return sys == ENOSPC || sys == EDQUOT;
}

/* What the disk said: SQLite keeps it with the connection, or with the file, and it is the
   WAL that is written to. */
static int last_errno(struct db *d)
{
	int sys = sqlite3_system_errno(d->h);
	sqlite3_file *wal = NULL;

	if (!d->h)			/* no memory even for that */
		return ENOMEM;
	if (!sys && !sqlite3_file_control(d->h, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal) && wal &&
	    wal->pMethods)
		wal->pMethods->xFileControl(wal, SQLITE_FCNTL_LAST_ERRNO, &sys);
	if (!sys)
		sqlite3_file_control(d->h, "main", SQLITE_FCNTL_LAST_ERRNO, &sys);
	return sys;
}

/* Of a file that could not be made, SQLite tells how its next try failed. */
static bool no_file_fits(const struct db *d)
{
	struct statvfs v;

	return !statvfs(d->path, &v) && (!v.f_bavail || (v.f_files && !v.f_favail));
}

static int fail_io(struct db *d, struct err *e, int rc)
{
	int sys = (rc & 0xff) == SQLITE_CANTOPEN && no_file_fits(d) ? ENOSPC : last_errno(d);

	if (is_full(sys))
		err_set(e, ERR_TEMP, "no space left for the queue %s; make room, nothing is lost",
			d->path);
	else if (sys)
		err_set(e, ERR_OS, "the queue %s: %s (%s)", d->path, sqlite3_errmsg(d->h),
			strerror(sys));
	else
		err_set(e, ERR_OS, "the queue %s: %s", d->path, sqlite3_errmsg(d->h));
	if (e)
		e->sys = sys;
	return -1;
}

static int fail_read(struct db *d, struct err *e)
{
	int sys = read_through(d->path);
	char text[LIMIT_ERR];

	snprintf(text, sizeof(text), "%s", sqlite3_errmsg(d->h));
	if (sys)
		return err_set(e, ERR_OS, "the queue %s cannot be read: %s", d->path, strerror(sys));
	if (is_whole(d))
		return err_set(e, ERR_TEMP, "the queue %s could not be read this time, and is "
			"whole; try again, nothing is lost", d->path);
	return err_set(e, ERR_DATA, "the queue %s is damaged (%s); nothing recorded is lost: "
		"run `refire queue rebuild`", d->path, text);
}

static int fail(struct db *d, struct err *e, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return fail_read(d, e);
	case SQLITE_FULL:
		err_set(e, ERR_TEMP, "no space left for the queue %s; make room, nothing is lost",
			d->path);
		if (e)
			e->sys = ENOSPC;
		return -1;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(e, ERR_TEMP, "the queue %s is busy; try again", d->path);
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		/* An open for writing that failed, for want of descriptors say, is one for
		   reading to SQLite. */
		if (access(d->path, W_OK) && errno == EROFS)
			return err_set(e, ERR_TEMP, "the queue %s is on a read-only file system",
				d->path);
		if (!access(d->path, W_OK))
			return err_set(e, ERR_TEMP, "the queue %s could not be opened for writing this "
				"time; try again, nothing is lost", d->path);
		return err_set(e, ERR_PERM, "the queue %s cannot be written (%s); it belongs to the "
			"account that runs refire", d->path, sqlite3_errmsg(d->h));
	default:
		return fail_io(d, e, rc);
	}
}

static int pragmas(struct db *d, enum db_open mode, struct err *e)
{
	sqlite3_busy_timeout(d->h, BUSY_MS);
	if (mode == DB_READ)
		return db_script(d, "PRAGMA query_only=ON;", e);
	return db_script(d, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
		"PRAGMA wal_autocheckpoint=4000; PRAGMA journal_size_limit=67108864;"
		"PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16000;", e);
}

/* A WAL is written even by readers (its -shm), so READ opens for writing and then
   forbids it to the connection. */
int db_open(const char *path, enum db_open mode, struct db **out, struct err *e)
{
	int flags = SQLITE_OPEN_READWRITE | (mode == DB_WRITE ? SQLITE_OPEN_CREATE : 0), rc;
	mode_t old = umask(077);
	struct db *d = mem_alloc(sizeof(*d));

	d->path = mem_strdup(path);
	rc = sqlite3_open_v2(path, &d->h, flags | SQLITE_OPEN_NOMUTEX, NULL);
	umask(old);
	if (rc != SQLITE_OK) {
		struct stat st;

		if (stat(path, &st))
			err_sys(e, "cannot open the queue %s", path);
		else
			fail(d, e, rc);
		db_close(d);
		return -1;
	}
	sqlite3_extended_result_codes(d->h, 1);
	if (pragmas(d, mode, e)) {
		db_close(d);
		return -1;
	}
	*out = d;
	return 0;
}

void db_close(struct db *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->ncache; i++)
		sqlite3_finalize(d->cache[i].stmt);
	sqlite3_close(d->h);
	free(d->path);
	free(d);
}

int db_script(struct db *d, const char *sql, struct err *e)
{
	int rc = sqlite3_exec(d->h, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : fail(d, e, rc);
}

static sqlite3_stmt *prepare(struct db *d, const char *sql, struct err *e)
{
	sqlite3_stmt *s;
	int rc;

	for (size_t i = 0; i < d->ncache; i++)
		if (d->cache[i].sql == sql && !sqlite3_stmt_busy(d->cache[i].stmt))
			return d->cache[i].stmt;
	rc = sqlite3_prepare_v3(d->h, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL);
	if (rc != SQLITE_OK) {
		fail(d, e, rc);
		return NULL;
	}
	if (d->ncache == STATEMENTS) {
		sqlite3_finalize(s);
		err_set(e, ERR_BUG, "too many different statements");
		return NULL;
	}
	d->cache[d->ncache].sql = sql;
	d->cache[d->ncache++].stmt = s;
	return s;
}

static void bind(sqlite3_stmt *s, const char *binds, va_list ap)
{
	for (int i = 1; binds && *binds; binds++, i++) {
		const void *p;

		switch (*binds) {
		case 'i':
			sqlite3_bind_int64(s, i, va_arg(ap, int64_t));
			break;
		case 's':
			p = va_arg(ap, const char *);
			sqlite3_bind_text(s, i, p, -1, SQLITE_STATIC);
			break;
		case 'b':
			p = va_arg(ap, const void *);
			sqlite3_bind_blob64(s, i, p, va_arg(ap, size_t), SQLITE_STATIC);
			break;
		default:
			abort();
		}
	}
}

int db_exec(struct db *d, struct err *e, const char *sql, const char *binds, ...)
{
	sqlite3_stmt *s = prepare(d, sql, e);
	va_list ap;
	int rc;

	if (!s)
		return -1;
	va_start(ap, binds);
	bind(s, binds, ap);
	va_end(ap);
	do
		rc = sqlite3_step(s);
	while (rc == SQLITE_ROW);
	if (rc != SQLITE_DONE) {
		fail(d, e, rc);
		sqlite3_reset(s);
		return -1;
	}
	sqlite3_reset(s);
	return 0;
}

int64_t db_changes(struct db *d)
{
	return sqlite3_changes64(d->h);
}

int64_t db_last_id(struct db *d)
{
	return sqlite3_last_insert_rowid(d->h);
}

int db_begin(struct db *d, struct err *e)
{
	return db_exec(d, e, "BEGIN IMMEDIATE", "");
}

int db_begin_reading(struct db *d, struct err *e)
{
	return db_exec(d, e, "BEGIN", "");
}

int db_commit(struct db *d, struct err *e)
{
	return db_exec(d, e, "COMMIT", "");
}

int db_shrink(struct db *d, struct err *e)
{
	struct db_row r;

	if (db_query(d, &r, e, "PRAGMA wal_checkpoint(TRUNCATE)", ""))
		return -1;
	if (db_next(&r, e) < 0)
		return -1;
	db_done(&r);
	return 0;
}

void db_rollback(struct db *d)
{
	if (!sqlite3_get_autocommit(d->h))
		sqlite3_exec(d->h, "ROLLBACK", NULL, NULL, NULL);
}

int db_query(struct db *d, struct db_row *r, struct err *e, const char *sql,
	const char *binds, ...)
{
	sqlite3_stmt *s = prepare(d, sql, e);
	va_list ap;

	*r = (struct db_row){ d, s };
	if (!s)
		return -1;
	va_start(ap, binds);
	bind(s, binds, ap);
	va_end(ap);
	return 0;
}

int db_next(struct db_row *r, struct err *e)
{
	int rc = sqlite3_step(r->stmt);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		fail(r->db, e, rc);
	sqlite3_reset(r->stmt);
	return rc == SQLITE_DONE ? 0 : -1;
}

void db_done(struct db_row *r)
{
	sqlite3_reset(r->stmt);
}

int64_t db_int(const struct db_row *r, int col)
{
	return sqlite3_column_int64(r->stmt, col);
}

const char *db_text(const struct db_row *r, int col)
{
	const unsigned char *s = sqlite3_column_text(r->stmt, col);

	return s ? (const char *)s : "";
}

const void *db_blob(const struct db_row *r, int col, size_t *len)
{
	*len = (size_t)sqlite3_column_bytes(r->stmt, col);
	return sqlite3_column_blob(r->stmt, col);
}

int db_check(struct db *d, struct err *e)
{
	struct db_row r;
	int got;

	if (db_query(d, &r, e, "PRAGMA quick_check(1)", ""))
		return -1;
	got = db_next(&r, e);
	if (got < 0)
		return -1;
	if (got && strcmp(db_text(&r, 0), "ok")) {
		err_set(e, ERR_DATA, "the queue %s is damaged (%s); nothing recorded is lost: "
			"run `refire queue rebuild`", d->path, db_text(&r, 0));
		db_done(&r);
		return -1;
	}
	db_done(&r);
	return 0;
}
