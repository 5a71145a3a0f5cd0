/*
 * hook-empty.c - what a hook cannot cost less than: nothing at all, or, with
 * SYNCED set to a directory, reading stdin and making one durable file of it
 * there, by the same steps and with the same fsyncs as refire's.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef SYNCED
static char input[16 * 1024 * 1024];

static int make_durable(size_t n)
{
	char tmp[64], name[64];
	int fd, dir;

	snprintf(tmp, sizeof(tmp), "t.%ld", (long)getpid());
	snprintf(name, sizeof(name), "e.%ld", (long)getpid());
	if (chdir(SYNCED))
		return 1;
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || write(fd, input, n) != (ssize_t)n || fsync(fd) || rename(tmp, name))
		return 1;
	dir = open(".", O_RDONLY | O_DIRECTORY);
	return dir < 0 || fsync(dir);
}
#endif

int main(void)
{
#ifdef SYNCED
	size_t n = 0;
	ssize_t r;

	while ((r = read(0, input + n, sizeof(input) - n)) > 0)
		n += (size_t)r;
	return make_durable(n);
#else
	return 0;
#endif
}
