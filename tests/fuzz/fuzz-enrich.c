/* Fuzz what reads a stored enrichment: never a crash, and what is read can be written
   and is read back the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "enrich.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Refused by us only what we would not write. */
static void again(struct arena *a, const struct enrichment *n)
{
	struct enrichment back;
	struct buf one, two;
	struct err e;

	buf_init(&one, LIMIT_ENRICHMENT);
	buf_init(&two, LIMIT_ENRICHMENT);
	enrich_encode(n, &one);
	if (enrich_decode(a, one.s, &back, &e))
		abort();
	enrich_encode(&back, &two);
	if (one.len != two.len || memcmp(one.s, two.s, one.len) != 0)
		abort();
	buf_release(&one);
	buf_release(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct enrichment n;
	struct arena a;
	struct err e;

	arena_init(&a);
	if (enrich_decode(&a, arena_memdup(&a, data, size), &n, &e) == 0)
		again(&a, &n);
	arena_release(&a);
	return 0;
}
