#!/usr/bin/env python3
"""refire poll --watch, hints, and the lock: no wake-up is lost, whoever runs.
run: timeout=300"""
import os
import signal
import subprocess
import time

import harness
from polling import Polls
from sandbox import BUILD, run


def site_with(t, **refire):
    site = t.site()
    site.refire_keys.update({k.replace("_", "-"): v for k, v in refire.items()})
    path = site.repository("web", hook=False)
    work = site.work()
    work.commit()
    work.push("main")
    polls = t.use(Polls(site))
    polls.settle()
    return site, path, work, polls


def hint(site, what, name="h.0.0123456789abcdef"):
    """As spool_hint leaves one."""
    path = os.path.join(site.state, "spool", "new", name)
    with open(path, "w") as f:
        f.write(what)
    return path


def seen_main(polls, oid):
    return any(c.oids().get("refs/heads/main") == oid for c in polls.new())


def started(polls):
    """A resident that holds the lock and has looked at everything once."""
    process = polls.resident()
    before = polls.rows()["web"]["last"]
    harness.wait_until(lambda: polls.rows()["web"]["last"] > before, what="its first look")
    return process


def end(t, process, number=signal.SIGTERM):
    process.send_signal(number)
    t.eq(process.wait(10), 0, "exit status")


def test_hints(t):
    site, path, work, polls = site_with(t, reconcile_interval="1h")
    process = polls.resident()
    for name, what in (("a git directory", path), ("a repository's name", "web"),
                       ("a work tree's git directory is not it, but its name is", "web")):
        with t.case("a hint: " + name):
            new = work.commit()
            work.push("main")
            hint(site, what)
            harness.wait_until(lambda: seen_main(polls, new), timeout=10, what="the change file")
            harness.wait_until(lambda: not polls.hints(), what="the hint's end")
    with t.case("a hint by refire poll NAME"):
        new = work.commit()
        work.push("main")
        rc, _, err = polls.run("web")
        t.eq(rc, 0, "exit status")
        t.has(err, "another poll is at work", "the line")
        harness.wait_until(lambda: seen_main(polls, new), timeout=10, what="the change file")
    with t.case("a pass beside it ends quietly"):
        t.eq(polls.run(), (0, "", ""), "status and output")
    with t.case("hints that name nothing of ours go, and lead nowhere"):
        for i, what in enumerate(("/etc", "nothing", "../web", path + "/../../x", "x" * 5000,
                                  "web\0x", "/" + "a/" * 3000)):
            hint(site, what, "h.0.%016x" % i)
        os.mkfifo(os.path.join(site.state, "spool", "new", "h.0.fffffffffffffff1"))
        os.symlink("/etc/passwd", os.path.join(site.state, "spool", "new",
                                               "h.0.fffffffffffffff2"))
        harness.wait_until(lambda: not polls.hints(), timeout=15, what="their end")
        t.eq(process.poll(), None, "it goes on")
        t.eq(polls.new(), [], "change files")
    with t.case("a hint that is empty yet is waited for"):
        new = work.commit()
        work.push("main")
        name = hint(site, "")
        time.sleep(0.3)
        t.ok(os.path.exists(name), "it is still there")
        with open(name, "w") as f:
            f.write("web")
        harness.wait_until(lambda: seen_main(polls, new), timeout=10, what="the change file")
    end(t, process)


def test_intervals(t):
    site, _, work, polls = site_with(t, reconcile_interval="1s")
    process = polls.resident()
    for i in range(3):
        with t.case("without any hint, look %d" % i):
            new = work.commit()
            work.push("main")
            harness.wait_until(lambda: seen_main(polls, new), timeout=10, what="the change file")
    with t.case("a repository that breaks, and is well again"):
        path = site.repositories["web"]["path"]
        os.rename(path, path + ".away")
        harness.wait_until(lambda: "web: cannot find" in polls.logged(), what="the line")
        os.rename(path + ".away", path)
        harness.wait_until(lambda: "web: answers again" in polls.logged(), timeout=20,
                           what="the other line")
        t.eq(polls.logged().count("cannot find"), 1, "the same failure is told once")
    end(t, process)


def test_after_a_hook(t):
    """A push whose hook ran is looked at when it was judged, long before the interval
    ends: what the hook did not see is found."""
    site, path, work, polls = site_with(t, reconcile_interval="1h")
    site.refire("hooks", "install", path)
    polls.release()
    process = started(polls)
    looked = polls.rows()["web"]["last"]
    work.commit()
    work.push("main")
    harness.wait_until(lambda: polls.rows()["web"]["last"] > looked, timeout=20, what="a look")
    changes = polls.rows()["web"]
    t.ok(changes["changed"] < looked, "it found nothing that the hook had not told")
    end(t, process)


def test_reload(t):
    site, _, work, polls = site_with(t, reconcile_interval="1s")
    process = started(polls)
    good = site.conf_text()
    with t.case("a configuration with an error leaves the old one in force"):
        site.extra = "[pipline x]\n"
        site.write_conf()
        process.send_signal(signal.SIGHUP)
        harness.wait_until(lambda: "stays in force" in polls.logged(), what="the line")
        new = work.commit()
        work.push("main")
        harness.wait_until(lambda: seen_main(polls, new), timeout=10, what="the change file")
    with t.case("a repository is added"):
        site.extra = ""
        site.repository("other", hook=False)
        process.send_signal(signal.SIGHUP)
        harness.wait_until(lambda: [c for c in polls.new() if c.repository == "other"],
                           timeout=10, what="its baseline")
    with t.case("a repository is taken out"):
        with open(site.conf, "w") as f:
            f.write(good)
        process.send_signal(signal.SIGHUP)
        other = site.work("other")
        other.commit()
        other.push("main")
        new = work.commit()
        work.push("main")
        found = []

        def both():
            found.extend(polls.new())
            return any(c.oids().get("refs/heads/main") == new for c in found)
        harness.wait_until(both, timeout=10, what="the change file")
    with t.case("another state-dir takes a restart"):
        site.refire_keys["state-dir"] = site.path("elsewhere")
        site.write_conf()
        process.send_signal(signal.SIGHUP)
        harness.wait_until(lambda: "takes a restart" in polls.logged(), what="the line")
        site.refire_keys["state-dir"] = site.path("state")
    end(t, process, signal.SIGINT)


def test_new_below_a_root(t):
    site, _, _, polls = site_with(t, reconcile_interval="1h")
    root = site.path("repos", "team")
    os.makedirs(root)
    site.repositories["team/*"] = {"root": root}
    site.write_conf()
    process = started(polls)
    path = os.path.join(root, "new.git")
    site.git("init", "-q", "--bare", path)
    hint(site, path)
    harness.wait_until(lambda: [c for c in polls.new() if c.repository == "team/new"],
                       timeout=10, what="its baseline, by a hint")
    end(t, process)


def test_queue_replaced(t):
    """`refire queue rebuild` puts another file in the queue's place."""
    site, _, work, polls = site_with(t, reconcile_interval="1s")
    process = started(polls)
    queue = os.path.join(site.state, "queue.db")
    for name in ("", "-wal", "-shm"):
        if os.path.exists(queue + name):
            os.rename(queue + name, queue + ".old" + name)
    harness.wait_until(lambda: os.path.exists(queue) and "web" in polls.rows(), timeout=15,
                       what="the new queue's row")
    t.eq(process.poll(), None, "it goes on")
    end(t, process)


def test_sender_is_woken(t):
    """With no sender there the poller starts one, and a pipeline fires."""
    receiver = t.receiver()
    site = t.site()
    site.repository("web", hook=False)
    site.pipeline("ci", receiver)
    work = site.work()
    work.commit()
    work.push("main")
    rc, _, err = site.refire("poll")
    t.eq(rc, 0, err)
    harness.wait_until(lambda: not [n for n in site.spool("new") if n.startswith("e.")],
                       what="the baseline's being taken in")
    new = work.commit()
    work.push("main")
    site.must("poll")
    receiver.wait(1, timeout=20)
    t.eq(receiver.requests[0].json()["after"], new, "after")
    site.must("poll")
    site.must("poll", "web")
    t.eq(len(receiver.requests), 1, "and fires once")


def test_two_at_once(t):
    """Two polls that start together: whatever the lock says, the push is seen."""
    site, path, work, polls = site_with(t)
    first = work.commit()
    oids = [first] + [work.commit() for _ in range(20)]
    work.push("main:refs/heads/side")
    argv = [os.path.join(BUILD, "refire-poll"), "--config", site.conf, "web"]
    polls.settle()
    missing = []
    for oid in oids:
        site.git("-C", path, "update-ref", "refs/heads/main", oid)
        two = [subprocess.Popen(argv, env=site.env(), stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL) for _ in range(2)]
        status = [p.wait() for p in two]
        t.eq(status, [0, 0], "exit statuses")
        if not seen_main(polls, oid):
            missing.append(oid)
    t.eq(missing, [], "pushes that no poll reported")
    t.eq(polls.hints(), [], "hints left")


def test_kill(t):
    """Killed at any moment: what differs is reported by the next one, and every
    published file is whole."""
    rng = t.seed()
    site, path, work, polls = site_with(t)
    oids = [work.commit() for _ in range(25)]
    work.push("main:refs/heads/side")
    polls.settle()
    argv = [os.path.join(BUILD, "refire-poll"), "--config", site.conf]
    began = time.monotonic()
    polls.must()
    whole = time.monotonic() - began
    killed = 0
    for oid in oids:
        site.git("-C", path, "update-ref", "refs/heads/main", oid)
        process = subprocess.Popen(argv, env=site.env(), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0, 1.3 * whole))    # a random moment, not a wait
        process.kill()
        killed += process.wait() != 0
        changes = polls.new()
        rc, _, err = polls.run()
        t.eq(rc, 0, err)
        changes += polls.new()
        t.ok(any(c.oids().get("refs/heads/main") == oid for c in changes), "reported: " + oid)
    t.diag("%d of %d were killed before their end" % (killed, len(oids)))


def test_interrupted_pass(t):
    site, _, _, polls = site_with(t)
    import socket
    with socket.create_server(("127.0.0.1", 0)) as s:
        site.repositories["slow"] = {"url": "http://127.0.0.1:%d/x" % s.getsockname()[1]}
        site.pipeline("ci", "http://127.0.0.1:1/", "slow")
        site.write_conf()
        process = subprocess.Popen([os.path.join(BUILD, "refire-poll"), "--config", site.conf],
                                   env=site.env(), stderr=subprocess.DEVNULL)
        connection, _ = s.accept()
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        t.eq(process.wait(10), 75, "exit status")
        t.ok(time.monotonic() - began < 3, "at once")
        connection.close()
    t.eq(polls.rows().get("slow"), None, "an interrupted look is no failure")


def test_another_account(t):
    """Who does not own state-dir may ask by a hint, through the drop directory."""
    if os.getuid():
        t.skip("needs root")
    site = t.site(mode=0o755)
    site.refire_keys["pushers"] = "nogroup"
    site.repository("web", hook=False)
    polls = t.use(Polls(site))
    polls.must()
    argv = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
            os.path.join(BUILD, "refire-poll"), "--config", site.conf]
    build = os.path.dirname(BUILD)
    if run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "test", "-x",
            os.path.join(BUILD, "refire-poll")])[0]:
        t.skip("%s cannot be run by others" % build)
    rc, _, err = run([*argv], env=site.env())
    t.eq(rc, 77, "exit status of a pass")
    rc, _, err = run([*argv, "web"], env=site.env())
    t.eq(rc, 0, err.decode())
    drop = os.path.join(site.state, "spool", "drop")
    t.eq(len(os.listdir(drop)), 1, "a hint")
    t.has(err.decode(), "left a hint", "the line")
    t.eq(sorted(polls.json("--hints")), ["web"], "the owner looks")
    t.eq(os.listdir(drop), [], "and the hint is gone")


def test_faults(t):
    """A system call fails while the finding is recorded: it is told, and found again."""
    t.need("strace")
    site, path, work, polls = site_with(t)
    oids = [work.commit() for _ in range(40)]
    work.push("main:refs/heads/side")
    polls.settle()
    turn = iter(oids)
    log = site.path("strace.log")
    for call, error, most in (("fsync", "EIO", 4), ("rename", "ENOSPC", 2),
                              ("writev", "ENOSPC", 2), ("fdatasync", "EIO", 3),
                              ("openat", "EMFILE", 8), ("pwrite64", "ENOSPC", 3)):
        with t.case("%s fails with %s" % (call, error)):
            for when in range(1, most + 1):
                oid = next(turn)
                site.git("-C", path, "update-ref", "refs/heads/main", oid)
                # the dynamic loader's own openat calls come first
                at = when + (20 if call == "openat" else 0)
                rc, _, err = run(
                    ["strace", "-f", "-qq", "-o", log, "-e", "trace=" + call, "-e",
                     "inject=%s:error=%s:when=%d" % (call, error, at),
                     os.path.join(BUILD, "refire-poll"), "--config", site.conf, "web"],
                    env=site.env(ASAN_OPTIONS="detect_leaks=0"))    # not under ptrace
                t.ok(rc in (0, 1, 75, 77, 78, 66, 70, 71), "exit status %d: %s" % (rc, err))
                changes = polls.new()
                with open(log) as f:
                    injected = "(INJECTED)" in f.read()
                t.ok(rc == 0 or injected, "no failure without a fault: %s" % err.decode())
                polls.must("web")
                changes += polls.new()
                t.ok(any(c.oids().get("refs/heads/main") == oid for c in changes),
                     "reported after fault %d" % when)


def test_progress_and_colours(t):
    """On a terminal a long pass shows where it stands; elsewhere nothing but lines."""
    site, _, _, polls = site_with(t)
    import pty
    import socket
    with socket.create_server(("127.0.0.1", 0)) as s:
        site.repositories["slow"] = {"url": "http://127.0.0.1:%d/x" % s.getsockname()[1],
                                     "poll-timeout": "3s"}
        site.pipeline("ci", "http://127.0.0.1:1/", "slow")
        site.write_conf()
        master, slave = pty.openpty()
        process = subprocess.Popen([os.path.join(BUILD, "refire-poll"), "--config", site.conf],
                                   env=site.env(), stderr=slave)
        os.close(slave)
        text = b""
        while True:
            try:
                more = os.read(master, 4096)
            except OSError:
                break
            if not more:
                break
            text += more
        t.eq(process.wait(), 1, "exit status")
        os.close(master)
    t.has(text, b"1 of 2 repositories looked at", "progress")
    t.has(text, b"\033[Krefire-poll: slow: ", "a line takes the progress away first")
    t.ok(text.endswith((b"\033[K", b"\n")), "and nothing is left of it")


if __name__ == "__main__":
    harness.main()
