/* Fuzz the trail's lookup: the first line of the input is the query, the rest a file.
   Both directions must find what reading line by line finds. */
#include <jansson.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fs.h"
#include "lookup.h"
#include "mem.h"
#include "records.h"

#define FOUND_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct found {
	size_t n;
	uint64_t sum[FOUND_MAX];
};

static int found_add(const char *line, size_t n, json_t *record, void *arg)
{
	struct found *f = arg;
	uint64_t sum = n;

	(void)record;
	for (size_t i = 0; i < n; i++)
		sum = sum * 31 + (unsigned char)line[i];
	if (f->n < FOUND_MAX)
		f->sum[f->n++] = sum;
	return 0;
}

static void naive(const struct lookup *l, const char *p, const char *end, struct found *f)
{
	const char *stop;

	for (; p < end && (stop = memchr(p, '\n', (size_t)(end - p))); p = stop + 1) {
		json_t *record;

		if (lookup_match(l, p, (size_t)(stop - p), &record) != 1)
			continue;
		found_add(p, (size_t)(stop - p), record, f);
		json_decref(record);
	}
}

static void same(const struct lookup *l, int fd, const struct found *want, bool oldest_first)
{
	struct found got = { 0 };
	struct records w = { .lookup = l, .oldest_first = oldest_first, .each = found_add, .arg = &got };
	struct err e;

	if (records_file(&w, fd, "fuzz", &e) != 0 || got.n != want->n)
		abort();
	for (size_t i = 0; i < got.n; i++)
		if (got.sum[i] != want->sum[oldest_first ? i : got.n - 1 - i])
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
	size_t n = line ? (size_t)(line - data) : 0;
	struct lookup_query q = { .read_only = -1 };
	struct found want = { 0 };
	struct lookup *l;
	char *word;
	int fd;

	if (n < 1)
		return 0;
	word = mem_alloc(n);
	memcpy(word, data + 1, n - 1);
	word[n - 1] = '\0';
	*(data[0] == 'p' ? &q.pipeline : data[0] == 'c' ? &q.change : data[0] == 'u' ? &q.username :
		data[0] == 'r' ? &q.resource : data[0] == 'e' ? &q.error_code : &q.text) = word;
	q.failed = data[0] == 'f';
	l = lookup_new(&q);
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || fs_write(fd, line + 1, size - n - 1))
		abort();
	naive(l, (const char *)line + 1, (const char *)data + size, &want);
	same(l, fd, &want, true);
	same(l, fd, &want, false);
	close(fd);
	lookup_free(l);
	free(word);
	return 0;
}
