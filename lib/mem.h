/*
 * mem.h - memory: it works or the process ends cleanly.
 *
 * The disk is the truth and a restart loses nothing, so long-running programs
 * do not carry half-made objects through allocation failures: mem_* prints one
 * line and leaves with status 75. The hook does not link this.
 *
 * An arena owns everything that lives and dies with one change, one delivery
 * or one configuration. It is not thread-safe; one thread, one arena (at a time). A
 * thread keeps some of the memory of its last arenas for the next.
 */
#ifndef MEM_H
#define MEM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

void *mem_alloc(size_t n);			/* zeroed */
void *mem_realloc(void *p, size_t n);
/* Grow an array: p of elements of size each, *cap counted in elements. */
void *mem_grow(void *p, size_t *cap, size_t want, size_t each);
char *mem_strdup(const char *s);

struct arena {
	struct arena_chunk *chunks;
	bool secret;			/* wiped when it is released */
};

void arena_init(struct arena *a);
void arena_release(struct arena *a);
/* All of from lives in a from now on; from is empty. */
void arena_adopt(struct arena *a, struct arena *from);
void *arena_alloc(struct arena *a, size_t n);	/* zeroed, aligned for any type */
char *arena_strdup(struct arena *a, const char *s);	/* NULL gives "" */
char *arena_memdup(struct arena *a, const void *p, size_t n);	/* NUL added */
char *arena_fmt(struct arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
