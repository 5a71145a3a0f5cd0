"""No wake-up is lost: a hook that publishes while a sender is ending is either taken
in by it or starts the next. In each round nothing else would trigger a delivery.
run: timeout=1200"""
import os
import shutil
import subprocess
import threading
import time

import harness
from harness import BUILD

LONG = bool(os.environ.get("TORTURE"))
ROUNDS = int(os.environ.get("REFIRE_WAKEUP_ROUNDS") or (100_000 if LONG else 10_000))
LANES = 2                           # sites that go through their rounds side by side
SLOWLY = max(20, ROUNDS // 50)      # rounds in which the hook really starts the program
HERE = os.path.dirname(os.path.abspath(__file__))

# A sender that does not linger: it ends as soon as it can, in every round.
ENDING = """#!/bin/sh
# called as: --linger --config FILE
exec %s/refire-send "$2" "$3"
"""


class Rig:
    """A ref that the test moves by itself, and the real hook run by hand."""

    def __init__(self, t, random, linger=False):
        self.t, self.random = t, random
        self.receiver = t.receiver()
        self.site = t.site()
        self.site.pipeline("ci", self.receiver, format="generic")
        self.repo = self.site.repository("web")
        work = self.site.work()
        self.ends = [work.commit(), work.commit()]
        work.git("push", "-q", "origin", "main:refs/heads/keep")
        self.receiver.wait(1)
        self.site.kill_senders(15)
        self.ref = os.path.join(self.repo, "refs", "heads", "turn")
        with open(self.ref, "w") as f:
            f.write(self.ends[1] + "\n")
        if not linger:
            self.start_ending_senders()
        self.want = 1               # requests
        self.moves = 0
        self.env = self.site.env(GIT_DIR=".")

    def start_ending_senders(self):
        program = self.site.path("ending-sender")
        with open(program, "w") as f:
            f.write(ENDING % BUILD)
        os.chmod(program, 0o755)
        self.site.hook_sender(self.repo, program)

    def start_from_zygote(self):
        """From now on senders are forked, ready linked, off a process that waits."""
        library, poke = self.site.path("zygote.so"), self.site.path("poke")
        source = os.path.join(HERE, "zygote.c")
        for argv in (["-shared", "-fPIC", "-DZYGOTE", "-o", library], ["-static", "-o", poke]):
            subprocess.run(["gcc", "-O1", *argv, source], check=True)
        address = self.site.conf + ".zygote"
        sender = subprocess.Popen(
            [os.path.join(BUILD, "refire-send"), "--quiet", "--config", self.site.conf],
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "LD_PRELOAD": library,
                 "LD_BIND_NOW": "1", "ZYGOTE": address},
            stdin=subprocess.DEVNULL, start_new_session=True)
        self.site.senders.append(sender)
        harness.wait_until(lambda: os.path.exists(address), 10, "the zygote's socket")
        self.site.hook_sender(self.repo, poke)

    def publish(self):
        """Move the ref, run the hook for it."""
        old, new = self.ends[(self.moves + 1) % 2], self.ends[self.moves % 2]
        with open(self.ref + ".new", "w") as f:
            f.write(new + "\n")
        os.rename(self.ref + ".new", self.ref)
        self.want += 1
        self.moves += 1
        hook = subprocess.run([os.path.join(self.repo, "hooks", "post-receive")], cwd=self.repo,
                              input=b"%s %s refs/heads/turn\n" % (old.encode(), new.encode()),
                              env=self.env, stderr=subprocess.PIPE, check=False, timeout=60)
        self.t.eq((hook.returncode, hook.stderr), (0, b""), "the hook, round %d" % self.moves)

    def arrived(self, what):
        try:
            self.receiver.wait(self.want, 30)
        except TimeoutError:
            self.t.ok(False, "%s: a wake-up was lost: %d of %d arrived, spool/new holds %s, "
                      "senders %s" % (what, len(self.receiver.requests), self.want,
                                      self.site.spool(), self.site.sender_pids()))

    def prune(self):
        """What is a week old in spool/done: each sender that starts looks through it."""
        for name in self.site.spool("done"):
            os.unlink(os.path.join(self.site.state, "spool", "done", name))

    def rounds(self, count):
        """Each waits for its own delivery, so that no later hook can save it; the next
        hook comes at a random moment of the sender's ending."""
        for n in range(count):
            self.publish()
            self.arrived("round %d" % n)
            if n % 200 == 199:
                self.prune()
            if self.random.random() < 0.8:
                time.sleep(self.random.uniform(0, 0.006))
        self.t.eq(len(self.receiver.requests), self.want, "each arrived once")


def test_hook_against_an_ending_sender(t):
    if not shutil.which("gcc"):
        t.skip("gcc is not here")
    random, failures, began = t.seed(), [], time.monotonic()
    rigs = [Rig(t, random) for _ in range(LANES)]

    def run(rig):
        try:
            rig.start_from_zygote()
            rig.rounds(ROUNDS // LANES)
        except Exception as e:  # noqa: BLE001
            failures.append(e)

    lanes = [threading.Thread(target=run, args=(rig,)) for rig in rigs]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    if failures:
        raise failures[0]
    t.diag("%d rounds in %.0f s" % (ROUNDS, time.monotonic() - began))


def test_with_its_start(t):
    """The same with the program started by exec each time, whose ending meets the hook
    at other moments."""
    rig = Rig(t, t.seed())
    began = time.monotonic()
    rig.rounds(SLOWLY)
    t.diag("%d rounds in %.0f s" % (SLOWLY, time.monotonic() - began))


def test_bursts(t):
    """Several hooks at once, the last of them against the ending sender."""
    rig = Rig(t, t.seed())
    for n in range(100):
        for _ in range(rig.random.randrange(1, 6)):
            rig.publish()
        rig.arrived("burst %d" % n)


def test_lingering_sender(t):
    """The sender that hooks start stays for a retry, and takes in what comes meanwhile."""
    rig = Rig(t, t.seed(), linger=True)
    rig.receiver.script(harness.status(500))
    rig.publish()
    harness.wait_until(lambda: len(rig.site.sender_pids()) == 1, 10, "one sender")
    rig.want += 1
    rig.arrived("the retry, without a trigger")
    for n in range(20):
        rig.publish()
        rig.arrived("push %d" % n)
    rig.site.wait_states(DELIVERED=len(rig.receiver.requests) - 1)
    harness.wait_until(lambda: not rig.site.sender_pids(), 30, "the sender ends when all is done")


def test_retry_against_an_ending_sender(t):
    """`refire queue retry` writes the queue while the sender ends: it is tried."""
    rig = Rig(t, t.seed())
    rig.receiver.then = harness.status(301)
    rig.publish()
    rig.arrived("the first")
    delivery = rig.site.queue_json()[-1]["delivery"]
    for n in range(SLOWLY // 4):
        harness.wait_until(lambda: rig.site.queue_json()[-1]["state"] == "FAILED", 10, "FAILED")
        rig.site.must("queue", "retry", delivery)
        rig.want += 1
        rig.arrived("retry %d" % n)


if __name__ == "__main__":
    harness.main()
