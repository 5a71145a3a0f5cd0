/*
 * fs.h - all effects on the file system, every step to durability checked.
 * Links libc only: the hook uses it. Faults are injected here in tests.
 *
 * Publishing (facts: power cuts on ext4 and xfs): write everything, fsync the
 * file, rename, then fsync the directory, or, where the writer may not read
 * the directory (a drop directory, mode 3730), fsync the file once more. Only
 * then is it durable under its name.
 */
#ifndef FS_H
#define FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "err.h"

/* Make dir/name of the n pieces by way of dir/tmp; both names are given by the
   caller, in one directory. mode is applied with fchmod, whatever the umask.
   -1: nothing durable exists under name (it may exist, unsynced); tmp is removed. */
int fs_publish(const char *dir, const char *tmp, const char *name, mode_t mode,
	const struct iovec *pieces, int n, struct err *e);

/* Write all of the pieces (modifies them). */
int fs_writev(int fd, struct iovec *v, int n);
int fs_write(int fd, const void *p, size_t n);

/* The whole of a regular file, at most max bytes, into malloc()ed memory with a
   NUL added. Opens with O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC and refuses what is not
   a regular file with one link. st may be NULL. ERR_NOENT when absent, ERR_DATA
   when too large or not regular. */
int fs_read(int dirfd, const char *name, size_t max, char **out, size_t *len,
	struct stat *st, struct err *e);

/* The same for a file the operator named (symbolic links followed). */
int fs_read_path(const char *path, size_t max, char **out, size_t *len,
	struct stat *st, struct err *e);

/* Replace path durably: tmp beside it, fsync, rename, fsync directory. */
int fs_replace(const char *path, mode_t mode, const void *p, size_t n, struct err *e);

/* mkdir -p; the last part gets mode (if it is made). */
int fs_mkdirs(const char *path, mode_t mode, struct err *e);

/* rename(2) across directories given as fds, then fsync of both. */
int fs_move(int fromdir, const char *from, int todir, const char *to, struct err *e);

int fs_sync_dir(int dirfd, struct err *e);

/* Locks are open-file-description locks (fcntl OFD): not lost by an unrelated
   close, gone with the process. fs_lock_try: fd >= 0 held, -2 someone else has
   it, -1 error. fs_lock_held asks without taking: 1 held, 0 free, -1 error. */
int fs_lock_try(const char *path, struct err *e);
void fs_unlock(int fd);
int fs_lock_held(const char *path, struct err *e);

/* 0 if path (a file with a secret, a configuration) is a regular file that only
   its owner - root or us - can write; with secret set, that nobody else can read.
   Without secret it may belong to another account unless we are root: a pusher reads
   the configuration of the account that sends, and dares only himself. Else -1 and a
   sentence with the chmod that mends it. */
int fs_check_private(const char *path, bool secret, struct err *e);

#endif
