/*
 * pkt.h - pkt-lines, the framing of git's protocol (gitprotocol-common(5)): four
 * hexadecimal digits that count themselves and what follows; 0000 a flush, 0001 a
 * delimiter, 0002 a response end. Pure.
 *
 * Reading takes bytes as they come, in pieces of any size; cutting them elsewhere
 * changes nothing. A length that is no length, or over LIMIT_PKT_LINE, is ERR_DATA.
 *
 *	pkt_init(&p);
 *	while (more bytes)
 *		if (pkt_feed(&p, bytes, n, &taker, e)) ...
 *	if (pkt_partial(&p)) ...	it ended inside a line
 *	pkt_release(&p);
 */
#ifndef PKT_H
#define PKT_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "err.h"

enum pkt_kind { PKT_LINE, PKT_FLUSH, PKT_DELIM, PKT_END };

struct pkt_reader {
	char head[4];
	size_t nhead;
	size_t want;			/* bytes of the line still to come */
	struct buf line;
};

/* Who takes the packets. line is NUL-terminated, without its final newline; len
   says whether there are NUL bytes inside. Non-zero ends pkt_feed with that value. */
struct pkt_taker {
	int (*take)(void *arg, enum pkt_kind kind, char *line, size_t len, struct err *e);
	void *arg;
};

void pkt_init(struct pkt_reader *p);
void pkt_release(struct pkt_reader *p);
int pkt_feed(struct pkt_reader *p, const char *s, size_t n, const struct pkt_taker *t,
	struct err *e);
bool pkt_partial(const struct pkt_reader *p);

/* Writing: one line (a newline is added), a flush, a delimiter. */
void pkt_line(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* One line of two texts: the same, for what is made for each poll. */
void pkt_text(struct buf *b, const char *start, const char *rest);
void pkt_flush(struct buf *b);
void pkt_delim(struct buf *b);
/* A line as it is, without a newline: may hold NUL bytes. */
void pkt_bytes(struct buf *b, const void *p, size_t n);

#endif
