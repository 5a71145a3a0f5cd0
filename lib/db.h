/*
 * db.h - one small database interface; db_sqlite.c is behind it (PostgreSQL can
 * be beside it). Only lib/queue*.c use it.
 *
 * SQLite: WAL, synchronous=FULL (a commit survives a power cut), foreign keys
 * off, one statement cache by SQL text. Binding is positional by a format:
 *
 *	struct db_row r;
 *	db_query(db, &r, e, "SELECT oid FROM refs WHERE name = ?1", "s", name);
 *	while ((got = db_next(&r, e)) > 0) ... db_text(&r, 0) ...
 *
 *	i int64_t	s const char * (NULL binds NULL)	b const void *, size_t
 */
#ifndef DB_H
#define DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct db;

enum db_open { DB_READ, DB_WRITE };

int db_open(const char *path, enum db_open mode, struct db **out, struct err *e);
void db_close(struct db *d);

/* Run one statement to its end; -1 on failure. */
int db_exec(struct db *d, struct err *e, const char *sql, const char *binds, ...);
/* Several statements without parameters, e.g. a schema. */
int db_script(struct db *d, const char *sql, struct err *e);
int64_t db_changes(struct db *d);		/* rows of the last db_exec */
int64_t db_last_id(struct db *d);		/* rowid of the last insert */

int db_begin(struct db *d, struct err *e);	/* takes the write lock now */
int db_begin_reading(struct db *d, struct err *e);	/* one snapshot; db_rollback ends it */
int db_commit(struct db *d, struct err *e);
void db_rollback(struct db *d);
/* What is committed goes where it belongs, and the file beside it takes no more room. */
int db_shrink(struct db *d, struct err *e);

struct db_row {
	struct db *db;
	void *stmt;
};
int db_query(struct db *d, struct db_row *r, struct err *e, const char *sql,
	const char *binds, ...);
/* 1 a row, 0 the end (the statement is done), -1 failed. */
int db_next(struct db_row *r, struct err *e);
void db_done(struct db_row *r);			/* when leaving before the end */
int64_t db_int(const struct db_row *r, int col);
/* "" for NULL; until the next db_next. */
const char *db_text(const struct db_row *r, int col);
const void *db_blob(const struct db_row *r, int col, size_t *len);

/* quick check of the file: 0, or ERR_DATA. */
int db_check(struct db *d, struct err *e);

#endif
