/*
 * analyzer.h - what the analyzer cannot see from one file: a function that fails
 * returns what err_set returns, and memory that is asked for is there. Included
 * before each source by tests/checks/clang-tidy, and by nothing else.
 */
#ifndef ANALYZER_H
#define ANALYZER_H

#include <stddef.h>

#include "err.h"
#include "mem.h"

#define err_set(...) (err_set(__VA_ARGS__), -1)
#define err_sys(...) (err_sys(__VA_ARGS__), -1)
#define err_wrap(...) (err_wrap(__VA_ARGS__), -1)

void *mem_alloc(size_t n) __attribute__((returns_nonnull));
void *mem_grow(void *v, size_t *cap, size_t n, size_t size) __attribute__((returns_nonnull));
char *mem_strdup(const char *s) __attribute__((returns_nonnull));
void *arena_alloc(struct arena *a, size_t n) __attribute__((returns_nonnull));
char *arena_strdup(struct arena *a, const char *s) __attribute__((returns_nonnull));
char *arena_memdup(struct arena *a, const void *p, size_t n) __attribute__((returns_nonnull));

#endif
