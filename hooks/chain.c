/* chain.c - the hook that was there before: found, given its stdin, become. */
#include "hook.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs.h"
#include "hookpath.h"

#define SHELL "/bin/sh"
#define COPY_SIZE (64 * KIB)
#define ARGS_MAX 8

/* A link that leads back to this program would run it for ever. */
static bool is_self(const char *path)
{
	const char *self;
	unsigned long at = getauxval(AT_EXECFN);
	struct stat a, b;

	memcpy(&self, &at, sizeof(self));
	return self && !stat(self, &a) && !stat(path, &b) &&
		a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* git passes over a hook that is not executable, and so do we. A second look where
   the first one failed for no good reason: a policy must not go unrun. */
static bool is_executable(const char *path)
{
	struct stat st;

	if (!access(path, X_OK))
		return true;
	if (errno == ENOENT || errno == ENOTDIR || errno == EACCES)
		return false;
	return !stat(path, &st) && S_ISREG(st.st_mode) && st.st_mode & 0111;
}

static bool find_earlier(const struct hook *h, char *out, size_t room)
{
	struct hookpath p;

	for (bool more = hookpath_first(&p, h->argv[0]); more; more = hookpath_next(&p))
		if (snprintf(out, room, "%s/%s" HOOK_EARLIER, p.dir, h->name) < (int)room &&
		    is_executable(out))
			return !is_self(out);
	return false;
}

/* What is left of stdin, after an input too long to keep in memory. */
static int copy_rest(int to)
{
	char piece[COPY_SIZE];
	ssize_t n;

	while ((n = read(0, piece, sizeof(piece))) > 0)
		if (fs_write(to, piece, (size_t)n))
			return -1;
	return n < 0 ? -1 : 0;
}

static int fill(int fd, const struct hook_input *in)
{
	if (fs_write(fd, in->s, in->len) || (!in->whole && copy_rest(fd)))
		return -1;
	return 0;
}

/* A small input fits a pipe, and needs nobody to feed it: where a file cannot be
   written (ulimit -f), or made. */
static int input_in_pipe(const struct hook_input *in)
{
	int ends[2];

	if (!in->whole || pipe2(ends, O_CLOEXEC))
		return -1;
	fcntl(ends[1], F_SETPIPE_SZ, MIB);	/* more room, where it is allowed */
	if (fcntl(ends[1], F_SETFL, O_NONBLOCK) || fill(ends[1], in))
		return -1;
	close(ends[1]);
	return ends[0];
}

/* An fd to read the input from, from its start. */
static int input_again(const struct hook_input *in)
{
	int fd = memfd_create("stdin", MFD_CLOEXEC);

	if (fd >= 0 && !fill(fd, in) && !lseek(fd, 0, SEEK_SET))
		return fd;
	return input_in_pipe(in);
}

static void restore_signals(const struct hook *h)
{
	signal(SIGPIPE, h->sigpipe);
	signal(SIGXFSZ, h->sigxfsz);
	sigprocmask(SIG_SETMASK, &h->mask, NULL);
}

/* As git runs a hook: what has no interpreter line goes to the shell. */
static void become(char *path, char **argv)
{
	char *args[ARGS_MAX + 2] = { SHELL, path };
	int n = 0;

	execv(path, argv);
	if (errno != ENOEXEC)
		return;
	while (n < ARGS_MAX && argv[n])
		n++;
	if (n == ARGS_MAX) {
		errno = E2BIG;
		return;
	}
	memcpy(args + 2, argv + 1, (size_t)n * sizeof(*argv));
	execv(SHELL, args);
}

int hook_chain(struct hook *h, const struct hook_input *in)
{
	char path[2 * LIMIT_PATH];
	struct err e;
	int fd;

	if (!find_earlier(h, path, sizeof(path)))
		return 0;
	fd = in ? input_again(in) : 0;
	if (fd >= 0 && dup2(fd, 0) == 0) {
		restore_signals(h);
		become(path, h->argv);
	}
	err_sys(&e, "%.300s", path);
	hook_say("the earlier hook could not be run", e.text, "");
	return -1;
}
