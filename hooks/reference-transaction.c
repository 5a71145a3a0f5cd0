/*
 * reference-transaction.c - a ref was written here, by a push, a fetch or a
 * person: have this repository reconciled soon.
 *
 * It records nothing: it sees no push options, `git pack-refs` makes it report
 * creations and deletions that did not happen, and git runs it for every single
 * ref. On "committed" it touches one hint and, where nobody polls, starts a
 * poller. A veto of the hook that was there before stays a veto.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "detach.h"
#include "fs.h"
#include "hook.h"
#include "spool.h"

static const char hook_mark[] = HOOK_MARK "reference-transaction";

/* As spool_wake does for a sender. */
static void wake_poller(const struct spool_paths *p, const struct hookconf *c)
{
	const char *argv[] = { c->poller, "--hints", "--config", c->config, NULL };
	struct stat st;

	if (stat(p->new_, &st) || st.st_uid != geteuid())
		return;
	if (fs_lock_held(p->poller_lock, NULL) == 0)
		detach_run(argv, NULL);
}

static int leave_hint(struct hook *h, struct err *e)
{
	static struct spool_paths paths;
	const char *dir;
	int asked = hook_find(h, e);

	if (asked <= 0)
		return asked;
	if (spool_paths(&paths, h->conf.spool, e))
		return -1;
	dir = spool_mine(&paths);
	if (!*dir)
		return err_sys(e, "this user may not leave hints in %.200s", paths.state);
	if (spool_hint(dir, h->git_dir, e))
		return -1;
	wake_poller(&paths, &h->conf);
	return 0;
}

/* An unread pipe would be a SIGPIPE to some versions of git. */
static void drain(void)
{
	char piece[16 * KIB];

	while (read(0, piece, sizeof(piece)) > 0)
		;
}

int main(int argc, char **argv)
{
	static struct hook h;
	struct err e = { 0 };

	if (argc < 1)
		return 0;
	hook_begin(&h, hook_mark + sizeof(HOOK_MARK) - 1, argv);
	if (argc > 1 && !strcmp(argv[1], "committed") && !getenv("GIT_QUARANTINE_PATH") &&
	    leave_hint(&h, &e))
		hook_say("this repository will not be looked at at once", e.text,
			"; the next reconcile does");
	if (hook_chain(&h, NULL))
		return 1;
	drain();
	return 0;
}
