/* test-repo.c - real repositories made by git, and what must never read as "gone". */
#include "repo.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "gitcmd.h"
#include "proc.h"
#include "refdir.h"
#include "tap.h"

static char dir[256];

/* A script in the test's directory; its output without the last newline. */
static const char *sh(const char *script)
{
	static struct buf out, why;
	const char *argv[] = { "sh", "-ec", script, NULL };
	const char *env[] = { "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=t",
		"GIT_AUTHOR_EMAIL=t@example.org", "GIT_COMMITTER_NAME=t",
		"GIT_COMMITTER_EMAIL=t@example.org", NULL };
	struct proc_run r = { .argv = argv, .env = env, .cwd = dir, .out = &out,
		.err = &why };
	struct err e;

	if (!out.max) {
		buf_init(&out, MIB);
		buf_init(&why, MIB);
	}
	buf_clear(&out);
	buf_clear(&why);
	if (proc_run(&r, &e) || r.status)
		note("script failed: %s\n%s", script, why.s);
	if (out.len)
		out.s[out.len - 1] = 0;
	return out.s;
}

static const char *at(const char *name)
{
	static char path[4][512];
	static int turn;
	char *p = path[turn++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

/* The refs as for-each-ref prints them. */
static char *listing(struct arena *a, const char *name, struct err *e)
{
	struct repo_refs refs;
	struct repo *r;
	struct buf b;
	char *s;

	if (repo_open(at(name), &r, e))
		return NULL;
	if (repo_list(r, a, &refs, e)) {
		repo_close(r);
		return NULL;
	}
	buf_init(&b, MIB);
	for (size_t i = 0; i < refs.n; i++)
		buf_fmt(&b, "%s%s %s", i ? "\n" : "", refs.v[i].oid, refs.v[i].ref);
	buf_fmt(&b, "|%s", refs.head);
	s = arena_memdup(a, b.s, b.len);
	buf_release(&b);
	repo_close(r);
	return s;
}

static void same_as_git(const char *name, const char *what)
{
	struct arena a;
	struct err e = { 0 };
	char want[16384], script[512], *got;

	arena_init(&a);
	snprintf(script, sizeof(script),
		"cd %s; l=$(git for-each-ref --format='%%(objectname) %%(refname)' 2>/dev/null);"
		"printf '%%s|%%s\\n' \"$l\" \"$(git symbolic-ref -q HEAD || :)\"", name);
	snprintf(want, sizeof(want), "%s", sh(script));
	got = listing(&a, name, &e);
	is_str(got ? got : e.text, want, "%s: as git for-each-ref says", what);
	arena_release(&a);
}

static void test_listing(void)
{
	sh("git init -q -b main --bare empty.git");
	same_as_git("empty.git", "an empty repository");
	sh("git init -q -b main w; cd w; git commit -q --allow-empty -m 1; git tag light;"
		"git tag -m note heavy; git branch feature/a; git branch feature-b;"
		"git branch \"\\$(id)'\\\"\"; git clone -q --bare . ../b.git");
	same_as_git("w/.git", "loose refs");
	same_as_git("b.git", "packed refs");
	sh("cd w; git commit -q --allow-empty -m 2; git push -q --all ../b.git; cd ../b.git;"
		"git branch new; git tag -m x t2; git symbolic-ref refs/heads/alias refs/heads/main;"
		"git symbolic-ref refs/heads/two refs/heads/alias;"
		"git symbolic-ref refs/remotes/origin/HEAD refs/heads/nowhere;"
		"git symbolic-ref refs/heads/l1 refs/heads/l2; git symbolic-ref refs/heads/l2 refs/heads/l1;"
		": > refs/heads/main.lock; : > 'refs/heads/copy of main'; mkdir -p refs/heads/none/at/all");
	same_as_git("b.git", "loose over packed, symbolic, dangling, a lock");
	sh("cd b.git; rm refs/heads/main.lock 'refs/heads/copy of main'; git pack-refs --all");
	same_as_git("b.git", "pack-refs changes nothing");
	sh("cd b.git; git branch -D feature/a; git gc -q --prune=now");
	same_as_git("b.git", "a deleted packed ref is gone");
	sh("cd b.git; sed -i '1s/ sorted//' packed-refs; (head -1 packed-refs;"
		"grep -v '^[#^]' packed-refs | sort -r) > p; mv p packed-refs");
	same_as_git("b.git", "packed-refs out of order");
	sh("cd w; git checkout -q --detach");
	same_as_git("w/.git", "a detached HEAD");
	sh("git init -q -b main --bare --object-format=sha256 s.git; git init -q -b main"
		" --object-format=sha256 sw; cd sw; git commit -q --allow-empty -m 1;"
		"git push -q ../s.git main main:other");
	same_as_git("s.git", "SHA-256");
	sh("git clone -q --bare b.git partial.git; cd partial.git;"
		"git config core.repositoryformatversion 1;"
		"git config extensions.partialClone origin");
	same_as_git("partial.git", "a partial clone");
}

static void test_peeled(void)
{
	struct arena a;
	struct repo_refs refs;
	struct repo *r;
	struct err e = { 0 };
	size_t peeled = 0;

	arena_init(&a);
	sh("cd w; git pack-refs --all");
	is_int(repo_open(at("w"), &r, &e), 0, "a work tree opens");
	is_int(repo_list(r, &a, &refs, &e), 0, "and lists");
	for (size_t i = 0; i < refs.n; i++)
		peeled += *refs.v[i].peeled != 0;
	is_int(peeled, 1, "one annotated tag");
	repo_close(r);
	arena_release(&a);
}

static void test_one(void)
{
	static const struct {
		const char *name, *ref, *git;	/* git: what must be the same; NULL: not there */
	} t[] = {
		{ "b.git", "refs/heads/main", "refs/heads/main" },
		{ "b.git", "refs/heads/alias", "refs/heads/main" },
		{ "b.git", "HEAD", "refs/heads/main" },
		{ "b.git", "refs/tags/heavy", "refs/tags/heavy" },
		{ "b.git", "refs/heads/ma", NULL },
		{ "b.git", "refs/heads", NULL },
		{ "b.git", "refs/heads/main/below", NULL },
		{ "b.git", "refs/remotes/origin/HEAD", NULL },
		{ "b.git", "refs/heads/l1", NULL },
		{ "b.git", "refs/../HEAD", NULL },
		{ "b.git", "config", NULL },
		{ "b.git", "main", NULL },
		{ "empty.git", "HEAD", NULL },
		{ "w", "refs/heads/main", "refs/heads/main" },
		{ "s.git", "refs/heads/main", "refs/heads/main" },
		{ "s.git", "refs/heads/none", NULL },
		{ "partial.git", "refs/tags/t2", "refs/tags/t2" },
	};
	char script[256], oid[LIMIT_OID + 1];

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct err e = { 0 };
		struct repo *r;

		if (!ok(!repo_open(at(t[i].name), &r, &e), "%s opens", t[i].name))
			continue;
		is_int(repo_ref(r, t[i].ref, oid, &e), t[i].git ? 0 : 1, "%s %s", t[i].name,
			t[i].ref);
		snprintf(script, sizeof(script), "cd %s; git rev-parse %s", t[i].name,
			t[i].git ? t[i].git : "HEAD");
		if (t[i].git)
			is_str(oid, sh(script), "%s %s", t[i].name, t[i].ref);
		else
			ok(strspn(oid, "0") == strlen(oid) && strlen(oid) >= 40, "zeros");
		repo_close(r);
	}
}

/* One handle sees what changes under it. */
static void test_kept_open(void)
{
	struct repo *r;
	struct err e = { 0 };
	char oid[LIMIT_OID + 1];

	sh("git clone -q --bare w kept.git; cd kept.git; git branch one; git pack-refs --all");
	repo_open(at("kept.git"), &r, &e);
	is_int(repo_ref(r, "refs/heads/one", oid, &e), 0, "there");
	sh("cd kept.git; git branch -D one; git branch two");
	is_int(repo_ref(r, "refs/heads/one", oid, &e), 1, "deleted since");
	is_int(repo_ref(r, "refs/heads/two", oid, &e), 0, "made since");
	sh("cd kept.git; git pack-refs --all");
	is_int(repo_ref(r, "refs/heads/two", oid, &e), 0, "packed since");
	sh("mv kept.git gone.git");
	is_int(repo_ref(r, "refs/heads/two", oid, &e), -1, "the repository went away: an error");
	repo_close(r);
}

static void test_not_whole(void)
{
	static const struct {
		const char *name, *script, *says;
	} t[] = {
		{ "an emptied directory", "rm -r x.git; mkdir x.git", "no HEAD" },
		{ "no refs", "rm -r x.git/refs", "no refs" },
		{ "no objects", "rm -r x.git/objects", "no objects" },
		{ "no HEAD", "rm x.git/HEAD", "no HEAD" },
		{ "nothing at all", "rm -r x.git", "No such file" },
		{ "an empty loose ref", ": > x.git/refs/heads/main", "refs/heads/main is broken" },
		{ "a short loose ref", "echo 12ab > x.git/refs/heads/main", "is broken" },
		{ "zeros as a loose ref", "printf '%040d\\n' 0 > x.git/refs/heads/main", "is broken" },
		{ "a loose ref cut in the middle",
			"head -c 20 w/.git/refs/heads/x2 > x.git/refs/heads/main 2>/dev/null ||"
			" echo 0123456789 > x.git/refs/heads/main", "is broken" },
		{ "torn packed-refs", "head -c -7 x.git/packed-refs > p; cp p x.git/packed-refs",
			"packed-refs is damaged" },
		{ "rubbish in packed-refs", "echo rubbish >> x.git/packed-refs", "is damaged at line" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct arena a;
		struct err e = { 0 };

		arena_init(&a);
		sh("rm -rf x.git; git clone -q --bare w x.git");
		sh(t[i].script);
		ok(!listing(&a, "x.git", &e), "%s is an error", t[i].name);
		ok(strstr(e.text, t[i].says), "%s: \"%s\"", t[i].name, e.text);
		arena_release(&a);
	}
}

/* A child without privileges: files of another owner, and unreadable ones. */
static void test_as_nobody(void)
{
	static const struct {
		const char *name, *script;
		bool fails;
	} t[] = {
		{ "a repository of another owner", ":", false },
		{ "an unreadable loose ref", "chmod 0 x.git/refs/heads/main", true },
		{ "an unreadable directory of refs", "chmod 0 x.git/refs/heads", true },
		{ "an unreadable packed-refs", "chmod 0 x.git/packed-refs", true },
		{ "an unreadable repository", "chmod 0 x.git", true },
	};

	if (geteuid()) {
		note("not root: other owners are not tried");
		return;
	}
	sh("chmod 755 .");
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		int status = 0;
		pid_t pid;

		sh("chmod -R u+rwX x.git 2>/dev/null || :; rm -rf x.git; git clone -q --bare w x.git;"
			"git -C x.git branch loose; git -C x.git update-ref refs/heads/main HEAD;"
			"git -C x.git symbolic-ref HEAD refs/heads/main;"
			"git -C x.git commit-tree -m n HEAD^{tree} > n;"
			"git -C x.git update-ref refs/heads/main $(cat n); chmod -R a+rX x.git");
		sh(t[i].script);
		pid = fork();
		if (pid == 0) {
			struct arena a;
			struct err e = { 0 };

			arena_init(&a);
			if (setgid(65534) || setuid(65534))
				_exit(9);
			_exit(listing(&a, "x.git", &e) ? 1 : e.code == ERR_PERM ? 2 : 3);
		}
		waitpid(pid, &status, 0);
		is_int(WEXITSTATUS(status), t[i].fails ? 2 : 1, "%s", t[i].name);
	}
	sh("chmod 755 x.git");
}

/* The same through git, whoever owns it. */
static void test_gitcmd(void)
{
	struct arena a;
	struct err e = { 0 };
	struct repo_refs by_git = { 0 }, by_dir = { 0 };
	struct refdir *d = refdir_open(at("b.git"));
	char oid[LIMIT_OID + 1], hash[16], want[LIMIT_OID + 1];
	size_t same = 0;

	arena_init(&a);
	if (geteuid() == 0)
		sh("chown -R 65534:65534 b.git");
	is_int(gitcmd_list(at("b.git"), &a, &by_git, &e), 0, "git lists another's repository");
	is_int(refdir_list(d, &a, &by_dir, &e), 0, "so do we");
	is_int(by_git.n, by_dir.n, "as many refs");
	for (size_t i = 0; i < by_git.n && i < by_dir.n; i++)
		same += !strcmp(by_git.v[i].ref, by_dir.v[i].ref) &&
			!strcmp(by_git.v[i].oid, by_dir.v[i].oid);
	is_int(same, by_git.n, "the same ones");
	is_str(by_git.head, "refs/heads/main", "HEAD");
	is_int(gitcmd_ref(at("b.git"), "refs/heads/main", oid, &e), 0, "one ref");
	is_int(gitcmd_resolve(at("b.git"), "main", want, &e), 0, "a commit");
	is_str(oid, want, "is the same");
	is_int(gitcmd_ref(at("b.git"), "HEAD", oid, &e), 0, "HEAD");
	is_int(gitcmd_ref(at("b.git"), "refs/heads", oid, &e), 1, "a directory of refs is none");
	is_int(gitcmd_has(at("b.git"), oid, &e), 1, "an object");
	is_int(gitcmd_format(at("s.git"), hash, &e), 0, "the hash");
	is_str(hash, "sha256", "the hash");
	sh("cd s.git; git config extensions.refStorage reftable");
	is_int(gitcmd_format(at("s.git"), hash, &e), -1, "what this git does not know");
	ok(strstr(e.text, "refstorage"), "says why: %s", e.text);
	sh("cd s.git; git config -f config --unset extensions.refStorage");
	sh("cd b.git; : > refs/heads/broken");
	by_git.n = 0;
	is_int(gitcmd_list(at("b.git"), &a, &by_git, &e), -1, "git's warning of a broken ref counts");
	sh("rm b.git/refs/heads/broken");
	free(by_git.v);
	free(by_dir.v);
	refdir_close(d);
	arena_release(&a);
}

static void test_objects(void)
{
	static const char *const names[] = { "w", "sw" };
	char oid[LIMIT_OID + 1], want[LIMIT_OID + 1], zero[LIMIT_OID + 1];

	for (size_t i = 0; i < 2; i++) {
		struct err e = { 0 };
		struct repo *r;

		repo_open(at(names[i]), &r, &e);
		ok(repo_by_git(r) == (i == 1), "%s: read %s", names[i], i ? "by git" : "by libgit2");
		snprintf(want, sizeof(want), "%s", sh(i ? "cd sw; git rev-parse main" :
			"cd w; git rev-parse main"));
		is_int(repo_resolve(r, "main", oid, &e), 0, "a branch");
		is_str(oid, want, "a branch");
		is_int(repo_resolve(r, want, oid, &e), 0, "an oid");
		want[9] = 0;
		is_int(repo_resolve(r, want, oid, &e), 0, "a short oid");
		is_int(repo_has(r, oid, &e), 1, "it is there");
		memset(zero, '1', strlen(oid));
		zero[strlen(oid)] = 0;
		is_int(repo_has(r, zero, &e), 0, "this is not");
		is_int(repo_has(r, "x; rm -rf /", &e), -1, "this is no id");
		is_int(repo_resolve(r, "--all", oid, &e), -1, "no option reaches git");
		is_int(repo_resolve(r, "nothing", oid, &e), -1, "no such name");
		repo_close(r);
	}
	sh("cd w; git rev-parse heavy");
	{
		struct err e = { 0 };
		struct repo *r;

		repo_open(at("w"), &r, &e);
		is_int(repo_resolve(r, "heavy", oid, &e), 0, "an annotated tag");
		is_str(oid, sh("cd w; git rev-parse 'heavy^{commit}'"), "gives its commit");
		is_int(repo_resolve(r, "main~1", oid, &e), 0, "main~1");
		is_str(oid, sh("cd w; git rev-parse main~1"), "main~1");
		repo_close(r);
	}
}

/* A partial clone must not fetch by a command of its own. */
static void test_hostile(void)
{
	struct err e = { 0 };
	struct repo *r;
	char zero[41];

	sh("git init -q -b main --bare evil.git; cd evil.git; git config core.repositoryformatversion 1;"
		"git config extensions.partialClone origin; git config remote.origin.promisor true;"
		"git config remote.origin.url 'ssh://h/p'; git config core.sshCommand \"touch $PWD/pwned;\";"
		"git config core.fsmonitor \"touch $PWD/pwned;\"; git config protocol.ssh.allow always");
	memset(zero, '1', 40);
	zero[40] = 0;
	is_int(repo_open(at("evil.git"), &r, &e), 0, "a partial clone opens");
	ok(repo_by_git(r), "by git");
	is_int(repo_has(r, zero, &e), 0, "the object is not there");
	repo_resolve(r, zero, zero, &e);
	ok(access(at("evil.git/pwned"), F_OK), "and nothing was run to get it");
	repo_close(r);
}

static void test_find(void)
{
	static const struct {
		const char *path, *want;
	} t[] = {
		{ "b.git", "b.git" },
		{ "w", "w/.git" },
		{ "w/.git", "w/.git" },
		{ "w/../w", "w/.git" },
		{ "linked", "w/.git" },
		{ "linked/.git", "w/.git" },
		{ "super/sub", "super/.git/modules/sub" },
		{ "link.git", "b.git" },
		{ "empty-directory", NULL },
		{ "nowhere", NULL },
	};
	char out[LIMIT_PATH];

	sh("cd w; git worktree add -q ../linked; cd ..; ln -s b.git link.git; mkdir empty-directory;"
		"git init -q super; cd super; git -c protocol.file.allow=always submodule --quiet"
		" add ../w sub");
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct err e = { 0 };
		int r = repo_find(at(t[i].path), out, &e);

		is_int(r, t[i].want ? 0 : -1, "find %s", t[i].path);
		if (!r && t[i].want)
			is_str(out, at(t[i].want), "find %s", t[i].path);
	}
	ok(repo_is(at("b.git")) && !repo_is(at("w")) && repo_is(at("w/.git")), "repo_is");
}

/* pack-refs, gc and updates run while we list: nothing that stays may be missed. */
static void test_race(void)
{
	struct arena a;
	struct err e = { 0 };
	struct repo *r;
	pid_t pid;
	int status, rounds = 0, missed = 0;

	sh("git init -q -b main --bare race.git; cd race.git; c=$(git commit-tree -m c"
		" $(git hash-object -w -t tree /dev/null)); for i in $(seq 50); do"
		" echo create refs/heads/b$i $c; done | git update-ref --stdin;"
		" git update-ref refs/heads/main $c");
	pid = fork();
	if (pid == 0) {
		sh("cd race.git; c=$(git rev-parse main); d=$(git commit-tree -m d -p $c $c^{tree});"
			"for n in 1 2 3 4 5 6 7 8; do for i in $(seq 50); do echo update refs/heads/b$i $d;"
			"done | git update-ref --stdin; git pack-refs --all; x=$c; c=$d; d=$x; done");
		_exit(0);
	}
	repo_open(at("race.git"), &r, &e);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		struct repo_refs refs;

		arena_init(&a);
		missed += repo_list(r, &a, &refs, &e) || refs.n != 51;
		rounds++;
		arena_release(&a);
	}
	repo_close(r);
	note("%d listings beside 8 rounds of update and pack-refs", rounds);
	is_int(missed, 0, "no listing missed a ref");
}

static void test_speed(void)
{
	struct arena a;
	struct repo_refs refs;
	struct repo *r;
	struct err e = { 0 };
	int64_t best = INT64_MAX;

	sh("git init -q -b main --bare big.git; cd big.git; c=$(git commit-tree -m c"
		" $(git hash-object -w -t tree /dev/null)); { echo '# pack-refs with: peeled"
		" fully-peeled sorted '; seq -f \"$c refs/heads/branch/%06.0f\" 50000; } > packed-refs");
	for (int i = 0; i < 5; i++) {
		int64_t began = clock_mono_us(), took;

		arena_init(&a);
		repo_open(at("big.git"), &r, &e);
		repo_list(r, &a, &refs, &e);
		repo_close(r);
		took = clock_mono_us() - began;
		best = took < best ? took : best;
		if (i == 4)
			is_int(refs.n, 50000, "all of 50,000 packed refs");
		arena_release(&a);
	}
	note("opened and listed in %lld us", (long long)best);
	ok(best < 1000000, "in reasonable time");
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");

	plan_none();
	snprintf(dir, sizeof(dir), "%s/test-repo-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		return 1;
	test_listing();
	test_peeled();
	test_one();
	test_kept_open();
	test_not_whole();
	test_as_nobody();
	test_gitcmd();
	test_objects();
	test_hostile();
	test_find();
	test_race();
	test_speed();
	sh("chmod -R u+rwX . ; rm -rf \"$PWD\"");
	return tap_done();
}
