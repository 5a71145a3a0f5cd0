"""Power cuts: state-dir on an ext4 of its own, shut down under hooks and sender at a
random moment, so that nothing more gets to the disk, and mounted again. Whatever a hook
said nothing about is still there and arrives; the trail has every record once.
TORTURE=1: 150 cuts. run: timeout=240"""
import fcntl
import os
import signal
import struct
import threading

import harness
from harness import ZERO, run
from test_kill import check_marked

CUTS = 150 if os.environ.get("TORTURE") else 3
SHUTDOWN = 0x8004587d           # EXT4_IOC_SHUTDOWN, linux/ext4.h
NO_LOG_FLUSH = 2                # what is only in the journal's memory is gone too
CONCURRENCY = 4
REFS = 40 * CUTS + 400


class Disk:
    """An ext4 in a file, mounted at a directory."""

    def __init__(self, t, image, path):
        self.t, self.image, self.path = t, image, path
        if os.getuid():
            t.skip("mounting a file system needs root")
        t.need("mkfs.ext4", "mount")
        os.makedirs(path, 0o700)
        with open(image, "wb") as f:
            f.truncate(192 << 20)
        rc, _, err = run(["mkfs.ext4", "-q", "-F", image])
        t.eq(rc, 0, "mkfs.ext4: %s" % err)
        t.cleanup(run, ["umount", "-l", path])
        rc, _, err = run(["mount", "-o", "loop,errors=remount-ro", image, path])
        if rc:
            t.skip("no loop device can be mounted here: " + err.decode().strip())

    def cut(self):
        """From here on nothing gets to the disk."""
        fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(fd, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        except OSError as e:
            self.t.skip("this kernel shuts no file system down: %s" % e)
        finally:
            os.close(fd)

    def turn_read_only(self):
        """As an error in its structures would."""
        rc, out, _ = run(["findmnt", "-no", "SOURCE", self.path])
        trigger = "/sys/fs/ext4/%s/trigger_fs_error" % os.path.basename(out.decode().strip())
        if rc or not os.path.exists(trigger):
            self.t.skip("this kernel has no " + trigger)
        with open(trigger, "w") as f:
            f.write("by a test\n")

    def is_cut(self):
        try:
            with open(os.path.join(self.path, "probe"), "w") as f:
                f.write("x")
                os.fsync(f.fileno())
        except OSError:
            return True
        return False

    def power_on(self, mend=False):
        harness.wait_until(lambda: run(["umount", self.path])[0] == 0, 20, "umount")
        if mend:
            self.t.ok(run(["e2fsck", "-fy", self.image])[0] in (0, 1), "e2fsck")
        rc, _, err = run(["mount", "-o", "loop", self.image, self.path])
        self.t.eq(rc, 0, "mounted again: %s" % err)


class Rig:
    def __init__(self, t):
        self.t, self.random = t, t.seed()
        self.receiver = t.receiver(then=harness.slow(0.003))
        self.site = t.site()
        self.disk = Disk(t, self.site.path("image"), self.site.path("state"))
        self.site.refire_keys["concurrency"] = CONCURRENCY
        self.site.pipeline("ci", self.receiver, format="generic")
        self.repo = self.site.repository("web", quiet=True)
        work = self.site.work()
        self.head = work.commit()
        work.git("push", "-q", "origin", "main:refs/hidden/base")
        self.refs = ["refs/tags/n%05d" % n for n in range(REFS)]
        self.site.git("-C", self.repo, "update-ref", "--stdin", stdin="".join(
            "create %s %s\n" % (r, self.head) for r in self.refs).encode())
        for name in self.site.spool():
            os.unlink(os.path.join(self.site.state, "spool", "new", name))
        self.next = 0
        self.acknowledged = []
        self.refused = 0
        self.off = threading.Event()

    def tell(self):
        """One push of a few refs; whether the hook had nothing to say."""
        batch = self.refs[self.next:self.next + self.random.randrange(1, 6)]
        self.next += len(batch)
        rc, _, err = self.site.hook_by_hand(self.repo, *[(ZERO, self.head, r) for r in batch])
        self.t.eq(rc, 0, "a push goes well, power or not")
        if err:
            self.refused += 1
        else:
            self.acknowledged += batch
        return not err

    def push_on(self):
        """Until the power is off, and one more then."""
        while self.next < len(self.refs) - 10 and self.tell() and not self.off.is_set():
            pass

    def round(self):
        self.off.clear()
        had = len(self.receiver.requests)
        sender = self.site.start_sender("--watch")
        pusher = threading.Thread(target=self.push_on)
        pusher.start()
        self.receiver.wait_arrived(had + 1)
        self.off.wait(self.random.uniform(0, 0.4))
        self.disk.cut()
        self.off.set()
        self.t.ok(self.disk.is_cut(), "nothing gets to the disk any more")
        pusher.join()
        sender.send_signal(signal.SIGKILL)
        sender.wait()
        self.disk.power_on()


def test_power_cuts(t):
    rig = Rig(t)
    for _ in range(CUTS):
        rig.round()
    check(t, rig, CUTS)


def test_a_disk_turns_read_only(t):
    """Under a sender that stays: it says so and rides it out, the pusher is told; when the
    disk is mended all goes on."""
    rig = Rig(t)
    sender = rig.site.start_sender("--watch")
    while len(rig.acknowledged) < 30:
        rig.tell()
    rig.receiver.wait_arrived(5)
    rig.disk.turn_read_only()
    t.ok(rig.disk.is_cut(), "nothing can be written any more")
    t.ok(not rig.tell(), "the pusher is told")

    def said():
        with open(rig.site.path("sender.log")) as f:
            return "read-only" in f.read().lower()
    harness.wait_until(said, 20, "the sender says why")
    t.eq(sender.poll(), None, "it stays")
    sender.terminate()
    t.eq(sender.wait(20), 75, "it ends, and says that something is left")
    rig.disk.power_on(mend=True)
    check(t, rig, 1)


def check(t, rig, cuts):
    site = rig.site
    harness.wait_until(lambda: site.send()[0] == 0 and set(site.states()) == {"DELIVERED"}, 60,
                       "all is delivered")
    arrived = [r.json()["ref"] for r in rig.receiver.requests]
    lost = set(rig.acknowledged) - set(arrived)
    torn = [n for n in os.listdir(site.path_of_trail()) if ".torn-" in n]
    twice = len(arrived) - len(set(arrived))
    t.diag("%d cuts, %d pushes told that they were not recorded, %d refs acknowledged, %d lost, "
           "%d duplicates (bound %d), %d torn ends of the trail" % (
               cuts, rig.refused, len(rig.acknowledged), len(lost), twice, cuts * CONCURRENCY,
               len(torn)))
    t.eq(lost, set(), "lost")
    t.ok(len(rig.acknowledged) > 10 * cuts, "there was something to lose")
    t.ok(twice <= cuts * CONCURRENCY, "duplicates are bounded")
    whole = [n for n in site.spool() if not n.startswith("t.")]    # of pushers that were told
    t.eq((whole, site.spool("quarantine")), ([], []), "the spool")
    ids = {}
    for r in rig.receiver.requests:
        ids.setdefault(r.json()["ref"], set()).add(r.delivery)
    t.eq({len(v) for v in ids.values()}, {1}, "a duplicate has the same id")
    check_marked(t, site, rig.receiver.requests)
    numbers = [r["additionalEventData"]["sequence"] for r in site.trail_records()]
    t.eq(numbers, list(range(1, len(numbers) + 1)), "every record, once and in order")


if __name__ == "__main__":
    harness.main()
