/* words.c - see words.h. */
#include "words.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "limits.h"
#include "match.h"

void words_ref(struct buf *out, const char *ref)
{
	const char *branch = ref_branch(ref), *tag = ref_tag(ref);

	if (*tag)
		buf_fmt(out, "tag %s", tag);
	else
		buf_str(out, *branch ? branch : ref);
}

void words_oid(struct buf *out, const char *oid)
{
	if (oid_is_zero(oid))
		buf_str(out, "none");
	else
		buf_fmt(out, "%.*s", WORDS_OID, oid);
}

void words_move(struct buf *out, const char *before, const char *after)
{
	if (oid_is_zero(after)) {
		buf_str(out, "deleted");
		return;
	}
	words_oid(out, after);
	if (oid_is_zero(before))
		buf_str(out, " new");
}

void words_when(struct buf *out, int64_t when_us, int64_t now_us)
{
	char text[CLOCK_ISO_SIZE];

	buf_str(out, clock_relative(when_us, now_us, text));
}

void words_count(struct buf *out, int64_t n)
{
	char digits[32];
	size_t len = (size_t)snprintf(digits, sizeof(digits), "%lld", (long long)n);

	for (size_t i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0 && digits[i - 1] != '-')
			buf_chr(out, ',');
		buf_chr(out, digits[i]);
	}
}

void words_bytes(struct buf *out, int64_t n)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	double v = (double)n / KIB;
	size_t u = 0;

	if (n < KIB) {
		buf_fmt(out, "%lld bytes", (long long)n);
		return;
	}
	for (; v >= KIB && u + 1 < sizeof(units) / sizeof(*units); u++)
		v /= KIB;
	buf_fmt(out, v < 10 ? "%.1f %s" : "%.0f %s", v, units[u]);
}

void words_span(struct buf *out, int64_t us)
{
	if (us < 1000)
		buf_fmt(out, "%lld us", (long long)us);
	else if (us < US_PER_S)
		buf_fmt(out, "%.1f ms", (double)us / 1000);
	else
		buf_fmt(out, "%.1f s", (double)us / US_PER_S);
}
