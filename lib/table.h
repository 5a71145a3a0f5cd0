/*
 * table.h - what a person sees: aligned columns, colours, and the width of the
 * terminal. Shared by the listings.
 *
 * On a terminal a table is fitted to its width: columns that may shrink are cut
 * with an ellipsis. Elsewhere nothing is cut and nothing is coloured; with
 * NO_COLOR or TERM=dumb a terminal is not coloured either.
 *
 * Cells are data: control bytes are escaped by log_safe. Widths are counted in
 * code points. Memory is bounded: the first TABLE_MEASURED rows decide the
 * widths, later ones are printed as they come.
 *
 *	screen_init(&s, stdout);
 *	table_begin(&t, &s, columns, 3);
 *	table_cell(&t, STYLE_NONE, "a"); table_cell(...); table_cell(...);
 *	table_end(&t);			prints what is left; nothing when no row came
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "buf.h"

#define TABLE_MEASURED 200
#define TABLE_COLUMNS 12

enum style {
	STYLE_NONE, STYLE_BOLD, STYLE_DIM, STYLE_GOOD, STYLE_BAD, STYLE_WARN, STYLE_BUSY,
	STYLE_HELD, STYLE_COUNT
};

struct screen {
	FILE *f;
	bool terminal, colour;
	int width;			/* columns; 0: not a terminal, no limit */
};
void screen_init(struct screen *s, FILE *f);
/* Append text, escaped, in that style. */
void screen_styled(const struct screen *s, struct buf *out, enum style style, const char *text);
/* The same straight to the screen, no newline. */
void screen_print(const struct screen *s, enum style style, const char *text);

/* Text on lines of its own, each begun with indent spaces and broken between words
   at the terminal's width; `first` stands in the indent of the first line (and moves
   the text to the right when it is too long for it). Elsewhere than on a terminal it
   is one line. */
void screen_wrap(const struct screen *s, int indent, enum style first_style, const char *first,
	enum style style, const char *text);
/* The same, appended to out. */
void screen_wrapped(const struct screen *s, struct buf *out, int indent, enum style first_style,
	const char *first, enum style style, const char *text);

struct column {
	const char *title;
	int least;			/* may be cut to this many characters; 0: never */
	bool right;			/* numbers */
};

struct table {
	const struct screen *screen;
	const struct column *columns;
	size_t ncolumns, cell, rows;
	int width[TABLE_COLUMNS];
	struct buf text;		/* cells of kept rows: style byte, text, NUL */
	bool measured;			/* widths are fixed and the heading is out */
};
void table_begin(struct table *t, const struct screen *s, const struct column *columns,
	size_t ncolumns);
/* Nothing is measured: these widths hold, and each row is printed when it is whole. */
void table_stream(struct table *t, const int *widths);
/* The next cell; the row ends by itself after the last. */
void table_cell(struct table *t, enum style style, const char *text);
void table_cell_fmt(struct table *t, enum style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void table_end(struct table *t);

/* Code points of a valid UTF-8 text; other bytes count one each. */
int text_width(const char *s);

#endif
