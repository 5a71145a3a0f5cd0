/* gitcmd.c - questions for the git program. */
#include "gitcmd.h"

#include <string.h>

#include "change.h"
#include "proc.h"

#define WHY_MAX (64 * KIB)
#define ARGS_MAX 16

static const char *const environment[] = {
	"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
	"GIT_OPTIONAL_LOCKS=0", "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none",
	"GIT_NO_REPLACE_OBJECTS=1", NULL,
};

int gitcmd_run(const char *git_dir, const char *const *args, struct buf *out, int *status,
	struct buf *why, struct err *e)
{
	return gitcmd_run_for(git_dir, LIMIT_GIT_S * 1000, args, out, status, why, e);
}

int gitcmd_run_for(const char *git_dir, int timeout_ms, const char *const *args, struct buf *out,
	int *status, struct buf *why, struct err *e)
{
	const char *argv[10 + ARGS_MAX] = { "git", NULL, "-c", NULL, "-c", "core.hooksPath=/dev/null",
		"-c", "core.fsmonitor=false" };
	struct proc_run r = { .argv = argv, .env = environment, .cwd = "/", .out = out, .err = why,
		.timeout_ms = timeout_ms };
	struct arena a;
	int failed;

	if (timeout_ms <= 0)
		return err_set(e, ERR_TEMP, "there is no time left for git %s", args[0]);
	arena_init(&a);
	argv[1] = arena_fmt(&a, "--git-dir=%s", git_dir);
	argv[3] = arena_fmt(&a, "safe.directory=%s", git_dir);
	for (size_t i = 0; i < ARGS_MAX && args[i]; i++)
		argv[8 + i] = args[i];
	buf_clear(out);
	failed = proc_run(&r, e);
	arena_release(&a);
	if (failed)
		return -1;
	if (r.timed_out)
		return err_set(e, ERR_TEMP, "git %s in %s took longer than %d ms", args[0], git_dir,
			timeout_ms);
	if (r.truncated)
		return err_set(e, ERR_DATA, "git %s in %s said more than %zu bytes", args[0],
			git_dir, out->max);
	*status = r.status;
	return 0;
}

/* Its stderr on one line: a sentence of git's may have several. */
static int refused(struct err *e, const char *git_dir, struct buf *why)
{
	while (why->len && why->s[why->len - 1] == '\n')
		why->s[--why->len] = 0;
	for (char *s = why->s; (s = strpbrk(s, "\n\t")); )
		*s = ' ';
	return err_set(e, ERR_DATA, "git cannot read %s: %s", git_dir,
		why->len ? why->s : "it gives no reason");
}

/* Run it; anything but success is an error with git's sentence. So is a broken ref,
   which git passes over with no more than a warning. */
static int ask(const char *git_dir, const char *const *args, struct buf *out, struct err *e)
{
	struct buf why;
	int status, failed;

	buf_init(&why, WHY_MAX);
	failed = gitcmd_run(git_dir, args, out, &status, &why, e);
	if (!failed && (status || strstr(why.s, "broken ref")))
		failed = refused(e, git_dir, &why);
	buf_release(&why);
	return failed;
}

int gitcmd_format(const char *git_dir, char *out, struct err *e)
{
	const char *const args[] = { "rev-parse", "--show-object-format", NULL };
	struct buf b;
	int failed;

	buf_init(&b, WHY_MAX);
	failed = ask(git_dir, args, &b, e);
	if (!failed && b.len > 1 && b.len < 16) {
		memcpy(out, b.s, b.len);
		out[b.len - 1] = 0;
	} else if (!failed) {
		failed = err_set(e, ERR_DATA, "git names no hash for %s", git_dir);
	}
	buf_release(&b);
	return failed;
}

static int odd(struct err *e, const char *git_dir)
{
	return err_set(e, ERR_DATA, "git for-each-ref in %s gave a line that is not `OID REF`",
		git_dir);
}

/* text (modified) outlives out. */
static int parse_list(const char *git_dir, char *text, size_t len, struct repo_refs *out,
	struct err *e)
{
	for (char *s = text, *end, *sp; s < text + len; s = end + 1) {
		end = memchr(s, '\n', len - (size_t)(s - text));
		sp = end ? memchr(s, ' ', (size_t)(end - s)) : NULL;
		if (!sp)
			return odd(e, git_dir);
		*sp = *end = 0;
		if (!change_oid_ok(s) || !change_ref_ok(sp + 1))
			return odd(e, git_dir);
		if (out->n == LIMIT_REFS)
			return err_set(e, ERR_DATA, "%s has more than %d refs", git_dir, LIMIT_REFS);
		out->v = mem_grow(out->v, &out->cap, out->n + 1, sizeof(*out->v));
		out->v[out->n++] = (struct repo_ref){ sp + 1, s, "" };
	}
	return 0;
}

static int read_head(const char *git_dir, struct arena *a, const char **head, struct err *e)
{
	const char *const args[] = { "symbolic-ref", "-q", "HEAD", NULL };
	struct buf b;
	int status, failed;

	buf_init(&b, LIMIT_REF + 1);
	failed = gitcmd_run(git_dir, args, &b, &status, NULL, e);
	*head = failed || status ? "" : arena_memdup(a, b.s, strcspn(b.s, "\n"));
	buf_release(&b);
	return failed;
}

int gitcmd_list(const char *git_dir, struct arena *a, struct repo_refs *out, struct err *e)
{
	const char *const args[] = { "for-each-ref", "--format=%(objectname) %(refname)", NULL };
	struct buf b;
	int failed;

	buf_init(&b, LIMIT_ADVERTISEMENT);
	failed = ask(git_dir, args, &b, e) ||
		parse_list(git_dir, arena_memdup(a, b.s, b.len), b.len, out, e) ||
		read_head(git_dir, a, &out->head, e);
	buf_release(&b);
	return failed ? -1 : 0;
}

static void take_oid(const struct buf *b, char *oid)
{
	size_t n = strcspn(b->s, " \n");

	if (n > LIMIT_OID)
		n = LIMIT_OID;
	memcpy(oid, b->s, n);
	oid[n] = 0;
}

/* for-each-ref takes the name as a pattern: "refs/heads/a" also gives what lies
   below it, never beside it. */
int gitcmd_ref(const char *git_dir, const char *ref, char *oid, struct err *e)
{
	const char *const head[] = { "rev-parse", "--verify", "-q", "HEAD", NULL };
	const char *const args[] = { "for-each-ref", "--count=1",
		"--format=%(objectname) %(refname)", ref, NULL };
	struct buf b;
	int failed, status;
	bool found;

	buf_init(&b, LIMIT_REF + 128);
	if (!strcmp(ref, "HEAD")) {
		failed = gitcmd_run(git_dir, head, &b, &status, NULL, e);
		found = !failed && !status;
	} else {
		failed = ask(git_dir, args, &b, e);
		found = !failed && b.len && b.s[b.len - 1] == '\n';
		if (found) {
			b.s[b.len - 1] = 0;
			found = !strcmp(b.s + strcspn(b.s, " ") + 1, ref);
		}
	}
	if (found)
		take_oid(&b, oid);
	buf_release(&b);
	return failed ? -1 : !found;
}

int gitcmd_resolve(const char *git_dir, const char *what, char *oid, struct err *e)
{
	struct arena a;
	struct buf b;
	int status, failed;

	arena_init(&a);
	buf_init(&b, WHY_MAX);
	{
		const char *const args[] = { "rev-parse", "--verify", "-q", "--end-of-options",
			arena_fmt(&a, "%s^{commit}", what), NULL };

		failed = gitcmd_run(git_dir, args, &b, &status, NULL, e);
	}
	if (!failed && (status || b.len < 41))
		failed = err_set(e, ERR_NOENT, "%s has no commit `%s`", git_dir, what);
	if (!failed)
		take_oid(&b, oid);
	buf_release(&b);
	arena_release(&a);
	return failed;
}

int gitcmd_has(const char *git_dir, const char *oid, struct err *e)
{
	const char *const args[] = { "cat-file", "-e", oid, NULL };
	struct buf b;
	int status, failed;

	buf_init(&b, WHY_MAX);
	failed = gitcmd_run(git_dir, args, &b, &status, NULL, e);
	buf_release(&b);
	return failed ? -1 : status == 0;
}
