/*
 * install.h - put refire's hooks into a repository, or a hooks directory that
 * many share, and take them out again, leaving what was there.
 *
 * Each step leaves pushes working: settings first, then the note of what is
 * about to be done, then the hook itself. Doing it again goes on where a crash
 * ended it. Returns data; hooks.c talks.
 */
#ifndef INSTALL_H
#define INSTALL_H

#include <stdbool.h>

#include "config.h"
#include "err.h"
#include "spool.h"
#include "subject.h"

struct installer {
	const struct config *config;
	struct tools tools;
	struct spool_paths paths;
};

int installer_init(struct installer *i, const struct config *c, struct err *e);

/* Make what is missing of the spool, where it is ours to make. */
int install_spool(const struct installer *i, struct err *e);

struct install_result {
	bool changed;
	bool kept;		/* a hook that was there before is kept and chained */
	bool moved;		/* git looks elsewhere now: taken out there, put in here */
	struct place place;	/* of post-receive */
};
/* post-receive, and where asked for (or there already) reference-transaction. */
int install_repository(const struct installer *i, struct subject *s,
	bool reference_transaction, struct install_result *r, struct err *e);
/* For every repository whose hooks come from dir. */
int install_directory(const struct installer *i, const char *dir,
	bool reference_transaction, struct install_result *r, struct err *e);

/* Sets receive.advertisePushOptions, and notes what it was. */
int install_push_options(struct subject *s, struct err *e);

struct uninstall_result {
	bool changed;
	bool others;		/* other repositories use the hook: it stays for them */
	enum place_taken taken[HOOK_KINDS];
	struct place place[HOOK_KINDS];
};
/* One hook, for one of its users (a git directory, or LEDGER_ALL). noted: a
   ledger says that we put it there. */
int uninstall_place(const struct tools *t, const struct place *p, const char *user,
	enum hook_kind kind, bool noted, struct uninstall_result *r, struct err *e);
int uninstall_repository(const struct tools *t, struct subject *s,
	struct uninstall_result *r, struct err *e);
int uninstall_directory(const struct tools *t, const char *dir,
	struct uninstall_result *r, struct err *e);

#endif
