/* observe.c - accepted refs beside an answer, in one pass over both. */
#include "observe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "digest.h"
#include "match.h"
#include "scope.h"

static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";

static void add(struct observe_out *out, const char *ref, const char *oid, int64_t base)
{
	out->seen[out->n++] = (struct ref_update){ .ref = ref, .old = "", .new = oid, .base = base };
}

static void present(struct observe_out *out, const struct repo_ref *now, const struct queue_ref *was)
{
	bool new = !was || oid_is_zero(was->oid);

	if (was && !was->held && !strcmp(was->oid, now->oid))
		return;
	add(out, now->ref, now->oid, was ? was->base : 0);
	if (new)
		out->made++;
	else
		out->moved++;
}

static void absent(struct observe_out *out, const struct observe_in *in, const struct queue_ref *was)
{
	size_t n = strlen(was->oid);

	if (was->held || oid_is_zero(was->oid) || !scope_covers(&in->listed, was->ref))
		return;
	add(out, was->ref, zeros + (sizeof(zeros) - 1 - n), was->base);
	out->gone++;
}

void observe_diff(struct arena *a, const struct observe_in *in, struct observe_out *out)
{
	size_t i = 0, k = 0;

	*out = (struct observe_out){ 0 };
	out->seen = arena_alloc(a, (in->naccepted + in->answer->n + 1) * sizeof(*out->seen));
	while (i < in->naccepted || k < in->answer->n) {
		const struct queue_ref *was = i < in->naccepted ? &in->accepted[i] : NULL;
		const struct repo_ref *now = k < in->answer->n ? &in->answer->v[k] : NULL;
		int c = !was ? 1 : !now ? -1 : strcmp(was->ref, now->ref);

		if (c < 0)
			absent(out, in, was);
		else if (now)
			present(out, now, c ? NULL : was);
		i += c <= 0;
		k += c >= 0;
	}
	for (i = 0; i < in->listed.n; i++)
		if (!scope_covers(&in->known, in->listed.v[i]))
			out->first = true;
}

bool observe_news(const struct observe_out *out)
{
	return out->n || out->first;
}

void observe_digest(const struct observe_out *out, const struct queue_texts *listed,
	char digest[17])
{
	unsigned char sum[SHA256_SIZE];
	struct digest_pieces d;
	char base[24];

	digest_pieces_init(&d);
	for (size_t i = 0; i < listed->n; i++)
		digest_pieces_add(&d, listed->v[i]);
	for (size_t i = 0; i < out->n; i++) {
		snprintf(base, sizeof(base), "%" PRId64, out->seen[i].base);
		digest_pieces_add(&d, base);
		digest_pieces_add(&d, out->seen[i].new);
		digest_pieces_add(&d, out->seen[i].ref);
	}
	digest_pieces_end(&d, sum);
	for (size_t i = 0; i < 8; i++)
		snprintf(digest + 2 * i, 3, "%02x", sum[i]);
}
