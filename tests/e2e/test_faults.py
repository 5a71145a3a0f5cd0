"""The K-th allocation, file operation or SQL call of refire-send, refire-poll,
refire-queue and refire-fire fails, once and from then on: no crash, no hang, nothing
half done; the exit status and a sentence say so, and a run without faults then
finishes everything, once.
run: timeout=1200"""
import collections
import contextlib
import json
import os
import sqlite3

import harness
from faults import FILE_ERRORS, SQL_ERRORS, Injector
from harness import BUILD
from hookrecord import hold_lock, parse
from sandbox import run
from turns import REFS, Turns

LONG = bool(os.environ.get("TORTURE"))
MODES = ("once", "ever")
SAMPLE = 2              # cases in a sample, and memory; a fault of each, or so many:
OF_MEMORY = 2
CASES = [("mem", None)] + [("file", e) for e in FILE_ERRORS] + [("sql", e) for e in SQL_ERRORS]
HELD, FAILED = 3, 5     # states of a delivery, lib/queue.h
# glibc 2.36 itself dies of a failed allocation there: it reads a null pointer, or aborts.
LIBC = ("__nss_", "nss_database")


class Faults:
    """Runs one command again and again, a fault in each; bad holds what went wrong."""

    def __init__(self, t, injector, argv, env, before, after):
        self.t, self.injector, self.argv, self.env = t, injector, argv, env
        self.before, self.after = before, after
        self.program = os.path.basename(argv[0])
        self.tally, self.bad = collections.Counter(), []
        self.total = self.missed = 0

    def one(self, family, error, k, name, mode):
        what = "%s %s %d (%s) %s" % (family, error or "", k, name, mode)
        self.before()
        rc, out, err, injected = self.injector.run(self.argv, self.env, family, k, error, mode)
        self.total += 1
        self.tally[rc] += 1
        self.missed += not injected     # threads: not every run has as many operations
        self.check(what, err, self.t.ok, injected <= 1 or mode == "ever", "injections")
        if rc < 0 and any(w in err for w in LIBC):
            self.tally["in libc"] += 1
        else:
            self.check("%s: status %d" % (what, rc), err, self.check_end, rc, err)
        self.check(what, err, self.after, rc, out, err)

    def check(self, what, err, function, *args):
        try:
            function(*args)
        except Exception as e:  # noqa: BLE001
            self.bad.append("%s: %s\n   said %s" % (what, e, err.strip()[-1500:]))

    def check_end(self, rc, err):
        self.t.ok(rc in (0, 1, 75, 77, 78), "exit status")
        if rc:
            self.t.ok(err.startswith("refire") and len(err) > 30, "a sentence says why")
        for line in err.splitlines():
            self.t.ok(line.startswith(("refire", "  ")), "only sentences of ours: " + line)

    def family(self, random, family, error):
        """Once and from then on, at each place in the code; or at some, one of the two."""
        self.before()
        points, every = self.injector.points(self.argv, self.env, family, error)
        self.after(0, "", "")
        few = OF_MEMORY if family == "mem" else 1
        if LONG:
            chosen = [(mode, *p) for mode in MODES for p in points]
        else:
            chosen = [(random.choice(MODES),
                       *points[int((i + 0.9 * random.random()) * len(points) / few)])
                      for i in range(min(few, len(points)))]
        for mode, k, name in chosen:
            self.one(family, error, k, name, mode)
        return len(points), every

    def all(self, cases=None):
        random, places = self.t.seed(), []
        cases = cases or CASES
        if not LONG:
            cases = cases[:1] + random.sample(cases[1:], SAMPLE)
        for family, error in cases:
            n, every = self.family(random, family, error)
            places.append("%s %d of %d" % (error or family, n, every))
        self.t.diag("%s: %d faults, %d not met; places %s; exit statuses %s" % (
            self.program, self.total, self.missed, ", ".join(places), dict(self.tally)))
        for text in self.bad[:20]:
            self.t.diag(text)
        self.t.eq(len(self.bad), 0, "went wrong")
        self.t.ok(self.missed <= self.total / (4 if LONG else 2), "most faults happened")


# ---- refire-send ----

class Send(Turns):
    def __init__(self, t):
        super().__init__(t)
        self.argv = [os.path.join(BUILD, "refire-send"), "--quiet", "--config", self.site.conf]
        self.env = self.site.env()
        self.site.pipelines["ci"]["breaker-failures"] = self.site.pipelines["other"][
            "breaker-failures"] = "0"
        self.site.write_conf()

    def before(self):
        self.receiver.clear()
        self.push()

    def after(self, rc, _out, _err):
        """What the faulted one left, and then a good one."""
        try:
            self.look(rc)
            for _ in range(2):          # what its fault made wait is due now
                self.hurry()
                again, _, err = run(self.argv, env=self.env)
                self.t.eq((again, err), (0, b""), "the next one")
            self.check("it")
        except Exception:
            self.forget()
            self.moves += self.moves % 2
            raise

    def hurry(self):
        with contextlib.closing(self.database()) as db, contextlib.suppress(sqlite3.Error), db:
            db.execute("UPDATE deliveries SET due = 0 WHERE state = 2")

    def look(self, rc):
        if not os.path.exists(os.path.join(self.site.state, "queue.db")):
            return
        with contextlib.closing(self.database()) as db:
            if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                return
            states = collections.Counter(s for s, in db.execute("SELECT state FROM deliveries"))
        self.t.ok(not states[HELD] and not states[FAILED], "nobody is to blame: %s" % states)
        if rc == 0:
            self.t.ok(not states[0] and not states[1] and not self.site.spool(),
                      "with 0 it is done, or waits: %s" % states)


def test_send(t):
    rig = Send(t)
    Faults(t, Injector(t), rig.argv, rig.env, rig.before, rig.after).all()
    rig.check_whole()


def test_first_send(t):
    """The same where nothing is there yet: directories, tables, the trail."""
    if not LONG:
        t.skip("in `make torture`; test_kill_calls has a sample of it")
    rig = Send(t)

    def before():
        rig.forget()
        rig.before()
    Faults(t, Injector(t), rig.argv, rig.env, before, rig.after).all()


def test_resident(t):
    """One that stays goes on by itself."""
    rig, injector = Send(t), Injector(t)
    random = t.seed()
    rig.before()
    cases = CASES[1:] if LONG else random.sample(CASES[1:], SAMPLE)
    points = {c: injector.points(rig.argv, rig.env, *c)[0] for c in cases}
    rig.after(0, "", "")
    met = 0
    for case in cases:
        for k, name in random.sample(points[case], 20 if LONG else 1):
            met += resident(t, rig, injector, case, k, name)
    t.ok(met > (100 if LONG else 0), "faults happened: %d" % met)


def test_a_read_that_fails_is_no_damage(t):
    """SQLite says "malformed" of a read that failed once: the queue is whole, and the
    sender tries again."""
    rig, injector = Send(t), Injector(t)
    random = t.seed()
    rig.before()
    points = [p for p in injector.points(rig.argv, rig.env, "file", "EIO")[0]
              if p[1].startswith("pread")]
    rig.after(0, "", "")
    random.shuffle(points)
    met = 0
    for k, name in points:
        if met == 2 and not LONG:
            break
        met += resident(t, rig, injector, ("file", "EIO"), k, name)
        with open(rig.site.path("sender.log")) as f:
            t.lacks(f.read(), "damaged", "after EIO at %d (%s)" % (k, name))
    t.ok(met, "faults happened: %d" % met)


def resident(t, rig, injector, case, k, name):
    family, error = case
    if os.path.exists(injector.log):
        os.unlink(injector.log)
    rig.before()
    sender = rig.site.start_sender("--watch", "--quiet", env=injector.env(family, k, error, "once"))
    try:
        with contextlib.closing(rig.database()) as db:
            harness.wait_until(lambda: sender.poll() is not None or not rig.site.spool() and
                               db.execute("SELECT count(*) FROM deliveries WHERE state IN (4, 2)"
                                          ).fetchone()[0] == rig.rows, 20,
                               "the end of it, after %s %d (%s)" % (case, k, name))
    finally:
        if sender.poll() is None:
            sender.terminate()
        rc = sender.wait(10)
    t.ok(rc in (0, 75), "status %d after %s %d (%s)" % (rc, case, k, name))
    rig.after(75, "", "")
    return len(injector.lines())


# ---- refire-poll ----

class Poll:
    """Refs of a repository that has no hook go on from commit to commit."""

    def __init__(self, t):
        self.t = t
        self.receiver = t.receiver()
        self.site = t.site()
        self.site.pipeline("ci", self.receiver, format="generic")
        self.repo = self.site.repository("web", hook=False)
        self.site.git("-C", self.repo, "fast-import", "--quiet", stdin=b"".join(
            b"commit refs/hidden/all\ncommitter a <a@b> %d +0000\ndata 1\nx\n" % (n + 1000)
            for n in range(20_000 if LONG else 400)))
        self.commits = self.site.git("-C", self.repo, "rev-list", "refs/hidden/all").split()
        self.argv = [os.path.join(BUILD, "refire-poll"), "--quiet", "--config", self.site.conf,
                     "web"]
        self.env = self.site.env()
        self.before()
        self.site.must("send")          # makes the state
        t.cleanup(os.close, hold_lock(os.path.join(self.site.state, "sender.lock")))
        self.site.must("poll", "web")
        self.take()

    def before(self):
        self.now = self.commits.pop()
        for ref in REFS:                # as git does: a new file, whose directory's time moves
            path = os.path.join(self.repo, ref)
            with open(path + ".lock", "w") as f:
                f.write(self.now + "\n")
            os.rename(path + ".lock", path)

    def take(self):
        """{ref: object id} of the reports in the spool, which is empty then."""
        seen = {}
        folder = os.path.join(self.site.state, "spool", "new")
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                text = f.read()
            os.unlink(path)
            if name.startswith("e."):
                for field, value in parse(text):
                    if field == b"seen":
                        seen.update({line.split(b" ")[2].decode(): line.split(b" ")[1].decode()
                                     for line in value.splitlines()})
        return seen

    def after(self, _rc, _out, _err):
        """What it said, and what the next one adds, is what the refs are."""
        rc, _, err = run(self.argv, env=self.env)
        self.t.eq((rc, err), (0, b""), "the next one")
        self.t.eq({r: o for r, o in self.take().items() if r in REFS},
                  {r: self.now for r in REFS}, "reported")


def test_poll(t):
    rig = Poll(t)
    Faults(t, Injector(t), rig.argv, rig.env, rig.before, rig.after).all()


# ---- what an operator types ----

class Commands(Turns):
    """A queue with FAILED deliveries in it, and no sender that would act on commands."""

    def __init__(self, t):
        super().__init__(t)
        self.receiver.then = harness.status(404)
        for pipeline in self.site.pipelines.values():
            pipeline["rejected-tries"] = "1"
        self.site.write_conf()
        self.push()
        self.site.send()
        self.ids = [r["delivery"] for r in self.site.queue_json()]
        self.env = self.site.env()
        t.cleanup(os.close, hold_lock(os.path.join(self.site.state, "sender.lock")))

    def argv(self, program, *args):
        return [os.path.join(BUILD, program), *args, "--config", self.site.conf]

    def states(self):
        with contextlib.closing(self.database()) as db:
            return [s for s, in db.execute("SELECT state FROM deliveries ORDER BY seq")], \
                db.execute("SELECT count(*) FROM journal").fetchone()[0]


def test_list(t):
    rig = Commands(t)
    argv = rig.argv("refire-queue", "list", "--json", "--state", "all")
    want = run(argv, env=rig.env)[1].decode()
    t.eq(len(want.splitlines()), rig.rows, "rows")

    def after(rc, out, _err):
        if rc == 0 and out:
            t.eq(out, want, "the whole list, or a status that says it is not")
        for line in out.splitlines():
            json.loads(line)
    Faults(t, Injector(t), argv, rig.env, lambda: None, after).all()


def test_retry(t):
    """Either it is done, all of it, and in the trail; or nothing is."""
    rig = Commands(t)
    argv = rig.argv("refire-queue", "retry", *rig.ids)
    rows = []

    def before():
        with contextlib.closing(rig.database()) as db, db:
            db.execute("UPDATE deliveries SET state = 5, head = 0")
        rows[:] = [rig.states()[1]]

    def after(rc, _out, _err):
        states, journal = rig.states()
        done = states == [0] * rig.rows
        t.ok(done or states == [5] * rig.rows, "all or nothing: %s" % states)
        t.eq(journal - rows[0], rig.rows if done else 0, "records")
        t.ok(done or rc, "a status that says it")
    Faults(t, Injector(t), argv, rig.env, before, after).all()


def test_fire(t):
    """The spool file is there, whole; or a status says it is not."""
    rig = Commands(t)
    argv = rig.argv("refire-fire", "ci", "--ref", REFS[0])
    folder = os.path.join(rig.site.state, "spool", "new")

    def after(rc, _out, _err):
        names = os.listdir(folder)
        good = 0
        for name in names:
            with open(os.path.join(folder, name), "rb") as f:
                data = f.read()
            os.unlink(os.path.join(folder, name))
            good += name.startswith("e.")
            if name.startswith("e."):
                parse(data)
        t.ok(good == 1 or rc, "fired, or a status that says it: %s" % names)
    Faults(t, Injector(t), argv, rig.env, lambda: None, after).all(
        [c for c in CASES if c[0] != "sql"])


if __name__ == "__main__":
    harness.main()
