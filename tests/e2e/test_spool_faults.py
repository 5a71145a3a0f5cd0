"""A full or read-only spool, torn and foreign files in it, a damaged queue: the
others go on, a person is told, and nothing that was recorded is lost.
run: timeout=240"""
import glob
import os
import re

import harness
from harness import run


def rig(t, state=None, **keys):
    receiver = t.receiver()
    site = t.site()
    if state:
        state(site)
    site.pipeline("ci", receiver, format="generic", **keys)
    site.repository("web", quiet=True)
    return site, receiver


def rig_reconciled(t, state=None):
    """rig(), one push delivered, and the repository's refs known to the poller."""
    site, receiver = rig(t, state)
    first, _ = push(site, "refs/heads/main")
    t.eq(site.send()[0], 0, "refire send")
    receiver.wait(1)
    site.must("poll")
    harness.wait_until(lambda: not site.sender_pids(), 20, "the end of the sender it started")
    return site, receiver, first


def push(site, ref, message="a commit"):
    work = site.work()
    new = work.commit(message + " " + ref)
    return new, work.push("main:" + ref)


def put(site, name, data, folder="new"):
    """A file in the spool as if a source had left it."""
    path = os.path.join(site.state, "spool", folder, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def take(site):
    """The one spool file there is: its bytes, and it is gone."""
    name, = site.spool()
    path = os.path.join(site.state, "spool", "new", name)
    with open(path, "rb") as f:
        data = f.read()
    os.unlink(path)
    return data


# ---- the file system is full or read-only ----

def on_tmpfs(t, site, options):
    """Mount a small tmpfs at state-dir."""
    if os.getuid():
        t.skip("mounting a tmpfs needs root")
    os.mkdir(site.state, 0o700)
    rc, _, err = run(["mount", "-t", "tmpfs", "-o", options + ",mode=0700", "refire-test",
                      site.state])
    if rc:
        t.skip("no tmpfs can be mounted here: " + err.decode().strip())
    t.cleanup(run, ["umount", "-l", site.state])


def check_pusher_is_told(t, err):
    lines = [x for x in err.splitlines() if "refire:" in x]
    t.eq(len(lines), 1, "one line tells the pusher: %s" % err)


def check_reconciled(t, site, receiver, new):
    """What was not recorded is found by the poller's look at the repository."""
    def looked():
        site.refire("poll", "web")
        site.send()
        return new in afters(receiver)
    harness.wait_until(looked, 30, "a reconcile's delivery")
    harness.wait_until(lambda: site.send() and not site.spool(), 10, "an empty spool")


def afters(receiver):
    return [r.json()["after"] for r in receiver.requests]


def fill(path):
    """Fill the file system with one file, so far as it goes; the file."""
    name = os.path.join(path, "filler")
    with open(name, "wb", buffering=0) as f:
        for size in (65536, 4096, 1):
            try:
                while True:
                    f.write(b"x" * size)
            except OSError:
                pass
    return name


def test_full_spool(t):
    site, receiver, first = rig_reconciled(t, lambda s: on_tmpfs(t, s, "size=4m"))
    ballast = fill(site.state)
    new, err = push(site, "refs/heads/full")
    check_pusher_is_told(t, err)
    t.eq(site.git("-C", site.repositories["web"]["path"], "rev-parse", "full"), new,
         "the push went well")
    rc, _, err = site.send()
    t.ok(rc in (0, 1, 71, 75), "refire send on a full disk: %d %s" % (rc, err))
    os.unlink(ballast)
    check_reconciled(t, site, receiver, new)
    t.eq(afters(receiver), [first, new], "and nothing else")


def test_full_while_sending(t):
    """Recorded, and then the disk is full: the sender says so, and goes on after."""
    site, receiver = rig(t, lambda s: on_tmpfs(t, s, "size=4m"))
    news = [push(site, "refs/heads/b%d" % n)[0] for n in range(5)]
    ballast = fill(site.state)
    rc, _, err = site.send()
    t.ok(rc in (1, 71, 75), "refire send: exit status %d" % rc)
    t.ok(err.strip(), "and a sentence")
    os.unlink(ballast)
    harness.wait_until(lambda: site.send()[0] == 0 and site.states() == {"DELIVERED": 5}, 30,
                       "all delivered when there is room")
    t.eq({r.json()["after"] for r in receiver.requests}, set(news), "all arrived")


def test_no_inodes(t):
    site, receiver, _ = rig_reconciled(t, lambda s: on_tmpfs(t, s, "size=4m,nr_inodes=64"))
    made = []
    try:
        while True:
            made.append(os.path.join(site.state, "inode%d" % len(made)))
            open(made[-1], "x").close()
    except OSError:
        made.pop()
    new, err = push(site, "refs/heads/none")
    check_pusher_is_told(t, err)
    for name in made:
        os.unlink(name)
    check_reconciled(t, site, receiver, new)


def test_read_only_spool(t):
    site, receiver, _ = rig_reconciled(t, lambda s: on_tmpfs(t, s, "size=4m"))
    rc, _, err = run(["mount", "-o", "remount,ro", site.state])
    t.eq(rc, 0, "remounting: %s" % err)
    new, err = push(site, "refs/heads/ro")
    check_pusher_is_told(t, err)
    rc, _, err = site.send()
    t.ok(rc in (71, 75, 77), "refire send: exit status %d %s" % (rc, err))
    t.has(err.lower(), "read-only", "the sentence says why")
    run(["mount", "-o", "remount,rw", site.state])
    check_reconciled(t, site, receiver, new)


def test_spool_removed(t):
    """Somebody removed spool/new: the pusher is told, the next send makes it again."""
    site, receiver, _ = rig_reconciled(t)
    os.rmdir(os.path.join(site.state, "spool", "new"))
    new, err = push(site, "refs/heads/gone")
    check_pusher_is_told(t, err)
    check_reconciled(t, site, receiver, new)


# ---- what lies in the spool ----

def quarantined(site):
    names = site.spool("quarantine")
    return [n for n in names if not n.endswith(".reason")], names


def check_set_aside(t, site, count):
    kept, names = quarantined(site)
    t.eq(len(kept), count, "files set aside")
    for name in kept:
        t.has(names, name + ".reason", "each with a reason")
        with open(os.path.join(site.state, "spool/quarantine", name + ".reason")) as f:
            t.ok(len(f.read().strip()) > 10, "the reason of %s is a sentence" % name)


def damages(data, random):
    """Copies of a spool file with one thing wrong each."""
    version = data.index(b" ") + 1
    for n in range(200):
        at = random.randrange(len(data))
        flipped = bytearray(data)
        flipped[at] ^= 1 << random.randrange(8)
        if at != version:           # a higher version is another test
            yield "bit flip at %d" % at, bytes(flipped)
    for length in sorted(random.sample(range(len(data)), 40)) + [0, len(data) - 1]:
        yield "cut to %d" % length, data[:length]
    yield "a byte more", data + b"\n"
    yield "twice", data + data
    yield "zeros", bytes(len(data))
    yield "zeroed block", data[:100] + bytes(50) + data[150:]
    yield "random", random.randbytes(500)


def test_damaged_files(t):
    """Every one is set aside with a reason; the whole ones before and after go on."""
    site, receiver = rig(t)
    new, _ = push(site, "refs/heads/victim")
    data = take(site)
    count = 0
    for count, (_, damaged) in enumerate(damages(data, t.seed()), 1):
        put(site, "e.%032x" % count, damaged)
    push(site, "refs/heads/good")
    rc, _, err = site.send()
    t.ok(rc in (0, 1), "refire send: %d %s" % (rc, err))
    t.eq([r.json()["ref"] for r in receiver.requests], ["refs/heads/good"], "what arrived")
    check_set_aside(t, site, count)
    t.eq(site.spool(), [], "nothing is left behind")
    records = site.trail_records("QuarantineFile")
    t.eq(len(records), count, "each is in the trail")
    _, out, _ = site.refire("status")
    t.has(out, "quarantine", "refire status tells")
    put(site, "e.%032x" % 999, data)
    site.send()
    t.eq(receiver.requests[-1].json()["after"], new, "the whole file is still taken in")


def test_known_and_twice(t):
    """The same change again, under another name: it is known, nothing fires twice."""
    site, receiver = rig(t)
    push(site, "refs/heads/main")
    data = take(site)
    put(site, "e.%032x" % 1, data)
    put(site, "e.%032x" % 2, data)
    site.send()
    put(site, "e.%032x" % 3, data)
    t.eq(site.send()[0], 0, "refire send")
    t.eq(len(receiver.requests), 1, "one request")
    t.eq(site.spool(), [], "all are taken in")
    check_set_aside(t, site, 0)


def test_newer_file(t):
    """A file of a newer version is left alone; others go on; `refire status` tells."""
    site, receiver = rig(t)
    push(site, "refs/heads/main")
    newer = re.sub(rb"^refire 1\n", b"refire 2\n", take(site))
    path = put(site, "e.%032x" % 1, newer)
    push(site, "refs/heads/other")
    rc, _, err = site.send()
    t.ok(rc in (0, 1, 75), "refire send: %d %s" % (rc, err))
    t.eq([r.json()["ref"] for r in receiver.requests], ["refs/heads/other"], "what arrived")
    with open(path, "rb") as f:
        t.eq(f.read(), newer, "it is as it was")
    check_set_aside(t, site, 0)
    sender = site.start_sender("--watch")
    push(site, "refs/heads/third")
    receiver.wait(2)
    t.eq(sender.poll(), None, "a resident sender lives with it")


def test_unfinished_file(t):
    """A t. file of a source that died: young ones and torn ones stay, a whole one that is
    a minute old is taken in."""
    site, receiver = rig(t)
    new, _ = push(site, "refs/heads/main")
    data = take(site)
    put(site, "t.%032x" % 1, data[:-20])
    path = put(site, "t.%032x" % 2, data)
    site.send()
    t.eq(receiver.requests, [], "a young one is being written")
    for name in site.spool():
        os.utime(os.path.join(site.state, "spool/new", name), (1, 1))
    site.send()
    t.eq([r.json()["after"] for r in receiver.requests], [new], "the whole one")
    t.ok(not os.path.exists(path), "it is taken in")


def test_not_files(t):
    """A link, a fifo, a second name, a directory: none is read or followed."""
    site, receiver = rig(t)
    push(site, "refs/heads/main")
    data = take(site)
    new = os.path.join(site.state, "spool", "new")
    outside = site.path("outside")
    with open(outside, "wb") as f:
        f.write(data)
    os.symlink(outside, os.path.join(new, "e.%032x" % 1))
    os.mkfifo(os.path.join(new, "e.%032x" % 2))
    os.link(outside, os.path.join(new, "e.%032x" % 3))
    os.mkdir(os.path.join(new, "e.%032x" % 4))
    os.symlink("/nowhere", os.path.join(new, "e.%032x" % 5))
    push(site, "refs/heads/good")
    rc, _, err = site.send()
    t.ok(rc in (0, 1), "refire send: %d %s" % (rc, err))
    t.eq([r.json()["ref"] for r in receiver.requests], ["refs/heads/good"], "what arrived")
    check_set_aside(t, site, 5)
    with open(outside, "rb") as f:
        t.eq(f.read(), data, "what they point at is as it was")


def test_unknown_repository(t):
    """A change of a repository that is not configured is kept, and fires nothing."""
    site, receiver = rig(t)
    push(site, "refs/heads/main")
    data = take(site)
    put(site, "e.%032x" % 1, data)
    keys = site.repositories.pop("web")
    site.repositories["other"] = {"path": site.path("repos", "other.git")}
    site.git("init", "-q", "--bare", site.path("repos", "other.git"))
    site.pipelines["ci"]["repository"] = "*"
    site.write_conf()
    rc, _, err = site.send()
    t.ok(rc in (0, 1), "refire send: %d %s" % (rc, err))
    t.eq(receiver.requests, [], "nothing fires")
    t.ok(site.spool("done") or site.spool("quarantine"), "the file is kept")
    t.ok(keys, "it had been configured")


# ---- the queue is damaged ----

def rig_with_queue(t):
    """Three delivered, two waiting."""
    site, receiver = rig(t)
    for n in range(3):
        push(site, "refs/heads/done%d" % n)
    site.send()
    receiver.then = harness.status(500)
    for n in range(2):
        push(site, "refs/heads/wait%d" % n)
    site.send()
    t.eq(site.states(), {"DELIVERED": 3, "WAITING": 2}, "before the damage")
    receiver.clear()
    receiver.then = harness.status(200)
    return site, receiver


def remove_side_files(site):
    for name in glob.glob(os.path.join(site.state, "queue.db-*")):
        os.unlink(name)


def garbage(site):
    remove_side_files(site)
    with open(os.path.join(site.state, "queue.db"), "wb") as f:
        f.write(b"this is not a database, and never was\n" * 1000)


def zeroed_pages(site):
    checkpoint(site)
    with open(os.path.join(site.state, "queue.db"), "r+b") as f:
        f.seek(4096)
        f.write(bytes(4096 * 8))


def cut(site):
    checkpoint(site)
    path = os.path.join(site.state, "queue.db")
    os.truncate(path, os.path.getsize(path) // 2)


def checkpoint(site):
    """Everything into queue.db itself, without a side file."""
    harness.run(["sqlite3", os.path.join(site.state, "queue.db"),
                 "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE;"])
    remove_side_files(site)


def removed(site):
    remove_side_files(site)
    os.unlink(os.path.join(site.state, "queue.db"))


def test_damaged_queue(t):
    for damage in (garbage, zeroed_pages, cut):
        with t.case(damage.__name__.replace("_", " ")):
            t.need("sqlite3")
            site, receiver = rig_with_queue(t)
            damage(site)
            for verb in ("send", "queue", "status"):
                rc, out, err = site.refire(verb)
                t.ok(rc in (1, 70, 75, 78), "refire %s: exit status %d" % (verb, rc))
                t.has(out + err, "refire queue rebuild", "refire %s says what to do" % verb)
            push(site, "refs/heads/meanwhile")
            t.eq(len(site.spool()), 1, "the hook records meanwhile")
            check_rebuilt(t, site, receiver)


def test_removed_queue(t):
    """queue.db is gone. Rebuilt from what the spool kept and the trail."""
    site, receiver = rig_with_queue(t)
    removed(site)
    push(site, "refs/heads/meanwhile")
    check_rebuilt(t, site, receiver)


def check_rebuilt(t, site, receiver):
    """After `refire queue rebuild` and a send: what waited is delivered, what was
    delivered is not sent again."""
    rc, out, err = site.refire("queue", "rebuild")
    t.eq(rc, 0, "refire queue rebuild: %s%s" % (out, err))
    site.must("queue", "list")
    harness.wait_until(lambda: site.send()[0] == 0 and len(receiver.requests) >= 3 and
                       set(site.states()) == {"DELIVERED"}, 30, "all delivered after the rebuild")
    refs = [r.json()["ref"] for r in receiver.requests]
    t.eq(sorted(refs), ["refs/heads/meanwhile", "refs/heads/wait0", "refs/heads/wait1"],
         "what was sent after the damage")


def test_newer_queue(t):
    """A queue of a newer version is refused, not touched."""
    t.need("sqlite3")
    site, _ = rig_with_queue(t)
    path = os.path.join(site.state, "queue.db")
    run(["sqlite3", path, "PRAGMA user_version = 99;"])
    with open(path, "rb") as f:
        before = f.read()
    for verb in ("send", "queue"):
        rc, _, err = site.refire(verb)
        t.eq(rc, 78, "refire %s: exit status (%s)" % (verb, err))
        t.has(err, "newer", "refire %s says why" % verb)
    with open(path, "rb") as f:
        t.eq(f.read(), before, "the file is as it was")


def test_unwritable_trail(t):
    """Somebody put a file where trail/ should be: deliveries go on or wait, and the
    records are there after the mend."""
    site, receiver = rig(t)
    push(site, "refs/heads/main")
    trail = os.path.join(site.state, "trail")
    if os.path.isdir(trail):
        os.rmdir(trail)
    open(trail, "w").close()
    rc, _, err = site.send()
    t.ok(rc and err.strip(), "refire send says so: %d" % rc)
    os.unlink(trail)
    t.eq(site.send()[0], 0, "refire send after the mend")
    t.eq(site.states(), {"DELIVERED": 1}, "delivered")
    t.eq(len(receiver.requests), 1, "once")
    t.eq(len(site.trail_records("GitPush")), 1, "GitPush is in the trail")
    t.eq(len(site.trail_records("DeliverWebhook")), 1, "DeliverWebhook is in the trail")


def test_last_line_cut(t):
    """A power cut left half a record at the end of the trail's file: it goes on after
    the last whole one, and no record is missing."""
    site, _ = rig(t)
    push(site, "refs/heads/one")
    site.send()
    name, = glob.glob(os.path.join(site.state, "trail", "*.jsonl"))
    before = len(site.trail_records())
    with open(name, "ab") as f:
        f.write(b'{"eventVersion":"1.11","userIdentity":{"ty')
    push(site, "refs/heads/two")
    site.send()
    records = [r["additionalEventData"]["sequence"] for r in site.trail_records()]
    t.ok(len(records) > before, "it goes on")
    t.eq(records, list(range(1, len(records) + 1)), "every record, once")


if __name__ == "__main__":
    harness.main()
