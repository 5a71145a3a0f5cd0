/* Fuzz files of secrets: whatever they hold, each secret lies in the text, has no line
   feed, is closed by a zero byte, and its times are in order. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "secret_lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void line_ok(const struct secret_line *l, const char *text, size_t size)
{
	if (l->key.s < text || l->key.s + l->key.len > text + size || !l->key.len ||
		memchr(l->key.s, '\n', l->key.len) || l->key.s[l->key.len] || l->line < 1 ||
		strlen(l->id) != SECRET_ID - 1 || l->from_us < 0 || l->until_us < 0)
		abort();
	if (l->from_us && l->until_us && l->until_us <= l->from_us)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct secret_line v[SECRET_LINES];
	char *text = (char *)malloc(size + 1);
	struct err e = { .text = "" };
	size_t n;

	memcpy(text, data, size);
	text[size] = '\0';
	if (secret_lines_parse(text, size, v, &n, &e)) {
		if (!*e.text)
			abort();
	} else {
		if (n == 0 || n > SECRET_LINES)
			abort();
		for (size_t i = 0; i < n; i++)
			line_ok(&v[i], text, size);
	}
	free(text);
	return 0;
}
