/* hook.c - see hook.h: the start, the settings, stdin and the line on stderr. */
#include "hook.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hookpath.h"

#define READ_TRIES 64		/* EINTR: no handler of ours, so it ends by itself */
#define FIRST_ROOM (128 * KIB)
#define NEXT_ROOM (4 * MIB)

static bool open_standard_fds(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) != fd)
			return false;
	return true;
}

void hook_begin(struct hook *h, const char *name, char **argv)
{
	sigset_t blocked;

	h->name = name;
	h->argv = argv;
	h->fds_open = open_standard_fds();
	h->sigpipe = signal(SIGPIPE, SIG_IGN);
	h->sigxfsz = signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGHUP);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &h->mask);
}

/* git exports GIT_DIR to the hooks of a push; for a commit in the main work tree
   it does not, and runs them at the top of the work tree. */
static int find_git_dir(struct hook *h, struct err *e)
{
	const char *env = getenv("GIT_DIR");
	struct stat st;

	if (!env || !*env)
		env = !stat(".git", &st) && S_ISDIR(st.st_mode) ? ".git" : ".";
	if (strcmp(env, ".") ? !realpath(env, h->git_dir) :
	    !getcwd(h->git_dir, sizeof(h->git_dir)))
		return err_sys(e, "cannot find the git directory %.200s", env);
	if (h->git_dir[0] != '/')
		return err_set(e, ERR_OS, "the git directory is not reachable from /");
	return 0;
}

/* git_dir of a linked worktree becomes the directory all worktrees share. 1, 0
   it is none, -1. */
static int to_common_dir(struct hook *h, struct err *e)
{
	char path[2 * LIMIT_PATH], line[LIMIT_PATH];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/commondir", h->git_dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, "cannot open %.300s", path);
	n = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (n <= 0)
		return err_set(e, ERR_OS, "cannot read %.300s", path);
	line[n] = 0;
	line[strcspn(line, "\n")] = 0;
	snprintf(path, sizeof(path), "%s/%s", line[0] == '/' ? "" : h->git_dir, line);
	if (!realpath(path, h->git_dir))
		return err_sys(e, "cannot find the git directory %.300s", path);
	return 1;
}

static int read_conf(struct hook *h, const char *dir, const char *name, struct err *e)
{
	char path[2 * LIMIT_PATH];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (!hookconf_read(path, h->text, &h->conf, e))
		return 1;
	return e->code == ERR_NOENT ? 0 : -1;
}

/* Along the links of argv[0]: the settings of a shared hooks directory, or, where
   there is a list of who uses it, the answer that this repository does not. */
static int find_shared(struct hook *h, struct err *e)
{
	struct hookpath p;
	char list[2 * LIMIT_PATH];
	int found;

	for (bool more = hookpath_first(&p, h->argv[0]); more; more = hookpath_next(&p)) {
		found = read_conf(h, p.dir, HOOK_SHARED_CONF, e);
		if (found)
			return found;
		snprintf(list, sizeof(list), "%s/%s", p.dir, HOOK_SHARED_LEDGER);
		if (!access(list, F_OK))
			return 0;
	}
	return err_set(e, ERR_CONFIG, "%.300s/refire/hook is not there: run `refire hooks install`",
		h->git_dir);
}

int hook_find(struct hook *h, struct err *e)
{
	int found;

	if (!h->fds_open)
		return err_set(e, ERR_OS, "stdin, stdout or stderr is closed, and /dev/null does not open");
	if (find_git_dir(h, e))
		return -1;
	found = read_conf(h, h->git_dir, "refire/hook", e);
	if (found)
		return found;
	found = to_common_dir(h, e);
	if (found > 0)
		found = read_conf(h, h->git_dir, "refire/hook", e);
	return found ? found : find_shared(h, e);
}

/* Room for more than in->s holds: small pushes fit the first, static piece. */
static bool make_room(struct hook_input *in, size_t *cap)
{
	static char first[FIRST_ROOM];
	size_t want = *cap < NEXT_ROOM ? NEXT_ROOM : 2 * *cap;
	char *s;

	if (!*cap) {
		in->s = first;
		*cap = sizeof(first);
		return true;
	}
	if (in->s != first)
		s = mremap(in->s, *cap, want, MREMAP_MAYMOVE);
	else
		s = mmap(NULL, want, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		return false;
	if (in->s == first)
		memcpy(s, first, in->len);
	in->s = s;
	*cap = want;
	return true;
}

int hook_read(struct hook_input *in, struct err *e)
{
	size_t cap = 0;
	int interrupted = 0;

	*in = (struct hook_input){ 0 };
	for (;;) {
		ssize_t n;

		if (in->len > LIMIT_SPOOL_FILE)
			return err_set(e, ERR_DATA, "its list of refs is over %d MiB",
				LIMIT_SPOOL_FILE / MIB);
		if (in->len == cap && !make_room(in, &cap))
			return err_sys(e, "no memory for its list of refs");
		n = read(0, in->s + in->len, cap - in->len);
		if (n == 0)
			break;
		if (n > 0)
			in->len += (size_t)n;
		else if (errno != EINTR || ++interrupted == READ_TRIES)
			return err_sys(e, "cannot read its list of refs");
	}
	in->whole = true;
	return 0;
}

static size_t escape(char *out, size_t room, const char *s)
{
	size_t n = 0;

	for (; *s && n + 5 < room; s++) {
		unsigned char c = (unsigned char)*s;

		if (c >= ' ' && c < 0x7f)
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(out + n, 5, "\\x%02x", c);
	}
	return n;
}

void hook_say(const char *what, const char *sentence, const char *next)
{
	char line[4 * LIMIT_ERR + 512];
	size_t n = (size_t)snprintf(line, sizeof(line), "refire: %s: ", what);
	struct iovec v;

	n += escape(line + n, 4 * LIMIT_ERR, sentence);
	n += (size_t)snprintf(line + n, sizeof(line) - n, "%s\n", next);
	for (int tries = 0; tries < READ_TRIES; tries++) {
		if (write(2, line, n) > 0)
			return;
		if (errno != EINTR)
			break;
	}
	v = (struct iovec){ line, n };
	if (writev(2, &v, 1) < 0)
		return;		/* nobody is left to tell */
}
