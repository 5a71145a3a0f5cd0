/* ballast.c - see ballast.h. */
#include "ballast.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

bool ballast_there(const char *path)
{
	struct stat st;

	return !lstat(path, &st) && S_ISREG(st.st_mode) && st.st_size > 0;
}

static int look(const char *path, struct statvfs *v)
{
	char dir[LIMIT_PATH];
	const char *slash = strrchr(path, '/');

	if (!slash || snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path) >= (int)sizeof(dir))
		return -1;
	return statvfs(*dir ? dir : "/", v);
}

int64_t ballast_size(const char *path)
{
	struct statvfs v;
	int64_t size;

	if (look(path, &v))
		return 0;
	size = (int64_t)(v.f_blocks / 100 * v.f_frsize);
	return size < BALLAST_LEAST ? BALLAST_LEAST : size > BALLAST_MOST ? BALLAST_MOST : size;
}

/* Without a name of its own until it is whole: half of it must not pass for all. */
static int make(const char *path, const char *tmp, int64_t size)
{
	int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600), sys;

	if (fd < 0)
		return -1;
	sys = posix_fallocate(fd, 0, size);
	if (!sys && (fsync(fd) || rename(tmp, path)))
		sys = errno;
	close(fd);
	if (sys)
		unlink(tmp);
	errno = sys;
	return sys ? -1 : 0;
}

int ballast_lay(const char *path, struct err *e)
{
	char tmp[LIMIT_PATH];
	int64_t size = ballast_size(path);
	struct statvfs v;

	if (ballast_there(path))
		return 1;
	if (look(path, &v) || snprintf(tmp, sizeof(tmp), "%s.new", path) >= (int)sizeof(tmp))
		return err_sys(e, "cannot ask how much room there is for %s", path);
	if ((int64_t)(v.f_bavail * v.f_frsize) < 2 * size)
		return 0;
	return make(path, tmp, size) ? err_sys(e, "cannot lay %s", path) : 1;
}

bool ballast_give_up(const char *path)
{
	return ballast_there(path) && !unlink(path);
}

bool ballast_would_help(const struct err *e)
{
	return e->sys == ENOSPC || e->sys == EDQUOT;
}
