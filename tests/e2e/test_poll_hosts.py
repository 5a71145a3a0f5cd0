#!/usr/bin/env python3
"""How refire poll treats the servers it polls: what it learns of each, one request for
sections of one URL, no storm at one host, and slow ones that cost only themselves.
run: timeout=120"""
import sqlite3
import threading
import time

import harness
from smart import ADVERT, CAPS, ONE, RESULT, TWO, Canned, good, pkt, polled

MAIN = pkt(ONE + " HEAD symref-target:refs/heads/main\n", ONE + " refs/heads/main\n", None)


def verbs(canned):
    """The requests since the last call, as "GET /x" or "POST /x"."""
    out = [head.split(b".git")[0].decode() for head, _ in canned.requests]
    canned.requests.clear()
    return out


def table(polls, name):
    db = sqlite3.connect("file:%s/queue.db?mode=ro" % polls.site.state, uri=True)
    db.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in db.execute("SELECT * FROM " + name)]
    finally:
        db.close()


def answering(connection, text, kind=RESULT):
    connection.sendall(("HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n"
                        "Connection: close\r\n\r\n" % (kind, len(text))).encode() + text)


def test_question_first(t):
    canned = t.use(Canned(good(CAPS), good(MAIN, RESULT)))
    site, polls = polled(t, canned.url)
    polls.must("web")
    t.eq(verbs(canned), ["GET /x", "POST /x"], "a server nothing is known of")
    polls.must("web")
    t.eq(verbs(canned), ["POST /x"], "one that was greeted before, by another process")
    site.repositories["other"] = {"url": canned.url.replace("/x.git", "/y.git")}
    site.pipeline("ci", "http://127.0.0.1:1/", "*")
    polls.must("other")
    t.eq(verbs(canned), ["POST /y"], "another repository there")
    polls.must("other", "web")
    row, = table(polls, "hosts")
    t.eq(row["host"], "http://127.0.0.1:%d" % canned.port, "the host")
    with t.case("a busy server is not asked twice"):
        canned.post = ("503 No", {"Retry-After": "3"}, b"")
        verbs(canned)
        t.eq(polls.run("web")[0], 1, "exit status")
        t.eq(verbs(canned), ["POST /x"], "requests")
    with t.case("another protocol: unlearnt"):
        canned.get = good(pkt("# service=git-upload-pack\n", None,
                              ONE + " refs/heads/main\0 agent=old\n", None))
        canned.post = ("405 No", {}, b"")
        polls.must("web")
        t.eq(verbs(canned), ["POST /x", "GET /x"], "the poll that finds out")
        t.eq(table(polls, "hosts")[0]["speaks"], 0, "what is known of the host")
        polls.must("web")
        t.eq(verbs(canned), ["GET /x"], "the next")
        t.eq(polls.rows()["web"]["failures"], 0, "failures")


def test_question_first_needs_a_greeting(t):
    """SHA-256 repositories answer nothing to a question in SHA-1: what their own greeting
    says is remembered for each."""
    wide = "c" * 64
    canned = Canned(good(CAPS), None)

    def post(connection, _):
        body = canned.requests[-1][1]
        answering(connection, pkt(wide + " refs/heads/main\n", None)
                  if b"object-format=sha256" in body or b"/x.git" in canned.requests[-1][0]
                  else b"")
    canned.post = post
    t.use(canned)
    site, polls = polled(t, canned.url)
    polls.must("web")
    canned.get = good(CAPS.replace(b"0017object-format=sha1\n", b"0019object-format=sha256\n"))
    site.repositories["other"] = {"url": canned.url.replace("/x.git", "/y.git")}
    site.pipeline("ci", "http://127.0.0.1:1/", "*")
    verbs(canned)
    polls.must("other")
    t.eq(verbs(canned), ["POST /y", "GET /y", "POST /y"], "it takes a greeting")
    with t.case("a server that answers nothing unasked is greeted for a day"):
        polls.must("other")
        t.eq(verbs(canned), ["GET /y", "POST /y"], "requests")
        greet = polls.rows()["other"]["greet"] / 1e6 - time.time()
        t.ok(23 * 3600 < greet < 25 * 3600, "for %d s" % greet)
    with t.case("the others of its host are not"):
        polls.must("web")
        t.eq(verbs(canned), ["POST /x"], "requests")


def test_one_poll_for_one_url(t):
    """Sections of one URL: one request with what all of them watch, to each its own."""
    answer = pkt(ONE + " HEAD symref-target:refs/heads/main\n", ONE + " refs/heads/dev\n",
                 TWO + " refs/heads/main\n", ONE + " refs/tags/v1\n", None)
    canned = t.use(Canned(good(CAPS), good(answer, RESULT)))
    site, polls = polled(t, canned.url, pipelines=False)
    site.repositories["dev"] = {"url": canned.url}
    site.repositories["idle"] = {"url": canned.url}
    site.repositories["mine"] = {"url": canned.url, "username": "alice",
                                 "token-file": site.secret("token", b"t")}
    site.pipeline("a", "http://127.0.0.1:1/", "web", branches="main", on="push")
    site.pipeline("b", "http://127.0.0.1:1/", "dev", branches="dev", tags="v*")
    polls.must()
    t.eq(len(canned.requests), 2, "a GET and a POST for two sections")
    body = canned.requests[1][1]
    for prefix in ("refs/heads/main", "refs/heads/dev", "refs/tags/v"):
        t.has(body, b"ref-prefix %s\n" % prefix.encode(), "the question")
    found = {c.repository: c for c in polls.new()}
    t.eq(sorted(found), ["dev", "web"], "who has a change")
    t.eq(found["web"].oids(), {"refs/heads/main": TWO}, "web's refs")
    t.eq(found["web"].spaces, ["refs/heads/main"], "web's spaces")
    t.eq(found["dev"].oids(), {"refs/heads/dev": ONE, "refs/tags/v1": ONE}, "dev's refs")
    polls.accept()
    with t.case("nothing new"):
        verbs(canned)
        polls.must("dev")
        t.eq(len(canned.requests), 1, "requests")
        t.eq(polls.new(), [], "change files")
        rows = polls.rows()
        t.eq(rows["web"]["last"] // 10**6, rows["dev"]["last"] // 10**6, "both were looked at")
    with t.case("one of them moved"):
        canned.post = good(answer.replace(TWO.encode(), b"3" * 40), RESULT)
        verbs(canned)
        polls.must("dev")
        change, = polls.new()
        t.eq((change.repository, change.oids()), ("web", {"refs/heads/main": "3" * 40}), "whose")
    with t.case("other credentials are another poll"):
        site.pipeline("c", "http://127.0.0.1:1/", "mine")
        verbs(canned)
        polls.must("mine")
        t.eq(verbs(canned), ["POST /x"], "requests")
        t.eq([c.repository for c in polls.new()], ["mine"], "who has a change")
    with t.case("it fails for all"):
        canned.post = canned.get = ("500 No", {}, b"")
        polls.run("dev")
        t.eq({n: r["failures"] for n, r in polls.rows().items()}, {"dev": 1, "web": 1, "mine": 0},
             "failures")


class Counting(Canned):
    """Counts how many questions are with it at once; each takes 30 ms."""

    def __init__(self, *args):
        self.now = self.most = 0
        self.lock = threading.Lock()
        super().__init__(*args)

    def read_request(self, connection):
        head = super().read_request(connection)
        if head is None:
            return None
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.03)
        with self.lock:
            self.now -= 1
        return head


def test_no_storm(t):
    canned = t.use(Counting(good(CAPS), good(MAIN, RESULT)))
    site, polls = polled(t, canned.url)
    for i in range(30):
        site.repositories["r%d" % i] = {"url": canned.url.replace("/x", "/%d" % i)}
    site.pipeline("ci", "http://127.0.0.1:1/", "*")
    for most in (3, 8):
        with t.case("%d at once" % most):
            site.refire_keys["polls-per-host"] = most if most != 8 else None
            site.write_conf()
            canned.most = 0
            polls.must("*")
            t.eq(canned.most, most, "polls at once")
    t.eq(len(polls.rows()), 31, "all were polled")


def silent(_, ended):
    ended.wait(30)


def hanging(connection, ended):
    connection.sendall(("HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\n" % ADVERT).encode() + CAPS[:9])
    ended.wait(30)


def dripping(connection, ended):
    connection.sendall(("HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\n" % ADVERT).encode())
    for byte in CAPS:
        if ended.wait(0.1):
            return
        connection.sendall(bytes([byte]))


def test_slow_ones_cost_themselves(t):
    """Three servers that never come to an end, each with ten repositories, beside one
    hundred repositories of a good one."""
    quick = t.use(Canned(good(CAPS), good(MAIN, RESULT)))
    site, polls = polled(t, quick.url)
    for i in range(100):
        site.repositories["good%d" % i] = {"url": quick.url.replace("/x", "/%d" % i)}
    for name, get in (("silent", silent), ("hanging", hanging), ("dripping", dripping)):
        bad = t.use(Canned(get))
        for i in range(10):
            site.repositories["a-%s%d" % (name, i)] = {
                "url": bad.url.replace("/x", "/%d" % i), "poll-timeout": "2s"}
    site.pipeline("ci", "http://127.0.0.1:1/", "*")
    process = polls.resident()
    began = time.monotonic()
    harness.wait_until(lambda: len(quick.requests) >= 102 and len(polls.new()) + len(polls.known)
                       and len(polls.known) >= 101, timeout=20, what="the good ones' changes")
    took = time.monotonic() - began
    rows = polls.rows()
    failed = [r for r in rows.values() if r["failures"]]
    t.ok(took < 2 or not failed, "the good ones were done after %.1f s, before a time-out" % took)
    harness.wait_until(lambda: sum(r["failures"] > 0 for r in polls.rows().values()) == 30,
                       timeout=20, what="the bad ones' time-outs")
    t.ok(all("within 2 s" in r["error"] for n, r in polls.rows().items() if n.startswith("a-")),
         "what is said of them")
    t.eq(process.poll(), None, "the resident runs")


def test_default_branch(t):
    canned = t.use(Canned(good(CAPS), good(MAIN, RESULT)))
    _, polls = polled(t, canned.url)
    polls.must()
    polls.accept()
    t.eq(polls.rows()["web"]["head"], "refs/heads/main", "what is known")
    canned.post = good(MAIN.replace(b"target:refs/heads/main", b"target:refs/heads/next"), RESULT)
    err = polls.must("web")
    t.has(err, "web: the default branch is next, not main", "the line")
    polls.must("web")
    polls.accept()
    record, = polls.site.trail_records("UpdateDefaultBranch")
    t.eq(record["requestParameters"], {"repositoryName": "web", "defaultBranchName": "next",
                                       "previousBranchName": "main"}, "the record")
    t.eq(record["eventSource"], "poller.refire", "its source")
    with t.case("a server that does not tell is no change"):
        canned.post = good(pkt(ONE + " refs/heads/main\n", None), RESULT)
        polls.must("web")
        t.eq(polls.rows()["web"]["head"], "refs/heads/next", "what is known")


if __name__ == "__main__":
    harness.main()
