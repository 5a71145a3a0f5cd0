#!/usr/bin/env python3
"""refire status of repositories: when each was seen, by whom, its next look; what is
wrong with it comes first, also of ten thousand. run: timeout=120"""
import json
import os
import sqlite3
import time

import harness
from polling import Polls

DAY = 86400 * 10**6


def repositories(site, *names):
    rc, out, err = site.refire("status", "--json", *names)
    if rc not in (0, 1):
        raise AssertionError("status: %d %s" % (rc, err))
    state = json.loads(out)
    return rc, {r["repository"]: r for r in state["repositories"]}, state["findings"]


def write(site, *statements):
    with sqlite3.connect(os.path.join(site.state, "queue.db")) as db:
        for statement in statements:
            db.execute(*statement)


def test_by_whom(t):
    receiver = t.receiver()
    site = t.site()
    site.repository("web")
    site.repository("quiet", hook=False)
    site.pipeline("ci", receiver.url, "web", branches="main")
    site.write_conf()
    work = site.work()
    work.commit()
    work.push("main")
    site.wait_states(DELIVERED=1)
    _, rows, _ = repositories(site)
    web = rows["web"]
    t.eq((web["seen_by"], web["heard_by"], web["last"]), ("hook", "post-receive", None), "by its hook")
    t.ok(web["fired"] and web["fired"] == web["moved"] and not web["idle_moves"], "it fired")
    t.eq((rows["quiet"]["seen"], rows["quiet"]["seen_by"]), (None, None), "the other: not yet")
    site.must("poll")
    _, rows, _ = repositories(site)
    t.eq((rows["web"]["seen_by"], rows["quiet"]["seen_by"]), ("reconcile", "reconcile"), "then looks")
    t.ok(rows["web"]["next"] > rows["web"]["last"], "the next look")
    with t.case("a repository alone"):
        out = site.must("status", "web")
        for part in ("by reconcile", "a hook's last report", "looked at", "nothing needs attention"):
            t.has(out, part, "said")
        t.lacks(out, "PIPELINE", "nothing else")
        t.eq(list(repositories(site, "we*")[1]), ["web"], "by a pattern")
        rc, _, err = site.refire("status", "wep")
        t.eq(rc, 64, "no such repository")
        t.has(err, "did you mean `web`", "the nearest")


def test_moved_and_nothing_fired(t):
    site = t.site()
    site.repository("web")
    site.pipeline("ci", t.receiver().url, "web", branches="release/*")
    site.write_conf()
    work = site.work()
    for _ in range(2):
        oid = work.commit()
        work.push("main")
        site.send()
    harness.wait_until(lambda: repositories(site)[1]["web"]["idle_moves"] == 2, 20, "two moves")
    rc, rows, findings = repositories(site, "web")
    t.eq((rc, rows["web"]["trouble"]), (0, "moved-and-nothing-fired"), "told, and not grave")
    t.has(findings[0]["text"], "refs moved and nothing fired: 2 moves", "the sentence")
    t.eq(findings[0]["help"], "refire explain " + oid[:12], "what to do")
    rc, out, _ = site.refire("explain", oid[:12])
    t.has(out, "branches", "and that says why")
    with t.case("what the pusher skips is not counted"):
        work.commit()
        work.push("main", options=("ci.skip",))
        site.send()
        t.eq(repositories(site)[1]["web"]["idle_moves"], 2, "moves")
    with t.case("one that fires ends it"):
        work.push("main:release/1")
        site.wait_states(DELIVERED=1)
        rows = repositories(site)[1]
        t.eq((rows["web"]["trouble"], rows["web"]["idle_moves"]), (None, 0), "well")


def test_out_of_rhythm(t):
    site = t.site()
    site.repository("web", hook=False)
    site.repository("lib", hook=False)
    site.pipeline("ci", "http://127.0.0.1:1/", "web")
    site.write_conf()
    site.must("poll")
    site.send()
    today = int(time.time()) // 86400
    for days, silent, trouble in ((0x1f, 2, None), (0x1f, 3, "silent"), (0xf, 30, None),
                                  (1 << 10 | 0x1f, 12, None), (1 << 12 | 0x1f, 17, "silent")):
        with t.case("days %x, %d since" % (days, silent)):
            write(site, ("UPDATE heard SET days = ?, day = ?, time = ?",
                         (days, today - silent, (today - silent) * DAY)))
            rc, rows, findings = repositories(site)
            t.eq(rows["web"]["trouble"], trouble, "web")
            t.eq(rows["lib"]["trouble"], None, "nobody watches lib")
            t.eq(len([f for f in findings if "nothing was heard for %d days" % silent in f["text"]]),
                 1 if trouble else 0, "the finding")


def test_ten_thousand(t):
    """What needs attention comes first, on one screen, at once."""
    site = t.site()
    for i in range(10000):
        site.repositories["r%05d" % i] = {"url": "https://git.example.org/%05d.git" % i}
    site.pipeline("ci", "http://127.0.0.1:1/", "*")
    site.write_conf()
    Polls(site).close()
    site.must("poll", "--hints")
    now = int(time.time() * 10**6)
    rows = [("r%05d" % i, "https://git.example.org/%05d.git" % i, now, now, now, now + DAY, 0, "", 3, "")
            for i in range(10000)]
    rows[7777] = ("r07777", "https://git.example.org/x.git", now, 0, 0, now + DAY, 4,
                  "the server said \x1b[31mno", 0, "")
    with sqlite3.connect(os.path.join(site.state, "queue.db")) as db:
        db.executemany("INSERT INTO polls(repository, what, last, ok, changed, next, failures, error,"
                       " refs, mark) VALUES(?,?,?,?,?,?,?,?,?,?)", rows)
        db.executemany("INSERT INTO heard(repository, time, source, hooked, day, days)"
                       " VALUES(?,?,2,0,?,1)", [(r[0], now, now // DAY) for r in rows])
    began = time.monotonic()
    rc, out, _ = site.refire("status")
    t.diag("refire status of 10,000 repositories: %.0f ms" % ((time.monotonic() - began) * 1000))
    t.eq(rc, 1, "one could not be read")
    t.ok(len(out.splitlines()) <= 40, "one screen: %d lines" % len(out.splitlines()))
    table = out[out.index("REPOSITORY"):].splitlines()
    t.has(table[1], "r07777", "what needs attention is first")
    t.has(table[1], "4 failures", "with its reason")
    t.lacks(out, "\x1b", "nothing hostile reaches the terminal")
    t.has(out, "and 9988 more", "the rest is counted")
    t.eq(len(site.refire("status", "**")[1].splitlines()), 10000 + 4, "all on demand")


if __name__ == "__main__":
    harness.main()
