"""The clock is set, forward and back, by an hour and by a year, under a sender that
stays, between two passes, and under the poller (libfaketime): nothing waits for longer
than it had to, nothing is sent twice, nothing is given up, the trail goes on.
run: timeout=240"""
import os

import harness
from harness import run, status
from hookrecord import hold_lock
from test_receiver_faults import preload, write

HOUR, YEAR = 3600, 365 * 86400
JUMPS = [HOUR, -HOUR, YEAR, -YEAR] if os.environ.get("TORTURE") else [YEAR, -YEAR]
SOON = 15           # seconds, real ones


class Clock:
    """What refire takes for the time: ours, and an offset that a test sets."""

    def __init__(self, t, site):
        library = preload()
        if not library:
            t.skip("libfaketime is not here (tests/packages test)")
        if b"libasan" in run(["ldd", os.path.join(harness.BUILD, "refire-send")])[1]:
            t.skip("libfaketime and the sanitizers do not go together")
        self.file = site.path("clock")
        self.env = {"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": self.file,
                    "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        self.set(0)

    def set(self, offset):
        write(self.file, "%+d" % offset)


def rig(t, **keys):
    receiver = t.receiver(then=status(500))
    site = t.site()
    site.pipeline("ci", receiver, **dict({"format": "generic", "retry_schedule": "2s"}, **keys))
    repo = site.repository("web", quiet=True)
    clock = Clock(t, site)
    work = site.work()
    commits = [work.commit() for _ in range(4)]
    work.git("push", "-q", "origin", "main:refs/hidden/all")
    for name in site.spool():
        os.unlink(os.path.join(site.state, "spool", "new", name))
    return site, receiver, clock, Mover(t, site, repo, clock, commits)


class Mover:
    """Moves refs/heads/REF from commit to commit and has the hook tell, or not."""

    def __init__(self, t, site, repo, clock, commits):
        self.t, self.site, self.repo, self.clock, self.commits = t, site, repo, clock, commits
        self.at = {}

    def move(self, ref, tell=True):
        k = self.at.get(ref, -1) + 1
        self.at[ref] = k
        old, new = self.commits[k - 1] if k else harness.ZERO, self.commits[k]
        self.site.git("-C", self.repo, "update-ref", "refs/heads/" + ref, new)
        if tell:
            rc, _, err = self.site.hook_by_hand(self.repo, (old, new, "refs/heads/" + ref),
                                                env=self.site.env(**self.clock.env))
            self.t.eq((rc, err), (0, b""), "the hook records")
        return new


def check_trail(t, site):
    numbers = [r["additionalEventData"]["sequence"] for r in site.trail_records()]
    t.eq(numbers, list(range(1, len(numbers) + 1)), "every record, once and in order")


def per_delivery(receiver):
    counts = {}
    for r in receiver.requests:
        counts[r.delivery] = counts.get(r.delivery, 0) + 1
    return sorted(counts.values())


def test_jumps_under_a_resident(t):
    """One delivery waits for its next attempt, and an update for its patience (a move
    before it that no hook told of); then the clock jumps, and later jumps back."""
    for jump in JUMPS:
        with t.case("%+d s" % jump):
            site, receiver, clock, mover = rig(t)
            mover.move("one")
            mover.move("gap")
            sender = site.start_sender(env=clock.env)
            receiver.wait(2)
            mover.move("gap", tell=False)
            last = mover.move("gap")
            harness.wait_until(lambda: not site.spool(), SOON, "it is taken in")
            site.wait_states(WAITING=2)
            clock.set(jump)
            receiver.then = status(200)
            harness.wait_until(lambda: "the clock was set" in said(site), SOON, "it is seen")
            harness.wait_until(lambda: last in afters(receiver), SOON, "the move behind the gap")
            site.wait_states(DELIVERED=len(site.queue_json("--state", "all")), timeout=SOON)
            mover.move("after")
            receiver.wait_arrived(len(receiver.requests) + 1, SOON)
            clock.set(0)
            mover.move("back")
            receiver.wait_arrived(len(receiver.requests) + 1, SOON)
            site.wait_states(DELIVERED=len(site.queue_json("--state", "all")), timeout=SOON)
            sender.terminate()
            t.eq(sender.wait(10), 0, "it ends")
            again = per_delivery(receiver)
            t.ok(again[-1] <= 3 and again.count(1) >= len(again) - 2,
                 "what was delivered is not sent again: %s" % again)
            check_trail(t, site)


def afters(receiver):
    return [r.json()["after"] for r in receiver.requests if r.headers]


def said(site):
    with open(site.path("sender.log")) as f:
        return f.read()


def test_jumps_between_passes(t):
    """Passes of cron, and the clock is set between two: what was tried in a future that
    is none any more is tried again soon, and five days by a wrong clock give nothing up."""
    for jump in JUMPS:
        with t.case("%+d s" % jump):
            site, receiver, clock, mover = rig(t)
            mover.move("one")
            clock.set(-jump if jump < 0 else 0)
            t.eq(site.send(env=clock.env)[0], 0, "refire send")
            t.eq(site.states(), {"WAITING": 1}, "it failed once")
            clock.set(0 if jump < 0 else jump)
            receiver.then = status(200)
            mover.move("two")
            harness.wait_until(lambda: site.send(env=clock.env)[0] == 0 and
                               site.states() == {"DELIVERED": 2}, SOON, "both delivered")
            t.eq(per_delivery(receiver), [1, 2], "requests")
            check_trail(t, site)


def test_a_breaker_over_a_jump(t):
    """A receiver that is down is probed on, however the clock was set."""
    for jump in (-YEAR, YEAR):
        with t.case("%+d s" % jump):
            site, receiver, clock, mover = rig(t, breaker_failures="2", retry_schedule="1s")
            for n in range(4):
                mover.move("b%d" % n)
            sender = site.start_sender(env=clock.env)
            harness.wait_until(lambda: "its receiver failed" in said(site), SOON, "it is open")
            clock.set(jump)
            asked = len(receiver.requests)
            receiver.wait_arrived(asked + 1, SOON)
            receiver.then = status(200)
            site.wait_states(DELIVERED=4, timeout=SOON)
            sender.terminate()
            t.eq(sender.wait(10), 0, "it ends")
            check_trail(t, site)


def test_sealing_over_a_jump(t):
    """An hour that is over is sealed, one that never was or is yet to come harms nothing;
    the chain holds."""
    site, receiver, clock, mover = rig(t)
    receiver.then = status(200)
    sender = site.start_sender(env=clock.env)
    for n, offset in enumerate((0, HOUR, -HOUR, YEAR, 0)):
        clock.set(offset)
        mover.move("b%d" % n)
        receiver.wait(n + 1, SOON)
    site.wait_states(DELIVERED=5)
    sender.terminate()
    t.eq(sender.wait(10), 0, "it ends")
    check_trail(t, site)
    site.must("trail", "seal")
    site.must("trail", "verify")
    check_trail(t, site)
    t.ok(site.trail_records(), "they can be read")


def test_the_poller(t):
    """A resident poller looks on at its interval."""
    for jump in (-YEAR, YEAR):
        with t.case("%+d s" % jump):
            site, _, clock, mover = rig(t)
            site.repositories["web"]["poll-interval"] = "10s"
            site.write_conf()
            mover.move("one")
            site.send(env=clock.env)
            held = hold_lock(os.path.join(site.state, "sender.lock"))   # nobody takes it in
            t.cleanup(os.close, held)
            site.must("poll", env=clock.env)
            clock.set(jump)
            mover.move("one", tell=False)
            for name in site.spool():
                os.unlink(os.path.join(site.state, "spool", "new", name))
            t.eq(site.refire("poll", env=clock.env)[0], 0, "a pass")
            t.ok(site.spool(), "it was due, and is reported")


if __name__ == "__main__":
    harness.main()
