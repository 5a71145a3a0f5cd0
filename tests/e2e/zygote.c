/*
 * zygote.c - start refire-send ten thousand times without paying for its dynamic
 * linking each time (test_wakeup.py). Two programs from one file:
 *
 *	cc -shared -DZYGOTE	preloaded into refire-send: once linked, before main, it
 *				waits at the socket $ZYGOTE; for each datagram it forks, and
 *				the child goes on into main() of the real refire-send
 *	cc			what the hook starts in place of refire-send: called with
 *				--linger --config FILE it sends a datagram to FILE.zygote
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (snprintf(a.sun_path, sizeof(a.sun_path), "%s", path) >= (int)sizeof(a.sun_path))
		_exit(120);
	return a;
}

#ifdef ZYGOTE
__attribute__((constructor)) static void wait_for_births(void)
{
	const char *path = getenv("ZYGOTE");
	struct sockaddr_un a;
	char byte;
	int s;

	if (!path)
		return;
	a = address(path);
	s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)))
		_exit(121);
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		if (recv(s, &byte, 1, 0) != 1)
			_exit(122);
		switch (fork()) {
		case -1:
			_exit(123);
		case 0:
			close(s);
			signal(SIGCHLD, SIG_DFL);
			return;
		}
	}
}
#else
int main(int argc, char **argv)
{
	char path[4096];
	struct sockaddr_un a;
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (argc != 4 || strcmp(argv[2], "--config"))
		return 124;
	snprintf(path, sizeof(path), "%s.zygote", argv[3]);
	a = address(path);
	return s < 0 || sendto(s, "1", 1, 0, (struct sockaddr *)&a, sizeof(a)) != 1 ? 125 : 0;
}
#endif
