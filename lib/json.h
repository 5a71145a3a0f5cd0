/*
 * json.h - a small JSON writer into a struct buf. Reading is jansson's.
 *
 * Commas are placed by the writer; keys and values only need to be said in
 * order. Output is compact, valid JSON (RFC 8259) in pure ASCII-safe UTF-8:
 * text is UTF-8 with C0, DEL, C1, U+2028/9 and bidi controls escaped (\n and its
 * kin in short, the others as \uNNNN). Each byte that is not UTF-8 becomes U+FFFD;
 * json_key_bytes() adds the lossless form beside it.
 *
 *	struct json j;
 *	json_init(&j, &buf);
 *	json_object(&j);
 *	json_key(&j, "ref"); json_str(&j, ref);
 *	json_end(&j);			closes the innermost object or array
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/* jansson, with which JSON is read, has functions of these names: ours are called
   otherwise by the linker. A file that does both includes jansson.h first. */
#define json_object json_write_object
#define json_array json_write_array
#define json_null json_write_null

#define JSON_DEPTH 32

struct json {
	struct buf *b;
	int depth;
	char close[JSON_DEPTH];		/* '}' or ']' */
	bool first[JSON_DEPTH];
	bool keyed;			/* a key was written: the value follows */
	int indent;			/* 0: compact; n: spaces a level */
};

void json_init(struct json *j, struct buf *b);
void json_object(struct json *j);
void json_array(struct json *j);
void json_end(struct json *j);
void json_key(struct json *j, const char *key);
void json_str(struct json *j, const char *s);		/* NULL writes null */
void json_strn(struct json *j, const char *s, size_t n);
void json_int(struct json *j, int64_t v);
void json_bool(struct json *j, bool v);
void json_null(struct json *j);
/* text that is JSON already, e.g. stored by us */
void json_raw(struct json *j, const char *json);
/* key + value in one. */
void json_kv(struct json *j, const char *key, const char *value);
void json_kv_int(struct json *j, const char *key, int64_t value);
void json_kv_bool(struct json *j, const char *key, bool value);
/* key + string, and, only when the bytes are not valid UTF-8, also
   "<key>Base64" with the exact bytes, so that nothing is lost. */
void json_key_bytes(struct json *j, const char *key, const char *s, size_t n);
/* Is s valid UTF-8 (no surrogates, no overlong forms, at most U+10FFFF)? */
bool json_utf8_valid(const char *s, size_t n);

#endif
