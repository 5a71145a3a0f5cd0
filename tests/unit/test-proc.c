/* test-proc.c - running programs: environment, bounds, deadlines, conversations. */
#include "proc.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "tap.h"

static struct buf out, errs;

static int run(struct proc_run *r, const char *script, struct err *e)
{
	const char *argv[] = { "sh", "-c", script, NULL };

	buf_clear(&out);
	buf_clear(&errs);
	r->argv = argv;
	if (!r->out && !r->talk)
		r->out = &out;
	if (!r->err)
		r->err = &errs;
	return proc_run(r, e);
}

static void test_results(void)
{
	static const struct {
		const char *name, *script, *out, *err;
		int status;
	} t[] = {
		{ "output and success", "echo yes", "yes\n", "", 0 },
		{ "stderr is apart", "echo a; echo b >&2; exit 3", "a\n", "b\n", 3 },
		{ "a signal", "kill -9 $$", "", "", 137 },
		{ "stdin is /dev/null", "cat; readlink /proc/self/fd/0", "/dev/null\n", "", 0 },
		{ "PATH is fixed", "echo $PATH", "/usr/local/bin:/usr/bin:/bin\n", "", 0 },
		{ "the caller's environment stays out",
			"echo $GIT_DIR$LD_PRELOAD$http_proxy$AWS_SECRET_ACCESS_KEY.", ".\n", "", 0 },
		{ "only descriptors 0-2", "ls /proc/self/fd | wc -l", "4\n", "", 0 },
		{ "SIGPIPE is as usual", "yes | head -1", "y\n", "", 0 },
		{ "its own process group",
			"test $(ps -o pgid= -p $$) = $$ && echo own", "own\n", "", 0 },
	};
	int extra = open("/dev/null", O_RDONLY);

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct proc_run r = { .timeout_ms = 20000 };
		struct err e = { 0 };

		is_int(run(&r, t[i].script, &e), 0, "%s: it ran", t[i].name);
		is_str(out.s, t[i].out, "%s: stdout", t[i].name);
		is_str(errs.s, t[i].err, "%s: stderr", t[i].name);
		is_int(r.status, t[i].status, "%s: status", t[i].name);
	}
	close(extra);
}

static void test_environment(void)
{
	const char *const env[] = { "GIT_TERMINAL_PROMPT=0", "LC_ALL=C", NULL };
	struct proc_run r = { .env = env, .cwd = "/usr" };
	struct err e = { 0 };

	run(&r, "echo $GIT_TERMINAL_PROMPT $LC_ALL; pwd", &e);
	is_str(out.s, "0 C\n/usr\n", "what the caller lists wins; cwd");
}

static void test_missing(void)
{
	const char *argv[] = { "refire-no-such-program", NULL };
	const char *there[] = { "/dev/null", NULL };
	struct proc_run r = { .argv = argv };
	struct err e = { 0 };

	is_int(proc_run(&r, &e), -1, "a program that is nowhere");
	is_int(e.code, ERR_NOENT, "and the code says so");
	r.argv = there;
	is_int(proc_run(&r, &e), -1, "a file that is no program");
	ok(e.code == ERR_PERM || e.code == ERR_OS, "and the code says so");
}

static void test_input(void)
{
	size_t n = 3 * MIB;
	char *big = malloc(n);
	struct proc_run r = { .in = big, .in_len = n, .timeout_ms = 20000 };
	struct err e = { 0 };

	memset(big, 'x', n);
	is_int(run(&r, "cat", &e), 0, "more than a pipe holds, both ways at once");
	ok(out.len == n && !memcmp(out.s, big, n), "and it comes back whole");
	r = (struct proc_run){ .in = big, .in_len = n, .timeout_ms = 20000 };
	is_int(run(&r, "exit 5", &e), 0, "a child that does not read its stdin");
	is_int(r.status, 5, "is no SIGPIPE for us");
	free(big);
}

static void test_bound(void)
{
	struct buf small;
	struct proc_run r = { .out = &small, .timeout_ms = 20000 };
	struct err e = { 0 };

	buf_init(&small, 1000);
	is_int(run(&r, "yes", &e), 0, "endless output");
	ok(r.truncated && !r.timed_out, "is cut off and said so");
	is_int(small.len, 1000, "at the limit");
	buf_release(&small);
}

static void test_deadline(void)
{
	static const struct {
		const char *name, *script;
	} t[] = {
		{ "a silent child", "sleep 60" },
		{ "one that closed its output", "exec >&- 2>&-; sleep 60" },
		{ "one that ignores SIGTERM", "trap '' TERM; while :; do sleep 1; done" },
		{ "one with children", "sleep 60 & sleep 61 & wait" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct proc_run r = { .timeout_ms = 50 };
		struct err e = { 0 };
		int64_t before = clock_mono_us();

		is_int(run(&r, t[i].script, &e), 0, "%s", t[i].name);
		ok(r.timed_out, "%s: ended by the deadline", t[i].name);
		ok(clock_mono_us() - before < 10 * US_PER_S, "%s: soon", t[i].name);
	}
}

static void test_left_behind(void)
{
	struct proc_run r = { .timeout_ms = 30000 };
	struct err e = { 0 };
	int64_t before = clock_mono_us();
	long pid;

	run(&r, "sleep 30 & echo $!", &e);
	ok(clock_mono_us() - before < 10 * US_PER_S, "a program left behind does not make us wait");
	pid = atol(out.s);
	ok(pid > 1 && kill((pid_t)pid, SIGKILL) == 0, "and is left alone");
}

static void *set_later(void *stop)
{
	struct timespec t = { 0, 50000000 };

	nanosleep(&t, NULL);
	atomic_store((atomic_bool *)stop, true);
	return NULL;
}

static void test_stop(void)
{
	atomic_bool stop = false;
	struct proc_run r = { .stop = &stop };
	struct err e = { 0 };
	pthread_t thread;

	pthread_create(&thread, NULL, set_later, &stop);
	is_int(run(&r, "sleep 60", &e), 0, "stopped by the caller");
	ok(r.status == 128 + SIGTERM && !r.timed_out, "by SIGTERM, not by the deadline");
	pthread_join(thread, NULL);
}

struct quiz {
	int heard, turns;
	const char *refuse;
};

static int answer(void *arg, const char *piece, size_t n, struct buf *say, struct err *e)
{
	struct quiz *q = arg;

	q->heard += (int)n;
	if (q->refuse)
		return err_set(e, ERR_DATA, "%s", q->refuse);
	for (size_t i = 0; i < n; i++) {
		if (piece[i] != '?')
			continue;
		q->turns++;
		buf_fmt(say, "%d\n", q->turns);
	}
	return q->turns >= 3;
}

static void test_talk(void)
{
	struct quiz q = { 0 };
	struct proc_run r = { .talk = answer, .talk_arg = &q, .timeout_ms = 20000 };
	struct err e = { 0 };

	run(&r, "for i in 1 2 3; do printf '?'; read x; test $x = $i || exit 9; done;"
		"read y || exit 7", &e);
	is_int(q.turns, 3, "a conversation of three turns");
	is_int(r.status, 7, "then its stdin ends");
	q = (struct quiz){ .refuse = "not what I asked" };
	r = (struct proc_run){ .talk = answer, .talk_arg = &q, .timeout_ms = 20000 };
	is_int(run(&r, "echo hello; sleep 60", &e), -1, "talk ends it");
	is_str(e.text, "not what I asked", "with its own sentence");
}

/* The caller has no descriptors 0-2: results go to a file made before. */
static void test_closed_std(void)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		struct proc_run r = { .in = "abc", .in_len = 3, .timeout_ms = 20000 };
		struct err e = { 0 };

		close(0);
		close(1);
		close(2);
		if (run(&r, "cat; echo e >&2", &e) || strcmp(out.s, "abc") || strcmp(errs.s, "e\n"))
			_exit(1);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	is_int(status, 0, "works without descriptors 0-2 of our own");
}

int main(void)
{
	plan_none();
	buf_init(&out, 8 * MIB);
	buf_init(&errs, 1 * MIB);
	setenv("GIT_DIR", "/nowhere", 1);
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "canary", 1);
	test_results();
	test_environment();
	test_missing();
	test_input();
	test_bound();
	test_deadline();
	test_left_behind();
	test_stop();
	test_talk();
	test_closed_std();
	buf_release(&out);
	buf_release(&errs);
	return tap_done();
}
