/*
 * fuzz-advert.c - what a server may say, from any bytes: the same refs however the
 * bytes are cut; refs in order, each once, within the scope, with object ids of one
 * length; and an answer is good only when it ends with its flush. The first byte
 * says greeting or ls-refs, and where the bytes are cut.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "advert.h"
#include "change.h"
#include "scope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LOG_MAX (4 * MIB)

static const char *prefixes[] = { "refs/heads/", "refs/tags/v" };
static const struct queue_texts scope = { prefixes, 2 };

static void check_refs(const struct repo_refs *r)
{
	for (size_t i = 0; i < r->n; i++) {
		if (!change_ref_ok(r->v[i].ref) || !change_oid_ok(r->v[i].oid) ||
		    !scope_covers(&scope, r->v[i].ref))
			abort();
		if (*r->v[i].peeled && !change_oid_ok(r->v[i].peeled))
			abort();
		if (strlen(r->v[i].oid) != strlen(r->v[0].oid))
			abort();
		if (i && strcmp(r->v[i - 1].ref, r->v[i].ref) >= 0)
			abort();
	}
	if (*r->head && !change_ref_ok(r->head))
		abort();
}

static void parse(enum advert_form form, const char *s, size_t n, size_t step, struct buf *log)
{
	struct advert x;
	struct arena a;
	struct repo_refs refs;
	struct err e = { 0 };
	int failed = 0;

	arena_init(&a);
	advert_init(&x, form, &a, &scope);
	for (size_t i = 0; i < n && !failed; i += step)
		failed = advert_feed(&x, s + i, n - i < step ? n - i : step, &e);
	if (!failed)
		failed = advert_refs(&x, &refs, &e);
	if (!failed) {
		if (n < 4 || memcmp(s + n - 4, "0000", 4))
			abort();
		check_refs(&refs);
		for (size_t i = 0; i < refs.n; i++)
			buf_fmt(log, "%s %s %s\n", refs.v[i].oid, refs.v[i].ref, refs.v[i].peeled);
		buf_fmt(log, "%s %d", refs.head, x.version);
	}
	buf_fmt(log, "%d", failed);
	advert_release(&x);
	arena_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum advert_form form;
	struct buf whole, pieces;

	if (!size)
		return 0;
	form = data[0] & 1 ? ADVERT_LS_REFS : ADVERT_GREETING;
	buf_init(&whole, LOG_MAX);
	buf_init(&pieces, LOG_MAX);
	parse(form, (const char *)data + 1, size - 1, size, &whole);
	parse(form, (const char *)data + 1, size - 1, (data[0] >> 1) % 64 + 1, &pieces);
	if (whole.len != pieces.len || memcmp(whole.s, pieces.s, whole.len))
		abort();
	buf_release(&whole);
	buf_release(&pieces);
	return 0;
}
