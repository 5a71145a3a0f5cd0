/*
 * hook-spawn.c - time hooks side by side: hook-spawn ROUNDS INPUT PROGRAM...
 *
 * Runs every PROGRAM (argv[0] only) once a round, INPUT through a pipe as git
 * does, and prints a line for each: its index, wall and CPU microseconds
 * (children it waited for included), exit status. The first round is thrown away.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double us(struct timeval t)
{
	return (double)t.tv_sec * 1e6 + (double)t.tv_usec;
}

static void feed(int fd, const char *s, size_t n)
{
	while (n) {
		ssize_t w = write(fd, s, n);

		if (w < 0 && errno == EPIPE)
			return;		/* it does not want to know */
		if (w < 0) {
			perror("write");
			exit(1);
		}
		s += w;
		n -= (size_t)w;
	}
}

static pid_t start(char *program, int in, int out)
{
	char *argv[] = { program, NULL };
	posix_spawn_file_actions_t a;
	posix_spawnattr_t attr;
	sigset_t pipe_only;
	pid_t pid;

	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigdefault(&attr, &pipe_only);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_init(&a);
	posix_spawn_file_actions_adddup2(&a, in, 0);
	posix_spawn_file_actions_adddup2(&a, out, 1);
	posix_spawn_file_actions_adddup2(&a, out, 2);
	errno = posix_spawn(&pid, program, &a, &attr, argv, environ);
	if (errno) {
		perror(program);
		exit(1);
	}
	posix_spawn_file_actions_destroy(&a);
	posix_spawnattr_destroy(&attr);
	return pid;
}

static void run(int index, char *program, const char *s, size_t n, int out, int print)
{
	double began = now_us(), wall;
	struct rusage use;
	int ends[2], status;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC)) {
		perror("pipe");
		exit(1);
	}
	pid = start(program, ends[0], out);
	close(ends[0]);
	feed(ends[1], s, n);
	close(ends[1]);
	wait4(pid, &status, 0, &use);
	wall = now_us() - began;
	if (print)
		printf("%d %.0f %.0f %d\n", index, wall, us(use.ru_utime) + us(use.ru_stime),
			WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

int main(int argc, char **argv)
{
	int rounds = argc > 3 ? atoi(argv[1]) : 0, in, out;
	struct stat st;
	char *s;

	signal(SIGPIPE, SIG_IGN);
	in = rounds > 0 ? open(argv[2], O_RDONLY) : -1;
	out = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (in < 0 || fstat(in, &st)) {
		fprintf(stderr, "usage: hook-spawn ROUNDS INPUT PROGRAM...\n");
		return 64;
	}
	s = malloc((size_t)st.st_size + 1);
	if (!s || read(in, s, (size_t)st.st_size) != st.st_size) {
		perror(argv[2]);
		return 1;
	}
	close(in);
	for (int r = 0; r <= rounds; r++)
		for (int i = 3; i < argc; i++)
			run(i - 3, argv[i], s, (size_t)st.st_size, out, r > 0);
	return 0;
}
