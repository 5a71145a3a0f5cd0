/* fs.c - effects on the file system; libc only. */
#include "fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EINTR_TRIES 64

/* A signal must not turn into a failure, nor a fault into an endless loop. */
static bool interrupted(int *tries)
{
	return errno == EINTR && ++*tries < EINTR_TRIES;
}

int fs_writev(int fd, struct iovec *v, int n)
{
	int tries = 0;

	while (n > 0) {
		ssize_t w = writev(fd, v, n);

		if (w < 0 && interrupted(&tries))
			continue;
		if (w < 0)
			return -1;
		if (w == 0 && v->iov_len) {
			errno = ENOSPC;
			return -1;
		}
		while (n > 0 && (size_t)w >= v->iov_len) {
			w -= (ssize_t)v->iov_len;
			v++;
			n--;
		}
		if (n > 0) {
			v->iov_base = (char *)v->iov_base + w;
			v->iov_len -= (size_t)w;
		}
	}
	return 0;
}

int fs_write(int fd, const void *p, size_t n)
{
	struct iovec v = { .iov_len = n };

	memcpy(&v.iov_base, &p, sizeof(p));
	return fs_writev(fd, &v, 1);
}

static int sync_fd(int fd)
{
	int r, tries = 0;

	do
		r = fsync(fd);
	while (r && interrupted(&tries));
	return r;
}

static int open_eintr(int dirfd, const char *name, int flags, mode_t mode)
{
	int fd, tries = 0;

	do
		fd = openat(dirfd, name, flags | O_CLOEXEC, mode);
	while (fd < 0 && interrupted(&tries));
	return fd;
}

static int join(char *out, const char *dir, const char *name, struct err *e)
{
	if (snprintf(out, LIMIT_PATH, "%s/%s", dir, name) >= LIMIT_PATH)
		return err_set(e, ERR_CONFIG, "path too long: %.80s.../%.80s", dir, name);
	return 0;
}

/* After the rename: the directory where we may read it, else the file again. */
static int sync_name(const char *dir, int fd)
{
	int d = open_eintr(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0), r;

	if (d < 0)
		return errno == EACCES ? sync_fd(fd) : -1;
	r = sync_fd(d);
	close(d);
	return r;
}

static int write_synced(int fd, mode_t mode, const struct iovec *pieces, int n)
{
	struct iovec v[16];

	if (n > 16) {
		errno = E2BIG;
		return -1;
	}
	memcpy(v, pieces, (size_t)n * sizeof(*v));
	return fchmod(fd, mode) || fs_writev(fd, v, n) || sync_fd(fd);
}

int fs_publish(const char *dir, const char *tmp, const char *name, mode_t mode,
	const struct iovec *pieces, int n, struct err *e)
{
	char from[LIMIT_PATH], to[LIMIT_PATH];
	int fd, failed;

	if (join(from, dir, tmp, e) || join(to, dir, name, e))
		return -1;
	fd = open_eintr(AT_FDCWD, from, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(e, "cannot create a file in %s", dir);
	if (write_synced(fd, mode, pieces, n)) {
		failed = err_sys(e, "cannot write a file in %s", dir);
		unlink(from);
	} else if (rename(from, to)) {
		failed = err_sys(e, "cannot publish a file in %s", dir);
		unlink(from);
	} else {
		failed = sync_name(dir, fd) ?
			err_sys(e, "cannot make a file in %s durable", dir) : 0;
	}
	close(fd);
	return failed;
}

static int read_all(int fd, size_t max, char **out, size_t *len, const struct stat *st)
{
	size_t size = (size_t)st->st_size, n = 0;
	char *s = malloc(size + 1), *more;
	ssize_t r;

	while (s) {
		r = read(fd, s + n, size + 1 - n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			break;
		n += (size_t)r;
		if (r == 0) {
			s[n] = 0;
			*out = s;
			*len = n;
			return 0;
		}
		if (n == size + 1) {	/* it grew while we read */
			size = size * 2 + 64;
			if (size > max && n > max) {
				errno = EFBIG;
				break;
			}
			more = realloc(s, size + 1);
			if (!more)
				break;
			s = more;
		}
	}
	free(s);
	return -1;
}

static int read_fd(int fd, const char *name, bool one_link, size_t max, char **out,
	size_t *len, struct stat *st, struct err *e)
{
	if (fstat(fd, st))
		return err_sys(e, "cannot look at %s", name);
	if (!S_ISREG(st->st_mode))
		return err_set(e, ERR_DATA, "%s is not a regular file", name);
	if (one_link && st->st_nlink != 1)
		return err_set(e, ERR_DATA, "%s has %lu links, expected one", name,
			(unsigned long)st->st_nlink);
	if ((uintmax_t)st->st_size > max)
		return err_set(e, ERR_DATA, "%s has %jd bytes, the limit is %zu", name,
			(intmax_t)st->st_size, max);
	if (read_all(fd, max, out, len, st))
		return err_sys(e, "cannot read %s", name);
	return 0;
}

static int read_at(int dirfd, const char *name, int flags, size_t max, char **out,
	size_t *len, struct stat *st, struct err *e)
{
	struct stat own;
	int fd = open_eintr(dirfd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | flags, 0), r;

	if (fd < 0 && errno == ELOOP)
		return err_set(e, ERR_DATA, "%s is a symbolic link", name);
	if (fd < 0 && errno == ENXIO)
		return err_set(e, ERR_DATA, "%s is a socket, not a regular file", name);
	if (fd < 0)
		return err_sys(e, "cannot open %s", name);
	r = read_fd(fd, name, flags & O_NOFOLLOW, max, out, len, st ? st : &own, e);
	close(fd);
	return r;
}

int fs_read(int dirfd, const char *name, size_t max, char **out, size_t *len,
	struct stat *st, struct err *e)
{
	return read_at(dirfd, name, O_NOFOLLOW, max, out, len, st, e);
}

int fs_read_path(const char *path, size_t max, char **out, size_t *len,
	struct stat *st, struct err *e)
{
	return read_at(AT_FDCWD, path, 0, max, out, len, st, e);
}

int fs_replace(const char *path, mode_t mode, const void *p, size_t n, struct err *e)
{
	char dir[LIMIT_PATH], tmp[LIMIT_PATH];
	const char *slash = strrchr(path, '/');
	struct iovec v = { .iov_len = n };
	int len = slash ? (int)(slash - path) : 1;

	memcpy(&v.iov_base, &p, sizeof(p));
	snprintf(dir, sizeof(dir), "%.*s", len ? len : 1, slash ? (len ? path : "/") : ".");
	if (snprintf(tmp, sizeof(tmp), ".%s.%ld", slash ? slash + 1 : path,
		(long)getpid()) >= (int)sizeof(tmp))
		return err_set(e, ERR_CONFIG, "path too long: %.200s", path);
	return fs_publish(dir, tmp, slash ? slash + 1 : path, mode, &v, 1, e);
}

static int make_dir(const char *path, mode_t mode, struct err *e)
{
	struct stat st;

	if (!mkdir(path, 0700))
		return chmod(path, mode) ? err_sys(e, "cannot set the mode of %s", path) : 0;
	if (errno == EEXIST && !stat(path, &st) && S_ISDIR(st.st_mode))
		return 0;
	return err_sys(e, "cannot make the directory %s", path);
}

int fs_mkdirs(const char *path, mode_t mode, struct err *e)
{
	char part[LIMIT_PATH];
	size_t len = strlen(path);

	if (len >= sizeof(part))
		return err_set(e, ERR_CONFIG, "path too long: %.200s", path);
	for (size_t i = 1; i < len; i++) {
		struct stat st;

		if (path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = 0;
		if (stat(part, &st) && make_dir(part, 0755, e))
			return -1;
	}
	return make_dir(path, mode, e);
}

int fs_sync_dir(int dirfd, struct err *e)
{
	return sync_fd(dirfd) ? err_sys(e, "cannot sync a directory") : 0;
}

int fs_move(int fromdir, const char *from, int todir, const char *to, struct err *e)
{
	if (renameat(fromdir, from, todir, to))
		return err_sys(e, "cannot move %s to %s", from, to);
	if (fs_sync_dir(todir, e))
		return -1;
	return fs_sync_dir(fromdir, e);
}

int fs_lock_try(const char *path, struct err *e)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open_eintr(AT_FDCWD, path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_sys(e, "cannot open the lock %s", path);
	if (!fcntl(fd, F_OFD_SETLK, &l))
		return fd;
	if (errno == EAGAIN || errno == EACCES) {
		close(fd);
		return -2;
	}
	err_sys(e, "cannot lock %s", path);
	close(fd);
	return -1;
}

void fs_unlock(int fd)
{
	close(fd);
}

int fs_lock_held(const char *path, struct err *e)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open_eintr(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW, 0), r;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_sys(e, "cannot open the lock %s", path);
	r = fcntl(fd, F_OFD_GETLK, &l);
	if (r)
		err_sys(e, "cannot ask for the lock %s", path);
	close(fd);
	return r ? -1 : l.l_type != F_UNLCK;
}

int fs_check_private(const char *path, bool secret, struct err *e)
{
	struct stat st;

	if (stat(path, &st))
		return err_sys(e, "cannot look at %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_CONFIG, "%s is not a regular file", path);
	if (st.st_uid != 0 && st.st_uid != geteuid() && (secret || geteuid() == 0))
		return err_set(e, ERR_CONFIG,
			"%s belongs to uid %lu; expected root or the user refire runs as (uid %lu)",
			path, (unsigned long)st.st_uid, (unsigned long)geteuid());
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(e, ERR_CONFIG, "others can write %s: run `chmod go-w %s`", path, path);
	if (secret && (st.st_mode & (S_IROTH | S_IWOTH)))
		return err_set(e, ERR_CONFIG, "everybody can read the secret %s: run `chmod 0600 %s`",
			path, path);
	return 0;
}
