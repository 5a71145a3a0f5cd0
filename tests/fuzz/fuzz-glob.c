/* Fuzz globs: the first line is the pattern, the rest the text. Never a crash; an
   unchecked bad pattern matches nothing; a text with its meanings escaped matches
   itself; a ** beside a pattern takes nothing away from it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "glob.h"
#include "limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void match_itself(const char *text)
{
	struct buf b;

	buf_init(&b, LIMIT_PATTERN);
	for (const char *s = text; *s; s++) {
		if (strchr("*?[{}],\\", *s))
			buf_chr(&b, '\\');
		buf_chr(&b, *s);
	}
	if (b.len && !b.over && (glob_check(b.s, NULL) || !glob_match(b.s, text)))
		abort();
	buf_release(&b);
}

static void match_more(const char *pattern, const char *text, bool matched)
{
	struct buf b;

	buf_init(&b, LIMIT_PATTERN);
	buf_fmt(&b, "**%s**", pattern);
	if (!b.over && glob_check(b.s, NULL) == 0 && matched && !glob_match(b.s, text))
		abort();
	buf_clear(&b);
	buf_fmt(&b, "{,}%s{,}", pattern);
	if (!b.over && (glob_check(b.s, NULL) || glob_match(b.s, text) != matched))
		abort();
	buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *pattern = (char *)malloc(size + 1), *text;
	struct err e = { .text = "" };

	memcpy(pattern, data, size);
	pattern[size] = '\0';
	text = strchr(pattern, '\n');
	if (text)
		*text++ = '\0';
	else
		text = pattern + strlen(pattern);
	if (glob_check(pattern, &e)) {
		if (!*e.text || glob_match(pattern, text))
			abort();
	} else {
		match_more(pattern, text, glob_match(pattern, text));
	}
	match_itself(text);
	free(pattern);
	return 0;
}
