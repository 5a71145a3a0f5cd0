#!/usr/bin/env python3
"""How fast refire delivers, beside what one would otherwise build on.

All side by side in one run, in interleaved rounds, medians; every request goes to the
same nginx on loopback, which answers 200. The targets are those of the design, section 7.
Exit status 1 when one is missed. `make bench` installs what this needs.

	tests/bench/delivery.py [--rounds N] [burst] [attempts] [waiting] [million] [latency]

burst		10,000 deliveries from one spool file to all settled, and as 10,000 pushes of
		one ref; beside 10,000 jobs of BullMQ, graphile-worker and pg-boss, from the
		first put to the last done
attempts	the sending engine alone, over a list in memory (attempts.c): rendered, signed,
		sent, judged, described; beside a bare curl_multi loop, and wrk. And the whole
		path, deliveries already joined and due: `refire send` from its start to its
		end, with leases, settling, journal and trail: what those cost
waiting		100,000 branches of which a dead target has 99,000: how long it delays another
		pipeline, the memory, the start-up
million		the rate with 1,000,000 settled deliveries in the queue
latency		from a push to its request, with a resident sender
"""
import argparse
import http.server
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "delivery"))
import peers  # noqa: E402
import rig  # noqa: E402
from sandbox import find_program, run  # noqa: E402

COUNT = 10_000
CONCURRENCY = 512           # of refire's [refire] and pipeline; the peers' best is 50
CC = os.environ.get("CC", "gcc").split()


def median(values):
    return statistics.median(values)


class Report:
    """Prints each figure; one with a bound counts."""

    def __init__(self):
        self.good = True

    def figure(self, text, value, unit, bound=None, least=True):
        verdict = ""
        if bound is not None:
            good = value >= bound if least else value <= bound
            self.good &= good
            verdict = "   %s %s   %s" % (">=" if least else "<=", format(bound, ",.6g"),
                                         "ok" if good else "MISSED")
        print("  %-62s %10s %s%s" % (text, format(value, ",.6g"), unit, verdict), flush=True)


def seen(got, name, value):
    """One value of a round, kept and shown as it comes."""
    got[name].append(value)
    print("    %s: %.0f/s" % (name, value), file=sys.stderr, flush=True)


def refire_site(url, refs, payload="generic", **keys):
    return rig.Refire(url, refs, payload, CONCURRENCY, own=CONCURRENCY, **keys)


def curl_multi(folder):
    """The bare loop, compiled."""
    path = os.path.join(folder, "curl-multi")
    subprocess.run([*CC, "-O2", "-D_GNU_SOURCE", "-o", path, os.path.join(HERE, "curl-multi.c"),
                    "-lcurl"], check=True)
    return path


def sample_body(folder, payload):
    """The body that refire sends in this format, for the others to send."""
    class Keep(http.server.BaseHTTPRequestHandler):
        body = b""

        def do_POST(self):
            Keep.body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Keep)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    site = refire_site("http://127.0.0.1:%d/" % server.server_port, 1, payload)
    try:
        site.push()
        site.send()
    finally:
        site.close()
        server.shutdown()
    path = os.path.join(folder, "body." + payload)
    with open(path, "wb") as f:
        f.write(Keep.body)
    return path


# ---- burst ----

def burst_refire(site, each=0):
    """Pushes of `each` refs (0: one push of all), then one sender: deliveries a second."""
    site.forget()
    if each:
        for name in site.names:
            site.push([name])
    else:
        site.push()
    return site.refs / site.send()


def burst(r, rounds, nginx, folder):
    body = sample_body(folder, "github")
    sites = {"refire, one push, github": (refire_site(nginx.url, COUNT, "github"), 0),
             "refire, one push, generic": (refire_site(nginx.url, COUNT, "generic"), 0),
             "refire, a push each, generic": (refire_site(nginx.url, 2000, "generic"), 1)}
    stores = {"BullMQ, appendfsync always": ("bullmq", peers.Redis("always")),
              "BullMQ, appendfsync everysec": ("bullmq", peers.Redis("everysec"))}
    postgres = peers.Postgres()
    stores["graphile-worker, local queue"] = ("graphile", postgres)
    stores["pg-boss, batches of 200"] = ("pgboss", postgres)
    got = {name: [] for name in [*sites, *stores]}
    try:
        for _ in range(rounds):
            for name, (site, each) in sites.items():
                seen(got, name, burst_refire(site, each))
            for name, (program, store) in stores.items():
                seen(got, name, COUNT / peers.deliver(program, store, nginx.url, COUNT, body)[1])
    finally:
        for site, _ in sites.values():
            site.close()
        for store in {id(s): s for _, s in stores.values()}.values():
            store.close()
    print("\n10,000 deliveries, put to settled; body %d bytes (github), %d rounds, medians" %
          (os.path.getsize(body), rounds))
    for name in got:
        r.figure(name, median(got[name]), "/s")
    best = max(median(got[name]) for name in stores)
    for name in list(sites)[:2]:
        r.figure(name + ": times the best peer", median(got[name]) / best, "", 3)
    r.figure("refire, one push, generic: aim", median(got[list(sites)[1]]), "/s", 13_000)


# ---- attempts alone ----

def joined(site):
    """Everything taken in and joined, nothing sent: the pipeline was held meanwhile. It is
    let go in the queue itself: `refire queue resume` would start a sender."""
    site.forget()
    site.send()
    site.site.must("queue", "hold", "ci0")
    site.push()
    site.send()
    db = sqlite3.connect(os.path.join(site.site.state, "queue.db"))
    db.execute("UPDATE gates SET held = 0, since = 0")
    db.commit()
    assert db.execute("SELECT count(*) FROM deliveries WHERE state = 0").fetchone()[0] == site.refs
    db.close()


def attempts(r, rounds, nginx, folder):
    loop, body = curl_multi(folder), sample_body(folder, "generic")
    lua = os.path.join(folder, "post.lua")
    with open(lua, "w") as f:
        f.write('wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
                'local f = io.open("%s")\nwrk.body = f:read("*a")\n' % body)
    engine = os.path.join(rig.BUILD, "tests", "bench-attempts")
    site = refire_site(nginx.url, COUNT)
    queue = os.path.join(folder, "attempts.db")
    got = {"engine": [], "whole": [], "socket": [], "poll": [], "wrk": []}
    try:
        joined(site)
        site.send()
        shutil.copy(os.path.join(site.site.state, "queue.db"), queue)
        for _ in range(rounds):
            joined(site)
            seen(got, "whole", COUNT / site.send())
            rc, out, err = run([engine, site.site.conf, queue, str(2 * COUNT), str(CONCURRENCY)],
                               env=site.site.env())
            assert rc == 0, err
            seen(got, "engine", 2 * COUNT / float(out))
            for kind in ("socket", "poll"):
                rc, out, err = run([loop, nginx.url, str(2 * COUNT), str(CONCURRENCY), body, kind])
                assert rc == 0, err
                seen(got, kind, 2 * COUNT / float(out))
            _, out, _ = run([find_program("wrk"), "-t1", "-c%d" % CONCURRENCY, "-d1", "-s", lua,
                             nginx.url])
            seen(got, "wrk", float(out.split(b"Requests/sec:")[1].split()[0]))
    finally:
        site.close()
    print("\nattempts: %d at once, body %d bytes, %d rounds, medians" %
          (CONCURRENCY, os.path.getsize(body), rounds))
    bare, alone = max(median(got["socket"]), median(got["poll"])), median(got["engine"])
    r.figure("wrk", median(got["wrk"]), "/s")
    r.figure("a bare curl_multi loop, over epoll", median(got["socket"]), "/s")
    r.figure("a bare curl_multi loop, over curl_multi_poll", median(got["poll"]), "/s")
    r.figure("the engine alone", alone, "/s", 25_000)
    r.figure("the engine alone: of the bare loop", 100 * alone / bare, "%", 80)
    r.figure("with leases, journal and trail", median(got["whole"]), "/s")
    r.figure("what leases, journal and trail cost", 100 * (1 - median(got["whole"]) / alone), "%", 25,
             False)


# ---- many waiting ----

class Arrivals:
    """Answers 200 and keeps when each request came."""

    def __init__(self):
        arrivals = self.times = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                arrivals.append(time.monotonic())
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def delays(self, site, names):
        """For one push after the other: ms from the start of post-receive to its request."""
        found = []
        for name in names:
            have, begin = len(self.times), site.push_quickly(name)
            while len(self.times) == have:
                time.sleep(0.002)
                if time.monotonic() > begin + 30:
                    raise AssertionError("no request for %s within 30 s" % name)
            found.append(1000 * (self.times[have] - begin))
        return found

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def largest_rss(pid):
    with open("/proc/%d/status" % pid) as f:
        return [int(x.split()[1]) for x in f if x.startswith("VmHWM")][0] / 1024


def end(sender):
    sender.terminate()
    sender.wait(30)


def waiting(r, rounds, nginx, folder):
    """100,000 branches: one push of all but the last thousand goes to a port where nobody
    listens; then pushes of single branches go to a receiver that is well."""
    count, dead = 100_000, 99_000
    arrivals = Arrivals()
    site = rig.Refire("http://127.0.0.1:%d/" % rig.free_port(), count, "generic", CONCURRENCY,
                      branches="b0[0-8]*, b09[0-8]*", retry_schedule="1h")
    print("\nmany in the queue")
    try:
        site.site.pipeline("well", arrivals.url, format="generic", branches="b099*")
        site.push(site.names[:dead])
        sender = site.site.start_sender("--watch")
        site.wait_joined(dead)
        delays = arrivals.delays(site, site.names[dead:dead + 30])
        peak = largest_rss(sender.pid)
        end(sender)
        r.figure("99,000 wait for a dead target: another's push, largest delay", max(delays), "ms",
                 1000, False)
        r.figure("the same: largest RSS of the sender, joining included", peak, "MiB", 64, False)
        times = []
        for _ in range(5):
            begin = time.monotonic()
            sender = site.site.start_sender("--watch")
            arrivals.delays(site, [site.names[dead + 30 + len(times)]])
            times.append(time.monotonic() - begin)
            end(sender)
        r.figure("the same: from a sender's start to a request of a push", median(times), "s", 1,
                 False)
    finally:
        site.close()
        arrivals.close()


def fill(path, rows):
    """Copies of the settled deliveries and of their journal rows, with ids and lanes of
    their own, until there are so many."""
    db = sqlite3.connect(path)
    have = db.execute("SELECT count(*) FROM deliveries").fetchone()[0]
    for table, own in (("deliveries", {"id": "'f' || n.v || '-' || id", "lane": "lane + n.v"}),
                       ("journal", {})):
        columns = [x[1] for x in db.execute("PRAGMA table_info(%s)" % table) if x[1] != "seq"]
        db.execute("WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < ?)"
                   " INSERT INTO %s(%s) SELECT %s FROM n, %s" % (
                       table, ", ".join(columns), ", ".join(own.get(c, c) for c in columns), table),
                   (rows // have - 1,))
    db.execute("UPDATE meta SET value = (SELECT max(seq) FROM journal) WHERE key = 'cursor'")
    db.execute("DELETE FROM refs")
    db.execute("DELETE FROM updates")
    db.commit()
    db.close()


def million(r, rounds, nginx, folder):
    site = refire_site(nginx.url, COUNT)
    full = os.path.join(folder, "full.db")
    queue = os.path.join(site.site.state, "queue.db")
    got = {"empty": [], "full": []}
    try:
        burst_refire(site)
        shutil.copy(queue, full)
        fill(full, 1_000_000)
        for _ in range(rounds):
            seen(got, "empty", burst_refire(site))
            site.forget()
            shutil.copy(full, queue)
            site.push()
            os.sync()               # the copy is not to be written back meanwhile
            seen(got, "full", COUNT / site.send())
    finally:
        site.close()
        os.unlink(full)
    print("\n10,000 deliveries with 1,000,000 settled in the queue, %d rounds, medians" % rounds)
    r.figure("an empty queue", median(got["empty"]), "/s")
    r.figure("1,000,000 rows of deliveries and journal", median(got["full"]), "/s")
    r.figure("slower by", 100 * (1 - median(got["full"]) / median(got["empty"])), "%", 20, False)


def latency(r, rounds, nginx, folder):
    arrivals = Arrivals()
    site = rig.Refire(arrivals.url, 200, "generic")
    sender = site.site.start_sender("--watch")
    try:
        arrivals.delays(site, site.names[:10])
        delays = arrivals.delays(site, site.names[10:])
        end(sender)
    finally:
        site.close()
        arrivals.close()
    print("\nlatency: from the start of post-receive (the ref has moved) to the request's arrival,"
          "\na resident sender, %d pushes one after the other" % len(delays))
    r.figure("median", median(delays), "ms", 10, False)
    r.figure("of 100, the second longest", sorted(delays)[len(delays) * 98 // 100], "ms")


PARTS = {"burst": burst, "attempts": attempts, "waiting": waiting, "million": million,
         "latency": latency}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    args = parser.parse_args()
    unknown = set(args.parts) - set(PARTS)
    if unknown:
        parser.error("unknown: %s" % ", ".join(sorted(unknown)))
    folder = tempfile.mkdtemp(prefix="refire-bench.")
    nginx, report = rig.Nginx(), Report()
    try:
        for name in args.parts or PARTS:
            PARTS[name](report, args.rounds, nginx, folder)
    finally:
        nginx.close()
        shutil.rmtree(folder)
    return 0 if report.good else 1


if __name__ == "__main__":
    sys.exit(main())
