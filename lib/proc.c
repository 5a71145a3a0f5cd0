/* proc.c - run another program: posix_spawn, pipes, a deadline. */
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "mem.h"

#define PATH_DIRS "/usr/local/bin:/usr/bin:/bin"
#define PIECE (16 * KIB)
#define SAY_MAX (16 * MIB)
#define STOP_LOOK_MS 200	/* how often *stop is looked at while nothing moves */
#define NO_PIDFD_MS 20		/* how often a child is asked after without a pidfd */
#define GRACE_US US_PER_S	/* from SIGTERM to SIGKILL */
#define DRAIN_PIECES 1024	/* what a dead child may have left in its pipes */

enum end { END_NONE, END_TERM, END_KILL };

struct child {
	struct proc_run *run;
	struct err *e;
	pid_t pid;
	int pidfd, in, out, err;	/* our ends; -1 closed */
	struct buf say;			/* the conversation's side to stdin */
	const char *feed;
	size_t feed_len;
	bool said_all;			/* stdin is closed once feed is through */
	int64_t deadline_us;		/* monotonic, 0 none */
	enum end ended;
	bool failed;			/* talk failed; e is set */
};

/* ---- the environment and the program ---- */

static const char *home(struct arena *a)
{
	const char *h = getenv("HOME");
	struct passwd pw, *found;
	char text[4096];

	if (h && *h == '/')
		return arena_fmt(a, "HOME=%s", h);
	if (getpwuid_r(geteuid(), &pw, text, sizeof(text), &found) || !found)
		return "HOME=/";
	return arena_fmt(a, "HOME=%s", pw.pw_dir);
}

static size_t count(const char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

static bool sets(const char *const *env, const char *entry)
{
	size_t n = strcspn(entry, "=") + 1;

	for (; env && *env; env++)
		if (!strncmp(*env, entry, n))
			return true;
	return false;
}

/* The caller's entries, and before them what it did not set itself. */
static char **make_env(struct arena *a, const char *const *own)
{
	const char *base[] = { "PATH=" PATH_DIRS, "LC_ALL=C.UTF-8", home(a) };
	size_t n = 0, nown = count(own);
	char **env = arena_alloc(a, (nown + 4) * sizeof(*env));

	for (size_t i = 0; i < 3; i++)
		if (!sets(own, base[i]))
			env[n++] = arena_strdup(a, base[i]);
	for (size_t i = 0; i < nown; i++)
		env[n++] = arena_strdup(a, own[i]);
	return env;
}

static char **make_argv(struct arena *a, const char *const *argv)
{
	size_t n = count(argv);
	char **v = arena_alloc(a, (n + 1) * sizeof(*v));

	for (size_t i = 0; i < n; i++)
		v[i] = arena_strdup(a, argv[i]);
	return v;
}

/* argv[0] in the child's PATH, not in ours. NULL when it is nowhere. */
static const char *find_program(struct arena *a, const char *name, char *const *env)
{
	const char *path = PATH_DIRS, *end, *try;

	if (strchr(name, '/'))
		return name;
	for (; *env; env++)
		if (!strncmp(*env, "PATH=", 5))
			path = *env + 5;
	for (;; path = end + 1) {
		end = path + strcspn(path, ":");
		try = arena_fmt(a, "%.*s/%s", (int)(end - path), path, name);
		if (*path == '/' && !access(try, X_OK))
			return try;
		if (!*end)
			return NULL;
	}
}

/* ---- starting ---- */

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Never 0-2, whatever of those the caller runs without: the child's dup2 calls
   would overwrite one with another. */
static int above_std(int fd)
{
	int up;

	if (fd > 2)
		return fd;
	up = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	close(fd);
	return up;
}

/* ends[ours] is made non-blocking, the other is the child's. */
static int make_pipe(int ends[2], int ours, struct err *e)
{
	if (pipe2(ends, O_CLOEXEC))
		return err_sys(e, "cannot make a pipe");
	for (int i = 0; i < 2; i++) {
		ends[i] = above_std(ends[i]);
		if (ends[i] < 0)
			return err_sys(e, "cannot make a pipe");
	}
	if (fcntl(ends[ours], F_SETFL, O_NONBLOCK))
		return err_sys(e, "cannot set up a pipe");
	return 0;
}

struct plumbing {
	int in[2], out[2], err[2];
};

static int lay(struct plumbing *p, const struct proc_run *r, struct err *e)
{
	*p = (struct plumbing){ { -1, -1 }, { -1, -1 }, { -1, -1 } };
	if ((r->in || r->talk) && make_pipe(p->in, 1, e))
		return -1;
	if ((r->out || r->talk) && make_pipe(p->out, 0, e))
		return -1;
	return r->err ? make_pipe(p->err, 0, e) : 0;
}

static void tear(struct plumbing *p)
{
	for (int i = 0; i < 2; i++) {
		shut(&p->in[i]);
		shut(&p->out[i]);
		shut(&p->err[i]);
	}
}

static int connect_fd(posix_spawn_file_actions_t *fa, int from, int to, int null_flags)
{
	if (from >= 0)
		return posix_spawn_file_actions_adddup2(fa, from, to);
	return posix_spawn_file_actions_addopen(fa, to, "/dev/null", null_flags, 0);
}

static int set_files(posix_spawn_file_actions_t *fa, const struct plumbing *p, const char *cwd)
{
	int r = connect_fd(fa, p->in[0], 0, O_RDONLY);

	if (!r)
		r = connect_fd(fa, p->out[1], 1, O_WRONLY);
	if (!r)
		r = connect_fd(fa, p->err[1], 2, O_WRONLY);
	if (!r)
		r = posix_spawn_file_actions_addclosefrom_np(fa, 3);
	if (!r && cwd)
		r = posix_spawn_file_actions_addchdir_np(fa, cwd);
	return r;
}

static int set_attr(posix_spawnattr_t *at)
{
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	r = posix_spawnattr_setflags(at, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
		POSIX_SPAWN_SETSIGDEF);
	if (!r)
		r = posix_spawnattr_setpgroup(at, 0);
	if (!r)
		r = posix_spawnattr_setsigmask(at, &none);
	return r ? r : posix_spawnattr_setsigdefault(at, &all);
}

static int spawn(struct child *c, struct arena *a, const struct plumbing *p, struct err *e)
{
	const struct proc_run *r = c->run;
	char **env = make_env(a, r->env), **argv = make_argv(a, r->argv);
	const char *program = find_program(a, r->argv[0], env);
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	int failed;

	if (!program)
		return err_set(e, ERR_NOENT, "cannot run %s: there is no such program in %s",
			r->argv[0], PATH_DIRS);
	posix_spawn_file_actions_init(&fa);
	posix_spawnattr_init(&at);
	failed = set_files(&fa, p, r->cwd);
	if (!failed)
		failed = set_attr(&at);
	if (!failed)
		failed = posix_spawn(&c->pid, program, &fa, &at, argv, env);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&at);
	errno = failed;
	return failed ? err_sys(e, "cannot run %s", program) : 0;
}

/* pidfd_open(2) may be missing (a container's filter, valgrind): then we ask. */
static void take_ends(struct child *c, struct plumbing *p)
{
	c->in = p->in[1];
	c->out = p->out[0];
	c->err = p->err[0];
	p->in[1] = p->out[0] = p->err[0] = -1;
	c->pidfd = pidfd_open(c->pid, 0);
}

static bool is_gone(const struct child *c)
{
	siginfo_t info = { 0 };

	return !waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) &&
		info.si_pid == c->pid;
}

static int start(struct child *c, struct err *e)
{
	struct plumbing p;
	struct arena a;
	int failed;

	arena_init(&a);
	failed = lay(&p, c->run, e) || spawn(c, &a, &p, e);
	if (!failed)
		take_ends(c, &p);
	tear(&p);
	arena_release(&a);
	return failed ? -1 : 0;
}

/* ---- while it runs ---- */

static void end_child(struct child *c)
{
	c->ended = c->ended == END_NONE ? END_TERM : END_KILL;
	kill(-c->pid, c->ended == END_TERM ? SIGTERM : SIGKILL);
	c->deadline_us = clock_mono_us() + GRACE_US;
	shut(&c->in);
	shut(&c->out);
	shut(&c->err);
}

/* write(2) to a pipe whose reader may be gone, without a SIGPIPE for the program
   that called us. */
static ssize_t write_quietly(int fd, const char *p, size_t n)
{
	const struct timespec now = { 0, 0 };
	sigset_t pipe_only, before, pending;
	bool was;
	ssize_t w;
	int sys;

	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	sigpending(&pending);
	was = sigismember(&pending, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
	w = write(fd, p, n);
	sys = errno;
	if (w < 0 && sys == EPIPE && !was)
		while (sigtimedwait(&pipe_only, NULL, &now) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = sys;
	return w;
}

static void feed(struct child *c)
{
	ssize_t w = 0;

	if (c->feed_len)
		w = write_quietly(c->in, c->feed, c->feed_len);
	if (w < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (w < 0) {			/* it reads no more: its exit status tells */
		c->feed_len = 0;
		c->said_all = true;
	} else {
		c->feed += w;
		c->feed_len -= (size_t)w;
	}
	if (!c->feed_len && c->said_all)
		shut(&c->in);
}

/* What talk said goes behind what is not through yet. */
static void say_more(struct child *c, struct buf *more)
{
	size_t left = c->feed_len;

	if (!more->len)
		return;
	if (left)
		memmove(c->say.s, c->feed, left);
	c->say.len = left;
	buf_add(&c->say, more->s, more->len);
	c->feed = c->say.s;
	c->feed_len = c->say.len;
}

static void converse(struct child *c, const char *piece, size_t n)
{
	struct proc_run *r = c->run;
	struct buf more;
	int said;

	if (c->said_all || !r->talk)
		return;
	buf_init(&more, SAY_MAX);
	said = r->talk(r->talk_arg, piece, n, &more, c->e);
	if (said >= 0)
		say_more(c, &more);
	buf_release(&more);
	if (said < 0) {
		c->failed = true;
		end_child(c);
	} else if (said > 0) {
		c->said_all = true;
		if (c->in >= 0)
			feed(c);
	}
}

static void keep(struct child *c, struct buf *b, const char *piece, size_t n)
{
	size_t room = b->max - b->len;

	buf_add(b, piece, n < room ? n : room);
	if (n <= room)
		return;
	c->run->truncated = true;
	if (!c->run->keep_head)
		end_child(c);
}

/* One piece from *fd. false: nothing more there now. */
static bool take(struct child *c, int *fd, struct buf *b)
{
	char piece[PIECE];
	ssize_t n = read(*fd, piece, sizeof(piece));

	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n < 0) {			/* half of what it said must not pass for all */
		if (!c->failed)
			err_sys(c->e, "cannot read what %s says", c->run->argv[0]);
		c->failed = true;
		end_child(c);
	}
	if (n <= 0) {
		shut(fd);
		return false;
	}
	if (b)
		keep(c, b, piece, (size_t)n);
	else
		converse(c, piece, (size_t)n);
	return *fd >= 0;
}

/* It is gone: what it wrote before is in the pipes at once. */
static void drain(struct child *c)
{
	struct buf *out = c->run->talk ? NULL : c->run->out;

	for (int i = 0; i < DRAIN_PIECES && c->out >= 0 && take(c, &c->out, out); i++)
		;
	for (int i = 0; i < DRAIN_PIECES && c->err >= 0 && take(c, &c->err, c->run->err); i++)
		;
}

static int wait_ms(const struct child *c)
{
	int64_t ms = INT32_MAX;

	if (c->deadline_us)
		ms = (c->deadline_us - clock_mono_us() + 999) / 1000;
	if (c->run->stop && c->ended == END_NONE && ms > STOP_LOOK_MS)
		ms = STOP_LOOK_MS;
	if (c->pidfd < 0 && ms > NO_PIDFD_MS)
		ms = NO_PIDFD_MS;
	return ms < 0 ? 0 : ms > INT32_MAX ? INT32_MAX : (int)ms;
}

static void check_time(struct child *c)
{
	bool over = c->deadline_us && clock_mono_us() >= c->deadline_us;
	bool stopped = c->ended == END_NONE && c->run->stop && atomic_load(c->run->stop);

	if (over && c->ended == END_NONE)
		c->run->timed_out = true;
	if (over || stopped)
		end_child(c);
}

/* One round; false when the child is gone. */
static bool run_some(struct child *c)
{
	bool feeding = c->in >= 0 && (c->feed_len || c->said_all);
	struct pollfd p[] = {
		{ .fd = c->pidfd, .events = POLLIN },
		{ .fd = feeding ? c->in : -1, .events = POLLOUT },
		{ .fd = c->out, .events = POLLIN },
		{ .fd = c->err, .events = POLLIN },
	};

	if (poll(p, 4, wait_ms(c)) < 0)
		return true;
	if (p[1].revents)
		feed(c);
	if (p[2].revents && c->out >= 0)
		take(c, &c->out, c->run->talk ? NULL : c->run->out);
	if (p[3].revents && c->err >= 0)
		take(c, &c->err, c->run->err);
	if (p[0].revents || (c->pidfd < 0 && is_gone(c))) {
		drain(c);
		return false;
	}
	check_time(c);
	return true;
}

static int reap(struct child *c, struct err *e)
{
	int status;

	if (c->ended != END_NONE)
		kill(-c->pid, SIGKILL);		/* whoever of its group outlived it */
	while (waitpid(c->pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(e, "cannot learn how %s ended", c->run->argv[0]);
	c->run->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return 0;
}

int proc_run(struct proc_run *r, struct err *e)
{
	struct child c = { .run = r, .e = e, .pidfd = -1, .in = -1, .out = -1, .err = -1,
		.feed = r->talk ? NULL : r->in, .feed_len = r->talk ? 0 : r->in_len,
		.said_all = !r->talk };
	int failed;

	r->status = -1;
	r->timed_out = r->truncated = false;
	if (start(&c, e))
		return -1;
	buf_init(&c.say, SAY_MAX);
	if (r->timeout_ms > 0)
		c.deadline_us = clock_mono_us() + r->timeout_ms * INT64_C(1000);
	while (run_some(&c))
		;
	failed = reap(&c, c.failed ? NULL : e);
	shut(&c.in);
	shut(&c.out);
	shut(&c.err);
	shut(&c.pidfd);
	buf_release(&c.say);
	return failed || c.failed ? -1 : 0;
}
