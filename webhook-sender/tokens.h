/*
 * tokens.h - access tokens that targets fetched with credentials: in memory until they
 * expire, never stored. For one thread.
 *
 * A target asks tokens_get; without one it makes the request that fetches it, with its
 * key as the step's `token`, and stores the answer by tokens_put. The sender lets one
 * delivery fetch it and the others wait (attempt.c). A token that is refused is dropped.
 */
#ifndef TOKENS_H
#define TOKENS_H

#include <stdbool.h>
#include <stdint.h>

/* NULL: there is none that is good at now_us. Good until the next call. */
const char *tokens_get(const char *key, int64_t now_us);
void tokens_put(const char *key, const char *value, int64_t until_us);
void tokens_drop(const char *key);

/* false: it is being fetched already. */
bool tokens_fetch(const char *key);
bool tokens_fetching(const char *key);
void tokens_fetched(const char *key);

/* Forget and wipe all. */
void tokens_clear(void);

#endif
