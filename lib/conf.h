/*
 * conf.h - the INI reader: strict, and without the packaged inih's limits.
 *
 * inih (ini_parse_stream) splits lines at 199 bytes, cuts section names at 49
 * and drops what follows " ;". conf reads physical lines itself, refuses what
 * is too long or unclear, and hands inih only what it cannot misread, so that
 * values of LIMIT_CONF_VALUE bytes come through unchanged.
 *
 * Grammar: [section] or [section name]; key = value; a comment begins with ; or
 * # at the start of a line, or with " ;" after a value (write \; for a literal
 * one); a value goes on in the next lines when they are indented (joined by one
 * space), until a blank line. Duplicated keys in one section and duplicated
 * sections, over all files, are errors. A byte order mark and CRLF are accepted.
 *
 * Tier 0: this file knows sections and keys, not what they mean. Items come in
 * file order, includes taken in where they stand.
 */
#ifndef CONF_H
#define CONF_H

#include "err.h"
#include "mem.h"

struct conf_item {
	const char *section;	/* "pipeline" */
	const char *name;	/* "web-deploy", "" for [refire] */
	const char *key;
	const char *value;
	const char *file;
	int line;
};

struct conf_file {
	struct conf_item *items;	/* in order; also one item with key "" per section */
	size_t n;
	char **files;			/* every file read, absolute, in order */
	size_t nfiles;
};

/* Read path and what it includes (key `include` in [refire], relative to the
   file it stands in; its last part may be a pattern, glob.h: without a match that
   is no error, a plain name without a file is one). Strings live in a. Each file must be
   writable by its owner, root or us, only. The first error ends it:
   "file:line: sentence", ERR_CONFIG; the codes of fs.h when a file cannot be read. */
int conf_read(struct arena *a, const char *path, struct conf_file *out, struct err *e);
/* The same from memory, for tests and fuzzing: an include is an error. */
int conf_read_text(struct arena *a, const char *label, const char *text, size_t n,
	struct conf_file *out, struct err *e);

/* The nearest of names (NULL-terminated) to word, or NULL when none is near:
   for "unknown key `brnaches`; did you mean `branches`?". */
const char *conf_nearest(const char *word, const char *const *names);

#endif
