/*
 * subject.h - one repository as the installer sees it: its git directory, where
 * git looks for its hooks, what was done there before, and the programs of this
 * installation.
 */
#ifndef SUBJECT_H
#define SUBJECT_H

#include "err.h"
#include "hookconf.h"
#include "ledger.h"
#include "place.h"

/* One list: enum and git's name. */
#define HOOK_LIST(X) \
	X(POST_RECEIVE, "post-receive") \
	X(REFERENCE_TRANSACTION, "reference-transaction")

enum hook_kind {
#define X(name, word) HOOK_##name,
	HOOK_LIST(X)
#undef X
	HOOK_KINDS
};
extern const char *const hook_names[HOOK_KINDS];

/* Absolute paths into this installation. */
struct tools {
	char hook[HOOK_KINDS][LIMIT_PATH];
	char sender[LIMIT_PATH], poller[LIMIT_PATH];
	char front[LIMIT_PATH];		/* `refire`, for lines a person copies */
};
/* Beside the running program, or in ../libexec/refire from it. */
int tools_find(struct tools *t, struct err *e);

#define SUBJECT_LEDGER "installed"
#define LEDGER_MADE "made"			/* a hooks directory that was not there */
#define LEDGER_PUSH_OPTIONS "push-options"	/* their value before; "unset" */
#define LEDGER_UNSET "unset"
#define LEDGER_ALL "*"				/* in a shared ledger: every repository */

struct subject {
	char git_dir[LIMIT_PATH];	/* resolved; of a worktree: the common one */
	char own[LIMIT_PATH];		/* GITDIR/refire */
	struct place place[HOOK_KINDS];	/* where git would run them now */
	struct ledger done;		/* WORD a hook's name: the path it was put at */
};

/* What a person types: a bare repository, a work tree, a .git file. */
int subject_open(struct subject *s, const char *path, struct err *e);
void subject_release(struct subject *s);

/* Where the hook is by the ledger, else where it would go. */
int subject_place(const struct subject *s, enum hook_kind kind, struct place *out,
	struct err *e);

#endif
