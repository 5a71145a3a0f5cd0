/* mem.c - allocation that works or ends the process; arenas. */
#include "mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 4000
#if defined(__SANITIZE_ADDRESS__)
#define SPARE 0				/* so that a use after the release is seen */
#else
#define SPARE 256			/* chunks that a thread keeps for its next arenas */
#endif

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	max_align_t data[];
};

static _Thread_local struct {
	struct arena_chunk *list;
	size_t n;
} spare;

/* The disk is the truth: leaving loses nothing, and a supervisor or the next
   timer starts us again. */
static void *must(void *p)
{
	static const char line[] = "refire: out of memory; nothing recorded is lost, run it again\n";

	if (!p) {
		ssize_t ignored = write(2, line, sizeof(line) - 1);

		(void)ignored;
		_exit(75);
	}
	return p;
}

void *mem_alloc(size_t n)
{
	return must(calloc(1, n ? n : 1));
}

void *mem_realloc(void *p, size_t n)
{
	return must(realloc(p, n ? n : 1));
}

void *mem_grow(void *p, size_t *cap, size_t want, size_t each)
{
	size_t n = *cap ? *cap : 8;

	if (want <= *cap)
		return p;
	while (n < want)
		n *= 2;
	if (n > SIZE_MAX / each)
		must(NULL);
	p = mem_realloc(p, n * each);
	*cap = n;
	return p;
}

char *mem_strdup(const char *s)
{
	return must(strdup(s));
}

void arena_init(struct arena *a)
{
	a->chunks = NULL;
	a->secret = false;
}

static void chunk_free(struct arena_chunk *c)
{
	if (c->size != CHUNK || spare.n >= SPARE) {
		free(c);
		return;
	}
	c->next = spare.list;
	spare.list = c;
	spare.n++;
}

static struct arena_chunk *chunk_new(size_t size)
{
	struct arena_chunk *c = spare.list;

	if (c && size == CHUNK) {
		spare.list = c->next;
		spare.n--;
	} else {
		c = must(malloc(sizeof(*c) + size));
	}
	c->used = 0;
	c->size = size;
	return c;
}

void arena_release(struct arena *a)
{
	struct arena_chunk *c = a->chunks, *next;

	for (; c; c = next) {
		next = c->next;
		if (a->secret)
			explicit_bzero(c->data, c->used);
		chunk_free(c);
	}
	a->chunks = NULL;
}

void arena_adopt(struct arena *a, struct arena *from)
{
	struct arena_chunk **end = &a->chunks;

	while (*end)
		end = &(*end)->next;
	*end = from->chunks;
	a->secret = a->secret || from->secret;
	from->chunks = NULL;
}

static struct arena_chunk *chunk_add(struct arena *a, size_t n)
{
	size_t size = n > CHUNK / 4 ? n : CHUNK;
	struct arena_chunk *c = chunk_new(size);

	/* A large block of its own goes behind the one in use. */
	if (a->chunks && size == n && n != CHUNK) {
		c->next = a->chunks->next;
		a->chunks->next = c;
	} else {
		c->next = a->chunks;
		a->chunks = c;
	}
	return c;
}

void *arena_alloc(struct arena *a, size_t n)
{
	const size_t align = _Alignof(max_align_t);
	struct arena_chunk *c = a->chunks;
	char *p;

	if (n > SIZE_MAX / 2)
		must(NULL);
	n = (n + align - 1) / align * align;
	if (!c || c->size - c->used < n)
		c = chunk_add(a, n);
	p = (char *)c->data + c->used;
	c->used += n;
	return memset(p, 0, n);
}

char *arena_memdup(struct arena *a, const void *p, size_t n)
{
	char *s = arena_alloc(a, n + 1);

	if (n)
		memcpy(s, p, n);
	return s;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return s ? arena_memdup(a, s, strlen(s)) : arena_memdup(a, "", 0);
}

char *arena_fmt(struct arena *a, const char *fmt, ...)
{
	char shortly[256];		/* most are: then once is enough */
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(shortly, sizeof(shortly), fmt, ap);
	va_end(ap);
	if (n >= 0 && n < (int)sizeof(shortly))
		return arena_memdup(a, shortly, (size_t)n);
	s = arena_alloc(a, (size_t)(n < 0 ? 0 : n) + 1);
	va_start(ap, fmt);
	vsnprintf(s, (size_t)(n < 0 ? 0 : n) + 1, fmt, ap);
	va_end(ap);
	return s;
}
