"""kill -9 of refire-send at each of its system calls, from the spool file to the
settled row and its record: the next `refire send` finishes everything, a request
that goes out again carries an id that is known, the trail has no gap and no double.
run: timeout=1200"""
import collections
import contextlib
import os

import harness
from harness import BUILD
from sandbox import build_tool, run
from turns import Turns

LONG = bool(os.environ.get("TORTURE"))
SAMPLE = 40
SEND = os.path.join(BUILD, "refire-send")
STAGES = ("intake", "join", "send", "settle")    # what is joined is leased in one transaction


class Rig(Turns):
    """A sender that is killed at its K-th call."""

    def __init__(self, t):
        self.killer = build_tool(t, "killer.c", "-O1")
        super().__init__(t)
        self.log = self.site.path("killed")
        self.stages, self.calls = collections.Counter(), collections.Counter()

    def send_killed(self, k, which):
        """One sender, killed at call k; False when it ended before."""
        rc, _, err = run([self.killer, str(k), which, self.log, SEND, "--quiet", "--config",
                          self.site.conf], env=self.site.env(), timeout=60)
        with open(self.log) as f:
            word, a, b = f.read().split()
        if word == "ended":
            self.t.eq((rc, a), (0, "0"), "it ended: %s" % err)
            self.count = int(b)
            return False
        self.t.eq((rc, int(a)), (137, k), "it was killed there")
        self.calls[b] += 1
        self.stages[self.stage()] += 1
        return True

    def stage(self):
        """How far it had come."""
        if self.site.spool():
            return "intake"
        with contextlib.closing(self.database()) as db:
            if db.execute("SELECT count(*) FROM updates WHERE state = 0").fetchone()[0]:
                return "join"
            states = {s for s, in db.execute("SELECT DISTINCT state FROM deliveries")}
        return "send" if states & {0, 1} else "settle"

    def round(self, k, which):
        """Push, kill, send again, check; whether it was killed."""
        self.receiver.clear()
        self.push()
        killed = self.send_killed(k, which)
        if killed:
            rc, _, err = run([SEND, "--quiet", "--config", self.site.conf], env=self.site.env())
            self.t.eq((rc, err), (0, b""), "the next sender, after a kill at %d" % k)
        self.check(k)
        return killed

    def rounds(self, which, fresh=False):
        """A kill at every call, or at a sample of them."""
        random = self.t.seed()
        self.t.eq(self.round(0, which), False, "a run to its end")
        if not fresh:
            self.round(0, which)        # with a state that is there
        total = self.count
        ks = range(1, total + 1) if LONG else \
            [int(1 + (i + random.random()) * total / SAMPLE) for i in range(SAMPLE)]
        kills = 0
        for k in ks:
            if fresh:
                self.forget()
            kills += self.round(k, which)
        self.t.diag("%d calls, %d kills at %s, %d duplicates; stages %s" % (
            total, kills, dict(self.calls.most_common(6)), self.twice, dict(self.stages)))
        self.t.ok(kills >= 0.8 * len(ks), "nearly every one was killed")
        return kills


def test_killed_at_every_effect(t):
    rig = Rig(t)
    rig.rounds("effects")
    rig.check_whole()
    for stage in STAGES:
        t.ok(rig.stages[stage], "killed in stage %s too: %s" % (stage, dict(rig.stages)))


def test_killed_while_state_is_made(t):
    """The first sender of all: directories, the queue's tables, the trail's file."""
    rig = Rig(t)
    rig.rounds("effects", fresh=True)
    rig.check_whole()


def test_killed_at_every_call(t):
    """Reads, polls and locks too."""
    if not LONG:
        t.skip("every call: in `make torture`")
    rig = Rig(t)
    rig.rounds("all")
    rig.check_whole()


if __name__ == "__main__":
    harness.main()
