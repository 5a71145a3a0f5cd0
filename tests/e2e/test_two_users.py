"""The owner of state-dir and another Unix user push to one repository: both fire;
the other reads neither queue nor secret, cannot list the drop directory, and
nothing of its environment or its claims reaches a request. Needs root, to be
both; the users are numbers that no account has.
run: timeout=180"""
import grp
import os
import shutil
import stat

import harness
from harness import BUILD, ZERO

OWNER, PUSHER, STRANGER = 61001, 61002, 61003
GROUP = 100                 # users, in every Debian
CANARY = "canary-8d1f"
ENVIRONMENT = {
    "http_proxy": "http://127.0.0.1:9/" + CANARY, "https_proxy": "http://127.0.0.1:9/",
    "ALL_PROXY": "socks5://127.0.0.1:9", "LD_PRELOAD": "/nowhere/%s.so" % CANARY,
    "LD_LIBRARY_PATH": "/nowhere/" + CANARY, "AWS_ACCESS_KEY_ID": CANARY,
    "AWS_SECRET_ACCESS_KEY": CANARY, "AWS_PROFILE": CANARY, "GIT_TRACE_CURL": "0",
    "GIT_CONFIG_PARAMETERS": "'user.%s=x'" % CANARY, "CURL_HOME": "/nowhere/" + CANARY,
    "SSLKEYLOGFILE": "/tmp/" + CANARY, "REFIRE_CONFIG": "/nowhere/" + CANARY,
    "XDG_CONFIG_HOME": "/nowhere/" + CANARY, "TMPDIR": "/nowhere",
    "IFS": "/", "BASH_ENV": "/nowhere/" + CANARY, "SECRET_OF_MINE": CANARY,
}


def as_user(uid, *groups):
    """Keys for run(): this user, without root's groups."""
    return {"user": uid, "group": groups[0] if groups else uid, "extra_groups": list(groups)}


class Rig:
    """A site that belongs to OWNER; PUSHER is in `pushers`, STRANGER is not."""

    def __init__(self, t):
        if os.getuid():
            t.skip("only root can be two users")
        self.t = t
        self.pushers = grp.getgrgid(GROUP).gr_name
        self.receiver = t.receiver()
        self.site = site = t.site(mode=0o755)
        self.own_programs()
        site.refire_keys["pushers"] = self.pushers
        site.pipeline("ci", self.receiver, format="generic")
        repo = site.repository("web", hook=False)
        self.give(repo)
        site.program = os.path.join(self.bin, "refire")
        site.owner = as_user(OWNER, OWNER, GROUP)
        site.must("hooks", "install", repo)
        self.repo = repo
        with open(site.path("home", ".gitconfig"), "a") as f:
            f.write("[safe]\n\tdirectory = *\n")

    def own_programs(self):
        """A copy of the programs where any user may run them."""
        self.bin = self.site.path("bin")
        os.mkdir(self.bin)
        for name in os.listdir(BUILD):
            path = os.path.join(BUILD, name)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                shutil.copy(path, self.bin)
        shutil.copytree(os.path.join(BUILD, "hooks"), os.path.join(self.bin, "hooks"),
                        ignore=shutil.ignore_patterns("*.o", "*.d"))

    def give(self, repo):
        """Everything is OWNER's; the repository is shared with the group."""
        for path in (self.site.path("home"), self.site.path("secrets"), self.site.top):
            os.chown(path, OWNER, OWNER)
        for name in os.listdir(self.site.path("secrets")):
            os.chown(self.site.path("secrets", name), OWNER, OWNER)
        os.chmod(self.site.path("secrets"), 0o755)
        os.chmod(self.site.path("home"), 0o755)
        self.site.git("-C", repo, "config", "core.sharedRepository", "group")
        for folder, folders, files in os.walk(repo):
            for name in ["."] + folders + files:
                path = os.path.join(folder, name)
                os.chown(path, OWNER, GROUP)
                mode = stat.S_IMODE(os.stat(path).st_mode)
                os.chmod(path, mode | 0o2060 if os.path.isdir(path) else mode | 0o060)

    def refire(self, uid, *args, groups=(), **keys):
        return self.site.refire(*args, **as_user(uid, *groups), **keys)

    def clone(self, uid):
        """A clone that uid may write."""
        work = self.site.work()
        work.commit("by %d" % uid)
        for folder, folders, files in os.walk(work.path):
            for name in ["."] + folders + files:
                os.lchown(os.path.join(folder, name), uid, uid)
        return work

    def push(self, uid, refspec, env=None):
        """The new object id, pushed by uid with an environment of its own."""
        work = self.clone(uid)
        new = self.site.git("-C", work.path, "rev-parse", "HEAD")
        groups = (GROUP,) if uid != STRANGER else (uid,)
        rc, _, err = self.site.git_raw("-C", work.path, "push", "origin", refspec,
                                       env=env, **as_user(uid, *groups))
        self.t.eq(rc, 0, "git push by %d: %s" % (uid, err))
        return new, err.decode()


def test_both_fire(t):
    rig = Rig(t)
    new, err = rig.push(OWNER, "main:refs/heads/owner", ENVIRONMENT)
    t.lacks(err, "refire:", "the owner's push is recorded")
    rig.receiver.wait(1)
    t.eq(rig.receiver.requests[0].json()["after"], new, "the owner's push fires")
    rig.site.kill_senders(15)
    new, err = rig.push(PUSHER, "main:refs/heads/pusher",
                        dict(ENVIRONMENT, REMOTE_USER="somebody-else", GL_USER="gl-" + CANARY))
    t.lacks(err, "refire:", "the other's push is recorded")
    t.eq(len(rig.site.spool("drop")), 1, "it lies in drop/")
    t.eq(rig.site.send()[0], 0, "the owner's timer sends it")
    rig.receiver.wait(2)
    body = rig.receiver.requests[1].json()
    t.eq(body["after"], new, "the other's push fires")
    check_no_environment(t, rig)
    check_actor(t, rig)


def check_no_environment(t, rig):
    """No request has anything of the pusher's environment but its claim of a name."""
    for request in rig.receiver.requests:
        text = (request.head + request.body).decode("latin-1").replace("gl-" + CANARY, "")
        t.lacks(text, CANARY, "the pusher's environment in a request")
        t.ok(request.signed, "the HMAC is right")
    for folder, _, names in os.walk(rig.site.state):
        for name in names:
            with open(os.path.join(folder, name), "rb") as f:
                text = f.read().replace(b"gl-" + CANARY.encode(), b"")
            t.lacks(text, CANARY.encode(), "the pusher's environment in " + name)


def check_actor(t, rig):
    """Of record is the uid of the file; what the environment said stands beside it."""
    records = rig.site.trail_records("GitPush")
    t.eq([r["userIdentity"]["principalId"] for r in records],
         ["uid:%d" % OWNER, "uid:%d" % PUSHER], "principalId")


def test_the_other_cannot_look(t):
    rig = Rig(t)
    rig.push(OWNER, "main:refs/heads/owner")
    rig.receiver.wait(1)
    rig.push(PUSHER, "main:refs/heads/pusher")
    state, secret = rig.site.state, rig.site.pipelines["ci"]["secret-file"]
    for uid, groups in ((PUSHER, (GROUP,)), (STRANGER, (STRANGER,))):
        with t.case("uid %d" % uid):
            for path in ("queue.db", "queue.db-wal", "spool/new", "spool/drop", "spool/done",
                         "spool/quarantine", "trail"):
                check_denied(t, os.path.join(state, path), uid, groups)
            check_denied(t, secret, uid, groups)
            check_denied(t, os.path.join(state, "spool/drop", rig.site.spool("drop")[0]),
                         STRANGER, (STRANGER,))
            for args in (("queue",), ("queue", "list", "--json"), ("trail", "lookup"),
                         ("send",), ("poll",)):
                rc, out, err = rig.refire(uid, *args, groups=groups)
                t.eq(rc, 77, "refire %s: %s%s" % (" ".join(args), out, err))
                t.ok(len(err.splitlines()) == 1, "a sentence: %s" % err)
    t.eq(os.listdir(os.path.join(state, "spool/drop")), rig.site.spool("drop"), "untouched")
    t.eq(stat.S_IMODE(os.stat(os.path.join(state, "spool/drop")).st_mode), 0o3730, "mode of drop/")


def check_denied(t, path, uid, groups):
    """uid can neither read nor list path, nor remove what is in it."""
    if not os.path.exists(path):
        return
    rc, out, _ = harness.run(["ls" if os.path.isdir(path) else "cat", path],
                             **as_user(uid, *groups))
    t.ok(rc and not out, "%d can look at %s" % (uid, path))
    if not os.path.isdir(path):
        rc, _, _ = harness.run(["rm", "-f", path], **as_user(uid, *groups))
        t.ok(rc and os.path.exists(path), "%d can remove %s" % (uid, path))


def test_commands_of_the_other(t):
    """`retry` of one who is no operator is refused, and the refusal recorded."""
    rig = Rig(t)
    rig.receiver.then = harness.status(404)
    rig.push(OWNER, "main:refs/heads/owner")
    rig.receiver.wait(1)
    rig.site.kill_senders(15)
    delivery = rig.site.queue_json()[0]["delivery"]
    rig.refire(PUSHER, "queue", "retry", delivery, groups=(GROUP,))
    rig.site.send()
    t.eq(len(rig.receiver.requests), 1, "a stranger's retry retries nothing")
    refused = rig.site.trail_records("RefuseCommand")
    t.eq([r["userIdentity"]["principalId"] for r in refused], ["uid:%d" % PUSHER], "RefuseCommand")


def test_forged_changes(t):
    """A pusher can write any file into drop/. What does not hold in the repository does
    not fire; another repository of the owner, not configured, is never opened."""
    rig = Rig(t)
    rig.push(OWNER, "main")
    rig.receiver.wait(1)
    rig.site.kill_senders(15)
    for name, ref, new in (("an object that is not there", "refs/heads/main", "1" * 40),
                           ("a ref that is not there", "refs/heads/none", "2" * 40)):
        with t.case(name):
            rc, _, err = rig.site.hook_by_hand(
                rig.repo, (ZERO, new, ref), **as_user(PUSHER, GROUP))
            t.eq((rc, err), (0, b""), "the hook records")
            rig.site.send()
            harness.wait_until(lambda: rig.site.send()[0] in (0, 1) and settled(rig), 20, "settled")
            t.eq(len(rig.receiver.requests), 1, "it does not fire")


def settled(rig):
    return not rig.site.spool("drop") and set(rig.site.states()) == {"DELIVERED"}


def hostile_entries():
    """Things that are not spool files, made by PUSHER in drop/, where it may not look."""
    def path(n):
        return "./e.%032x" % n
    return [
        ("a symbolic link", ["ln", "-s", "/etc/passwd", path(1)]),
        ("a fifo", ["mkfifo", path(2)]),
        ("a directory", ["mkdir", path(3)]),
        ("a directory with something in it", ["mkdir", "-p", path(4) + "/x"]),
        ("a file nobody else may read", ["install", "-m", "0", "/etc/passwd", path(5)]),
        ("a sparse file of 1 TB", ["truncate", "-s", "1T", path(6)]),
        ("an empty file", ["truncate", "-s", "0", path(7)]),
        ("a socket's name", ["python3", "-c", "import socket,sys;"
                             "socket.socket(socket.AF_UNIX).bind(sys.argv[1])", path(8)]),
    ]


def test_hostile_entries(t):
    """None of them is followed or holds up the next push, or the sender."""
    rig = Rig(t)
    rig.push(OWNER, "main")
    rig.receiver.wait(1)
    rig.site.kill_senders(15)
    drop = os.path.join(rig.site.state, "spool", "drop")
    for name, argv in hostile_entries():
        rc, _, err = harness.run(argv, cwd=drop, **as_user(PUSHER, GROUP))
        t.eq(rc, 0, "%s: %s" % (name, err))
    rig.push(PUSHER, "main:refs/heads/after")
    rc, _, err = rig.site.send()
    t.ok(rc in (0, 1), "refire send: %d %s" % (rc, err))
    rig.receiver.wait(2)
    t.eq(rig.site.states(), {"DELIVERED": 2}, "the good one goes on")
    kept = [n for n in rig.site.spool("quarantine") if not n.endswith(".reason")]
    t.eq(len(kept) + len(rig.site.spool("drop")), 8, "all are set aside, none deleted")
    t.ok(len(kept) >= 6, "set aside: %s" % kept)
    for name in kept:
        t.has(rig.site.spool("quarantine"), name + ".reason", "with a reason")
    t.ok(os.path.exists("/etc/passwd"), "what a link points at stays")


if __name__ == "__main__":
    harness.main()
