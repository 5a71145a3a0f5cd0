"""Every system call of the post-receive hook made to fail, once and for good, and the
hook killed at every one: the push goes through, and the change is durable or the
pusher was told. Also what a machine does to it: no descriptors, no file size, a full
disk, a read-only or missing spool, many refs, hostile names, a huge environment.

The hook is static, so strace sees all it does. Calls before main() are glibc's: when
they fail it ends with a line of its own on stderr or a signal, which git reports;
those run under a real push.
run: timeout=600"""
import collections
import os
import re
import resource
import stat
import subprocess

import harness
from harness import ZERO, run
from hookrecord import POST_RECEIVE, Record, hold_lock, parse, published

STATIC = b"not a dynamic executable" in run(["ldd", POST_RECEIVE])[2]
ERRORS = ("EIO", "ENOSPC", "EINTR", "EMFILE", "EACCES")
LINE = b"%s %s refs/heads/main\n" % (b"0" * 40, b"1" * 40)
TOLD = b"refire: this push was NOT recorded: "
# What glibc's start-up and the kernel do before main() and after it.
STARTUP_END = "fcntl"


class Rig:
    """A repository with the hook; a resident sender seems to run, unless wake."""

    def __init__(self, t, wake=False):
        self.t, self.site = t, t.site()
        self.repo = self.site.repository("web", quiet=True)
        self.hook = os.path.join(self.repo, "hooks", "post-receive")
        self.new = os.path.join(self.site.state, "spool", "new")
        self.trace = self.site.path("trace")
        if not wake:
            t.cleanup(os.close, hold_lock(os.path.join(self.site.state, "sender.lock")))

    def run(self, wrap=(), stdin=LINE, env=None, **keys):
        return run([*wrap, self.hook], cwd=self.repo, stdin=stdin, timeout=60,
                   env=self.site.env(**{"GIT_DIR": ".", "REMOTE_USER": "alice", **(env or {})}),
                   **keys)

    def strace(self, *args):
        return ["strace", "-o", self.trace, *args]

    def traced(self, *args, **keys):
        """The hook under strace: (status, stderr, the trace)."""
        rc, _, err = self.run(wrap=self.strace(*args), **keys)
        with open(self.trace, errors="replace") as f:
            return rc, err, f.read()

    def take(self):
        """Whole published files; and what else lies there. The spool is empty afterwards."""
        good, other = [], []
        for name in os.listdir(self.new):
            path = os.path.join(self.new, name)
            with open(path, "rb") as f:
                text = f.read()
            try:
                fields = dict(parse(text))
                (good if name.startswith("e.") else other).append(fields)
            except ValueError:
                self.t.ok(name.startswith("t."), "a torn file is never published: " + name)
                other.append(None)
            os.unlink(path)
        return good, other


def need_strace(t):
    """strace, and a hook it shows whole: an instrumented build has calls of its own."""
    t.need("strace")
    if not STATIC:
        t.skip("the hook of this build is not static")


def calls_of(trace):
    """Names of the system calls of a trace, in order."""
    return re.findall(r"^(\w+)\(", trace, re.M)


def sequence(rig, **keys):
    """All calls of a clean run, and how many of each come before main()."""
    rc, err, trace = rig.traced("-e", "trace=all", **keys)
    rig.t.eq((rc, err), (0, b""), "a clean run")
    rig.take()
    calls = calls_of(trace)
    return calls, collections.Counter(calls[:calls.index(STARTUP_END)])


def told(err):
    """Exactly one line, ours, printable."""
    return err.startswith(TOLD) and err.count(b"\n") == 1 and re.fullmatch(rb"[ -~]+\n", err)


class Tally:
    """What came of the injections."""

    def __init__(self):
        self.counts = collections.Counter()
        self.bad = []

    def see(self, rig, what, rc, err, trace, once):
        injected = trace.count("(INJECTED)")
        if injected != 1 and (once or not injected):
            self.bad.append("%s: %d injections" % (what, injected))
        good, _ = rig.take()
        recorded = len(good) == 1 and good[0][b"refs"] == LINE
        loud = bool(told(err))
        key = "%s, %s" % ("durable" if recorded else "not recorded", "told" if loud else "quiet")
        self.counts[key] += 1
        if rc != 0:
            self.bad.append("%s: exit status %d %s" % (what, rc, err))
        if not recorded and not loud:
            self.bad.append("%s: SILENT LOSS %s" % (what, err))
        if err and not loud:
            self.bad.append("%s: said %s" % (what, err))

    def end(self, t, least):
        t.diag(", ".join("%s: %d" % x for x in sorted(self.counts.items())))
        t.eq(self.bad[:10], [], "%d went wrong" % len(self.bad))
        t.ok(sum(self.counts.values()) >= least, "enough injections: %s" % self.counts)


def indexes(calls, before):
    """(call, k): the k-th of its name, for every call after start-up."""
    seen = collections.Counter()
    for call in calls:
        seen[call] += 1
        if seen[call] > before[call] and call != "exit_group":
            yield call, seen[call]


def matrix(t, rig, forever, **keys):
    calls, before = sequence(rig, **keys)
    tally = Tally()
    for call, k in indexes(calls, before):
        for error in ERRORS:
            when = "%d%s" % (k, "+" if forever else "")
            rc, err, trace = rig.traced("-e", "trace=" + call, "-e", "inject=%s:error=%s:when=%s" %
                                        (call, error, when), **keys)
            tally.see(rig, "%s %s %s" % (call, when, error), rc, err, trace, not forever)
    tally.end(t, 150)


def test_every_call_fails_once(t):
    need_strace(t)
    matrix(t, Rig(t), False)


def test_every_call_fails_for_good(t):
    need_strace(t)
    matrix(t, Rig(t), True)


def test_every_call_fails_with_push_options_and_a_large_push(t):
    need_strace(t)
    rig = Rig(t)
    many = b"".join(b"%040x %040x refs/heads/b%d\n" % (n, n + 1, n) for n in range(3000))
    calls, before = sequence(rig, stdin=many)
    tally = Tally()
    for call, k in indexes(calls, before):
        rc, err, trace = rig.traced("-e", "trace=" + call, "-e", "inject=%s:error=EIO:when=%d" %
                                    (call, k), stdin=many)
        good, _ = rig.take()
        if call != "read" and trace.count("(INJECTED)") != 1:
            tally.bad.append("%s %d: not injected" % (call, k))
        tally.counts["durable" if good else "told"] += 1
        if rc or (not good and not told(err)) or (good and good[0][b"refs"] != many):
            tally.bad.append("%s %d: %s" % (call, k, err))
    tally.end(t, 20)


def test_waking_a_sender_fails(t):
    """Nobody holds the lock: the hook starts a sender. Whatever fails there, the change is
    safe and the pusher sees nothing."""
    need_strace(t)
    rig = Rig(t, wake=True)
    calls, before = sequence(rig)
    t.ok("clone" in calls or "fork" in calls or "vfork" in calls, "it starts a sender: %s" % calls)
    tally = Tally()
    published_at = calls.index("rename")
    for n, (call, k) in enumerate(indexes(calls, before)):
        if n + sum(before.values()) <= published_at:
            continue
        for error in ERRORS:
            rc, err, trace = rig.traced("-e", "trace=" + call, "-e", "inject=%s:error=%s:when=%d" %
                                        (call, error, k))
            tally.see(rig, "%s %d %s" % (call, k, error), rc, err, trace, True)
    tally.end(t, 50)


def test_the_earlier_hook_runs_or_the_pusher_is_told(t):
    need_strace(t)
    rig = Rig(t)
    earlier, log = rig.hook + ".before-refire", rig.site.path("log")
    with open(earlier, "w") as f:
        f.write("#!/bin/sh\ncat > '%s'\nexit 3\n" % log)
    os.chmod(earlier, 0o755)
    rc, _, trace = rig.traced("-e", "trace=all")
    t.eq(rc, 3, "a clean run")
    calls = calls_of(trace)
    calls = calls[:len(calls) - calls[::-1].index("execve")]        # the shell is not ours
    before = collections.Counter(calls[:calls.index(STARTUP_END)])
    rig.take()
    counts = collections.Counter()
    for call, k in indexes(calls, before):
        for error in ("EIO", "EINTR"):
            os.path.exists(log) and os.unlink(log)
            rc, err, _ = rig.traced("-e", "trace=" + call, "-e", "inject=%s:error=%s:when=%d" %
                                    (call, error, k))
            what = "%s %d %s: %d %s" % (call, k, error, rc, err)
            good, _ = rig.take()
            t.ok(good or err.startswith(TOLD), "durable or told: " + what)
            if b"refire: the earlier hook could not be run" in err:
                t.eq((rc, os.path.exists(log)), (0, False), what)
                counts["told"] += 1
                continue
            t.eq(rc, 3, what)
            with open(log, "rb") as f:
                given = f.read()
            t.ok(given == LINE or (call == "read" and b"list of refs" in err), what)
            counts["ran"] += 1
    t.diag("%s" % dict(counts))
    t.ok(counts["ran"] > 60 and counts["told"] < 12, "it nearly always runs")


def test_killed_at_every_call(t):
    need_strace(t)
    rig = Rig(t)
    calls, _ = sequence(rig)
    seen, counts = collections.Counter(), collections.Counter()
    for call in calls:
        seen[call] += 1
        if call == "execve":
            continue            # the hook is not there yet
        rc, err, _ = rig.traced("-e", "trace=" + call, "-e", "inject=%s:signal=KILL:when=%d" %
                                (call, seen[call]))
        t.eq((rc, err), (-9, b""), "killed at %s %d" % (call, seen[call]))
        good, other = rig.take()
        t.ok(len(good) + len(other) <= 1, "one file at most")
        counts["published" if good else "unfinished" if other else "nothing"] += 1
    t.diag("%s" % dict(counts))
    t.eq(sum(counts.values()), len(calls) - 1, "every call")
    t.ok(counts["published"] and counts["unfinished"] and counts["nothing"], "all kinds of them")


def test_start_up_fails_under_a_real_push(t):
    """glibc and the kernel, before main(): the push goes through, and the pusher sees that
    something went wrong, or the change is durable."""
    need_strace(t)
    rig = Rig(t)
    calls, before = sequence(rig)
    work = rig.site.work()
    outcomes = collections.Counter()
    os.unlink(rig.hook)
    for call in before:
        for k in range(1, before[call] + 1):
            if call == "execve":
                continue        # strace's own way to start it
            if os.path.lexists(rig.hook):
                os.unlink(rig.hook)
            with open(rig.hook, "w") as f:
                f.write("#!/bin/sh\nexec strace -o %s -e trace=%s -e inject=%s:error=ENOSPC:when=%d "
                        "%s\n" % (rig.trace, call, call, k, POST_RECEIVE))
            os.chmod(rig.hook, 0o755)
            work.commit()
            said = work.push("+main:refs/heads/main")       # fails when the push does
            recorded = bool(rig.take()[0])
            loud = "remote:" in said or "error:" in said
            outcomes["durable" if recorded else "told" if loud else "silent"] += 1
    t.diag("%s" % dict(outcomes))
    t.eq(outcomes["silent"], 0, "silent losses")
    t.ok(sum(outcomes.values()) >= 8, "enough of them")


# ---- what a machine does ----

def test_limits_of_the_process(t):
    rig = Rig(t)

    def limit(what, value):
        return lambda: resource.setrlimit(what, (value, value))
    for name, what, value in (("file size 0", resource.RLIMIT_FSIZE, 0),
                              ("file size 100", resource.RLIMIT_FSIZE, 100),
                              ("3 descriptors", resource.RLIMIT_NOFILE, 3),
                              ("4 descriptors", resource.RLIMIT_NOFILE, 4)):
        with t.case(name):
            if what == resource.RLIMIT_NOFILE and not STATIC:
                t.skip("a loader needs descriptors of its own")
            rc, _, err = rig.run(preexec_fn=limit(what, value))
            t.eq(rc, 0, "exits 0: %s" % err)
            good, _ = rig.take()
            t.ok(good or told(err), "durable or told: %s" % err)
            if what == resource.RLIMIT_FSIZE:
                t.ok(told(err), "nothing can be written, so the pusher is told: %s" % err)


def test_closed_descriptors(t):
    rig = Rig(t)
    for closed in ((0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)):
        with t.case("closed: %s" % (closed,)):
            script = " ".join("%d>&-" % fd for fd in closed)
            rc, _, err = rig.run(wrap=["sh", "-c", 'exec "$0" ' + script])
            t.eq((rc, err), (0, b""), "exits 0")
            good, other = rig.take()
            t.eq((len(good), other), (0 if 0 in closed else 1, []), "recorded, and whole")


def test_disks(t):
    if os.getuid():
        t.skip("only root can mount")
    rig = Rig(t)
    text = LINE * 5000

    def mounted(*options):
        rc, _, err = run(["mount", "-t", "tmpfs", "-o", ",".join(options), "none", rig.new])
        if rc:
            t.skip("cannot mount a tmpfs: %s" % err)

    for name, options, after in (
            ("full", ("size=64k",), None), ("no inodes", ("nr_inodes=2",), "touch"),
            ("read-only", ("size=1m",), "ro")):
        with t.case("the spool's file system is " + name):
            mounted(*options)
            try:
                if after == "touch":
                    with open(os.path.join(rig.new, "x"), "w"):
                        pass
                if after == "ro":
                    run(["mount", "-o", "remount,ro", rig.new])
                rc, _, err = rig.run(stdin=text)
                t.eq(rc, 0, "exits 0")
                t.ok(told(err), "told: %s" % err)
                t.has(err, b"the next reconcile", "and what happens next")
                t.ok(set(os.listdir(rig.new)) <= {"x"}, "nothing is left lying about")
            finally:
                run(["umount", rig.new])


def test_spool_gone(t):
    rig = Rig(t)
    work = rig.site.work()
    os.rename(rig.new, rig.new + ".away")
    work.commit()
    said = work.push("main")
    t.has(said, "remote: refire: this push was NOT recorded: ", "the pusher sees it")
    t.eq(said.count("refire: "), 1, "in one line")
    os.mkdir(rig.new)
    t.lacks(work.push("main:refs/heads/again"), "refire: ", "and it goes on by itself")
    t.eq(len(rig.take()[0]), 1, "recorded")


def test_second_directory(t):
    """new/ fails; drop/ takes it."""
    rig = Rig(t)
    drop = os.path.join(rig.site.state, "spool", "drop")
    os.mkdir(drop)
    os.rename(rig.new, rig.new + ".away")
    rc, _, err = rig.run()
    t.eq((rc, err), (0, b""), "recorded")
    t.eq(len(published(rig.site.state)), 1, "in drop/")


def test_odd_environments(t):
    rig = Rig(t)
    cases = {
        "no GIT_DIR": ({"GIT_DIR": None}, True),
        "GIT_DIR absolute": ({"GIT_DIR": rig.repo}, True),
        "GIT_DIR through a link": ({"GIT_DIR": rig.site.path("link")}, True),
        "GIT_DIR wrong": ({"GIT_DIR": "/nowhere"}, False),
        "HOME, XDG and configuration elsewhere": (
            {"HOME": "/nowhere", "XDG_CONFIG_HOME": "/nowhere", "REFIRE_CONFIG": "/nowhere"}, True),
        "no environment at all": (None, True),
        "a huge one": ({"X%d" % n: "y" * 100000 for n in range(15)}, True),
        "a push option count that lies": ({"GIT_PUSH_OPTION_COUNT": "99999999999999999999"}, True),
        "a push option count that is none": ({"GIT_PUSH_OPTION_COUNT": "-1"}, True),
    }
    os.symlink(rig.repo, rig.site.path("link"))
    for name, (more, recorded) in cases.items():
        with t.case("environment: " + name):
            env = {} if more is None else rig.site.env(GIT_DIR=".")
            for key, value in (more or {}).items():
                env.pop(key, None)
                if value is not None:
                    env[key] = value
            rc, _, err = run([rig.hook], cwd=rig.repo, stdin=LINE, env=env)
            good, _ = rig.take()
            t.eq((rc, len(good)), (0, int(recorded)), "exits 0: %s" % err)
            t.ok(recorded or told(err), "told: %s" % err)
            if recorded:
                t.eq(good[0][b"path"], os.fsencode(rig.repo), "the resolved path")


CLAIMS = {"REMOTE_USER": "alice", "REMOTE_ADDR": "192.0.2.7", "SSH_CONNECTION": "::1 1 ::1 22",
          "GL_USER": "bob", "GL_REPO": "team/web", "GL_ID": "user-7", "GL_USERNAME": "bob",
          "GITEA_PUSHER_NAME": "carol", "GITEA_PUSHER_EMAIL": "carol@example.org",
          "GITEA_PUSHER_ID": "7", "GITEA_REPO_NAME": "web", "GITEA_REPO_USER_NAME": "team",
          "GIT_PUSH_CERT": "1" * 40, "GIT_PUSH_CERT_SIGNER": "Alice <a@example.org>",
          "GIT_PUSH_CERT_KEY": "ABC", "GIT_PUSH_CERT_STATUS": "G",
          "GIT_PUSH_CERT_NONCE_STATUS": "OK"}


def test_claims(t):
    rig = Rig(t)
    rig.run(env=CLAIMS)
    record, = published(rig.site.state)
    for name, value in CLAIMS.items():
        t.eq(record.one("claim." + name), value.encode(), name)
    t.eq(record.one("kind"), b"change", "kind")
    t.eq(record.one("source"), b"post-receive", "source")
    t.ok(re.fullmatch(rb"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
                      record.one("id")), "a UUID of version 7")
    t.eq(record.all("claim.HOME") + record.all("claim.PATH"), [], "nothing else is copied")
    t.eq(stat.S_IMODE(record.stat.st_mode), 0o644, "its mode, whatever the umask")


def test_what_is_too_long_is_marked(t):
    rig = Rig(t)
    options = {"GIT_PUSH_OPTION_%d" % n: "o%d" % n for n in range(300)}
    options["GIT_PUSH_OPTION_3"] = "x" * 5000
    rig.run(env=dict(options, GIT_PUSH_OPTION_COUNT="300", REMOTE_USER="y" * 4097,
                     GL_USER="z" * 4096))
    record, = published(rig.site.state)
    t.eq(len(record.all("option")), 256, "options are bounded")
    t.eq(record.all("option")[2:4], [b"o2", b"x" * 4096], "and cut")
    t.eq(record.one("claim.REMOTE_USER"), b"y" * 4096, "a claim is cut")
    t.eq(record.one("claim.GL_USER"), b"z" * 4096, "one that just fits is not")
    t.eq(sorted(record.all("shortened")), [b"claim.REMOTE_USER", b"option", b"option"],
         "each is marked")


def test_hostile_bytes(t):
    rig = Rig(t)
    work = rig.site.work()
    head = work.commit()
    names = [b"$(id)", b"`id`", b";|&", b"'\"", b"<>", b"%n%s", b"{a}", b"-x", b"\xff\xfe",
             "\u202e\u0085\u009b".encode(), b"x" * 200 + b"/" + b"y" * 200]
    for name in names:
        rig.site.git("-C", rig.repo, "config", "receive.fsckObjects", "false")
        rc, _, err = rig.site.git_raw("-C", work.path, "push", "origin",
                                      head.encode() + b":refs/heads/" + name)
        t.eq(rc, 0, err)
        t.lacks(err, b"refire: ", "nothing to say")
    got = [r.refs for r in published(rig.site.state)]
    t.eq(got, [[(ZERO.encode(), head.encode(), b"refs/heads/" + n)] for n in names],
         "exactly as git gave them")


def test_malformed_input_is_kept(t):
    rig = Rig(t)
    for text in (b"no newline", b"\0\0\n", b"a b\n\n\nc", b"end 00000000\n", b" \n", b"\xff" * 300000):
        rc, _, err = rig.run(stdin=text)
        good, _ = rig.take()
        t.eq((rc, err, [g[b"refs"] for g in good]), (0, b"", [text]), "as it came")
    for text in (b"", b"\n", b"\n\n"):
        rc, _, err = rig.run(stdin=text)
        t.eq((rc, err, rig.take()), (0, b"", ([], [])), "nothing is nothing")


def test_many_refs_in_a_real_push(t):
    rig = Rig(t)
    work = rig.site.work()
    head = work.commit()
    work.push(*["%s:refs/heads/branch-%d" % (head, n) for n in range(5000)])
    good, other = rig.take()
    t.eq((len(good), other), (1, []), "one file")
    t.eq(len(good[0][b"refs"].splitlines()), 5000, "all refs")


def test_kinds_of_update_in_a_real_push(t):
    rig = Rig(t)
    work = rig.site.work()
    first = work.commit()
    work.git("tag", "light")
    work.git("tag", "-a", "-m", "annotated", "heavy")
    work.push("main", "light", "heavy")
    work.git("checkout", "-q", "--orphan", "other")
    second = work.commit("another root")
    work.push("+other:main", ":light", options=["a=b", "x y"])
    one, two = published(rig.site.state)
    heavy = work.git("rev-parse", "refs/tags/heavy")
    t.eq(sorted(one.refs), sorted([
        (ZERO.encode(), first.encode(), b"refs/heads/main"),
        (ZERO.encode(), heavy.encode(), b"refs/tags/heavy"),
        (ZERO.encode(), first.encode(), b"refs/tags/light")]), "creations")
    t.eq(sorted(two.refs), sorted([(first.encode(), second.encode(), b"refs/heads/main"),
                                   (first.encode(), ZERO.encode(), b"refs/tags/light")]),
         "a forced update and a deletion")
    t.eq(two.all("option"), [b"a=b", b"x y"], "push options")


def test_the_hook_needs_no_library(t):
    if b"san.so" in run(["ldd", POST_RECEIVE])[1]:
        t.skip("an instrumented build")
    t.ok(STATIC, "the hook is static")


def test_signals_while_it_publishes(t):
    """HUP, INT and TERM to the hook's group while it publishes do not tear the record."""
    need_strace(t)
    rig = Rig(t)
    process = subprocess.Popen(
        rig.strace("-e", "trace=fsync", "-e", "inject=fsync:delay_enter=300000:when=1", rig.hook),
        cwd=rig.repo, env=rig.site.env(GIT_DIR="."), stdin=subprocess.PIPE,
        stderr=subprocess.PIPE)
    process.stdin.write(LINE)
    process.stdin.close()
    harness.wait_until(lambda: any(n.startswith("t.") for n in os.listdir(rig.new)),
                       what="the unfinished file", every=0.005)
    for pid in harness.processes_with(rig.repo):
        with open("/proc/%d/cmdline" % pid, "rb") as f:
            if f.read().startswith(rig.hook.encode()):
                for number in (1, 2, 15):
                    os.kill(pid, number)
    err = process.stderr.read()
    process.wait(30)
    process.stderr.close()
    good, other = rig.take()
    t.eq((len(good), other, err), (1, [], b""), "published first")


if __name__ == "__main__":
    harness.main()
