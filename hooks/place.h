/*
 * place.h - where a hook goes, what stands there, and putting it in and out.
 *
 * It is a symbolic link to the installed program, so that upgrades reach it. A
 * hook that is there is kept beside it as NAME.before-refire, as it is, and the
 * program runs it. Every step leaves pushes working: the two change places in
 * one rename, so that at no moment neither of them is the hook.
 *
 *	in most repositories		HOOKS/NAME, whatever core.hooksPath and
 *					symbolic links make of HOOKS
 *	gitolite			its common directory, to which `gitolite setup`
 *					links every repository's hooks
 *	Gitea, Forgejo			HOOKS/NAME.d/refire: their dispatcher runs all
 *					that is in NAME.d, so nothing is kept or chained
 */
#ifndef PLACE_H
#define PLACE_H

#include <stdbool.h>

#include "err.h"

struct place {
	const char *name;		/* "post-receive" */
	char dir[LIMIT_PATH];		/* resolved, where it exists */
	char hook[LIMIT_PATH];		/* dir/NAME, or dir/refire */
	char earlier[LIMIT_PATH];	/* dir/NAME.before-refire; "" with a dispatcher */
	bool shared;			/* not inside of the git directory */
};

/* git_dir is resolved; hooks is git's hooks directory for it, which need not exist. */
int place_find(struct place *p, const char *git_dir, const char *hooks, const char *name,
	struct err *e);
/* In that very directory, for all repositories that use it. */
int place_in(struct place *p, const char *dir, const char *name, struct err *e);
/* The place of a hook that was put at this path before. */
int place_at(struct place *p, const char *git_dir, const char *hook, const char *name,
	struct err *e);

enum place_file {
	PLACE_NONE,
	PLACE_OURS,		/* the program that is asked for */
	PLACE_OLD,		/* a refire hook, of another installation or gone */
	PLACE_THEIRS,
};
struct place_look {
	enum place_file hook, earlier;
	bool runs;		/* earlier is executable: it is chained */
	bool dir;		/* the directory is there */
};
/* program: the absolute path of refire's hook of that name. */
void place_look(const struct place *p, const char *program, struct place_look *out);

/* Does the earlier hook ask for its own name ($0), which is not the same now? */
bool place_wants_name(const struct place *p);

/* 1 put in, 0 it is there already, -1. The directory exists. */
int place_put(const struct place *p, const char *program, struct err *e);

enum place_taken {
	TAKEN_OUT,		/* what was there before is back */
	TAKEN_NONE,		/* there was nothing of refire's */
	TAKEN_REPLACED,		/* somebody replaced our hook: theirs stays */
};
int place_take(const struct place *p, const char *program, enum place_taken *taken,
	struct err *e);

#endif
