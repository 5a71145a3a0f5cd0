/* json.c - see json.h. */
#include <string.h>

#include "digest.h"
#include "json.h"
#include "utf8.h"

void json_init(struct json *j, struct buf *b)
{
	*j = (struct json){ .b = b };
}

static void json_newline(struct json *j)
{
	if (j->indent > 0) {
		buf_chr(j->b, '\n');
		for (int i = 0; i < j->depth * j->indent; i++)
			buf_chr(j->b, ' ');
	}
}

/* What goes before a key, or before a value that has none. */
static void json_lead(struct json *j)
{
	if (j->keyed) {
		j->keyed = false;
		return;
	}
	if (j->depth == 0)
		return;
	if (!j->first[j->depth - 1])
		buf_chr(j->b, ',');
	j->first[j->depth - 1] = false;
	json_newline(j);
}

static void json_open(struct json *j, char open, char close)
{
	json_lead(j);
	buf_chr(j->b, open);
	if (j->depth == JSON_DEPTH) {
		j->b->over = true;
		return;
	}
	j->close[j->depth] = close;
	j->first[j->depth] = true;
	j->depth++;
}

void json_object(struct json *j)
{
	json_open(j, '{', '}');
}

void json_array(struct json *j)
{
	json_open(j, '[', ']');
}

void json_end(struct json *j)
{
	bool empty;

	if (j->depth == 0)
		return;
	empty = j->first[--j->depth];
	if (!empty)
		json_newline(j);
	buf_chr(j->b, j->close[j->depth]);
}

/* Bytes that need no look: printable ASCII but '"' and '\\'. */
static bool json_plain(unsigned char c)
{
	static const uint32_t plain[8] = { 0, 0xfffffffb, 0xefffffff, 0x7fffffff };

	return plain[c >> 5] >> (c & 31) & 1;
}

static void json_escape(struct buf *b, uint32_t c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";

	for (size_t i = 0; from[i]; i++)
		if (c == (unsigned char)from[i]) {
			buf_chr(b, '\\');
			buf_chr(b, to[i]);
			return;
		}
	buf_fmt(b, "\\u%04x", (unsigned)c);
}

static void json_text(struct buf *b, const char *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t run = i;
		uint32_t c;
		int k;

		while (run < n && json_plain((unsigned char)s[run]))
			run++;
		if (run > i)
			buf_add(b, s + i, run - i);
		i = run;
		if (i == n)
			break;
		k = utf8_next(s + i, n - i, &c);
		if (k == 0)
			buf_str(b, "\\ufffd");
		else if (k == 1 || utf8_hostile(c))
			json_escape(b, c);
		else
			buf_add(b, s + i, (size_t)k);
		i += k ? (size_t)k : 1;
	}
}

void json_key(struct json *j, const char *key)
{
	json_lead(j);
	buf_chr(j->b, '"');
	json_text(j->b, key, strlen(key));
	buf_str(j->b, j->indent > 0 ? "\": " : "\":");
	j->keyed = true;
}

void json_strn(struct json *j, const char *s, size_t n)
{
	json_lead(j);
	buf_chr(j->b, '"');
	json_text(j->b, s, n);
	buf_chr(j->b, '"');
}

void json_str(struct json *j, const char *s)
{
	if (s)
		json_strn(j, s, strlen(s));
	else
		json_null(j);
}

void json_int(struct json *j, int64_t v)
{
	uint64_t rest = v < 0 ? -(uint64_t)v : (uint64_t)v;
	char text[24], *at = text + sizeof text;

	do
		*--at = (char)('0' + rest % 10);
	while (rest /= 10);
	if (v < 0)
		*--at = '-';
	json_lead(j);
	buf_add(j->b, at, (size_t)(text + sizeof text - at));
}

void json_bool(struct json *j, bool v)
{
	json_raw(j, v ? "true" : "false");
}

void json_null(struct json *j)
{
	json_raw(j, "null");
}

void json_raw(struct json *j, const char *json)
{
	json_lead(j);
	buf_str(j->b, json);
}

void json_kv(struct json *j, const char *key, const char *value)
{
	json_key(j, key);
	json_str(j, value);
}

void json_kv_int(struct json *j, const char *key, int64_t value)
{
	json_key(j, key);
	json_int(j, value);
}

void json_kv_bool(struct json *j, const char *key, bool value)
{
	json_key(j, key);
	json_bool(j, value);
}

bool json_utf8_valid(const char *s, size_t n)
{
	uint32_t c;

	for (size_t i = 0; i < n;) {
		int k = utf8_next(s + i, n - i, &c);

		if (k == 0)
			return false;
		i += (size_t)k;
	}
	return true;
}

void json_key_bytes(struct json *j, const char *key, const char *s, size_t n)
{
	json_key(j, key);
	json_strn(j, s, n);
	if (json_utf8_valid(s, n))
		return;
	json_lead(j);
	buf_chr(j->b, '"');
	json_text(j->b, key, strlen(key));
	buf_str(j->b, j->indent > 0 ? "Base64\": \"" : "Base64\":\"");
	digest_base64(j->b, s, n);
	buf_chr(j->b, '"');
}
