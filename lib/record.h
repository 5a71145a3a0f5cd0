/*
 * record.h - the form of a spool file: named fields with lengths, and a CRC.
 *
 *	refire 1\n
 *	NAME SP LENGTH \n VALUE \n		any number, in any order, repeats allowed
 *	end SP 8-hex-digits \n			CRC-32 of every byte before this line
 *
 * NAME is [A-Za-z0-9._-]{1,64}; LENGTH decimal bytes of VALUE. A file without its
 * end line, with a wrong CRC or with bytes after the end is torn. A reader
 * passes over fields it does not know; a first line with a higher number than
 * it knows is left alone ("newer"). docs/spool.md lists the fields.
 *
 * Writing allocates nothing and links libc only: the hook uses it.
 */
#ifndef RECORD_H
#define RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define RECORD_VERSION 1

/* Writes into memory of the caller; over is set when it did not fit. */
struct record_out {
	char *s;
	size_t len, cap;
	uint32_t crc;
	int over;
};

void record_begin(struct record_out *r, char *mem, size_t cap);
void record_field(struct record_out *r, const char *name, const void *value, size_t len);
void record_text(struct record_out *r, const char *name, const char *value);
void record_number(struct record_out *r, const char *name, int64_t value);
/* A long last value that is written from elsewhere: only its head goes into the
   record here; crc counts all of it. After it comes record_tail() into its own
   small memory, preceded by the newline that ends the value. */
void record_head(struct record_out *r, const char *name, const void *value, size_t len);
/* tail: at least 32 bytes. Returns its length. */
size_t record_tail(struct record_out *r, char *tail);
/* The end line for a record whose fields are all inside. */
void record_end(struct record_out *r);

/* Reading: fields point into the text, which must outlive them. */
struct record_field {
	const char *name;	/* NUL-terminated: the reader writes the NUL over SP */
	char *value;		/* NUL-terminated: the reader writes it over the final newline */
	size_t len;
};
struct record_in {
	struct record_field *fields;	/* malloc()ed; record_release */
	size_t n;
	int version;
};

enum record_status { RECORD_OK, RECORD_TORN, RECORD_NEWER };

/* Modifies text (NUL bytes). TORN fills e with what is wrong and where. */
enum record_status record_parse(char *text, size_t len, struct record_in *out, struct err *e);
void record_release(struct record_in *r);
/* First field of that name, or NULL. */
const struct record_field *record_find(const struct record_in *r, const char *name);
/* Its text, or "" */
const char *record_get(const struct record_in *r, const char *name);
/* Its number; -1 and *bad set when it is there and not a number. */
int64_t record_get_number(const struct record_in *r, const char *name, int *bad);

#endif
