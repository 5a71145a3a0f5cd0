/* repo_memory.c - see repo_memory.h. libgit2 1.5 wants nine functions, from 1.6 on three. */
#include "repo_memory.h"

#include <git2.h>
#include <git2/sys/alloc.h>
#include <stdlib.h>
#include <string.h>

#include "limits.h"
#include "mem.h"

#define LARGE (1 * MIB)

static void *resize(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return n < LARGE ? mem_realloc(p, n) : realloc(p, n);
}

static void *make(size_t n, const char *file, int line)
{
	return resize(NULL, n, file, line);
}

#if LIBGIT2_VER_MAJOR == 1 && LIBGIT2_VER_MINOR < 6
static void *resize_array(void *p, size_t n, size_t size, const char *file, int line)
{
	size_t all;

	return __builtin_mul_overflow(n, size, &all) ? NULL : resize(p, all, file, line);
}

static void *make_array(size_t n, size_t size, const char *file, int line)
{
	return resize_array(NULL, n, size, file, line);
}

static void *make_zeroed(size_t n, size_t size, const char *file, int line)
{
	void *p = make_array(n, size, file, line);

	return p ? memset(p, 0, n * size) : NULL;
}

static char *copy(const char *s, size_t n, const char *file, int line)
{
	char *p = make(n + 1, file, line);

	if (!p)
		return NULL;
	memcpy(p, s, n);
	p[n] = 0;
	return p;
}

static char *copy_string(const char *s, const char *file, int line)
{
	return copy(s, strlen(s), file, line);
}

static char *copy_at_most(const char *s, size_t n, const char *file, int line)
{
	return copy(s, strnlen(s, n), file, line);
}

static git_allocator ours = {
	.gmalloc = make, .gcalloc = make_zeroed, .gstrdup = copy_string,
	.gstrndup = copy_at_most, .gsubstrdup = copy, .grealloc = resize,
	.greallocarray = resize_array, .gmallocarray = make_array, .gfree = free,
};
#else
static git_allocator ours = { .gmalloc = make, .grealloc = resize, .gfree = free };
#endif

void repo_memory_init(void)
{
	git_libgit2_opts(GIT_OPT_SET_ALLOCATOR, &ours);
}
