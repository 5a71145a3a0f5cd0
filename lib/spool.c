/* spool.c - a source's side of the spool: publish, hint, wake. The hook links
   this: libc only. The taker's side is spool_take.c. */
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "crc32.h"
#include "detach.h"
#include "fs.h"

static int path(char *out, const char *state, const char *name, struct err *e)
{
	if (snprintf(out, LIMIT_PATH, "%s/%s", state, name) >= LIMIT_PATH)
		return err_set(e, ERR_CONFIG, "state-dir is too long: %.100s...", state);
	return 0;
}

int spool_paths(struct spool_paths *p, const char *state_dir, struct err *e)
{
	if (path(p->state, state_dir, "", e))
		return -1;
	p->state[strlen(p->state) - 1] = 0;
	return path(p->new_, state_dir, "spool/new", e) ||
		path(p->drop, state_dir, "spool/drop", e) ||
		path(p->done, state_dir, "spool/done", e) ||
		path(p->quarantine, state_dir, "spool/quarantine", e) ||
		path(p->sender_lock, state_dir, "sender.lock", e) ||
		path(p->poller_lock, state_dir, "poller.lock", e) ||
		path(p->queue, state_dir, "queue.db", e) ||
		path(p->trail, state_dir, "trail", e) ||
		path(p->ballast, state_dir, "ballast", e) ? -1 : 0;
}

const char *spool_mine(const struct spool_paths *p)
{
	if (!access(p->new_, W_OK | X_OK))
		return p->new_;
	if (!access(p->drop, W_OK | X_OK))
		return p->drop;
	return "";
}

#define RANDOM_TRIES 64
/* The directory hides it from everybody but its owner, who need not be in the
   group its files get. */
#define FILE_MODE 0644

static int random_hex(char out[33])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char b[16];

	for (int tries = 0; getrandom(b, sizeof(b), 0) != sizeof(b); tries++)
		if (errno != EINTR || tries == RANDOM_TRIES)
			return -1;
	for (int i = 0; i < 16; i++) {
		out[2 * i] = digits[b[i] >> 4];
		out[2 * i + 1] = digits[b[i] & 15];
	}
	out[32] = 0;
	return 0;
}

int spool_put(const char *dir, const struct iovec *pieces, int n, struct err *e)
{
	char hex[33], tmp[40], name[40];

	if (random_hex(hex))
		return err_sys(e, "cannot draw a random name");
	snprintf(tmp, sizeof(tmp), "t.%s", hex);
	snprintf(name, sizeof(name), "e.%s", hex);
	return fs_publish(dir, tmp, name, FILE_MODE, pieces, n, e);
}

/* A hint is only a hint: it is not synced. */
int spool_hint(const char *dir, const char *what, struct err *e)
{
	char file[LIMIT_PATH];
	size_t n = strlen(what);
	uint32_t a = crc32_add(0, what, n), b = crc32_add(a, "again", 5) ^ (uint32_t)n;
	int fd, failed;

	if (snprintf(file, sizeof(file), "%s/h.%lu.%08x%08x", dir, (unsigned long)geteuid(),
		a, crc32_add(b, what, n)) >= (int)sizeof(file))
		return err_set(e, ERR_CONFIG, "path too long: %.100s", dir);
	fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	if (fd < 0)
		return err_sys(e, "cannot leave a hint in %s", dir);
	failed = fchmod(fd, FILE_MODE) || fs_write(fd, what, n) ?
		err_sys(e, "cannot write a hint in %s", dir) : 0;
	close(fd);
	return failed;
}

int spool_wake(const struct spool_paths *p, const char *sender, const char *config,
	struct err *e)
{
	const char *argv[] = { sender, "--linger", "--config", config, NULL };
	struct stat st;
	int held;

	if (stat(p->new_, &st))
		return errno == EACCES ? 0 : err_sys(e, "cannot look at %s", p->new_);
	if (st.st_uid != geteuid())
		return 0;
	held = fs_lock_held(p->sender_lock, e);
	if (held)
		return held < 0 ? -1 : 0;
	return detach_run(argv, e) ? -1 : 1;
}
