/* enrich.c - enrich one update REPEAT times, by libgit2 or by git: prints microseconds of
   the fastest. For tests/bench/enrich.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "enrich_parts.h"

static int64_t once(const char *dir, const char *before, const char *after, size_t from,
	struct enrichment *out, struct arena *a)
{
	int64_t began = clock_mono_us();
	struct repo *r;
	struct err e;
	struct enrich *n;

	if (repo_open(dir, &r, &e)) {
		fprintf(stderr, "%s\n", e.text);
		exit(1);
	}
	n = enrich_open(r);
	enrich_update_by(n, a, "refs/heads/main", before, after, began + 600 * US_PER_S, from, out);
	enrich_close(n);
	repo_close(r);
	return clock_mono_us() - began;
}

int main(int argc, char **argv)
{
	struct enrichment out;
	int64_t best = INT64_MAX;
	struct arena a;

	if (argc != 6) {
		fprintf(stderr, "usage: bench-enrich GITDIR OLD NEW libgit2|git REPEAT\n");
		return 64;
	}
	for (int i = atoi(argv[5]); i > 0; i--) {
		int64_t us;

		arena_init(&a);
		us = once(argv[1], argv[2], argv[3], strcmp(argv[4], "git") ? SIZE_MAX : 0, &out, &a);
		best = us < best ? us : best;
		if (i == 1)
			printf("%lld %zu %zu %s\n", (long long)best, out.ncommits, out.npaths, out.why_not);
		arena_release(&a);
	}
	return 0;
}
