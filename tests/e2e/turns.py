"""A push in each round, of refs that the test moves by itself, and what must hold when
a sender has been through it: shared by the tests that kill or fault it."""
import contextlib
import os
import shutil
import sqlite3

from sandbox import ZERO

REFS = ["refs/heads/turn%d" % n for n in range(3)]      # moved in each round


def refire_id(request):
    """Of the delivery, in every format."""
    return request.headers["x-refire-delivery"]


class Turns:
    """A repository, two pipelines, and a hook run by hand. No sender but the test's."""

    def __init__(self, t):
        self.t = t
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
        self.moves = self.rows = self.twice = 0
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

    def database(self):
        return sqlite3.connect(os.path.join(self.site.state, "queue.db"))

    def check(self, k):
        with contextlib.closing(self.database()) as db:
            got = db.execute("SELECT count(*), sum(state = 4) FROM deliveries").fetchone()
            self.t.eq(got, (self.rows, self.rows), "rows, and settled ones, after %s" % k)
            self.t.eq(db.execute("PRAGMA quick_check").fetchone(), ("ok",), "the queue's file")
            ids = {i for i, in db.execute("SELECT id FROM deliveries ORDER BY seq DESC LIMIT ?",
                                          (2 * len(REFS),))}
        self.t.eq(self.site.spool(), [], "the spool is empty after %s" % k)
        self.t.eq(self.site.spool("quarantine"), [], "nothing is set aside")
        self.check_requests(ids, k)
        self.check_trail()

    def check_requests(self, ids, k):
        seen = {}
        for r in self.receiver.requests:
            self.t.ok(r.signed, "signed")
            self.t.eq(r.body, seen.setdefault((refire_id(r), r.event), r.body), "a body again")
        self.t.eq({d for d, _ in seen}, ids, "each of this round's, and no other, after %s" % k)
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

    def check_whole(self):
        with contextlib.closing(self.database()) as db:
            self.t.eq(db.execute("PRAGMA integrity_check").fetchone(), ("ok",), "integrity")
