#!/usr/bin/env python3
"""Polling, beside a bare curl_multi loop and git ls-remote, interleaved in one run.

	tests/bench/poll.py [PART...]	all of them unless named; REFIRE_BUILD is the build

canned		10,000 repositories behind nginx with an answer that never changes: the first
		pass, the steady passes, the memory; a bare curl_multi loop with the same
		requests; xargs -P4 git ls-remote
backend		200 repositories behind nginx and git http-backend: what it can answer, and
		what a pass gets of it
refs		one branch of a repository of 50,000 refs: bytes and CPU time of a poll
local		200 repositories on this machine in which nothing moved

A pass is one `refire poll`, with everything: its start, the configuration, the rows it
stores with one sync. "A start" is `refire poll` when nothing is due: the same
configuration and queue are read, nobody is asked. Polling alone is the one less the
other. Servers run on the same machine. Exit status 1 when a target is missed.
"""
import os
import shlex
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "e2e")]
from canned import CannedServer                         # noqa: E402
from polling import Polls                               # noqa: E402
from sandbox import BUILD, Site, run                    # noqa: E402
from servers import GitHttpServer                       # noqa: E402

CC = shlex.split(os.environ.get("CC", "gcc"))
NOWHERE = "http://127.0.0.1:9/"
HOUR_US = 3600 * 1000000
BUSY = 1.25         # wall over CPU time of a bare loop; 1.0 on a machine that is idle
median = statistics.median


class Table:
    """Rows of figures; those with a target are judged."""

    def __init__(self):
        self.missed = 0
        print("%-58s %10s %-8s %s" % ("", "figure", "", "target"))

    def part(self, text):
        print("\n" + text)

    def row(self, text, value, unit="", least=None, most=None):
        target = verdict = ""
        if least is not None or most is not None:
            good = value >= least if most is None else value < most
            self.missed += not good
            verdict = "ok" if good else "MISSED"
            target = ">= %g" % least if most is None else "< %g" % most
        shown = "%10.0f" % value if value >= 1000 else "%10.2f" % value
        print("%-58s %s %-8s %-10s %s" % (text, shown, unit, target, verdict), flush=True)


class Used:
    """What a process took: wall and CPU seconds, MiB of memory at most."""

    def __init__(self, argv, env=None, expect=0):
        begun = time.monotonic()
        process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.wall = time.monotonic() - begun
        self.cpu = usage.ru_utime + usage.ru_stime
        self.memory = usage.ru_maxrss / 1024
        if process.returncode != expect:
            raise SystemExit("%s: exit status %d\n%s" % (argv, process.returncode,
                                                         said.decode(errors="replace")[-2000:]))


class Poller:
    """A site whose spool is taken in only when asked."""

    def __init__(self, site):
        self.site, self.polls = site, Polls(site)
        self.db = os.path.join(site.state, "queue.db")

    def run(self, *args):
        return Used([os.path.join(BUILD, "refire-poll"), "--quiet", "--config", self.site.conf,
                     *args], self.site.env())

    def due(self):
        """All looks were an hour earlier than they were."""
        db = sqlite3.connect(self.db)
        with db:
            db.execute("UPDATE polls SET last = last - ?1, next = next - ?1", (HOUR_US,))
        db.close()

    def all_polled(self, count, since):
        db = sqlite3.connect("file:%s?mode=ro" % self.db, uri=True)
        got, = db.execute("SELECT count(*) FROM polls WHERE failures = 0 AND ok >= ?1",
                          (int(since * 1e6),)).fetchone()
        db.close()
        if got != count:
            raise SystemExit("%d of %d repositories were polled" % (got, count))

    def steady(self, count):
        """One pass in which all are due."""
        self.due()
        since = time.time()
        used = self.run()
        self.all_polled(count, since)
        return used

    def settle(self, count):
        """From nothing known to passes that find nothing; the first and what accepting took."""
        first = self.run()
        begun = time.monotonic()
        self.polls.accept()
        accepting = time.monotonic() - begun
        self.steady(count)
        return first, accepting

    def close(self):
        self.polls.close()
        self.site.trail_is_ours = False     # thousands of records: other tests look at them
        self.site.close()


def pkt(text):
    return b"%04x%s\n" % (len(text) + 5, text)


class Bare:
    """curl-multi.c with the request of a poll."""

    def __init__(self, site, prefix):
        self.program = site.path("curl-multi")
        self.body = site.path("body")
        subprocess.run([*CC, "-O2", "-D_GNU_SOURCE", "-o", self.program,
                        os.path.join(HERE, "curl-multi.c"), "-lcurl"], check=True)
        with open(self.body, "wb") as f:
            f.write(pkt(b"command=ls-refs") + pkt(b"agent=refire/0.1.0") + b"0001" +
                    pkt(b"symrefs") + pkt(b"unborn") + pkt(b"ref-prefix HEAD") +
                    b"".join(pkt(b"ref-prefix " + p) for p in prefix) + b"0000")

    def run(self, url, count, at_once):
        return Used([self.program, url + "/git-upload-pack", str(count), str(at_once), self.body,
                     "poll", "Git-Protocol: version=2",
                     "Content-Type: application/x-git-upload-pack-request",
                     "Accept: application/x-git-upload-pack-result", "Expect:"])


# ---- 10,000 repositories behind a canned answer ----

CANNED, AT_ONCE, GIT_CALLS = 10_000, 16, 32


def ls_remote(site, server):
    """xargs -P4 git ls-remote: polls a second."""
    urls = "\n".join(server.url("r%05d" % i) for i in range(GIT_CALLS))
    begun = time.monotonic()
    rc, _, err = run(["xargs", "-P4", "-n1", "git", "ls-remote", "-q"], env=site.env(),
                     stdin=urls.encode())
    if rc:
        raise SystemExit("git ls-remote: " + err.decode())
    return GIT_CALLS / (time.monotonic() - begun)


def canned_site(site):
    server = CannedServer(site)
    site.refire_keys["polls-per-host"] = AT_ONCE
    site.repositories = {"r%05d" % i: {"url": server.url("r%05d" % i)} for i in range(CANNED)}
    site.pipeline("ci", NOWHERE, "*", branches="main")
    return server


def canned(table, rounds=5):
    site = Site()
    poller = Poller(site)
    server = canned_site(site)
    bare = Bare(site, [b"refs/heads/main"])
    try:
        first, accepting = poller.settle(CANNED)
        got = {"start": [], "pass": [], "bare": [], "git": []}
        for _ in range(rounds):
            got["start"].append(poller.run())
            got["pass"].append(poller.steady(CANNED))
            got["bare"].append(bare.run(server.url("r00000"), CANNED, AT_ONCE))
            got["git"].append(ls_remote(site, server))
    finally:
        server.close()
        poller.close()
    report_canned(table, got, first, accepting)


def report_canned(table, got, first, accepting):
    alone = [p.wall - s.wall for p, s in zip(got["pass"], got["start"])]
    work = [p.cpu - s.cpu for p, s in zip(got["pass"], got["start"])]
    rate, git = CANNED / median(alone), median(got["git"])
    most = CANNED / median(b.wall for b in got["bare"])
    table.part("%d repositories, a canned answer by nginx; polls-per-host = %d" %
               (CANNED, AT_ONCE))
    table.row("polling alone", rate, "/s", least=25_000)
    table.row("a whole pass, its start included", CANNED / median(p.wall for p in got["pass"]),
              "/s")
    table.row("its start: 10,000 sections and rows read",
              1000 * median(s.wall for s in got["start"]), "ms")
    table.row("CPU time of a poll", 1e6 * median(work) / CANNED, "us")
    table.row("a bare curl_multi loop, the same requests", most, "/s")
    table.row("  its CPU time a request", 1e6 * median(b.cpu for b in got["bare"]) / CANNED, "us")
    table.row("  polling alone is, of that", 100 * rate / most, "%")
    table.row("xargs -P4 git ls-remote", git, "/s")
    table.row("polling alone / git ls-remote", rate / git, "times", least=50)
    table.row("memory, steady", max(p.memory for p in got["pass"]), "MiB", most=64)
    table.row("memory, first pass", first.memory, "MiB", most=64)
    table.row("first pass: 10,000 baselines made durable", first.wall, "s")
    table.row("and taken in by the sender", accepting, "s")
    stretch = median(b.wall / b.cpu for b in got["bare"])
    if stretch > BUSY:
        print("the machine was busy: the bare loop took %.1f times its CPU time; look at the "
              "ratios, or run it again by itself" % stretch)


# ---- git http-backend ----

BACKEND, BACKEND_AT_ONCE = 200, 8


def small_repository(site):
    work = site.work()
    work.commit()
    path = site.repository("r00000", hook=False)
    work.git("push", "-q", path, *("main:refs/heads/" + b for b in ("main", "dev", "next")),
             *("main:refs/tags/" + t for t in ("v1", "v2")))
    site.git("-C", path, "pack-refs", "--all")
    return path


def backend(table, rounds=5):
    site = Site()
    poller = Poller(site)
    path = small_repository(site)
    for i in range(1, BACKEND):
        shutil.copytree(path, site.path("repos", "r%05d.git" % i))
    server = GitHttpServer(site)
    site.repositories = {"r%05d" % i: {"url": server.url("r%05d" % i)} for i in range(BACKEND)}
    site.pipeline("ci", NOWHERE, "*", branches="main")
    bare = Bare(site, [b"refs/heads/main"])
    most, mine, share = [], [], []
    try:
        poller.settle(BACKEND)
        for _ in range(rounds):
            most.append(BACKEND / bare.run(server.url("r00000"), BACKEND, BACKEND_AT_ONCE).wall)
            mine.append(BACKEND / poller.steady(BACKEND).wall)
            share.append(mine[-1] / most[-1])
    finally:
        server.close()
        poller.close()
    table.part("%d repositories, git http-backend behind nginx and 3 fcgiwrap; %d at once" %
               (BACKEND, BACKEND_AT_ONCE))
    table.row("what it can answer: a bare curl_multi loop", median(most), "/s")
    table.row("a whole pass, its start included", median(mine), "/s")
    table.row("of what it can answer", 100 * median(share), "%", least=80)


# ---- 50,000 refs ----

REFS = 50_000


class Relay:
    """Passes bytes on to a port and counts those that come back."""

    def __init__(self, port):
        self.to, self.received, self.sent = port, 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.to))
            threading.Thread(target=self.pump, args=(client, server, "sent"), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, "received"),
                             daemon=True).start()

    def pump(self, source, sink, count):
        try:
            while True:
                data = source.recv(1 << 16)
                if not data:
                    break
                setattr(self, count, getattr(self, count) + len(data))
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def take(self):
        got, self.received, self.sent = (self.received, self.sent), 0, 0
        return got

    def close(self):
        self.listener.close()


def many_refs(site):
    work = site.work()
    oid = work.commit()
    path = site.repository("big", hook=False)
    work.git("push", "-q", path, "main")
    names = sorted(["refs/heads/main"] + ["refs/heads/topic/%05d" % i for i in range(REFS - 1)])
    with open(os.path.join(path, "packed-refs"), "w") as f:
        f.write("# pack-refs with: peeled fully-peeled sorted \n")
        f.writelines("%s %s\n" % (oid, name) for name in names)


def refs(table, rounds=15):
    site = Site()
    poller = Poller(site)
    many_refs(site)
    server = GitHttpServer(site)
    relay = Relay(server.port)
    url = "http://127.0.0.1:%d/big.git" % relay.port
    site.repositories = {"big": {"url": url}}
    site.pipeline("ci", NOWHERE, "*", branches="main")
    start, whole, git, size = [], [], [], []
    try:
        poller.settle(1)
        for _ in range(rounds):
            start.append(poller.run().cpu)
            relay.take()
            whole.append(poller.steady(1).cpu)
            size.append(relay.take())
        for _ in range(3):
            git.append(Used(["git", "ls-remote", "-q", url, "refs/heads/main"], site.env()).cpu)
            big = relay.take()
    finally:
        relay.close()
        server.close()
        poller.close()
    table.part("one branch of %d refs, git http-backend" % REFS)
    table.row("received, headers included", median(r for r, _ in size), "bytes", most=2048)
    table.row("sent", median(s for _, s in size), "bytes")
    table.row("CPU time of a poll (a pass less a start)",
              1000 * (median(whole) - median(start)), "ms", most=5)
    table.row("CPU time of a whole pass, its start included", 1000 * median(whole), "ms")
    table.row("git ls-remote URL refs/heads/main: received", big[0], "bytes")
    table.row("  and CPU time of all its processes", 1000 * median(git), "ms")


# ---- on this machine ----

LOCAL = 200


def local(table, rounds=21):
    site = Site()
    poller = Poller(site)
    path = small_repository(site)
    for i in range(1, LOCAL):
        shutil.copytree(path, site.path("repos", "r%05d.git" % i))
    site.repositories = {"r%05d" % i: {"path": site.path("repos", "r%05d.git" % i)}
                         for i in range(LOCAL)}
    site.pipeline("ci", NOWHERE, "*")
    start, whole = [], []
    try:
        poller.run()
        poller.polls.accept()
        time.sleep(2.1)         # times younger than 2 s are distrusted
        poller.run()
        for _ in range(rounds):
            start.append(poller.run("--hints").wall)
            since = time.time()
            whole.append(poller.run().wall)
            poller.all_polled(LOCAL, since)
    finally:
        poller.close()
    alone = [1000 * (w - s) for w, s in zip(whole, start)]
    table.part("%d repositories on this machine, nothing moved" % LOCAL)
    table.row("reconciled and stored (a pass less a start), median", median(alone), "ms", most=20)
    table.row("  the fastest of %d" % rounds, min(alone), "ms")
    table.row("a start (--hints: the same configuration, nothing to do)", 1000 * median(start),
              "ms")


PARTS = {"canned": canned, "backend": backend, "refs": refs, "local": local}


def main():
    names = sys.argv[1:] or list(PARTS)
    for name in names:
        if name not in PARTS:
            sys.exit("poll.py: no part `%s`; there are %s" % (name, ", ".join(PARTS)))
    table = Table()
    begun = time.monotonic()
    for name in names:
        PARTS[name](table)
    print("\n%.0f s; load %.1f on %d cores" % (time.monotonic() - begun, os.getloadavg()[0],
                                             os.cpu_count()))
    return 1 if table.missed else 0


if __name__ == "__main__":
    sys.exit(main())
