/* record.c - named fields with lengths and a CRC; libc only. */
#include "record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crc32.h"

#define MAGIC "refire "
#define NAME_MAX_LEN 64

static void put(struct record_out *r, const void *p, size_t n)
{
	if (r->over || n > r->cap - r->len) {
		r->over = 1;
		return;
	}
	if (n)
		memcpy(r->s + r->len, p, n);
	r->len += n;
	r->crc = crc32_add(r->crc, p, n);
}

void record_begin(struct record_out *r, char *mem, size_t cap)
{
	char line[32];
	int n = snprintf(line, sizeof(line), MAGIC "%d\n", RECORD_VERSION);

	*r = (struct record_out){ .s = mem, .cap = cap };
	put(r, line, (size_t)n);
}

static void put_head(struct record_out *r, const char *name, size_t len)
{
	char line[NAME_MAX_LEN + 32];
	int n = snprintf(line, sizeof(line), "%s %zu\n", name, len);

	put(r, line, (size_t)n);
}

void record_field(struct record_out *r, const char *name, const void *value, size_t len)
{
	put_head(r, name, len);
	put(r, value, len);
	put(r, "\n", 1);
}

void record_text(struct record_out *r, const char *name, const char *value)
{
	record_field(r, name, value, strlen(value));
}

void record_number(struct record_out *r, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	record_text(r, name, text);
}

void record_head(struct record_out *r, const char *name, const void *value, size_t len)
{
	put_head(r, name, len);
	r->crc = crc32_add(r->crc, value, len);
}

size_t record_tail(struct record_out *r, char *tail)
{
	r->crc = crc32_add(r->crc, "\n", 1);
	return (size_t)snprintf(tail, 32, "\nend %08" PRIx32 "\n", r->crc);
}

void record_end(struct record_out *r)
{
	char line[32];
	int n = snprintf(line, sizeof(line), "end %08" PRIx32 "\n", r->crc);

	put(r, line, (size_t)n);
}

static enum record_status torn(struct record_in *out, struct err *e, const char *what, size_t at)
{
	record_release(out);
	err_set(e, ERR_DATA, "not a whole spool file: %s at byte %zu", what, at);
	return RECORD_TORN;
}

static int name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		c == '.' || c == '_' || c == '-';
}

/* A decimal number that ends at '\n'; SIZE_MAX when it is not one. */
static size_t read_length(const char *s, const char *end, const char **after)
{
	size_t v = 0;
	const char *p = s;

	for (; p < end && *p >= '0' && *p <= '9' && p - s < 10; p++)
		v = v * 10 + (size_t)(*p - '0');
	if (p == s || p == end || *p != '\n')
		return SIZE_MAX;
	*after = p + 1;
	return v;
}

static int add_field(struct record_in *out, size_t *cap, struct record_field f)
{
	struct record_field *v;

	if (out->n == *cap) {
		*cap = *cap ? *cap * 2 : 16;
		v = realloc(out->fields, *cap * sizeof(*v));
		if (!v)
			return -1;
		out->fields = v;
	}
	out->fields[out->n++] = f;
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The end line must be the last bytes and its CRC that of all before it. */
static const char *check_end(const char *text, size_t len, const char *p)
{
	uint32_t want = 0;

	if (len - (size_t)(p - text) != 13 || p[12] != '\n')
		return "the end line is not the last";
	for (int i = 4; i < 12; i++) {
		int digit = hex_digit(p[i]);

		if (digit < 0)
			return "the CRC is not 8 hexadecimal digits";
		want = want << 4 | (uint32_t)digit;
	}
	if (crc32_add(0, text, (size_t)(p - text)) != want)
		return "the CRC does not match";
	return NULL;
}

static enum record_status parse_magic(const char *text, size_t len, const char **p, int *version)
{
	const size_t m = sizeof(MAGIC) - 1;
	size_t v;

	if (len < m || memcmp(text, MAGIC, m))
		return RECORD_TORN;
	v = read_length(text + m, text + len, p);
	if (v == SIZE_MAX || v == 0)
		return RECORD_TORN;
	*version = v > 1000000 ? 1000000 : (int)v;
	return *version > RECORD_VERSION ? RECORD_NEWER : RECORD_OK;
}

/* One field from p; NULL and *what when it is not one. */
static char *parse_field(char *p, char *end, struct record_field *f, const char **what)
{
	const char *after;
	size_t len;
	char *q = p;

	while (q < end && name_char(*q) && q - p < NAME_MAX_LEN)
		q++;
	*what = "a field's name was expected";
	if (q == p || q == end || *q != ' ')
		return NULL;
	*what = "a field's length was expected";
	len = read_length(q + 1, end, &after);
	if (len == SIZE_MAX)
		return NULL;
	*what = "a field is longer than the file";
	if (len >= (size_t)(end - after) || after[len] != '\n')
		return NULL;
	*f = (struct record_field){ .name = p, .value = q + 1 + (after - (q + 1)), .len = len };
	return f->value + len + 1;
}

/* Terminate names and values once the CRC has been checked over the original. */
static void terminate(struct record_in *r)
{
	for (size_t i = 0; i < r->n; i++) {
		char *v = r->fields[i].value, *name_end = v - 1;

		while (name_end[-1] != ' ')
			name_end--;
		name_end[-1] = 0;
		v[r->fields[i].len] = 0;
	}
}

enum record_status record_parse(char *text, size_t len, struct record_in *out, struct err *e)
{
	char *p, *end = text + len;
	struct record_field f;
	enum record_status s;
	const char *what, *after;
	size_t cap = 0;

	*out = (struct record_in){ 0 };
	s = parse_magic(text, len, &after, &out->version);
	if (s == RECORD_TORN)
		return torn(out, e, "the first line is not `refire 1`", 0);
	if (s == RECORD_NEWER) {
		err_set(e, ERR_TEMP, "spool file of version %d; this refire reads up to %d",
			out->version, RECORD_VERSION);
		return s;
	}
	for (p = text + (after - text); end - p < 4 || memcmp(p, "end ", 4); ) {
		char *next = parse_field(p, end, &f, &what);

		if (!next)
			return torn(out, e, what, (size_t)(p - text));
		if (out->n == LIMIT_SPOOL_FIELDS || add_field(out, &cap, f))
			return torn(out, e, "there are too many fields", (size_t)(p - text));
		p = next;
	}
	what = check_end(text, len, p);
	if (what)
		return torn(out, e, what, (size_t)(p - text));
	terminate(out);
	return RECORD_OK;
}

void record_release(struct record_in *r)
{
	free(r->fields);
	*r = (struct record_in){ 0 };
}

const struct record_field *record_find(const struct record_in *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		if (!strcmp(r->fields[i].name, name))
			return &r->fields[i];
	return NULL;
}

const char *record_get(const struct record_in *r, const char *name)
{
	const struct record_field *f = record_find(r, name);

	return f ? f->value : "";
}

int64_t record_get_number(const struct record_in *r, const char *name, int *bad)
{
	const char *s = record_get(r, name);
	char *end;
	int64_t v;

	if (!*s)
		return 0;
	errno = 0;
	v = strtoll(s, &end, 10);
	if (!*end && !errno && (*s == '-' || (*s >= '0' && *s <= '9')))
		return v;
	*bad = 1;
	return -1;
}
