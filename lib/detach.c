/* detach.c - start a program that outlives us; libc only. */
#include "detach.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define EINTR_TRIES 64
#define HEAR_MS 1000

static const char *const environment[] = {
	"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8", NULL,
};

static void reset_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
}

/* In the grandchild: nothing of ours stays open but `report`, closed by exec. */
static void become(const char *const *argv, int report)
{
	int null = open("/dev/null", O_RDWR);
	char **a, **env;
	const char *const *fixed = environment;

	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		goto fail;
	if (dup2(report, 3) < 0 || fcntl(3, F_SETFD, FD_CLOEXEC))
		goto fail;
	report = 3;
	close_range(4, ~0u, 0);
	reset_signals();
	if (chdir("/"))
		goto fail;
	memcpy(&a, &argv, sizeof(a));
	memcpy(&env, &fixed, sizeof(env));
	execve(argv[0], a, env);
fail:
	if (write(report, &errno, sizeof(errno)) < 0)
		_exit(126);
	_exit(127);
}

/* errno of an exec that failed; 0 bytes when it went well, or has not been heard of
   for so long that we do not wait for it. */
static ssize_t hear(int fd, int *sys)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n = 0;

	for (int tries = 0; tries < EINTR_TRIES; tries++) {
		n = poll(&p, 1, HEAR_MS);
		if (n > 0)
			n = read(fd, sys, sizeof(*sys));
		if (n >= 0 || errno != EINTR)
			break;
	}
	return n;
}

int detach_run(const char *const *argv, struct err *e)
{
	int report[2], sys = 0, status;
	pid_t pid;
	ssize_t n;

	if (pipe2(report, O_CLOEXEC))
		return err_sys(e, "cannot start %s", argv[0]);
	pid = fork();
	if (pid < 0) {
		err_sys(e, "cannot start %s", argv[0]);
		close(report[0]);
		close(report[1]);
		return -1;
	}
	if (pid == 0) {
		close(report[0]);
		setsid();
		if (fork() == 0)
			become(argv, report[1]);
		_exit(0);
	}
	close(report[1]);
	for (int tries = 0; waitpid(pid, &status, 0) < 0 && errno == EINTR; tries++)
		if (tries == EINTR_TRIES)
			break;
	n = hear(report[0], &sys);
	close(report[0]);
	if (n == 0)
		return 0;
	errno = n == sizeof(sys) ? sys : EIO;
	return err_sys(e, "cannot start %s", argv[0]);
}
