#!/usr/bin/env python3
"""refire poll over repositories on this machine: what differs from what was
accepted is reported, once; nothing else is; and what cannot be read is an error,
never a deletion. run: timeout=300"""
import os
import stat
import subprocess

import harness
from polling import Polls
from sandbox import BUILD, ZERO, run


def site_with(t, hook=False, **keys):
    site = t.site()
    site.repository("web", hook=hook, **keys)
    polls = t.use(Polls(site))
    return site, polls


def test_first_sight_then_each_difference(t):
    site, polls = site_with(t)
    work = site.work()
    one = work.commit("one")
    work.push("main", "main:refs/tags/light")
    work.git("tag", "-m", "note", "heavy")
    work.push("heavy")
    polls.must()
    first, = polls.new()
    t.eq(first.source, "reconcile", "source")
    t.eq(first.spaces, ["refs/"], "space")
    t.eq(first.head, "refs/heads/main", "head")
    t.eq(first.total, 3, "total")
    tag = work.git("rev-parse", "refs/tags/heavy")
    t.eq(first.seen, {"refs/heads/main": (one, 0), "refs/tags/light": (one, 0),
                      "refs/tags/heavy": (tag, 0)}, "all refs, no base")
    polls.accept()
    with t.case("nothing new is no file"):
        polls.must()
        t.eq(polls.new(), [], "change files")
    with t.case("an update, a new branch, a deleted tag in one file"):
        two = work.commit("two")
        work.push("main", "main:refs/heads/topic", ":refs/tags/light")
        err = polls.must()
        change, = polls.new()
        t.eq(change.oids(), {"refs/heads/main": two, "refs/heads/topic": two,
                             "refs/tags/light": ZERO}, "the differences")
        t.ok(change.seen["refs/heads/main"][1] > 0, "main has the row's number as its base")
        t.eq(change.seen["refs/heads/topic"][1], 0, "topic has no row")
        t.has(err, "web: 1 new, 1 moved, 1 gone", "the line for a person")
    with t.case("the same findings are not reported twice while they wait"):
        polls.must()
        polls.must("web")
        t.eq(polls.new(), [], "change files")
    with t.case("but a further one is"):
        three = work.commit("three")
        work.push("main")
        polls.must()
        change, = polls.new()
        t.eq(change.oids()["refs/heads/main"], three, "main")
    with t.case("accepted, all is quiet"):
        polls.accept()
        polls.settle()
        polls.must()
        t.eq(polls.new(), [], "change files")


def test_what_stands_still_costs_stats_only(t):
    """Once a look found nothing to report, the next ones read nothing until a ref moves;
    and each move is seen, whatever times it leaves."""
    t.need("strace")
    site, polls = site_with(t)
    work = site.work()
    oids = [work.commit() for _ in range(8)]
    work.push("main", "main:refs/heads/a/b", "main:refs/tags/v1")
    path = site.repositories["web"]["path"]
    polls.settle()
    log = site.path("strace.log")

    def files_read():
        rc, _, err = run(["strace", "-f", "-qq", "-o", log, "-e", "trace=openat",
                          os.path.join(BUILD, "refire-poll"), "--config", site.conf],
                         env=site.env(ASAN_OPTIONS="detect_leaks=0"))
        t.eq(rc, 0, err.decode())
        with open(log) as f:
            opened = [line for line in f if "ENOENT" not in line and "O_DIRECTORY" not in line]
        return [n for n in ("HEAD", "packed-refs", "main", "v1", "config")
                if any('%s"' % n in line and "etc" not in line for line in opened)]

    def stand_still():
        harness.wait_until(lambda: polls.must() is not None and
                           polls.rows()["web"]["mark"].startswith("still "), 20, "a mark",
                           every=0.3)

    t.ok("main" in files_read(), "young times are not relied on: refs are read")
    stand_still()
    with t.case("nothing is read, and the row says when it was looked at"):
        before = polls.rows()["web"]
        t.eq(files_read(), [], "files read")
        after = polls.rows()["web"]
        t.ok(after["last"] > before["last"] and after["ok"] > before["ok"], "looked at")
        t.eq((after["refs"], after["mark"]), (3, before["mark"]), "refs and mark")
        t.eq(polls.json()["web"]["refs"], 3, "refs in JSON")
    with t.case("a name is looked at whole"):
        polls.must("web")
    moves = (("refs/heads/a/b moves, refs/heads does not", ["update-ref", "refs/heads/a/b"]),
             ("a new branch in a new directory", ["update-ref", "refs/heads/x/y/z"]),
             ("a tag outside of heads and tags", ["update-ref", "refs/notes/n"]))
    for (name, command), oid in zip(moves, oids):
        with t.case(name):
            stand_still()
            heads = os.stat(os.path.join(path, "refs/heads")).st_mtime_ns
            site.git("-C", path, *command, oid)
            if "a/b" in name:
                t.eq(os.stat(os.path.join(path, "refs/heads")).st_mtime_ns, heads, "its time")
            polls.must()
            change, = polls.new()
            t.eq(change.oids(), {command[1]: oid}, "seen")
            polls.accept()
    with t.case("written twice within a second, looked at in between"):
        stand_still()
        for oid in oids[3:7]:
            site.git("-C", path, "update-ref", "refs/heads/main", oid)
            polls.must()
            change, = polls.new()
            t.eq(change.oids(), {"refs/heads/main": oid}, "seen")
    with t.case("a packed ref that is deleted"):
        polls.accept()
        site.git("-C", path, "pack-refs", "--all")
        stand_still()
        site.git("-C", path, "update-ref", "-d", "refs/tags/v1")
        polls.must()
        change, = polls.new()
        t.eq(change.oids(), {"refs/tags/v1": ZERO}, "seen")


def test_what_is_being_judged_is_not_reported_again(t):
    """The sender waits two seconds before it believes an observation: looks meanwhile
    leave nothing more."""
    site, polls = site_with(t)
    work = site.work()
    work.commit()
    work.push("main")
    polls.settle()
    work.commit()
    work.push("main")
    polls.must()
    t.eq(len(polls.new()), 1, "change files")
    taken = os.path.join(site.state, "spool", "done")
    before = len(os.listdir(taken))
    polls.release()
    with subprocess.Popen([os.path.join(BUILD, "refire-send"), "--config", site.conf],
                          env=site.env(), stderr=subprocess.DEVNULL) as sender:
        looks = 0
        while sender.poll() is None:
            polls.must()
            looks += len(os.listdir(taken)) > before
    t.ok(looks > 2, "%d looks while it was judged" % looks)
    t.eq(polls.new(), [], "change files")
    polls.hold()
    polls.must()
    t.eq(polls.new(), [], "change files afterwards")
    t.eq(len(os.listdir(taken)), before + 1, "files taken in")


def test_pack_refs_and_gc_are_no_change(t):
    site, polls = site_with(t)
    work = site.work()
    work.commit()
    work.push("main", *["main:refs/heads/b%d" % i for i in range(30)])
    polls.settle()
    path = site.repositories["web"]["path"]
    for command in (["pack-refs", "--all"], ["gc", "-q", "--prune=now"],
                    ["pack-refs", "--all", "--prune"], ["reflog", "expire", "--all"]):
        with t.case("git " + " ".join(command)):
            site.git("-C", path, *command)
            polls.must()
            t.eq(polls.new(), [], "change files")
    with t.case("a packed ref that is deleted is gone"):
        work.push(":refs/heads/b7")
        polls.must()
        change, = polls.new()
        t.eq(change.oids(), {"refs/heads/b7": ZERO}, "b7")


def test_pack_refs_at_the_same_time(t):
    """Listings beside a running pack-refs and updates lose no ref."""
    site, polls = site_with(t)
    work = site.work()
    work.commit()
    work.push("main", *["main:refs/heads/b%d" % i for i in range(40)])
    polls.settle()
    path = site.repositories["web"]["path"]
    import subprocess
    script = ("cd %s; o=$(git rev-parse main); while :; do for i in 1 2 3 4 5; do "
              "git update-ref refs/heads/b$i $o; done; git pack-refs --all; "
              "for i in $(seq 0 39); do echo update refs/heads/b$i $o; done | "
              "git update-ref --stdin; done" % path)
    packer = subprocess.Popen(["sh", "-c", script], env=site.env(), start_new_session=True)
    try:
        for _ in range(40):
            polls.must()
    finally:
        os.killpg(packer.pid, 15)
        packer.wait()
    t.eq([c.seen for c in polls.new()], [], "nothing was seen to differ")


def test_what_git_must_read(t):
    for name, arguments, config in (
            ("SHA-256", ["--object-format=sha256"], []),
            ("a partial clone", [], [("core.repositoryformatversion", "1"),
                                     ("extensions.partialClone", "origin")])):
        with t.case(name):
            site = t.site()
            path = site.path("repos", "web.git")
            site.git("init", "-q", "--bare", *arguments, path)
            site.repositories["web"] = {"path": path}
            site.write_conf()
            work = site.path("w")
            site.git("init", "-q", *arguments, work)
            site.git("-C", work, "commit", "-q", "--allow-empty", "-m", "1")
            site.git("-C", work, "push", "-q", path, "main", "main:refs/heads/other")
            for key, value in config:
                site.git("-C", path, "config", key, value)
            polls = t.use(Polls(site))
            polls.must()
            change, = polls.new()
            oid = site.git("-C", work, "rev-parse", "main")
            t.eq(change.oids(), {"refs/heads/main": oid, "refs/heads/other": oid}, "refs")
            polls.accept()
            site.git("-C", path, "update-ref", "-d", "refs/heads/other")
            polls.must()
            change, = polls.new()
            t.eq(change.oids(), {"refs/heads/other": "0" * len(oid)}, "one is gone")


def test_bad_repositories_are_errors(t):
    cases = [
        ("unmounted: the directory is empty", "mv {r} {r}.old; mkdir {r}", "no HEAD"),
        ("removed", "mv {r} {r}.old", "No such file"),
        ("no refs directory", "mv {r}/refs {r}/old", "no refs"),
        ("no objects directory", "mv {r}/objects {r}/old", "no objects"),
        ("a ref's file is empty, after a power cut", ": > {r}/refs/heads/main", "broken"),
        ("packed-refs is cut off", "printf '# pack-refs with: sorted\\n12' > {r}/packed-refs",
         "packed-refs is damaged"),
    ]
    for name, script, says in cases:
        with t.case(name):
            site, polls = site_with(t)
            work = site.work()
            work.commit()
            work.push("main", "main:refs/heads/b")
            polls.settle()
            run(["sh", "-ec", script.format(r=site.repositories["web"]["path"])])
            rc, _, err = polls.run()
            t.eq(rc, 1, "exit status")
            t.has(err, says, "the sentence")
            t.eq(polls.new(), [], "change files")
            t.eq(polls.rows()["web"]["failures"], 1, "failures")
            t.ok(polls.rows()["web"]["ok"] > 0, "the last good look is kept")


def test_other_owner(t):
    """A repository of another Unix user is read without any safe.directory."""
    if os.getuid():
        t.skip("needs root")
    for kind in ([], ["--object-format=sha256"]):
        with t.case("another's repository %s" % " ".join(kind)):
            site = t.site()
            path = site.path("repos", "web.git")
            site.git("init", "-q", "--bare", *kind, path)
            site.repositories["web"] = {"path": path}
            site.write_conf()
            site.git("-C", path, "update-ref", "refs/heads/main", site.git(
                "-C", path, "commit-tree", "-m", "1",
                site.git("-C", path, "mktree", stdin=b"")))
            run(["chown", "-R", "65534:65534", path])
            polls = t.use(Polls(site))
            polls.must()
            t.eq(len(polls.new()[0].seen), 1, "refs")


def test_root(t):
    """Repositories below a root, those made later, and none outside."""
    site = t.site()
    root = site.path("repos", "team")
    os.makedirs(root)
    site.repositories["team/*"] = {"root": root}
    site.write_conf()

    def make(path, *more):
        site.git("init", "-q", *more, path)
        site.git("-C", path, "commit", "-q", "--allow-empty", "-m", "1") if not more else \
            site.git("-C", path, "update-ref", "refs/heads/main", site.git(
                "-C", path, "commit-tree", "-m", "1",
                site.git("-C", path, "mktree", stdin=b"")))

    make(os.path.join(root, "a.git"), "--bare")
    make(os.path.join(root, "deep", "er", "b.git"), "--bare")
    make(os.path.join(root, "tree"))
    make(site.path("repos", "outside.git"), "--bare")
    os.symlink(site.path("repos", "outside.git"), os.path.join(root, "link.git"))
    polls = t.use(Polls(site))
    polls.must()
    t.eq(sorted(c.repository for c in polls.new()), ["team/a", "team/deep/er/b", "team/tree"],
         "found")
    make(os.path.join(root, "later.git"), "--bare")
    polls.must()
    t.eq([c.repository for c in polls.new()], ["team/later"], "one made later")
    with t.case("by name, and by pattern"):
        t.eq(sorted(polls.json("team/a")), ["team/a"], "a name")
        t.eq(sorted(polls.json("team/*")), ["team/a", "team/later", "team/tree"], "a pattern")
        t.eq(sorted(polls.json("team/**")), ["team/a", "team/deep/er/b", "team/later",
                                             "team/tree"], "a deep pattern")
    with t.case("one that vanished is no deletion"):
        os.rename(os.path.join(root, "a.git"), site.path("a.git"))
        polls.must()
        t.eq(polls.new(), [], "change files")
    with t.case("a root that is not there is an error"):
        os.rename(root, root + ".old")
        rc, _, err = polls.run()
        t.eq(rc, 1, "exit status")
        t.has(err, "cannot read root", "the sentence")


def test_names_and_statuses(t):
    site, polls = site_with(t)
    site.repository("other", hook=False)
    for name, args, rc, says in (
            ("an unknown name", ["wep"], 64, "did you mean `web`?"),
            ("no pattern of ours", ["x*"], 64, "no repository"),
            ("a bad pattern", ["w[b"], 64, ""),
            ("an unknown option", ["--wach"], 64, "--watch"),
            ("a name and --watch", ["--watch", "web"], 64, "exclude"),
            ("no such configuration", ["--config", "/nowhere"], 66, "")):
        with t.case(name):
            got, _, err = polls.run(*args)
            if name == "no such configuration":
                t.ok(got in (1, 66, 78), "exit status %d" % got)
            else:
                t.eq(got, rc, "exit status")
            t.has(err, says, "the sentence")
    with t.case("a pattern takes what it matches"):
        t.eq(sorted(polls.json("*")), ["other", "web"], "repositories")
        t.eq(sorted(polls.json("o*")), ["other"], "repositories")
    with t.case("--hints alone looks at nothing"):
        t.eq(polls.json("--hints"), {}, "repositories")
    with t.case("--help"):
        got, out, _ = polls.run("--help")
        t.eq(got, 0, "exit status")
        t.has(out, "--watch", "help")


def test_hostile_names(t):
    site, polls = site_with(t)
    work = site.work()
    one = work.commit()
    path = site.repositories["web"]["path"]
    names = [b"refs/heads/$(touch pwned)`x`;|&'\"<>%n{a}", b"refs/heads/-rf",
             b"refs/heads/\xff\xfe", "refs/heads/\u202eevil".encode(),
             "refs/heads/\u009b31m".encode(), b"refs/heads/" + b"x" * 200]
    names[0] = names[0].replace(b" ", b"")
    work.push("main")
    lines = b"".join(b"create %s %s\n" % (n, one.encode()) for n in names)
    site.git("-C", path, "update-ref", "--stdin", stdin=lines)
    err = polls.must()
    change, = polls.new()
    t.eq(set(change.seen), {n.decode(errors="surrogateescape") for n in names} |
         {"refs/heads/main"}, "every name came through")
    polls.accept()
    site.git("-C", path, "update-ref", "--stdin",
             stdin=b"".join(b"delete %s\n" % n for n in names))
    err += polls.must()
    change, = polls.new()
    t.eq(set(change.oids().values()), {ZERO}, "all gone")
    raw = err.encode(errors="surrogateescape")
    for byte in (b"\xff", b"\x1b", "\u202e".encode(), "\u009b".encode()):
        t.lacks(raw, byte, "what is shown")


def test_modes_of_what_is_written(t):
    site, polls = site_with(t)
    work = site.work()
    work.commit()
    work.push("main")
    polls.must()
    for folder in ("", "spool/new", "queue.db"):
        mode = os.stat(os.path.join(site.state, folder)).st_mode
        t.eq(stat.S_IMODE(mode) & 0o077, 0, "nobody else reads state/%s" % folder)




if __name__ == "__main__":
    harness.main()
