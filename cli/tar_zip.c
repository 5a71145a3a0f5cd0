/*
 * tar_zip.c - what `git archive` streams as a tar, entry by entry into the zip. A thread
 * runs git and hands its output on through a pipe, for libarchive reads at its own pace.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "fs.h"
#include "gitcmd.h"
#include "proc.h"
#include "tree_zip.h"

#define BLOCK (256 * KIB)
#define FILTERS 64
#define CONFIG_MAX (256 * KIB)

struct source {
	const char *git_dir, *commit;
	struct arena arena;
	const char *env[16 + 3 * 2 * FILTERS];
	size_t nenv;
	int to;				/* the pipe's writing end */
	atomic_bool stop;
	struct buf why;
	int status, failed;
	struct err e;
};

/* ---- git ---- */

/* Each filter that the configuration names, switched off: a repository's configuration may
   be somebody else's, and filters are commands. */
static int switch_off_filters(struct source *s, struct err *e)
{
	const char *const args[] = { "config", "--name-only", "--get-regexp", "^filter\\.", NULL };
	static const char *const keys[] = { "smudge", "process", "required" };
	size_t n = 0;
	struct buf b;
	int status;

	buf_init(&b, CONFIG_MAX);
	if (gitcmd_run(s->git_dir, args, &b, &status, NULL, e)) {
		buf_release(&b);
		return -1;
	}
	for (char *line = b.s; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		size_t len = strcspn(line, "\n");
		const char *dot = memrchr(line, '.', len);

		for (size_t i = 0; dot && i < 3 && n < 3 * FILTERS; i++, n++) {
			s->env[s->nenv++] = arena_fmt(&s->arena, "GIT_CONFIG_KEY_%zu=%.*s.%s", n,
				(int)(dot - line), line, keys[i]);
			s->env[s->nenv++] = arena_fmt(&s->arena, "GIT_CONFIG_VALUE_%zu=%s", n, i == 2 ? "false" : "");
		}
	}
	buf_release(&b);
	s->env[s->nenv++] = arena_fmt(&s->arena, "GIT_CONFIG_COUNT=%zu", n);
	return n < 3 * FILTERS ? 0 : err_set(e, ERR_DATA, "%s: more than %d filters are configured",
		s->git_dir, FILTERS);
}

static int on_output(void *arg, const char *piece, size_t n, struct buf *say, struct err *e)
{
	struct source *s = arg;

	(void)say;
	return n && fs_write(s->to, piece, n) ? err_set(e, ERR_OS, "the reader is gone") : 0;
}

static void *run_git(void *arg)
{
	struct source *s = arg;
	const char *const argv[] = { "git", arena_fmt(&s->arena, "--git-dir=%s", s->git_dir), "-c",
		arena_fmt(&s->arena, "safe.directory=%s", s->git_dir), "-c", "core.bigFileThreshold=16m",
		"archive", "--format=tar", s->commit, NULL };
	struct proc_run r = { .argv = argv, .env = s->env, .cwd = "/", .err = &s->why, .talk = on_output,
		.talk_arg = s, .stop = &s->stop };

	s->failed = proc_run(&r, &s->e);
	s->status = r.status;
	close(s->to);
	return NULL;
}

/* ---- the tar ---- */

static int copy_data(struct archive *tar, struct zip *z, struct err *e)
{
	static char block[BLOCK];
	la_ssize_t n;

	while ((n = archive_read_data(tar, block, sizeof block)) > 0)
		if (zip_data(z, block, (size_t)n, e))
			return -1;
	return n < 0 ? err_set(e, ERR_DATA, "git's tar cannot be read: %s", archive_error_string(tar)) : 0;
}

static int copy_entry(struct archive *tar, struct archive_entry *en, struct zip *z,
	int64_t *entries, struct err *e)
{
	unsigned type = archive_entry_filetype(en), perm = archive_entry_perm(en);
	const char *path = archive_entry_pathname(en);

	if (!path)
		return err_set(e, ERR_DATA, "git's tar has an entry without a name");
	if (type == AE_IFDIR)
		return zip_entry(z, path, 040000, 0, NULL, e);
	++*entries;
	if (type == AE_IFLNK)
		return zip_entry(z, path, 0120000, 0, archive_entry_symlink(en), e);
	return zip_entry(z, path, perm & 0100 ? 0100755 : 0100644, archive_entry_size(en), NULL, e) ||
		copy_data(tar, z, e) ? -1 : 0;
}

static int copy_all(int fd, struct zip *z, int64_t *entries, struct err *e)
{
	struct archive *tar = archive_read_new();
	struct archive_entry *en;
	int got, failed = 0;

	archive_read_support_format_tar(tar);
	if (archive_read_open_fd(tar, fd, BLOCK) != ARCHIVE_OK)
		failed = err_set(e, ERR_DATA, "git's tar cannot be read: %s", archive_error_string(tar));
	while (!failed && (got = archive_read_next_header(tar, &en)) != ARCHIVE_EOF)
		failed = got < ARCHIVE_WARN ? err_set(e, ERR_DATA, "git's tar cannot be read: %s",
			archive_error_string(tar)) : copy_entry(tar, en, z, entries, e);
	archive_read_free(tar);
	return failed;
}

static int source_start(struct source *s, pthread_t *thread, int *from, struct err *e)
{
	static const char *const fixed[] = { "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_ATTR_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "GIT_NO_LAZY_FETCH=1",
		"GIT_ALLOW_PROTOCOL=none", "GIT_NO_REPLACE_OBJECTS=1", "TZ=UTC" };
	int ends[2];

	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		s->env[s->nenv++] = fixed[i];
	if (switch_off_filters(s, e))
		return -1;
	if (pipe2(ends, O_CLOEXEC))
		return err_sys(e, "cannot make a pipe");
	*from = ends[0];
	s->to = ends[1];
	if (pthread_create(thread, NULL, run_git, s) == 0)
		return 0;
	close(ends[0]);
	close(ends[1]);
	return err_set(e, ERR_TEMP, "cannot start a thread");
}

int tar_zip_write(const char *git_dir, const char *commit, struct zip *z, int64_t *entries,
	struct err *e)
{
	struct source s = { .git_dir = git_dir, .commit = commit };
	pthread_t thread;
	int from = -1, failed;

	*entries = 0;
	signal(SIGPIPE, SIG_IGN);
	arena_init(&s.arena);
	buf_init(&s.why, 4 * KIB);
	failed = source_start(&s, &thread, &from, e);
	if (!failed) {
		failed = copy_all(from, z, entries, e);
		atomic_store(&s.stop, failed != 0);
		close(from);
		pthread_join(thread, NULL);
		if (!failed && s.failed)
			failed = err_set(e, s.e.code, "%s", s.e.text);
		else if (s.status && !atomic_load(&s.stop))
			failed = err_set(e, ERR_DATA, "git archive of %s in %s: %.*s", commit, git_dir,
				(int)strcspn(s.why.s, "\n"), s.why.s);
	}
	buf_release(&s.why);
	arena_release(&s.arena);
	return failed ? -1 : 0;
}
