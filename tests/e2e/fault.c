/*
 * fault.c - make the K-th operation of a program fail; preloaded (faults.py).
 *
 *	REFIRE_FAULT="FAMILY K ERROR MODE LOG"
 *
 * FAMILY	mem	malloc, calloc, realloc, and what libc makes of them
 *		file	what opens, writes, syncs, renames, removes or maps a file, where
 *			it can fail with this errno (a read never says ENOSPC)
 *		sql	sqlite3_open_v2, prepare_v3, step, exec
 * K		1: the first; 0: none, but LOG gets a line `K NAME STACK` for each
 * ERROR	errno for files, result code for SQL
 * MODE		once, ever (that one and all after it)
 *
 * LOG gets `INJECTED NAME` for each that failed. It reaches refire and the libraries
 * it is linked to; SQLite's lookaside is switched off, so that its memory is seen.
 */
#undef _FORTIFY_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define DEPTH 10
#define LOG_FD 987
#define SQL_BUSY 5

enum family { NONE, MEM, FILES, SQL };

static enum family family;
static long at;
static int error;
static bool forever;
static atomic_long count;
static __thread bool inside;		/* our own calls are not counted, nor SQLite's of itself */

static void say(const char *s, size_t n)
{
	syscall(SYS_write, LOG_FD, s, n);
}

/* Lines of a count are many: they go out by the page, and the rest at the end. */
static char page[65536];
static size_t used;

__attribute__((destructor)) static void flush(void)
{
	say(page, used);
	used = 0;
}

static unsigned long stack(void)
{
	void *frames[DEPTH + 2];
	int n = backtrace(frames, DEPTH + 2);
	unsigned long h = 5381;

	for (int i = 2; i < n; i++)
		h = h * 1000003 ^ (unsigned long)(uintptr_t)frames[i];
	return h;
}

/* Threads count too: one at a time writes into the page. */
static void note(long k, const char *name)
{
	static atomic_flag busy = ATOMIC_FLAG_INIT;
	char line[80];
	int n = snprintf(line, sizeof(line), "%ld %s %lx\n", k, name, stack());

	while (atomic_flag_test_and_set(&busy))
		;
	if (used > sizeof(page) - sizeof(line))
		flush();
	memcpy(page + used, line, (size_t)n);
	used += (size_t)n;
	atomic_flag_clear(&busy);
}

/* Does this operation fail? */
static bool fails(enum family f, const char *name)
{
	char line[80];
	long k;

	if (f != family || inside)
		return false;
	k = ++count;
	inside = true;
	if (!at) {
		note(k, name);
	} else if (k == at || (forever && k > at)) {
		say(line, (size_t)snprintf(line, sizeof(line), "INJECTED %s\n", name));
	}
	inside = false;
	return at && (k == at || (forever && k > at));
}

/* The function of this name that ours stands before. */
#define REAL(f, name) \
	do { \
		void *p_ = dlsym(RTLD_NEXT, name); \
		memcpy(&(f), &p_, sizeof(f)); \
	} while (0)

/* Where it died, into LOG, for whoever reads a failed test. */
static void crash(int number)
{
	void *frames[40];

	inside = true;
	backtrace_symbols_fd(frames, backtrace(frames, 40), LOG_FD);
	signal(number, SIG_DFL);
	raise(number);
}

__attribute__((constructor)) static void begin(void)
{
	const char *s = getenv("REFIRE_FAULT");
	char word[8], mode[8], log[4096];
	static char handler_stack[65536];
	const stack_t own = { .ss_sp = handler_stack, .ss_size = sizeof(handler_stack) };
	const struct sigaction crashed = { .sa_handler = crash, .sa_flags = SA_ONSTACK };
	void *warm[4];
	int (*config)(int, ...), fd;

	if (!s || sscanf(s, "%7s %ld %d %7s %4095s", word, &at, &error, mode, log) != 5)
		return;
	fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || syscall(SYS_dup3, fd, LOG_FD, O_CLOEXEC) < 0)
		_exit(121);
	syscall(SYS_close, fd);
	backtrace(warm, 4);
	REAL(config, "sqlite3_config");
	if (config)
		config(13, 0, 0);		/* SQLITE_CONFIG_LOOKASIDE */
	sigaltstack(&own, NULL);
	sigaction(SIGSEGV, &crashed, NULL);
	sigaction(SIGABRT, &crashed, NULL);
	forever = !strcmp(mode, "ever");
	family = !strcmp(word, "mem") ? MEM : !strcmp(word, "file") ? FILES : SQL;
}

/* ---- memory ---- */

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

static void *no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

void *malloc(size_t n)
{
	return fails(MEM, "malloc") ? no_memory() : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return fails(MEM, "calloc") ? no_memory() : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	return fails(MEM, "realloc") ? no_memory() : __libc_realloc(p, n);
}

/* ---- files ---- */

static bool in(const int *set)
{
	while (*set && *set != error)
		set++;
	return *set != 0;
}

static const int reading[] = { EIO, 0 };
static const int opening[] = { EIO, EMFILE, 0 };
static const int writing[] = { EIO, ENOSPC, EDQUOT, 0 };
static const int making[] = { EIO, ENOSPC, EDQUOT, EROFS, 0 };
static const int creating[] = { EIO, ENOSPC, EDQUOT, EROFS, EMFILE, 0 };
static const int changing[] = { EIO, EROFS, 0 };

static bool file_fails(const char *name, const int *errors)
{
	if (family != FILES || !in(errors) || !fails(FILES, name))
		return false;
	errno = error;
	return true;
}

static int open_real(const char *name, int dir, const char *path, int flags, mode_t mode)
{
	bool made = flags & O_CREAT, written = (flags & O_ACCMODE) != O_RDONLY;

	if (file_fails(name, made ? creating : opening) ||
	    (written && !made && error == EROFS && file_fails(name, changing)))
		return -1;
	return (int)syscall(SYS_openat, dir, path, flags, mode);
}

#define MODE(flags, mode) \
	do { \
		va_list ap; \
		va_start(ap, flags); \
		mode = (flags) & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0; \
		va_end(ap); \
	} while (0)

int open(const char *path, int flags, ...)
{
	mode_t mode;

	MODE(flags, mode);
	return open_real("open", AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	mode_t mode;

	MODE(flags, mode);
	return open_real("open", AT_FDCWD, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
	mode_t mode;

	MODE(flags, mode);
	return open_real("openat", dir, path, flags, mode);
}

int openat64(int dir, const char *path, int flags, ...)
{
	mode_t mode;

	MODE(flags, mode);
	return open_real("openat", dir, path, flags, mode);
}

FILE *fopen(const char *path, const char *mode)
{
	FILE *(*f)(const char *, const char *);

	REAL(f, "fopen");
	return file_fails("fopen", *mode == 'r' ? opening : creating) ? NULL : f(path, mode);
}

DIR *opendir(const char *path)
{
	DIR *(*f)(const char *);

	REAL(f, "opendir");
	return file_fails("opendir", opening) ? NULL : f(path);
}

/* Not where a person reads. */
ssize_t write(int fd, const void *p, size_t n)
{
	return fd > 2 && file_fails("write", writing) ? -1 : syscall(SYS_write, fd, p, n);
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
	return fd > 2 && file_fails("writev", writing) ? -1 : syscall(SYS_writev, fd, v, n);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t to)
{
	return file_fails("pwrite", writing) ? -1 : syscall(SYS_pwrite64, fd, p, n, to);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t to)
{
	return file_fails("pwrite", writing) ? -1 : syscall(SYS_pwrite64, fd, p, n, to);
}

ssize_t read(int fd, void *p, size_t n)
{
	return fd > 2 && file_fails("read", reading) ? -1 : syscall(SYS_read, fd, p, n);
}

ssize_t pread(int fd, void *p, size_t n, off_t from)
{
	return file_fails("pread", reading) ? -1 : syscall(SYS_pread64, fd, p, n, from);
}

ssize_t pread64(int fd, void *p, size_t n, off64_t from)
{
	return file_fails("pread", reading) ? -1 : syscall(SYS_pread64, fd, p, n, from);
}

int fsync(int fd)
{
	return file_fails("fsync", writing) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return file_fails("fdatasync", writing) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int ftruncate(int fd, off_t n)
{
	return file_fails("ftruncate", making) ? -1 : (int)syscall(SYS_ftruncate, fd, n);
}

int ftruncate64(int fd, off64_t n)
{
	return file_fails("ftruncate", making) ? -1 : (int)syscall(SYS_ftruncate, fd, n);
}

int posix_fallocate(int fd, off_t from, off_t n)
{
	if (file_fails("posix_fallocate", making))
		return error;
	return syscall(SYS_fallocate, fd, 0, from, n) ? errno : 0;
}

int rename(const char *a, const char *b)
{
	return file_fails("rename", making) ? -1 :
		(int)syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 0);
}

int renameat(int da, const char *a, int db, const char *b)
{
	return file_fails("renameat", making) ? -1 : (int)syscall(SYS_renameat2, da, a, db, b, 0);
}

int renameat2(int da, const char *a, int db, const char *b, unsigned flags)
{
	return file_fails("renameat2", making) ? -1 :
		(int)syscall(SYS_renameat2, da, a, db, b, flags);
}

int unlink(const char *path)
{
	return file_fails("unlink", changing) ? -1 : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int unlinkat(int dir, const char *path, int flags)
{
	return file_fails("unlinkat", changing) ? -1 : (int)syscall(SYS_unlinkat, dir, path, flags);
}

int mkdir(const char *path, mode_t mode)
{
	return file_fails("mkdir", making) ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int chmod(const char *path, mode_t mode)
{
	return file_fails("chmod", changing) ? -1 :
		(int)syscall(SYS_fchmodat, AT_FDCWD, path, mode, 0);
}

int fchmod(int fd, mode_t mode)
{
	return file_fails("fchmod", changing) ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

int futimens(int fd, const struct timespec t[2])
{
	return file_fails("futimens", changing) ? -1 :
		(int)syscall(SYS_utimensat, fd, NULL, t, 0);
}

static void *map(void *a, size_t n, int prot, int flags, int fd, off_t from)
{
	if (fd >= 0 && flags & MAP_SHARED && file_fails("mmap", making))
		return MAP_FAILED;
	/* the kernel's answer is an address, or -1 as MAP_FAILED is */
	return (void *)(intptr_t)syscall(SYS_mmap, a, n, prot, flags, fd, from);
}

void *mmap(void *a, size_t n, int prot, int flags, int fd, off_t from)
{
	return map(a, n, prot, flags, fd, from);
}

void *mmap64(void *a, size_t n, int prot, int flags, int fd, off64_t from)
{
	return map(a, n, prot, flags, fd, from);
}

/* ---- SQL ---- */

int sqlite3_open_v2(const char *path, void **db, int flags, const char *vfs);
int sqlite3_prepare_v3(void *db, const char *sql, int n, unsigned flags, void **out,
	const char **tail);
int sqlite3_step(void *stmt);
int sqlite3_exec(void *db, const char *sql, int (*row)(void *, int, char **, char **),
	void *arg, char **text);

/* What SQLite calls of its own functions is no operation of the program's. Its memory
   and files are: they count in the other families. */
static bool enter(void)
{
	bool was = inside;

	inside = was || family == SQL;
	return was;
}

static void leave(bool was)
{
	inside = was;
}

int sqlite3_open_v2(const char *path, void **db, int flags, const char *vfs)
{
	int (*f)(const char *, void **, int, const char *), rc;
	bool failed, was;

	REAL(f, "sqlite3_open_v2");
	failed = fails(SQL, "sqlite3_open_v2");
	was = enter();
	rc = f(path, db, flags, vfs);
	leave(was);
	return failed && !rc ? error : rc;
}

int sqlite3_prepare_v3(void *db, const char *sql, int n, unsigned flags, void **out,
	const char **tail)
{
	int (*f)(void *, const char *, int, unsigned, void **, const char **), rc = error;
	bool was;

	REAL(f, "sqlite3_prepare_v3");
	*out = NULL;
	if (!fails(SQL, "sqlite3_prepare_v3")) {
		was = enter();
		rc = f(db, sql, n, flags, out, tail);
		leave(was);
	}
	return rc;
}

/* As SQLite does of itself where a write failed: the transaction is rolled back. */
static void lose_transaction(void *stmt)
{
	int (*reset)(void *), (*autocommit)(void *);
	void *(*handle)(void *);
	int (*exec)(void *, const char *, void *, void *, void *);

	REAL(reset, "sqlite3_reset");
	REAL(autocommit, "sqlite3_get_autocommit");
	REAL(handle, "sqlite3_db_handle");
	REAL(exec, "sqlite3_exec");
	reset(stmt);
	if (error != SQL_BUSY && !autocommit(handle(stmt)))
		exec(handle(stmt), "ROLLBACK", NULL, NULL, NULL);
}

int sqlite3_step(void *stmt)
{
	int (*f)(void *), rc = error;
	bool failed = fails(SQL, "sqlite3_step"), was = enter();

	REAL(f, "sqlite3_step");
	if (failed)
		lose_transaction(stmt);
	else
		rc = f(stmt);
	leave(was);
	return rc;
}

int sqlite3_exec(void *db, const char *sql, int (*row)(void *, int, char **, char **),
	void *arg, char **text)
{
	int (*f)(void *, const char *, int (*)(void *, int, char **, char **), void *, char **);
	int rc = error;
	bool was;

	REAL(f, "sqlite3_exec");
	if (!sql || !strcmp(sql, "ROLLBACK") || !fails(SQL, "sqlite3_exec")) {
		was = enter();
		rc = f(db, sql, row, arg, text);
		leave(was);
	}
	return rc;
}
