/* gitask.c - see gitask.h. */
#include "gitask.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "proc.h"

#define TIMEOUT_MS 30000
#define ANSWER_MAX (4 * LIMIT_PATH)

/* "HOME=..." of the owner of git_dir, for root; else "" */
static void owners_home(const char *git_dir, char *out, size_t room)
{
	const struct passwd *pw;
	struct stat st;

	out[0] = 0;
	if (geteuid() != 0 || stat(git_dir, &st) || st.st_uid == 0)
		return;
	pw = getpwuid(st.st_uid);
	if (pw)
		snprintf(out, room, "HOME=%s", pw->pw_dir);
}

/* Runs git in git_dir; its answer into out. The exit status, or -1. */
static int ask(const char *git_dir, const char *const *argv, struct buf *out, struct err *e)
{
	char home[LIMIT_PATH];
	const char *env[3] = { "GIT_DIR=.", NULL, NULL };
	struct buf said;
	struct proc_run run = { .argv = argv, .env = env, .cwd = git_dir,
		.timeout_ms = TIMEOUT_MS, .out = out, .err = &said };
	int status;

	owners_home(git_dir, home, sizeof(home));
	env[1] = home[0] ? home : NULL;
	buf_init(&said, LIMIT_ERR);
	status = proc_run(&run, e) ? -1 : run.status;
	if (status > 1 || (status == 1 && said.len))
		status = err_set(e, ERR_FAILED, "git in %.200s: %.*s", git_dir,
			(int)strcspn(said.s, "\n"), said.s);
	buf_release(&said);
	return status;
}

int gitask_hooks(const char *git_dir, char *hooks, struct err *e)
{
	static const char *const argv[] = { "git", "rev-parse", "--git-path", "hooks", NULL };
	struct buf out;
	size_t n;
	int failed;

	buf_init(&out, ANSWER_MAX);
	failed = ask(git_dir, argv, &out, e);
	n = out.len && out.s[out.len - 1] == '\n' ? out.len - 1 : out.len;
	if (failed > 0 || (!failed && !n))
		failed = err_set(e, ERR_FAILED, "git does not say where the hooks of %.200s are",
			git_dir);
	for (size_t i = 0; i < n && !failed; i++)
		if ((unsigned char)out.s[i] < ' ')
			failed = err_set(e, ERR_CONFIG, "%.200s: there is a control character in "
				"the path of its hooks", git_dir);
	if (!failed && snprintf(hooks, LIMIT_PATH, "%s%s%.*s", out.s[0] == '/' ? "" : git_dir,
		out.s[0] == '/' ? "" : "/", (int)n, out.s) >= LIMIT_PATH)
		failed = err_set(e, ERR_CONFIG, "%.200s: its hooks' path is too long", git_dir);
	buf_release(&out);
	return failed;
}

/* 0 found, 1 not set, -1. */
static int config(const char *git_dir, const char *const *argv, char *value, struct err *e)
{
	struct buf out;
	int status;

	buf_init(&out, LIMIT_PATH);
	status = ask(git_dir, argv, &out, e);
	snprintf(value, GITASK_VALUE, "%.*s", (int)strcspn(out.s, "\n"), out.s);
	buf_release(&out);
	return status;
}

int gitask_relative_hooks(const char *git_dir, bool *relative, struct err *e)
{
	static const char *const argv[] = { "git", "config", "--path", "--get", "core.hooksPath",
		NULL };
	char value[GITASK_VALUE];
	int status = config(git_dir, argv, value, e);

	*relative = status == 0 && value[0] != '/';
	return status < 0 ? -1 : 0;
}

int gitask_push_options(const char *git_dir, bool *on, struct err *e)
{
	static const char *const argv[] = { "git", "config", "--type=bool", "--get",
		GITASK_PUSH_OPTIONS, NULL };
	char value[GITASK_VALUE];
	int status = config(git_dir, argv, value, e);

	*on = status == 0 && !strcmp(value, "true");
	return status < 0 ? -1 : 0;
}

int gitask_get(const char *git_dir, const char *key, char *value, struct err *e)
{
	const char *argv[] = { "git", "config", "--file", "config", "--get", key, NULL };

	return config(git_dir, argv, value, e) < 0 ? -1 : 0;
}

/* git writes a new file, which is root's when root runs it. Never follows a link:
   the directory belongs to somebody else. */
static int give_back(const char *file, const struct stat *before, struct err *e)
{
	int fd = open(file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK), failed = 0;
	struct stat now;

	if (fd < 0 || fstat(fd, &now))
		failed = err_sys(e, "cannot look at %.300s", file);
	else if ((now.st_uid != before->st_uid || now.st_gid != before->st_gid) &&
		 S_ISREG(now.st_mode) && now.st_nlink == 1 &&
		 fchown(fd, before->st_uid, before->st_gid))
		failed = err_sys(e, "cannot give %.300s back to its owner", file);
	if (fd >= 0)
		close(fd);
	return failed;
}

int gitask_set(const char *git_dir, const char *key, const char *value, struct err *e)
{
	const char *set[] = { "git", "config", "--file", "config", key, value, NULL };
	const char *unset[] = { "git", "config", "--file", "config", "--unset", key, NULL };
	char file[LIMIT_PATH + 8], ignored[GITASK_VALUE];
	struct stat before;

	snprintf(file, sizeof(file), "%s/config", git_dir);
	if (lstat(file, &before))
		return err_sys(e, "cannot look at %.300s", file);
	switch (config(git_dir, *value ? set : unset, ignored, e)) {
	case 0:
		return S_ISREG(before.st_mode) ? give_back(file, &before, e) : 0;
	case 1:
		return err_set(e, ERR_FAILED, "git could not change %.300s", file);
	default:
		return -1;
	}
}
