/*
 * expand.h - placeholders in target values: {repository} {ref} {branch} {tag}
 * {commit} {before} {actor} {change} {delivery} {pipeline} {var:NAME}. Pure.
 *
 * What comes from a pusher is data: in a URL everything but unreserved characters is
 * percent-encoded, so that a value stays within its path segment or query value.
 * Braces that hold no such word are left as they are, but {word} with an unknown word
 * is refused by expand_check.
 */
#ifndef EXPAND_H
#define EXPAND_H

#include <stdbool.h>

#include "buf.h"
#include "err.h"
#include "format.h"

/* What {word} or {word:name} stands for: NULL where there is no such word. */
struct expand_words {
	const char *(*value)(const char *word, size_t len, const char *name, size_t name_len,
		void *arg);
	void *arg;
};
/* Text with each of them replaced; what is no word stays as it is. */
void expand_with(struct buf *out, const char *text, const struct expand_words *w);

/* The value of a word of the list above; NULL: it is none. */
const char *expand_word(const struct render_input *in, const char *word, size_t len);
/* The sentence names the word. */
int expand_check(const char *text, struct err *e);
/* Does text hold a placeholder before the path of the URL it is? Then a pusher
   would choose the host. */
bool expand_in_authority(const char *url);
/* Into out (check out->over). A variable that was not pushed is empty. ERR_CONFIG as
   expand_check; ERR_DATA: the change's details cannot be read. */
int expand(struct buf *out, const char *text, const struct render_input *in, bool url,
	struct arena *a, struct err *e);

#endif
