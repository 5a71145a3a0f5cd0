/* subject.c - see subject.h. */
#include "subject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gitask.h"
#include "repo.h"

const char *const hook_names[HOOK_KINDS] = {
#define X(name, word) [HOOK_##name] = word,
	HOOK_LIST(X)
#undef X
};

static int find_program(const char *const *dirs, const char *name, char *out, struct err *e)
{
	char path[2 * LIMIT_PATH];

	for (size_t i = 0; dirs[i]; i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
		if (!access(path, X_OK) && realpath(path, out))
			return 0;
	}
	return err_set(e, ERR_NOENT, "this installation is not whole: %s is neither in %.200s "
		"nor in ../libexec/refire from there", name, dirs[0]);
}

int tools_find(struct tools *t, struct err *e)
{
	char dir[LIMIT_PATH], libexec[LIMIT_PATH + 32], bin[LIMIT_PATH + 32], name[64];
	const char *const dirs[] = { dir, libexec, NULL }, *const fronts[] = { dir, bin, NULL };
	ssize_t n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);

	if (n <= 0)
		return err_sys(e, "cannot read /proc/self/exe");
	dir[n] = 0;
	*strrchr(dir, '/') = 0;
	snprintf(libexec, sizeof(libexec), "%s/../libexec/refire", dir);
	snprintf(bin, sizeof(bin), "%s/../../bin", dir);
	for (int k = 0; k < HOOK_KINDS; k++) {
		snprintf(name, sizeof(name), "hooks/%s", hook_names[k]);
		if (find_program(dirs, name, t->hook[k], e))
			return -1;
	}
	if (find_program(fronts, "refire", t->front, NULL))
		memcpy(t->front, "refire", sizeof("refire"));
	return find_program(dirs, "refire-send", t->sender, e) ||
		find_program(dirs, "refire-poll", t->poller, e) ? -1 : 0;
}

int subject_open(struct subject *s, const char *path, struct err *e)
{
	char hooks[LIMIT_PATH];

	*s = (struct subject){ 0 };
	if (repo_find(path, s->git_dir, e) || gitask_hooks(s->git_dir, hooks, e))
		return -1;
	if (snprintf(s->own, sizeof(s->own), "%s/refire", s->git_dir) >= LIMIT_PATH)
		return err_set(e, ERR_CONFIG, "path too long: %.200s", s->git_dir);
	for (int k = 0; k < HOOK_KINDS; k++)
		if (place_find(&s->place[k], s->git_dir, hooks, hook_names[k], e))
			return -1;
	return ledger_read(&s->done, s->own, SUBJECT_LEDGER, e);
}

void subject_release(struct subject *s)
{
	ledger_release(&s->done);
}

int subject_place(const struct subject *s, enum hook_kind kind, struct place *out,
	struct err *e)
{
	const char *path = ledger_get(&s->done, hook_names[kind]);

	if (path)
		return place_at(out, s->git_dir, path, hook_names[kind], e);
	*out = s->place[kind];
	return 0;
}
