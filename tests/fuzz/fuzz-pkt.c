/*
 * fuzz-pkt.c - pkt-lines from any bytes: the same packets however the bytes are cut,
 * none longer than a packet may be. The first byte says where they are cut.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pkt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LOG_MAX (4 * MIB)

static int write_down(void *arg, enum pkt_kind kind, char *line, size_t len, struct err *e)
{
	struct buf *log = arg;

	(void)e;
	if (len > LIMIT_PKT_LINE - 4 || line[len] != 0)
		abort();
	if (kind != PKT_LINE && len)
		abort();
	buf_fmt(log, "%d %zu ", kind, len);
	buf_add(log, line, len);
	return 0;
}

/* What came out; ends with the verdict. */
static void parse(const char *s, size_t n, size_t step, struct buf *log)
{
	struct pkt_taker t = { write_down, log };
	struct pkt_reader p;
	struct err e = { 0 };
	int failed = 0;

	pkt_init(&p);
	for (size_t i = 0; i < n && !failed; i += step)
		failed = pkt_feed(&p, s + i, n - i < step ? n - i : step, &t, &e);
	buf_fmt(log, "%d %d %s", failed, pkt_partial(&p), failed ? e.text : "");
	pkt_release(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole, pieces;

	if (!size)
		return 0;
	buf_init(&whole, LOG_MAX);
	buf_init(&pieces, LOG_MAX);
	parse((const char *)data + 1, size - 1, size, &whole);
	parse((const char *)data + 1, size - 1, data[0] % 64 + 1, &pieces);
	if (whole.len != pieces.len || memcmp(whole.s, pieces.s, whole.len))
		abort();
	buf_release(&whole);
	buf_release(&pieces);
	return 0;
}
