/* signals.c - signalfd(2). */
#include "signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

int signals_open(struct err *e)
{
	sigset_t ours;
	int fd;

	sigemptyset(&ours);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &ours, NULL))
		return err_sys(e, "cannot block signals");
	fd = signalfd(-1, &ours, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd < 0 ? err_sys(e, "cannot make a signal descriptor") : fd;
}

enum signal_said signals_next(int fd)
{
	struct signalfd_siginfo s;

	if (read(fd, &s, sizeof(s)) != sizeof(s))
		return SIGNAL_NONE;
	return s.ssi_signo == SIGHUP ? SIGNAL_RELOAD : SIGNAL_STOP;
}
