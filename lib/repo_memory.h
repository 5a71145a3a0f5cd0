/*
 * repo_memory.h - the memory of libgit2, under mem.h's policy.
 *
 * libgit2 1.5 does not survive an allocation that fails: the error it then wants to
 * record takes memory too, in an endless recursion, and some callers go on with a
 * null pointer. So small allocations work, or the process ends cleanly with status 75.
 * A large one (a blob, a pack's index) may be refused: what it is for is then an error
 * of that object alone, and one huge file in a repository stops nobody.
 */
#ifndef REPO_MEMORY_H
#define REPO_MEMORY_H

/* Before git_libgit2_init. */
void repo_memory_init(void);

#endif
