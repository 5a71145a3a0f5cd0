/*
 * killer.c - run a program and kill -9 it at its K-th system call (test_kill_calls.py).
 *
 *	killer K all|effects LOG PROGRAM ARGUMENTS...
 *
 * Counted are the calls after main() has begun (send.c's PR_SET_DUMPABLE), of all
 * threads: all of them, or those that leave something behind (files, sockets). A
 * seccomp filter stops the program before each, so that the rest runs at full speed:
 * about 1 ms more a run, where strace costs 50. The K-th is not made. LOG gets one
 * line, `killed K CALL` or `ended STATUS COUNT`. K 0 only counts.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define EFFECTS(X) X(write) X(writev) X(pwrite64) X(pwritev) X(openat) X(fsync) X(fdatasync) \
	X(ftruncate) X(fallocate) X(renameat) X(renameat2) X(unlinkat) X(mkdirat) X(fchmod) \
	X(fchmodat) X(fchown) X(utimensat) X(socket) X(connect) X(sendto) X(sendmsg) \
	X(recvfrom) X(shutdown) X(exit_group) LEGACY(X)
#ifdef SYS_open
#define LEGACY(X) X(open) X(rename) X(unlink) X(mkdir) X(chmod) X(chown)
#else
#define LEGACY(X)
#endif

static const struct { int number; const char *name; } effects[] = {
#define X(name) { SYS_##name, #name },
	EFFECTS(X)
#undef X
};
#define NEFFECTS ((int)(sizeof(effects) / sizeof(*effects)))

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "killer: %s: %s\n", what, strerror(errno));
	_exit(120);
}

static struct sock_filter say(unsigned short code, unsigned char jt, unsigned char jf, unsigned k)
{
	return (struct sock_filter){ code, jt, jf, k };
}

/* Load the number; prctl and what is counted go to the tracer, the rest goes on. */
static void install_filter(int all)
{
	struct sock_filter f[NEFFECTS + 8];
	struct sock_fprog program = { .filter = f };
	unsigned short n = 0;

	f[n++] = say(BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
	for (int i = 0; !all && i < NEFFECTS; i++)
		f[n++] = say(BPF_JMP | BPF_JEQ | BPF_K, (unsigned char)(NEFFECTS - i + 1), 0,
			(unsigned)effects[i].number);
	f[n++] = say(BPF_JMP | BPF_JEQ | BPF_K, (unsigned char)1, (unsigned char)all, SYS_prctl);
	f[n++] = say(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
	f[n++] = say(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_TRACE);
	program.len = n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		fail("seccomp");
}

static const char *name_of(int number)
{
	static char text[16];

	for (int i = 0; i < NEFFECTS; i++)
		if (effects[i].number == number)
			return effects[i].name;
	snprintf(text, sizeof(text), "%d", number);
	return text;
}

static void note(const char *log, const char *word, long a, const char *b)
{
	FILE *f = fopen(log, "w");

	if (!f || fprintf(f, "%s %ld %s\n", word, a, b) < 0 || fclose(f))
		fail(log);
}

struct count {
	long at, n;
	int began;
};

/* The call that pid stands before: 1 when it is the one. */
static int counted(struct count *c, pid_t pid, int *number)
{
	struct __ptrace_syscall_info i;

	memset(&i, 0, sizeof(i));
	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(i), &i) < 0)
		return 0;
	*number = (int)i.seccomp.nr;
	if (*number == SYS_prctl && i.seccomp.args[0] == PR_SET_DUMPABLE)
		c->began = 1;
	return c->began && *number != SYS_prctl && ++c->n == c->at;
}

/* The status of the program's end. */
static int follow(pid_t main_pid, struct count *c, int *killed_at)
{
	int status, number;
	pid_t pid;

	*killed_at = -1;
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		int event = status >> 16, pass = 0;

		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (pid == main_pid)
				return status;
			continue;
		}
		if (event == PTRACE_EVENT_SECCOMP && *killed_at < 0 && counted(c, pid, &number)) {
			*killed_at = number;
			kill(main_pid, SIGKILL);
			continue;
		}
		if (!event && WSTOPSIG(status) != SIGSTOP)
			pass = WSTOPSIG(status);
		ptrace(PTRACE_CONT, pid, NULL, pass);
	}
	fail("waitpid");
}

int main(int argc, char **argv)
{
	struct count c = { 0 };
	char text[32];
	int status, killed_at;
	pid_t pid;

	if (argc < 5)
		return 64;
	c.at = atol(argv[1]);
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		install_filter(!strcmp(argv[2], "all"));
		execv(argv[4], argv + 4);
		fail(argv[4]);
	}
	if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP |
		PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC))
		fail("ptrace");
	ptrace(PTRACE_CONT, pid, NULL, 0);
	status = follow(pid, &c, &killed_at);
	if (killed_at >= 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
		note(argv[3], "killed", c.n, name_of(killed_at));
		return 137;
	}
	snprintf(text, sizeof(text), "%ld", c.n);
	note(argv[3], "ended", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), text);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
