"""kill -9 of refire-send at each of its system calls, from the spool file to the
settled row and its record: the next `refire send` finishes everything, a request
that goes out again carries an id that is known, the trail has no gap and no double.
run: timeout=1200"""
import collections
import contextlib
import os
import shutil
import sqlite3

import harness
from harness import BUILD, ZERO
from sandbox import build_tool, run

LONG = bool(os.environ.get("TORTURE"))
SAMPLE = 40
SEND = os.path.join(BUILD, "refire-send")
REFS = ["refs/heads/turn%d" % n for n in range(3)]      # moved in each round
STAGES = ("intake", "join", "claim", "send", "settle")


def refire_id(request):
    """Of the delivery, in every format."""
    return request.headers["x-refire-delivery"]


class Rig:
    """A repository whose refs the test moves by itself, the hook by hand, and a sender
    that is killed at its K-th call."""

    def __init__(self, t):
        self.t = t
        self.killer = build_tool(t, "killer.c", "-O1")
        self.receiver = t.receiver()
        self.site = t.site()
        self.site.refire_keys["concurrency"] = 2        # so that claims are several
        self.site.pipeline("ci", self.receiver, format="generic")
        self.site.pipeline("other", self.receiver, format="github")
        self.repo = self.site.repository("web", quiet=True)
        work = self.site.work()
        self.ends = [work.commit(), work.commit()]
        work.git("push", "-q", "origin", "main:refs/hidden/keep")
        self.forget()
        self.log = self.site.path("killed")
        self.moves = self.rows = self.twice = 0
        self.stages, self.calls = collections.Counter(), collections.Counter()
        self.read = {}                  # of each trail file, so far
        self.sequence = 0

    def forget(self):
        """No state: the next sender makes everything anew."""
        for name in self.site.spool():
            os.unlink(os.path.join(self.site.state, "spool", "new", name))
        for name in os.listdir(self.site.state):
            path = os.path.join(self.site.state, name)
            if name.startswith("queue.db"):
                os.unlink(path)
            elif name in ("trail", "done"):
                shutil.rmtree(path)
        self.rows = self.sequence = 0
        self.read = {}

    def push(self):
        """Every ref goes to the other end, as a push of three would have it."""
        old, new = self.ends[(self.moves + 1) % 2], self.ends[self.moves % 2]
        if not self.moves:
            old = ZERO
        for ref in REFS:
            with open(os.path.join(self.repo, ref), "w") as f:
                f.write(new + "\n")
        self.moves += 1
        rc, _, err = self.site.hook_by_hand(self.repo, *[(old, new, r) for r in REFS])
        self.t.eq((rc, err), (0, b""), "the hook records")
        self.rows += 2 * len(REFS)

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
        return "send" if 1 in states else "claim" if 0 in states else "settle"

    def database(self):
        return sqlite3.connect(os.path.join(self.site.state, "queue.db"))

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

    def check(self, k):
        with contextlib.closing(self.database()) as db:
            got = db.execute("SELECT count(*), sum(state = 4) FROM deliveries").fetchone()
            self.t.eq(got, (self.rows, self.rows), "rows, and settled ones, after %d" % k)
            self.t.eq(db.execute("PRAGMA quick_check").fetchone(), ("ok",), "the queue's file")
            ids = {i for i, in db.execute("SELECT id FROM deliveries ORDER BY seq DESC LIMIT ?",
                                          (2 * len(REFS),))}
        self.t.eq(self.site.spool(), [], "the spool is empty after %d" % k)
        self.t.eq(self.site.spool("quarantine"), [], "nothing is set aside")
        self.check_requests(ids, k)
        self.check_trail()

    def check_requests(self, ids, k):
        seen = {}
        for r in self.receiver.requests:
            self.t.ok(r.signed, "signed")
            self.t.eq(r.body, seen.setdefault((refire_id(r), r.event), r.body), "a body again")
        self.t.eq({d for d, _ in seen}, ids, "each of this round's, and no other, after %d" % k)
        twice = len(self.receiver.requests) - len(seen)
        self.t.ok(twice <= 2, "%d duplicates, 2 were in flight at most" % twice)
        self.twice += twice

    def check_trail(self):
        """What was added since the last look: whole lines, numbers dense and in order."""
        folder = os.path.join(self.site.state, "trail")
        for name in sorted(n for n in os.listdir(folder) if n.endswith(".jsonl")):
            with open(os.path.join(folder, name), "rb") as f:
                f.seek(self.read.get(name, 0))
                data = f.read()
                self.read[name] = f.tell()
            for line in data.splitlines(True):
                self.t.ok(line.startswith(b"{") and line.endswith(b"}\n"), "a whole line")
                number = int(line.split(b'"sequence":')[1].split(b",")[0].split(b"}")[0])
                self.sequence += 1
                self.t.eq(number, self.sequence, "the trail's numbers")
        with contextlib.closing(self.database()) as db:
            last, = db.execute("SELECT max(seq) FROM journal").fetchone()
        self.t.eq(self.sequence, last, "the trail is complete")

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

    def check_whole(self):
        with contextlib.closing(self.database()) as db:
            self.t.eq(db.execute("PRAGMA integrity_check").fetchone(), ("ok",), "integrity")


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
