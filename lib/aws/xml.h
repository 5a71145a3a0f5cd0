/*
 * xml.h - text out of the XML that AWS's older services answer. Pure.
 *
 * Not a parser of XML: it follows tags, knows comments, CDATA and the five entities, and
 * takes no notice of attributes and of prefixes of names. It reads answers whatever is in
 * them, and never past their end.
 *
 *	xml_text(a, body, len, "Error/Code", 0)
 */
#ifndef AWS_XML_H
#define AWS_XML_H

#include <stddef.h>

#include "mem.h"

/* The text of the nth element (from 0) whose path ends like this; in a. NULL: there is none. */
const char *xml_text(struct arena *a, const char *s, size_t n, const char *path, size_t nth);
/* The same with its tags, to look for others in it; *len is its length. */
const char *xml_inside(const char *s, size_t n, const char *path, size_t nth, size_t *len);

/* text as the text of an element. */
struct buf;
void xml_escape(struct buf *b, const char *text);

#endif
