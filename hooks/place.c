/* place.c - see place.h. */
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs.h"
#include "hook.h"

#define PROGRAM_SIZE (8 * MIB)	/* larger than any hook of ours */
#define DISPATCHED "refire"
#define COMMON "/hooks/common"
#define UNFINISHED "/.refire-new"	/* dispatchers and gitolite pass over such a name */

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

static bool is_dir(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (path[n] == '/' || !path[n]);
}

static int join(char *out, const char *dir, const char *name, const char *end, struct err *e)
{
	if (snprintf(out, LIMIT_PATH, "%s/%s%s", dir, name, end) >= LIMIT_PATH)
		return err_set(e, ERR_CONFIG, "path too long: %.200s", dir);
	return 0;
}

/* Does the file hold those bytes? */
static bool file_has(const char *path, const char *bytes)
{
	struct stat st;
	size_t len;
	char *text;
	bool has;

	if (fs_read_path(path, PROGRAM_SIZE, &text, &len, &st, NULL))
		return false;
	has = memmem(text, len, bytes, strlen(bytes)) != NULL;
	free(text);
	return has;
}

/* gitolite's link to a common hook: its directory into out. */
static bool gitolite_common(const char *hook, char *out)
{
	char target[LIMIT_PATH], dir[2 * LIMIT_PATH], *slash;
	ssize_t n = readlink(hook, target, sizeof(target) - 1);

	if (n <= 0)
		return false;
	target[n] = 0;
	slash = strrchr(target, '/');
	if (!slash)
		return false;
	*slash = 0;
	if (!ends_with(target, COMMON))
		return false;
	snprintf(dir, sizeof(dir), "%.*s/%s", target[0] == '/' ? 0 :
		(int)(strrchr(hook, '/') - hook), hook, target);
	return realpath(dir, out) != NULL;
}

/* A script that runs what is in NAME.d beside it, as Gitea's does. */
static bool is_dispatcher(const char *hook)
{
	char dir[LIMIT_PATH + 4];

	snprintf(dir, sizeof(dir), "%s.d", hook);
	return is_dir(dir) && !access(hook, X_OK) && file_has(hook, "#!") &&
		file_has(hook, ".d") && !file_has(hook, HOOK_MARK);
}

int place_in(struct place *p, const char *dir, const char *name, struct err *e)
{
	p->name = name;
	p->shared = true;
	if (!realpath(dir, p->dir) && join(p->dir, dir, ".", "", e))
		return -1;
	if (ends_with(p->dir, "/."))
		p->dir[strlen(p->dir) - 2] = 0;
	return join(p->hook, p->dir, name, "", e) || join(p->earlier, p->dir, name, HOOK_EARLIER, e) ?
		-1 : 0;
}

int place_find(struct place *p, const char *git_dir, const char *hooks, const char *name,
	struct err *e)
{
	char common[LIMIT_PATH], own[LIMIT_PATH + 4];

	if (place_in(p, hooks, name, e))
		return -1;
	if (gitolite_common(p->hook, common)) {
		if (place_in(p, common, name, e))
			return -1;
	} else if (is_dispatcher(p->hook)) {
		snprintf(own, sizeof(own), "%s.d", p->hook);
		if (place_in(p, own, DISPATCHED, e))
			return -1;
		p->name = name;
		p->earlier[0] = 0;
	}
	p->shared = !is_below(p->dir, git_dir);
	return 0;
}

int place_at(struct place *p, const char *git_dir, const char *hook, const char *name,
	struct err *e)
{
	char dir[LIMIT_PATH];
	const char *slash = strrchr(hook, '/');

	if (!slash || slash == hook)
		return err_set(e, ERR_DATA, "%.300s is not the path of a hook", hook);
	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - hook), hook);
	if (place_in(p, dir, slash + 1, e))
		return -1;
	p->name = name;
	p->shared = !is_below(p->dir, git_dir);
	if (strcmp(slash + 1, name))
		p->earlier[0] = 0;
	return 0;
}

/* Ours is a link to the program; or what bears our mark; or a link to a hook of
   that name that is gone, which git passes over and nobody else would make. */
static enum place_file look_at(const char *path, const char *name, const char *program)
{
	char target[LIMIT_PATH], end[128];
	struct stat st;
	ssize_t n;

	if (!*path || lstat(path, &st))
		return PLACE_NONE;
	if (S_ISLNK(st.st_mode)) {
		n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = 0;
		if (!strcmp(target, program))
			return PLACE_OURS;
		snprintf(end, sizeof(end), "/hooks/%s", name);
		if (stat(path, &st) && ends_with(target, end))
			return PLACE_OLD;
	}
	snprintf(end, sizeof(end), HOOK_MARK "%s", name);
	return file_has(path, end) ? PLACE_OLD : PLACE_THEIRS;
}

void place_look(const struct place *p, const char *program, struct place_look *out)
{
	*out = (struct place_look){
		.hook = look_at(p->hook, p->name, program),
		.earlier = look_at(p->earlier, p->name, program),
		.runs = *p->earlier && !access(p->earlier, X_OK),
		.dir = is_dir(p->dir),
	};
}

bool place_wants_name(const struct place *p)
{
	static const char *const words[] = { "basename", "$0", "BASH_SOURCE", "__FILE__",
		"argv[0]", "PROGRAM_NAME" };

	if (!*p->earlier || !file_has(p->earlier, "#!"))
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (file_has(p->earlier, words[i]))
			return true;
	return false;
}

static int sync_dir(const char *dir, struct err *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), failed;

	if (fd < 0)
		return err_sys(e, "cannot open %.300s", dir);
	failed = fs_sync_dir(fd, e);
	close(fd);
	return failed;
}

static int remove_file(const char *path, struct err *e)
{
	return unlink(path) ? err_sys(e, "cannot remove %.300s", path) : 0;
}

static int move(const char *from, const char *to, struct err *e)
{
	return rename(from, to) ? err_sys(e, "cannot rename %.200s to %.200s", from, to) : 0;
}

/* The link under a name of its own, then over what is there. */
static int link_over(const struct place *p, const char *program, const char *path,
	struct err *e)
{
	char tmp[LIMIT_PATH + sizeof(UNFINISHED)];

	snprintf(tmp, sizeof(tmp), "%s" UNFINISHED, p->dir);
	if (unlink(tmp) && errno != ENOENT)
		return err_sys(e, "cannot remove %.300s", tmp);
	if (symlink(program, tmp))
		return err_sys(e, "cannot make a symbolic link in place of %.300s", path);
	return move(tmp, path, e);
}

/* Ours goes under the other's future name, then the two change places. */
static int put_before(const struct place *p, const char *program, struct err *e)
{
	if (link_over(p, program, p->earlier, e))
		return -1;
	if (!renameat2(AT_FDCWD, p->hook, AT_FDCWD, p->earlier, RENAME_EXCHANGE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return err_sys(e, "cannot exchange %.200s and %.200s", p->hook, p->earlier);
	/* A file system without that: for a moment there is no hook, and a push then
	   is seen by the next reconcile only. */
	return move(p->hook, p->earlier, e) || link_over(p, program, p->hook, e) ? -1 : 0;
}

int place_put(const struct place *p, const char *program, struct err *e)
{
	struct place_look now;
	int failed;

	place_look(p, program, &now);
	if (now.hook != PLACE_THEIRS && (now.earlier == PLACE_OURS || now.earlier == PLACE_OLD) &&
	    remove_file(p->earlier, e))
		return -1;
	if (now.hook == PLACE_OURS)
		return 0;
	if (now.hook == PLACE_THEIRS && now.earlier == PLACE_THEIRS)
		return err_set(e, ERR_FAILED, "%.200s is in the way of keeping %.200s: it was "
			"there before refire, and refire's hook has been replaced since; "
			"remove one of them and install again", p->earlier, p->hook);
	if (now.hook == PLACE_THEIRS && !*p->earlier)
		return err_set(e, ERR_FAILED, "%.300s is in the way and not of refire", p->hook);
	failed = now.hook == PLACE_THEIRS ? put_before(p, program, e) :
		link_over(p, program, p->hook, e);
	return failed || sync_dir(p->dir, e) ? -1 : 1;
}

/* What stands under the hook's name, and what under the earlier one's, decide. */
int place_take(const struct place *p, const char *program, enum place_taken *taken,
	struct err *e)
{
	struct place_look now;
	char tmp[LIMIT_PATH + sizeof(UNFINISHED)];
	int failed = 0;

	snprintf(tmp, sizeof(tmp), "%s" UNFINISHED, p->dir);
	unlink(tmp);
	place_look(p, program, &now);
	if (now.earlier == PLACE_OURS || now.earlier == PLACE_OLD) {
		failed = remove_file(p->earlier, e);
		now.earlier = PLACE_NONE;
	}
	*taken = TAKEN_OUT;
	if (failed)
		return -1;
	if (now.hook == PLACE_THEIRS)
		*taken = TAKEN_REPLACED;
	else if (now.earlier == PLACE_THEIRS)
		failed = move(p->earlier, p->hook, e);
	else if (now.hook != PLACE_NONE)
		failed = remove_file(p->hook, e);
	else
		*taken = TAKEN_NONE;
	return failed || (now.dir && sync_dir(p->dir, e)) ? -1 : 0;
}
