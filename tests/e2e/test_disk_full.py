"""A disk that is full, has no inode left or is read-only, for real (tmpfs): under the
queue what is under way is settled by the ballast's room and the spool waits; under the
trail nothing waits at all. When there is room again everything goes on by itself:
nothing lost, nothing twice, every record in its place.
run: timeout=240"""
import contextlib
import json
import os

import harness
from harness import run

REFS = 12
CALM = 20           # seconds for what happens by itself


def mount(t, path, options):
    if os.getuid():
        t.skip("mounting a tmpfs needs root")
    os.makedirs(path, 0o700, exist_ok=True)
    rc, _, err = run(["mount", "-t", "tmpfs", "-o", options + ",mode=0700", "refire-test", path])
    if rc:
        t.skip("no tmpfs can be mounted here: " + err.decode().strip())
    t.cleanup(run, ["umount", "-l", path])


def rig(t, where, options, then=None):
    """A site with a tmpfs at state-dir, or below it, and tags to be told of."""
    receiver = t.receiver(**({"then": then} if then else {}))
    site = t.site()
    os.mkdir(site.state, 0o700)
    mount(t, os.path.join(site.state, where), options)
    site.refire_keys["concurrency"] = 4
    site.pipeline("ci", receiver, format="generic")
    repo = site.repository("web", quiet=True)
    work = site.work()
    head = work.commit()
    work.git("push", "-q", "origin", "main:refs/hidden/base")
    for name in site.spool():
        os.unlink(os.path.join(site.state, "spool", "new", name))
    return site, receiver, Teller(t, site, repo, head)


class Teller:
    """Makes tags and has the hook report them."""

    def __init__(self, t, site, repo, head):
        self.t, self.site, self.repo, self.head = t, site, repo, head
        self.refs, self.missed = [], []

    def tell(self, n):
        """n more, in one push; what the pusher saw."""
        new = ["refs/tags/n%d" % k for k in range(len(self.refs), len(self.refs) + n)]
        self.site.git("-C", self.repo, "update-ref", "--stdin", stdin="".join(
            "create %s %s\n" % (r, self.head) for r in new).encode())
        rc, _, err = self.site.hook_by_hand(self.repo,
                                            *[(harness.ZERO, self.head, r) for r in new])
        self.t.eq(rc, 0, "a push goes well whatever the disk does")
        self.refs += new
        self.missed += new if err else []
        return err.decode()


def fill(folder, kind):
    """Use up the bytes or the inodes of the file system; what to call to undo it."""
    made = []
    with contextlib.suppress(OSError):
        for n in range(1 << 20):
            made.append(os.path.join(folder, "filler%d" % n))
            with open(made[-1], "wb", buffering=0) as f:
                for size in (1 << 20, 4096) if kind == "bytes" else ():
                    with contextlib.suppress(OSError):
                        while f.write(b"x" * size) == size:
                            pass
            if kind == "bytes":
                break
    free = os.statvfs(folder)
    assert not (free.f_bavail if kind == "bytes" else free.f_favail), "it is full"
    return lambda: [os.unlink(x) for x in made if os.path.exists(x)]


def said(site):
    with open(site.path("sender.log")) as f:
        return f.read()


def check_whole(t, site, receiver, teller):
    """Each once, and every record once and in order."""
    refs = [r.json()["ref"] for r in receiver.requests]
    t.eq(sorted(refs), sorted(set(teller.refs) - set(teller.missed)), "each arrived once")
    numbers = [r["additionalEventData"]["sequence"] for r in site.trail_records()]
    t.eq(numbers, list(range(1, len(numbers) + 1)), "the trail's numbers")
    t.eq(len(site.trail_records("DeliverWebhook")), len(refs), "a record of each")


def test_full_under_the_queue(t):
    """Deliveries are under way when the disk gets full: the ballast is given up, they are
    settled, and what is pushed meanwhile waits in the spool until there is room."""
    site, receiver, teller = rig(t, "", "size=100m", then=harness.slow(0.2))
    teller.tell(REFS)
    sender = site.start_sender()
    receiver.wait_arrived(1)
    ballast = os.path.join(site.state, "ballast")
    t.eq(os.path.getsize(ballast), 1024 * 1024, "a hundredth of the disk")
    make_room = fill(site.state, "bytes")
    receiver.wait(REFS)
    harness.wait_until(lambda: not os.path.exists(ballast), CALM, "the ballast was given up")
    site.wait_states(DELIVERED=REFS)
    t.has(said(site), "ballast was given up", "the sender says so")
    t.eq(teller.tell(1), "", "there is room for a spool file")
    harness.wait_until(lambda: "what is in the spool stays there" in said(site), CALM,
                       "it says that it takes nothing in")
    t.eq((len(site.spool()), len(receiver.requests)), (1, REFS), "it waits in the spool")
    _, out, _ = site.refire("status")
    t.has(" ".join(out.split()), "ballast was given up", "refire status tells")
    t.eq(json.loads(site.refire("status", "--json")[1])["ballast"], False, "as JSON too")
    t.has(site.refire("check")[1], "ballast is gone", "refire check tells")
    t.eq(sender.poll(), None, "it stays")
    make_room()
    receiver.wait(REFS + 1)
    site.wait_states(DELIVERED=REFS + 1)
    t.ok(os.path.exists(ballast), "it is laid again")
    sender.terminate()
    t.eq(sender.wait(CALM), 0, "it ends well")
    check_whole(t, site, receiver, teller)
    t.lacks(site.refire("status")[1], "ballast", "status is content")


def test_full_before_it_starts(t):
    """`refire send` on a full disk: by the ballast it sends what was taken in."""
    site, receiver, teller = rig(t, "", "size=100m", then=harness.status(500))
    site.pipelines["ci"].update(retry_schedule="1s", breaker_failures="0")
    site.write_conf()
    teller.tell(2)
    t.eq(site.send()[0], 0, "refire send")
    t.eq(site.states(), {"WAITING": 2}, "tried once")
    receiver.clear()
    receiver.then = harness.status(200)
    make_room = fill(site.state, "bytes")
    t.has(teller.tell(1), "NOT recorded", "the pusher is told")
    harness.wait_until(lambda: site.send() and len(receiver.requests) >= 2, CALM, "requests")
    t.ok(not os.path.exists(os.path.join(site.state, "ballast")), "the ballast was given up")
    make_room()
    harness.wait_until(lambda: site.send()[0] == 0, CALM, "a good end")
    site.wait_states(DELIVERED=2)
    t.ok(os.path.exists(os.path.join(site.state, "ballast")), "it is laid again")
    del teller.refs[2:]
    t.eq(sorted(r.json()["ref"] for r in receiver.requests), teller.refs, "each arrived once")


def test_no_inode(t):
    """Not one is left: what was taken in goes out, the pusher is told, and a sender that
    cannot even start says so; all goes on when there are some."""
    site, receiver, teller = rig(t, "", "size=100m,nr_inodes=96", then=harness.slow(0.1))
    teller.tell(REFS)
    sender = site.start_sender()
    receiver.wait_arrived(1)
    make_room = fill(site.state, "inodes")
    receiver.wait(REFS)
    site.wait_states(DELIVERED=REFS)
    t.has(teller.tell(1), "NOT recorded", "the pusher is told")
    sender.terminate()
    t.eq(sender.wait(CALM), 0, "it ends well")
    make_room()
    teller.tell(1)
    make_room = fill(site.state, "inodes")
    rc, _, err = site.send()
    t.ok(rc == 75 and "space" in err or rc == 0, "refire send: %d %s" % (rc, err))
    make_room()
    harness.wait_until(lambda: site.send()[0] == 0 and not site.spool(), CALM, "a good end")
    site.wait_states(DELIVERED=REFS + 1)
    check_whole(t, site, receiver, teller)


def test_trail_that_cannot_be_written(t):
    """On a disk of its own: deliveries go on at once, the records wait in the queue."""
    for kind in ("bytes", "inodes", "read-only"):
        with t.case("the trail's disk: " + kind):
            site, receiver, teller = rig(t, "trail", "size=1m,nr_inodes=32")
            trail = site.path_of_trail()
            if kind == "read-only":
                t.eq(run(["mount", "-o", "remount,ro", trail])[0], 0, "remounted")

                def mend(trail=trail):
                    t.eq(run(["mount", "-o", "remount,rw", trail])[0], 0, "remounted")
            else:
                mend = fill(trail, kind)
            sender = site.start_sender()
            for _ in range(4):
                teller.tell(REFS // 4)
            receiver.wait(REFS, 10)
            site.wait_states(DELIVERED=REFS)
            t.has(said(site), "its records wait in the queue", "the sender says so")
            t.eq(site.trail_records(), [], "nothing was written")
            mend()
            harness.wait_until(lambda: len(site.trail_records("DeliverWebhook")) == REFS, 60,
                               "the records")
            sender.terminate()
            t.eq(sender.wait(CALM), 0, "it ends well")
            check_whole(t, site, receiver, teller)


def test_one_pass_without_a_trail(t):
    """`refire send` sends, and then says what it could not write."""
    site, receiver, teller = rig(t, "trail", "size=1m")
    mend = fill(site.path_of_trail(), "bytes")
    teller.tell(2)
    rc, _, err = site.send()
    t.eq(rc, 75, "it could not write the trail: " + err)
    t.has(err, "No space left", "and says so")
    t.eq(site.states(), {"DELIVERED": 2}, "it sent")
    mend()
    t.eq(site.send()[0], 0, "refire send")
    check_whole(t, site, receiver, teller)


if __name__ == "__main__":
    harness.main()
