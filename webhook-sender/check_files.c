/* check_files.c - state-dir, the spool's directories, disk space, files that hold
   secrets: who may do what with them. See check.h. */
#include "check.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "ballast.h"
#include "fs.h"

#define SPACE_LEAST 5		/* percent */

static const char *user_name(uid_t uid, char *out, size_t size)
{
	const struct passwd *pw = getpwuid(uid);

	if (pw)
		snprintf(out, size, "%s", pw->pw_name);
	else
		snprintf(out, size, "uid %lu", (unsigned long)uid);
	return out;
}

/* ---- state-dir ---- */

static void owner_check(struct check *c, const struct stat *st)
{
	char owner[64], me[64];

	user_name(st->st_uid, owner, sizeof(owner));
	if (st->st_uid == geteuid())
		check_add(c, CHECK_OK, "state-dir", "", "%s belongs to %s", c->paths.state, owner);
	else if (geteuid() == 0)
		check_add(c, CHECK_WARN, "state-dir", "", "%s belongs to %s: run `refire check` as %s to "
			"see what that account may read", c->paths.state, owner, owner);
	else
		check_add(c, CHECK_FAIL, "state-dir", "", "%s belongs to %s, not to %s: only that account "
			"sends", c->paths.state, owner, user_name(geteuid(), me, sizeof(me)));
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		check_add(c, CHECK_FAIL, "state-dir", "", "others can write in %s: run `chmod go-w %s`",
			c->paths.state, c->paths.state);
}

static void directory_check(struct check *c, const char *name, const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		check_add(c, errno == ENOENT ? CHECK_WARN : CHECK_FAIL, "spool", name, "%s: %s%s", path,
			strerror(errno), errno == ENOENT ? "; `refire send` makes it" : "");
	else if (!S_ISDIR(st.st_mode))
		check_add(c, CHECK_FAIL, "spool", name, "%s is not a directory", path);
	else if (st.st_mode & (S_IRWXG | S_IRWXO))
		check_add(c, CHECK_FAIL, "spool", name, "others can enter %s (mode %04o): run `chmod 0700 "
			"%s`", path, (unsigned)(st.st_mode & 07777), path);
	else if (access(path, R_OK | W_OK | X_OK) != 0)
		check_add(c, CHECK_FAIL, "spool", name, "%s: %s", path, strerror(errno));
	else
		check_add(c, CHECK_OK, "spool", name, "%s", path);
}

/* Pushers may leave files there and see none: sticky, set-group-id, no read. */
static void drop_check(struct check *c)
{
	const char *path = c->paths.drop, *pushers = c->config->pushers;
	struct group *g = *pushers ? getgrnam(pushers) : NULL;
	struct stat st;

	if (!*pushers)
		return;
	if (!g)
		check_add(c, CHECK_FAIL, "pushers", pushers, "there is no such Unix group");
	else if (lstat(path, &st) != 0)
		check_add(c, errno == ENOENT ? CHECK_WARN : CHECK_FAIL, "pushers", pushers, "%s: %s%s",
			path, strerror(errno), errno == ENOENT ? "; `refire send` makes it" : "");
	else if (st.st_gid != g->gr_gid || (st.st_mode & 07777) != 03730)
		check_add(c, CHECK_FAIL, "pushers", pushers, "%s has mode %04o and group %lu: expected 3730 "
			"and %s; `refire send` mends it", path, (unsigned)(st.st_mode & 07777),
			(unsigned long)st.st_gid, pushers);
	else
		check_add(c, CHECK_OK, "pushers", pushers, "%s", path);
}

/* ---- space ---- */

static void space_check(struct check *c)
{
	struct statvfs v;
	int blocks, files;

	if (statvfs(c->paths.state, &v) != 0) {
		check_add(c, CHECK_WARN, "disk space", "", "%s: %s", c->paths.state, strerror(errno));
		return;
	}
	blocks = v.f_blocks ? (int)(v.f_bavail * 100 / v.f_blocks) : 100;
	files = v.f_files ? (int)(v.f_favail * 100 / v.f_files) : 100;
	if (v.f_flag & ST_RDONLY)
		check_add(c, CHECK_FAIL, "disk space", "", "%s is on a read-only file system",
			c->paths.state);
	else
		check_add(c, blocks < SPACE_LEAST || files < SPACE_LEAST ? CHECK_WARN : CHECK_OK,
			"disk space", "", "%d %% of blocks and %d %% of inodes are free where %s is", blocks,
			files, c->paths.state);
}

static void ballast_check(struct check *c)
{
	const char *path = c->paths.ballast;
	long long size = ballast_size(path) / KIB;

	if (ballast_there(path))
		check_add(c, CHECK_OK, "ballast", "", "%s, to be given up when the disk is full", path);
	else if (access(c->paths.queue, F_OK) == 0)
		check_add(c, CHECK_WARN, "ballast", "", "%s is gone: the disk was full; it is laid again, "
			"and the spool taken in, once %lld KiB are free", path, 2 * size);
	else
		check_add(c, CHECK_WARN, "ballast", "", "%s is not there; `refire send` lays it (%lld KiB)",
			path, size);
}

/* ---- files that the configuration names ---- */

static void configuration_check(struct check *c)
{
	struct err e;

	for (size_t i = 0; i < c->config->source.nfiles; i++) {
		const char *path = c->config->source.files[i];

		if (fs_check_private(path, false, &e))
			check_add(c, CHECK_FAIL, "configuration", "", "%s", e.text);
	}
}

void check_files(struct check *c)
{
	struct stat st;

	configuration_check(c);
	if (stat(c->paths.state, &st) != 0) {
		check_add(c, errno == ENOENT ? CHECK_WARN : CHECK_FAIL, "state-dir", "", "%s: %s%s",
			c->paths.state, strerror(errno),
			errno == ENOENT ? "; `refire send` or `refire hooks install` makes it" : "");
		return;
	}
	owner_check(c, &st);
	directory_check(c, "new", c->paths.new_);
	directory_check(c, "done", c->paths.done);
	directory_check(c, "quarantine", c->paths.quarantine);
	directory_check(c, "trail", c->paths.trail);
	drop_check(c);
	space_check(c);
	ballast_check(c);
}
