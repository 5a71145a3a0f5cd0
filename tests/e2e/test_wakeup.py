"""No wake-up is lost: a hook that publishes while a sender is ending is either taken
in by it or starts the next. In each round nothing else would trigger a delivery.
run: timeout=420"""
import os
import time

import harness
from harness import BUILD

ROUNDS = int(os.environ.get("REFIRE_WAKEUP_ROUNDS") or 2000)

# A sender that does not linger: it ends as soon as it can, in every round.
ENDING = """#!/bin/sh
# called as: --linger --config FILE
exec %s/refire-send "$2" "$3"
"""


class Rig:
    """A ref that the test moves by itself, and the real hook run by hand."""

    def __init__(self, t, linger):
        self.t, self.random = t, t.seed()
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
            program = self.site.path("ending-sender")
            with open(program, "w") as f:
                f.write(ENDING % BUILD)
            os.chmod(program, 0o755)
            self.site.hook_sender(self.repo, program)
        self.sent = 1
        self.moves = 0

    def publish(self):
        """Move the ref, run the hook for it."""
        self.moves += 1
        old, new = self.ends[(self.moves + 1) % 2], self.ends[self.moves % 2]
        with open(self.ref + ".new", "w") as f:
            f.write(new + "\n")
        os.rename(self.ref + ".new", self.ref)
        self.sent += 1
        rc, _, err = self.site.hook_by_hand(self.repo, (old, new, "refs/heads/turn"))
        self.t.eq((rc, err), (0, b""), "the hook, round %d" % self.sent)

    def arrived(self, what):
        try:
            self.receiver.wait(self.sent, 20)
        except TimeoutError:
            self.t.ok(False, "%s: a wake-up was lost: %d of %d arrived, spool/new holds %s, "
                      "senders %s" % (what, len(self.receiver.requests), self.sent,
                                      self.site.spool(), self.site.sender_pids()))


def test_hook_against_an_ending_sender(t):
    """Each round waits for its own delivery, so that no later hook can save it; the
    next hook comes at a random moment of the sender's ending."""
    rig = Rig(t, linger=False)
    began = time.monotonic()
    for n in range(ROUNDS):
        rig.publish()
        rig.arrived("round %d" % n)
        if rig.random.random() < 0.8:
            time.sleep(rig.random.uniform(0, 0.012))
    t.diag("%d rounds in %.0f s" % (ROUNDS, time.monotonic() - began))
    t.eq(len(rig.receiver.requests), rig.sent, "each arrived once")


def test_bursts(t):
    """Several hooks at once, the last of them against the ending sender."""
    rig = Rig(t, linger=False)
    for n in range(100):
        for _ in range(rig.random.randrange(1, 6)):
            rig.publish()
        rig.arrived("burst %d" % n)


def test_lingering_sender(t):
    """The sender that hooks start stays for a retry, and takes in what comes meanwhile."""
    rig = Rig(t, linger=True)
    rig.receiver.script(harness.status(500))
    rig.publish()
    harness.wait_until(lambda: len(rig.site.sender_pids()) == 1, 10, "one sender")
    rig.sent += 1
    rig.arrived("the retry, without a trigger")
    for n in range(20):
        rig.publish()
        rig.arrived("push %d" % n)
    rig.site.wait_states(DELIVERED=len(rig.receiver.requests) - 1)
    harness.wait_until(lambda: not rig.site.sender_pids(), 30, "the sender ends when all is done")


if __name__ == "__main__":
    harness.main()
