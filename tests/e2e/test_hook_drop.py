"""Pushers of other Unix users: the owner of state-dir, a user of the pushers' group, a
stranger and root push to one repository. Whoever may be recorded is, under his own
uid; nobody but the owner sees, reads, changes or removes what lies in the spool.
Needs root; the users are numbers that no account has.
run: timeout=120"""
import grp
import os
import shutil
import stat

import harness
from harness import BUILD, run
from hookrecord import published

OWNER, PUSHER, SECOND, STRANGER = 61001, 61002, 61003, 61004
GROUP = 100                     # users, in every Debian
LINE = b"%s %s refs/heads/%%s\n" % (b"0" * 40, b"1" * 40)


def as_user(uid):
    groups = [uid] if uid in (0, STRANGER) else [GROUP]
    return {"user": uid, "group": groups[0], "extra_groups": groups}


class Rig:
    """A site of OWNER's, the hook installed by him into a repository the group shares."""

    def __init__(self, t, pushers=True):
        if os.getuid():
            t.skip("only root can be several users")
        self.t, self.site = t, t.site(mode=0o755)
        site = self.site
        self.bin = site.path("bin")
        shutil.copytree(os.path.join(BUILD, "hooks"), os.path.join(self.bin, "hooks"),
                        ignore=shutil.ignore_patterns("*.o", "*.d"))
        shutil.copy(os.path.join(BUILD, "refire-hooks"), self.bin)
        for name in ("refire-send", "refire-poll"):
            os.symlink("/bin/true", os.path.join(self.bin, name))
        if pushers:
            site.refire_keys["pushers"] = grp.getgrgid(GROUP).gr_name
        self.repo = site.repository("web", hook=False)
        site.git("-C", self.repo, "config", "core.sharedRepository", "group")
        for folder, folders, files in os.walk(self.repo):
            for name in ["."] + folders + files:
                path = os.path.join(folder, name)
                os.chown(path, OWNER, GROUP)
                os.chmod(path, 0o2775 if os.path.isdir(path) else 0o664)
        os.chmod(site.path("home"), 0o755)
        with open(site.path("home", ".gitconfig"), "a") as f:
            f.write("[safe]\n\tdirectory = *\n")
        os.mkdir(site.state)
        os.chown(site.state, OWNER, OWNER)
        rc, out, err = self.run(OWNER, os.path.join(self.bin, "refire-hooks"), "install",
                                "--config", site.conf, self.repo)
        t.eq(rc, 0, out + err)
        self.said = (out + err).decode()
        self.drop = os.path.join(site.state, "spool", "drop")

    def run(self, uid, *argv, **keys):
        return run(list(argv), env=self.site.env(GIT_DIR="."), **as_user(uid), **keys)

    def hook(self, uid, name):
        return self.run(uid, os.path.join(self.repo, "hooks", "post-receive"), cwd=self.repo,
                        stdin=LINE % name.encode())

    def python(self, uid, text, *args):
        return self.run(uid, "python3", "-c", text, *args)


def test_each_is_recorded_under_his_own_uid(t):
    rig = Rig(t)
    t.lacks(rig.said, "pushers", "install has nothing to complain of")
    for uid in (OWNER, PUSHER, SECOND, 0):
        t.eq(rig.hook(uid, "by-%d" % uid), (0, b"", b""), "uid %d" % uid)
    rc, _, err = rig.hook(STRANGER, "by-a-stranger")
    t.eq(rc, 0, "a stranger's push goes through")
    t.ok(err.startswith(b"refire: this push was NOT recorded: ") and err.count(b"\n") == 1,
         "and he is told: %s" % err)
    got = {r.stat.st_uid: r.refs[0][2] for r in published(rig.site.state)}
    t.eq(got, {uid: b"refs/heads/by-%d" % uid for uid in (OWNER, PUSHER, SECOND, 0)},
         "the file's uid is the actor")
    rc, out, err = rig.python(OWNER, "import os,sys\nfor d in sys.argv[1:]:\n for n in os.listdir(d):"
                              "\n  print(len(open(d + '/' + n).read()) > 100)", rig.drop,
                              os.path.join(rig.site.state, "spool", "new"))
    t.eq((out, err), (b"True\n" * 4, b""), "the owner can read all of them")


def test_real_pushes(t):
    rig = Rig(t)
    for uid in (OWNER, PUSHER):
        work = rig.site.work()
        work.commit("by %d" % uid)
        for folder, folders, files in os.walk(work.path):
            for name in ["."] + folders + files:
                os.lchown(os.path.join(folder, name), uid, uid)
        rc, _, err = rig.site.git_raw("-C", work.path, "push", "origin",
                                      "main:refs/heads/b%d" % uid, **as_user(uid))
        t.eq(rc, 0, err)
        t.lacks(err, b"refire: ", "nothing to say")
    t.eq({r.stat.st_uid for r in published(rig.site.state)}, {OWNER, PUSHER}, "both recorded")


HOSTILE = {
    "list the drop directory": "os.listdir(drop)",
    "list the spool": "os.listdir(os.path.dirname(drop))",
    "list state-dir": "os.listdir(state)",
    "list the owner's new files": "os.listdir(state + '/spool/new')",
    "write among the owner's new files": "open(state + '/spool/new/e.x', 'w')",
    "remove another's file whose name he knows": "os.unlink(theirs)",
    "rename another's file": "os.rename(theirs, drop + '/e.mine')",
    "overwrite another's file": "open(theirs, 'w')",
    "put a file over another's": "open(drop + '/m', 'w'); os.rename(drop + '/m', theirs)",
    "remove the drop directory": "os.rmdir(drop)",
    "change its mode": "os.chmod(drop, 0o777)",
    "open the queue": "open(state + '/queue.db')",
    "make a file in state-dir": "open(state + '/x', 'w')",
    "take the sender's lock": "open(state + '/sender.lock', 'r+')",
}


def test_what_a_pusher_may_not(t):
    rig = Rig(t)
    t.eq(stat.S_IMODE(os.stat(rig.drop).st_mode), 0o3730, "the mode of drop/")
    for name in ("queue.db", "sender.lock"):
        path = os.path.join(rig.site.state, name)
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as f:
            f.write("secret")
        os.chown(path, OWNER, OWNER)
    rig.hook(PUSHER, "first")
    theirs = os.path.join(rig.drop, os.listdir(rig.drop)[0])
    with open(theirs, "rb") as f:
        before = f.read()
    for name, code in HOSTILE.items():
        with t.case("may not " + name):
            rc, out, err = rig.python(SECOND, "import os,sys\nstate, drop, theirs = sys.argv[1:]\n"
                                      "try:\n %s\nexcept PermissionError: sys.exit(42)" % code,
                                      rig.site.state, rig.drop, theirs)
            t.eq(rc, 42, "is refused: %s%s" % (out, err))
            with open(theirs, "rb") as f:
                t.eq(f.read(), before, "the other's file is as it was")


def test_install_warns_of_who_cannot_be_recorded(t):
    rig = Rig(t, pushers=False)
    t.has(rig.said, "set `pushers = %s`" % grp.getgrgid(GROUP).gr_name, "what to do")
    rc, _, err = rig.hook(PUSHER, "x")
    t.ok(rc == 0 and b"NOT recorded" in err, "and so it is")
    rig.site.refire_keys["pushers"] = "no-such-group"
    rig.site.write_conf()
    rc, _, err = rig.run(OWNER, os.path.join(rig.bin, "refire-hooks"), "install", "--config",
                         rig.site.conf, rig.repo)
    t.ok(rc == 78 and b"no-such-group" in err, "a group that is not there: %d %s" % (rc, err))


def test_install_by_somebody_who_may_not(t):
    rig = Rig(t)
    before = os.listdir(os.path.join(rig.repo, "hooks"))
    for verb in ("uninstall", "install"):
        if verb == "install":
            shutil.rmtree(os.path.join(rig.repo, "refire"))
        rc, out, err = rig.run(STRANGER, os.path.join(rig.bin, "refire-hooks"), verb, "--config",
                               rig.site.conf, rig.repo)
        t.eq(rc, 77, "refire hooks %s: %s%s" % (verb, out, err))
        t.eq(os.listdir(os.path.join(rig.repo, "hooks")), before, "nothing changed")


def test_installed_by_root(t):
    """sudo refire hooks install: nothing of the owner's becomes root's."""
    rig = Rig(t)
    shutil.rmtree(os.path.join(rig.site.state, "spool"))
    rc, out, err = rig.run(0, os.path.join(rig.bin, "refire-hooks"), "install", "--push-options",
                           "--config", rig.site.conf, rig.repo)
    t.eq(rc, 0, out + err)
    for folder in ("spool", "spool/new", "spool/drop", "spool/done", "spool/quarantine"):
        st = os.stat(os.path.join(rig.site.state, folder))
        t.eq(st.st_uid, OWNER, "the owner of " + folder)
    t.eq(os.stat(rig.drop).st_gid, GROUP, "the group of drop/")
    t.eq(stat.S_IMODE(os.stat(rig.drop).st_mode), 0o3730, "the mode of drop/")
    st = os.stat(os.path.join(rig.repo, "config"))
    t.eq((st.st_uid, st.st_gid), (OWNER, GROUP), "the repository's configuration")
    t.eq(rig.hook(OWNER, "x"), (0, b"", b""), "the owner is recorded")
    t.eq(rig.hook(PUSHER, "y"), (0, b"", b""), "and the pusher")


if __name__ == "__main__":
    harness.main()
