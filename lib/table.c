/* table.c - see table.h. */
#include "table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "limits.h"
#include "log.h"

#define GAP 2
#define WIDTH_UNKNOWN 80
#define WIDTH_MAX 10000
#define KEPT_MAX (4 * MIB)	/* of rows kept to be measured */
#define TEXT_MAX (64 * MIB)

static const char *const styles[STYLE_COUNT] = {
	[STYLE_NONE] = "", [STYLE_BOLD] = "1", [STYLE_DIM] = "2", [STYLE_GOOD] = "32",
	[STYLE_BAD] = "31", [STYLE_WARN] = "33", [STYLE_BUSY] = "36", [STYLE_HELD] = "35",
};

static int terminal_width(FILE *f)
{
	struct winsize w;
	const char *columns = getenv("COLUMNS");
	long n = columns ? strtol(columns, NULL, 10) : 0;

	if (ioctl(fileno(f), TIOCGWINSZ, &w) == 0 && w.ws_col > 0)
		return w.ws_col;
	return n > 0 && n < WIDTH_MAX ? (int)n : WIDTH_UNKNOWN;
}

void screen_init(struct screen *s, FILE *f)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	s->f = f;
	s->terminal = isatty(fileno(f)) == 1;
	s->width = s->terminal ? terminal_width(f) : 0;
	s->colour = s->terminal && !(no_color && *no_color) && term && *term
		&& strcmp(term, "dumb") != 0;
}

/* text is clean already. */
static void styled_add(const struct screen *s, struct buf *out, enum style style,
	const char *text, size_t n)
{
	bool on = s->colour && style != STYLE_NONE && n > 0;

	if (on)
		buf_fmt(out, "\033[%sm", styles[style]);
	buf_add(out, text, n);
	if (on)
		buf_str(out, "\033[0m");
}

void screen_styled(const struct screen *s, struct buf *out, enum style style, const char *text)
{
	struct buf safe;

	buf_init(&safe, TEXT_MAX);
	log_safe(&safe, text, strlen(text));
	styled_add(s, out, style, safe.s, safe.len);
	buf_release(&safe);
}

void screen_print(const struct screen *s, enum style style, const char *text)
{
	struct buf b;

	buf_init(&b, TEXT_MAX);
	screen_styled(s, &b, style, text);
	fwrite(b.s, 1, b.len, s->f);
	buf_release(&b);
}

struct wrap {
	int indent;			/* of every line but the first */
	int start, at;			/* columns: this line's text begins, goes on */
};

static void word_add(const struct screen *s, struct buf *out, struct wrap *w, enum style style,
	const char *word, size_t n)
{
	struct buf safe;
	int width;

	buf_init(&safe, TEXT_MAX);
	log_safe(&safe, word, n);
	width = text_width(safe.s);
	if (w->at > w->start && s->width && w->at + 1 + width > s->width) {
		buf_fmt(out, "\n%*s", w->indent, "");
		w->at = w->start = w->indent;
	} else if (w->at > w->start) {
		buf_chr(out, ' ');
		w->at++;
	}
	styled_add(s, out, style, safe.s, safe.len);
	w->at += width;
	buf_release(&safe);
}

void screen_wrapped(const struct screen *s, struct buf *out, int indent, enum style first_style,
	const char *first, enum style style, const char *text)
{
	int used = text_width(first), pad = used < indent || used == 0 ? indent - used : GAP;
	struct wrap w = { indent, used + pad, used + pad };

	screen_styled(s, out, first_style, first);
	buf_fmt(out, "%*s", pad, "");
	while (*text) {
		size_t n = strcspn(text, " ");

		word_add(s, out, &w, style, text, n);
		text += n;
		text += strspn(text, " ");
	}
	buf_chr(out, '\n');
}

void screen_wrap(const struct screen *s, int indent, enum style first_style, const char *first,
	enum style style, const char *text)
{
	struct buf b;

	buf_init(&b, TEXT_MAX);
	screen_wrapped(s, &b, indent, first_style, first, style, text);
	fwrite(b.s, 1, b.len, s->f);
	buf_release(&b);
}

/* Bytes of the first n code points of s. */
static size_t text_prefix(const char *s, int n)
{
	size_t i = 0;

	while (s[i] && n > 0) {
		i++;
		while (((unsigned char)s[i] & 0xc0) == 0x80)
			i++;
		n--;
	}
	return i;
}

int text_width(const char *s)
{
	int n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

void table_begin(struct table *t, const struct screen *s, const struct column *columns,
	size_t ncolumns)
{
	memset(t, 0, sizeof(*t));
	t->screen = s;
	t->columns = columns;
	t->ncolumns = ncolumns;
	buf_init(&t->text, TEXT_MAX);
	for (size_t i = 0; i < ncolumns; i++)
		t->width[i] = text_width(columns[i].title);
}

/* One cell, cut and padded to its column; the last one is not padded. */
static void cell_add(const struct table *t, struct buf *line, size_t i, enum style style,
	const char *text)
{
	int room = t->width[i], width = text_width(text);
	bool last = i + 1 == t->ncolumns;
	size_t n = strlen(text);
	bool cut = t->screen->terminal && t->columns[i].least && width > room;

	if (cut) {
		n = text_prefix(text, room - 1);
		width = room;
	}
	if (t->columns[i].right && width < room)
		buf_fmt(line, "%*s", room - width, "");
	styled_add(t->screen, line, style, text, n);
	if (cut)
		buf_str(line, "\xe2\x80\xa6");
	if (!last)
		buf_fmt(line, "%*s", GAP + (!t->columns[i].right && width < room ? room - width : 0), "");
}

/* Kept cells are a style byte, the text and a NUL; at is the first of a row. */
static size_t row_print(const struct table *t, const char *cells)
{
	struct buf line;
	const char *p = cells;

	buf_init(&line, TEXT_MAX);
	for (size_t i = 0; i < t->ncolumns; i++) {
		enum style style = (enum style)(*p++ - 1);

		cell_add(t, &line, i, style, p);
		p += strlen(p) + 1;
	}
	while (line.len > 0 && line.s[line.len - 1] == ' ')
		line.len--;
	buf_chr(&line, '\n');
	fwrite(line.s, 1, line.len, t->screen->f);
	buf_release(&line);
	return (size_t)(p - cells);
}

/* Take columns that may shrink down to what the terminal holds, widest first. */
static void widths_fit(struct table *t)
{
	int total = GAP * ((int)t->ncolumns - 1);

	for (size_t i = 0; i < t->ncolumns; i++)
		total += t->width[i];
	while (t->screen->terminal && total > t->screen->width) {
		size_t widest = t->ncolumns;

		for (size_t i = 0; i < t->ncolumns; i++)
			if (t->columns[i].least && t->width[i] > t->columns[i].least
				&& (widest == t->ncolumns || t->width[i] >= t->width[widest]))
				widest = i;
		if (widest == t->ncolumns)
			break;
		t->width[widest]--;
		total--;
	}
}

static void heading_print(const struct table *t)
{
	struct buf head;

	buf_init(&head, 4 * KIB);
	for (size_t i = 0; i < t->ncolumns; i++) {
		buf_chr(&head, STYLE_BOLD + 1);
		buf_add(&head, t->columns[i].title, strlen(t->columns[i].title) + 1);
	}
	row_print(t, head.s);
	buf_release(&head);
}

static void table_flush(struct table *t)
{
	size_t at = 0;

	if (!t->measured) {
		widths_fit(t);
		heading_print(t);
		t->measured = true;
	}
	for (; t->rows > 0; t->rows--)
		at += row_print(t, t->text.s + at);
	buf_clear(&t->text);
}

void table_stream(struct table *t, const int *widths)
{
	for (size_t i = 0; i < t->ncolumns; i++)
		t->width[i] = widths[i];
	table_flush(t);
}

void table_cell(struct table *t, enum style style, const char *text)
{
	size_t start;

	buf_chr(&t->text, (char)(style + 1));
	start = t->text.len;
	log_safe(&t->text, text, strlen(text));
	if (!t->measured && text_width(t->text.s + start) > t->width[t->cell])
		t->width[t->cell] = text_width(t->text.s + start);
	buf_chr(&t->text, '\0');
	if (++t->cell < t->ncolumns)
		return;
	t->cell = 0;
	t->rows++;
	if (t->measured || t->rows >= TABLE_MEASURED || t->text.len > KEPT_MAX)
		table_flush(t);
}

void table_cell_fmt(struct table *t, enum style style, const char *fmt, ...)
{
	struct buf b;
	va_list ap;

	buf_init(&b, TEXT_MAX);
	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);
	table_cell(t, style, b.s);
	buf_release(&b);
}

void table_end(struct table *t)
{
	if (t->rows > 0)
		table_flush(t);
	fflush(t->screen->f);
	buf_release(&t->text);
}
