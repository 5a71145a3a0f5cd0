"""The end-to-end tests' harness: TAP, waiting, and one import for everything.

    import harness

    def test_push_arrives(t):
        receiver = t.receiver()                 # 127.0.0.1, own port, checks the HMAC
        site = t.site().standard(receiver)      # repository, pipeline, secret, hook
        work = site.work()
        new = work.commit()
        work.push("main")
        receiver.wait(1)
        t.eq(receiver.requests[0].json()["after"], new, "after")

    if __name__ == "__main__":
        harness.main()

Each function named test_* runs in the order of the file and prints one TAP
line. A table of cases prints one line a case instead: `with t.case("name"):`.
The first failing check ends its function (or case), and what the site knows
(queue, spool, sender log) follows as diagnostics. t.skip(reason) skips.

What t makes (site, receiver, servers) is closed after the function, and its
processes are ended by pid. `python3 test_x.py NAME...` runs some functions.

Binaries come from $REFIRE_BUILD (default: build/ of the repository), programs
of other packages from $REFIRE_PEERS (default: build/peers, see tests/packages)
or PATH. Everything lives under $TMPDIR; nothing listens but on 127.0.0.1.
"""
import contextlib
import inspect
import os
import random
import signal
import sys
import time
import traceback

from receiver import (Receiver, Reply, big, chunked_forever, close_early,  # noqa: F401
                      close_mid, drip, drip_head, headers_forever, reset,
                      reset_mid, slow, status)
from sandbox import (BUILD, ROOT, ZERO, Gone, Site, Work, clean_env,  # noqa: F401
                     find_program, processes_with, run)
from servers import GitHttpServer, SshServer, Webhook  # noqa: F401


class Failed(Exception):
    """A check did not hold."""


class Skipped(Exception):
    """This cannot run here; the text says why."""


def wait_until(predicate, timeout=30, what="a condition", every=0.03):
    """Return predicate()'s first true value; Failed after timeout seconds. Only
    where there is no event to wait for (a file, another process's queue)."""
    end = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed("%s did not come about within %g s" % (what, timeout))
        time.sleep(every)


class Tap:
    """What a test function gets: checks, and makers of things that are closed after it."""

    def __init__(self):
        self.count = 0
        self.failed = 0
        self.notes = []
        self.stack = None
        self.sites = []
        self.cases = 0

    # ---- checks ----
    def ok(self, condition, what):
        """Fail unless condition."""
        if not condition:
            raise Failed(what)

    def eq(self, got, want, what):
        """Fail unless got == want."""
        if got != want:
            raise Failed("%s\n  got:  %s\n  want: %s" % (what, short(got), short(want)))

    def has(self, text, part, what):
        """Fail unless part is in text (any two of the same kind)."""
        if part not in text:
            raise Failed("%s\n  %s\n  is not in: %s" % (what, short(part), short(text)))

    def lacks(self, text, part, what):
        """Fail when part is in text."""
        if part in text:
            raise Failed("%s\n  %s\n  is in: %s" % (what, short(part), short(text)))

    def skip(self, reason):
        """End this function as skipped."""
        raise Skipped(reason)

    def need(self, *programs):
        """Skip unless these programs can be found."""
        for name in programs:
            if not find_program(name):
                self.skip("%s is not here (tests/packages test)" % name)

    def diag(self, text):
        """A line for the log, whatever the outcome."""
        for line in str(text).splitlines():
            print("# " + line.encode("ascii", "backslashreplace").decode(), flush=True)

    def seed(self):
        """A random.Random whose seed is printed; $REFIRE_SEED repeats a run."""
        seed = int(os.environ.get("REFIRE_SEED") or random.SystemRandom().randrange(1 << 32))
        self.diag("seed %d (REFIRE_SEED=%d repeats it)" % (seed, seed))
        return random.Random(seed)

    # ---- makers ----
    def use(self, thing):
        """Close thing (.close()) after this function. Returns it."""
        self.stack.callback(thing.close)
        return thing

    def site(self, **keys):
        """A new Site."""
        site = Site(**keys)
        self.sites.append(site)
        return self.use(site)

    def receiver(self, **keys):
        """A new Receiver, listening."""
        return self.use(Receiver(**keys))

    def cleanup(self, function, *args):
        """Call function(*args) after this function, whatever happens."""
        self.stack.callback(function, *args)

    # ---- TAP ----
    def line(self, good, name, extra=""):
        self.count += 1
        self.failed += not good
        print("%s %d - %s%s" % ("ok" if good else "not ok", self.count, name, extra), flush=True)

    @contextlib.contextmanager
    def case(self, name):
        """One row of a table: prints its own TAP line; a failure ends the row only."""
        self.cases += 1
        began = time.monotonic()
        try:
            yield
        except Skipped as reason:
            self.line(True, name, " # SKIP %s" % reason)
        except Exception:  # noqa: BLE001
            self.line(False, name)
            self.explain()
        else:
            self.line(True, name, " (%.1f s)" % (time.monotonic() - began))

    def explain(self):
        kind, error, _ = sys.exc_info()
        if kind is Failed:
            frames = traceback.extract_tb(error.__traceback__)
            for frame in frames:
                if os.path.basename(frame.filename).startswith("test_"):
                    self.diag("%s:%d %s" % (os.path.basename(frame.filename), frame.lineno,
                                            frame.line))
            self.diag(error)
        else:
            self.diag(traceback.format_exc())
        for site in self.sites[-1:]:
            with contextlib.suppress(Exception):
                self.diag(site.describe())

    def function(self, name, function):
        self.sites, self.cases = [], 0
        before, began = self.count, time.monotonic()
        outcome, extra = True, ""
        try:
            with contextlib.ExitStack() as self.stack:
                try:
                    function(self)
                    extra = " (%.1f s)" % (time.monotonic() - began)
                except Skipped as reason:
                    extra = " # SKIP %s" % reason
                except KeyboardInterrupt:
                    raise
                except Exception:  # noqa: BLE001
                    outcome = False
                    self.explain()
        except (Gone, OSError):         # what closing found: a record that is wrong
            outcome = False
            self.diag(traceback.format_exc())
        if not (outcome and self.cases and self.count > before):
            self.line(outcome, name, extra)


def short(value, limit=2000):
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else text[:limit] + " ... (%d more)" % (len(text) - limit)


def main():
    """Run the test_* functions of the calling file; exit 1 when one failed."""
    module = sys.modules["__main__"]
    wanted = sys.argv[1:]
    tests = [(n, f) for n, f in vars(module).items()
             if n.startswith("test_") and inspect.isfunction(f)
             and (not wanted or n in wanted or n[5:] in wanted)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))   # and close what is open
    tap = Tap()
    for name, function in tests:
        tap.function(name[5:].replace("_", " "), function)
    print("1..%d" % tap.count, flush=True)
    sys.exit(1 if tap.failed or not tests else 0)
