/* pkt.c - pkt-lines. */
#include "pkt.h"

#include <stdarg.h>
#include <string.h>

void pkt_init(struct pkt_reader *p)
{
	*p = (struct pkt_reader){ 0 };
	buf_init(&p->line, LIMIT_PKT_LINE);
}

void pkt_release(struct pkt_reader *p)
{
	buf_release(&p->line);
}

bool pkt_partial(const struct pkt_reader *p)
{
	return p->nhead > 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The length the head says; -1 when it says none. */
static int length_of(const char head[4])
{
	int n = 0;

	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(head[i]);

		if (digit < 0)
			return -1;
		n = n * 16 + digit;
	}
	return n == 3 || n > LIMIT_PKT_LINE ? -1 : n;
}

static int take_special(struct pkt_reader *p, int length, const struct pkt_taker *t, struct err *e)
{
	char none[1] = "";

	p->nhead = 0;
	return t->take(t->arg, length == 0 ? PKT_FLUSH : length == 1 ? PKT_DELIM : PKT_END, none, 0, e);
}

static int take_whole(struct pkt_reader *p, const struct pkt_taker *t, struct err *e)
{
	struct buf *b = &p->line;

	p->nhead = 0;
	if (b->len && b->s[b->len - 1] == '\n')
		b->s[--b->len] = 0;
	return t->take(t->arg, PKT_LINE, b->s, b->len, e);
}

static int begin(struct pkt_reader *p, const struct pkt_taker *t, struct err *e)
{
	int length = length_of(p->head);

	if (length < 0)
		return err_set(e, ERR_DATA, "not git's protocol: `%.4s` is no length of a pkt-line",
			p->head);
	if (length < 4)
		return take_special(p, length, t, e);
	p->want = (size_t)length - 4;
	buf_clear(&p->line);
	return p->want ? 0 : take_whole(p, t, e);
}

int pkt_feed(struct pkt_reader *p, const char *s, size_t n, const struct pkt_taker *t,
	struct err *e)
{
	int r;

	while (n) {
		bool head = p->nhead < 4;
		size_t want = head ? 4 - p->nhead : p->want, k = n < want ? n : want;

		if (head) {
			memcpy(p->head + p->nhead, s, k);
			p->nhead += k;
		} else {
			buf_add(&p->line, s, k);
			p->want -= k;
		}
		s += k;
		n -= k;
		if (k < want)
			return 0;
		r = head ? begin(p, t, e) : take_whole(p, t, e);
		if (r)
			return r;
	}
	return 0;
}

/* ---- writing ---- */

static void write_length(char head[4], size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 3; i >= 0; i--, n >>= 4)
		head[i] = digits[n & 15];
}

/* In place: the length is known, and written, when the line stands. */
void pkt_line(struct buf *b, const char *fmt, ...)
{
	size_t at = b->len;
	va_list ap;

	buf_add(b, "0000", 4);
	va_start(ap, fmt);
	buf_vfmt(b, fmt, ap);
	va_end(ap);
	buf_chr(b, '\n');
	if (b->len - at > LIMIT_PKT_LINE)
		b->over = true;
	else if (!b->over)
		write_length(b->s + at, b->len - at);
}

void pkt_text(struct buf *b, const char *start, const char *rest)
{
	size_t m = strlen(start), n = strlen(rest);
	char head[4];

	if (m > LIMIT_PKT_LINE - 5 || n > LIMIT_PKT_LINE - 5 - m) {
		b->over = true;
		return;
	}
	write_length(head, m + n + 5);
	buf_add(b, head, 4);
	buf_add(b, start, m);
	buf_add(b, rest, n);
	buf_chr(b, '\n');
}

void pkt_bytes(struct buf *b, const void *p, size_t n)
{
	char head[4];

	if (n > LIMIT_PKT_LINE - 4) {
		b->over = true;
		return;
	}
	write_length(head, n + 4);
	buf_add(b, head, 4);
	buf_add(b, p, n);
}

void pkt_flush(struct buf *b)
{
	buf_str(b, "0000");
}

void pkt_delim(struct buf *b)
{
	buf_str(b, "0001");
}
