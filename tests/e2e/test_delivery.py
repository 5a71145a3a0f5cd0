"""How deliveries of several pipelines share one sender, and what an operator can do
about them."""
import json
import os
import sqlite3
import time

import harness
from harness import slow, status
from test_cli import on_terminal

WAITING = 99000


def crowd(site, pipeline, count):
    """Make count more deliveries of a pipeline out of its first, each in its own lane."""
    with sqlite3.connect(os.path.join(site.state, "queue.db")) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(deliveries)")]
        other = {"seq": "NULL", "id": "printf('%08x', n) || substr(id, 9)", "lane": "n", "head": "1",
                 "state": "0"}
        db.execute("WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers"
                   " WHERE n < ?) INSERT INTO deliveries SELECT %s FROM numbers, (SELECT * FROM"
                   " deliveries WHERE pipeline = ? LIMIT 1)"
                   % ", ".join(other.get(c, c) for c in columns), (count, pipeline))
    db.close()


def test_a_dead_target_takes_its_own_slots_only(t):
    """99,000 deliveries wait for a silent receiver; a push to another arrives at once."""
    silent, good = t.receiver(then=slow(60)), t.receiver()
    site = t.site()
    site.refire_keys["concurrency"] = "8"
    site.repository("dead", quiet=True)
    site.repository("web", quiet=True)
    site.pipeline("dead", silent, repository="dead", format="generic", timeout="30s")
    site.pipeline("good", good, repository="web", format="generic")
    work = site.work("dead")
    work.commit()
    work.push("main")
    sender = site.start_sender("--watch")
    silent.wait_arrived(1)
    sender.kill()
    sender.wait()
    crowd(site, "dead", WAITING)
    site.start_sender("--watch")
    silent.wait_arrived(1 + 6)
    work = site.work("web")
    for n in range(3):
        work.commit()
        began = time.monotonic()
        work.push("main")
        good.wait(n + 1, 10)
        t.ok(time.monotonic() - began < 1, "push %d took %.2f s" % (n, time.monotonic() - began))
    t.eq(silent.most, 6 + 1, "requests to the silent one under way: 3/4 of 8, and the killed one")


def test_hold_and_resume(t):
    """What fires while a pipeline is held waits; its neighbour goes on; resume sends it."""
    receiver, other = t.receiver(), t.receiver()
    site = t.site()
    site.pipeline("ci", receiver, format="generic")
    site.pipeline("deploy", other, format="generic")
    site.repository("web", quiet=True)
    work = site.work()
    work.commit()
    work.push("main")
    site.send()
    out = site.must("queue", "hold", "ci", "--reason", "moving house\x1b[31m")
    t.has(out, "ci is held", "hold says so")
    t.has(site.must("queue", "hold", "ci"), "held already", "and again")
    sender = site.start_sender("--watch")
    work.commit()
    work.push("main")
    other.wait(2)
    t.eq(len(receiver.requests), 1, "requests of the held one")
    sender.terminate()
    sender.wait()
    rc, out, _ = site.refire("status", "--json")
    held = {p["pipeline"]: (p["held_reason"], p["held_by"]) for p in json.loads(out)["pipelines"]
            if p["held"]}
    t.eq(list(held), ["ci"], "status --json says which is held")
    t.has(held["ci"][0], "moving house", "and why")
    t.eq(rc, 1, "its exit status")
    listed = site.must("queue")
    t.has(listed, "moving house", "queue list says so")
    t.lacks(listed, "\x1b", "without a control character")
    t.has(site.must("queue", "resume", "ci"), "goes on", "resume says so")
    site.attempt()
    receiver.wait(2)
    t.eq(site.refire("queue", "hold", "cj")[0], 64, "exit status for a name that is not there")
    t.has(site.refire("queue", "hold", "cj")[2], "did you mean `ci`", "and the nearest")
    t.eq([r["additionalEventData"]["operatorUid"] for r in site.trail_records("HoldPipeline")],
         [os.getuid()], "the trail says who")


def test_breaker(t):
    """A receiver that is down is probed by one delivery at a time, over restarts; when it
    is back everything arrives, first two at a time."""
    receiver = t.receiver(then=status(503))
    site = t.site()
    site.pipeline("ci", receiver, format="generic", breaker_failures="5", concurrency="5")
    site.repository("web", quiet=True)
    work = site.work()
    work.commit()
    work.push(*["main:refs/heads/b%02d" % n for n in range(40)])
    site.send()
    asked = len(receiver.requests)
    t.ok(5 <= asked <= 9, "%d requests until it counted as down, and those under way" % asked)
    states = site.states()
    t.eq(states["WAITING"] + states["READY"], 40, "all of them wait: %s" % states)
    rc, out, _ = site.refire("status")
    t.eq((rc, "its receiver is down" in " ".join(out.split())), (1, True), "status says so: " + out)
    t.has(site.must("queue"), "its receiver is down", "and so does queue")
    receiver.then = slow(0.2)
    receiver.most = 0
    began = time.monotonic()
    sender = site.start_sender("--watch")
    receiver.wait(asked + 1)
    t.eq(receiver.most, 1, "under way at once, of the probe")
    t.ok(time.monotonic() - began < 15, "the probe went after %.1f s" % (time.monotonic() - began))
    site.wait_states(DELIVERED=40)
    t.eq(receiver.most, 5, "under way at once, at last")
    times = [r.time - receiver.requests[asked].time for r in receiver.requests[asked:]]
    t.ok(sum(x < 0.38 for x in times) <= 1 + 2, "after the probe's answer two: %s" % times[:8])
    names = [r["eventName"] for r in site.trail_records() if r["eventName"].endswith("Breaker")]
    t.eq(names, ["OpenBreaker", "CloseBreaker"], "the trail tells")
    t.eq(site.refire("status", "--json")[1].count('"next_probe":null'), 1, "status is well again")
    sender.terminate()


def test_schedule_of_a_pipeline(t):
    """retry-schedule, give-up and rejected-tries are the pipeline's own."""
    failing, refusing = t.receiver(then=status(500)), t.receiver(then=status(404))
    site = t.site()
    site.pipeline("slow", failing, format="generic", retry_schedule="200ms, 400ms", give_up="2s")
    site.pipeline("no", refusing, format="generic", retry_schedule="100ms", rejected_tries="2")
    site.repository("web", quiet=True)
    work = site.work()
    work.commit()
    work.push("main")
    sender = site.start_sender("--watch")
    site.wait_states(FAILED=2)
    t.eq(len(refusing.requests), 2, "tries of the refused one")
    times = [r.time for r in failing.requests]
    waits = [b - a for a, b in zip(times, times[1:])]
    t.ok(0.15 < waits[0] < 0.35 and all(0.3 < w < 0.6 for w in waits[1:-1]), "waits %s" % waits)
    t.ok(1.9 < times[-1] - times[0] < 2.6, "given up after %.2f s" % (times[-1] - times[0]))
    sender.terminate()


def test_rate(t):
    """A rate is kept over one-shot senders, and one pass stays until all is sent."""
    receiver = t.receiver()
    site = t.site()
    site.pipeline("ci", receiver, format="generic", rate="10/s")
    site.repository("web", quiet=True)
    work = site.work()
    work.commit()
    for part in range(2):
        work.push(*["main:refs/heads/b%d-%d" % (part, n) for n in range(12)])
        t.eq(site.send()[0], 0, "refire send")
    t.eq(site.states(), {"DELIVERED": 24}, "all is sent")
    times = [r.time for r in receiver.requests]
    for i in range(len(times) - 10):
        t.ok(times[i + 10] - times[i] > 0.8, "11 within %.2f s" % (times[i + 10] - times[i]))
    t.ok(times[-1] - times[0] < 6, "24 took %.1f s" % (times[-1] - times[0]))
    for wrong in ("10", "10/d", "0/s", "ten/s"):
        site.pipelines["ci"]["rate"] = wrong
        site.write_conf()
        t.eq(site.refire("queue")[0], 78, "rate = %s" % wrong)


def test_retry_failed(t):
    """`retry --failed` takes all that failed, by pipeline and since a time, and counts."""
    one, two = t.receiver(then=status(301)), t.receiver(then=status(301))
    site = t.site()
    site.pipeline("one", one, format="generic")
    site.pipeline("two", two, format="generic")
    site.repository("web", quiet=True)
    work = site.work()
    work.commit()
    work.push(*["main:refs/heads/b%d" % n for n in range(7)])
    site.send()
    t.eq(site.states(), {"FAILED": 14}, "at first")
    one.then = two.then = status(200)
    t.eq(site.must("queue", "retry", "--failed", "--since", "2999-01-01"), "retried 0 deliveries\n",
         "none since then")
    rc, _, err = site.refire("queue", "retry", "--failed", "--pipeline", "one")
    t.eq((rc, "this would retry 7 deliveries: say --yes" in err), (64, True), "unasked: " + err)
    t.eq(site.states(), {"FAILED": 14}, "nothing was done")
    t.eq(site.must("queue", "retry", "--failed", "--pipeline", "one", "--since", "1h", "-y"),
         "retried 7 deliveries\n", "of one pipeline")
    site.attempt()
    t.eq(site.states(), {"FAILED": 7, "DELIVERED": 7}, "which are sent, and no other")
    t.eq(site.must("queue", "retry", "--failed", "--yes"), "retried 7 deliveries\n", "then all")
    site.attempt()
    t.eq(site.states(), {"DELIVERED": 14}, "at last")
    t.eq(len(site.trail_records("RetryDelivery")), 14, "each in the trail")
    for wrong in (["drop", "--failed"], ["retry", "--failed", "aaaa"], ["retry"]):
        t.eq(site.refire("queue", *wrong)[0], 64, "exit status of %s" % wrong)


def test_many(t):
    """drop and replay by filter: what they apply to, and no other; asked on a terminal."""
    up, down = t.receiver(), t.receiver(then=status(500))
    site = t.site()
    site.pipeline("up", up, format="generic")
    site.pipeline("down", down, format="generic", retry_schedule="1h")
    site.repository("web", quiet=True)
    work = site.work()
    work.commit()
    work.push(*["main:refs/heads/b%d" % n for n in range(5)])
    site.send()
    t.eq(site.states(), {"DELIVERED": 5, "WAITING": 5}, "at first")
    rc, text = on_terminal(site, "queue", "drop", "--ref", "b0", say=b"n\n")
    t.eq((rc, "drop 1 delivery? [y/N]" in text, "nothing was done" in text), (0, True, True), text)
    t.eq(site.states(), {"DELIVERED": 5, "WAITING": 5}, "a no is a no")
    rc, text = on_terminal(site, "queue", "drop", "--ref", "b0", say=b"y\n")
    t.eq((rc, "dropped 1 delivery" in text), (0, True), text)
    t.eq(site.must("queue", "drop", "--code", "ReceiverFailed", "--since", "1h", "--yes",
                   "--reason", "obsolete"), "dropped 4 deliveries\n", "by code and time")
    t.eq({(r["pipeline"], r["state"]) for r in site.queue_json()}, {("up", "DELIVERED"),
                                                                   ("down", "DROPPED")}, "then")
    t.eq(site.must("queue", "replay", "--pipeline", "up", "--ref", "refs/heads/b3", "--yes"),
         "replayed 1 delivery\n", "one ref's")
    site.attempt()
    t.eq(site.must("queue", "replay", "--until", "1h", "--yes"), "replayed 0 deliveries\n", "by time")
    t.eq(len(up.requests), 6, "the receiver got it again")
    t.eq(site.must("queue", "retry", "--state", "dropped", "--limit", "2", "--yes"),
         "retried 2 deliveries\n", "the newest two")
    for wrong in (["replay", "--state", "failed", "-y"], ["drop"], ["show", "aaaa", "-y"],
                  ["hold", "up", "--ref", "x"], ["retry", "--failed", "--state", "held"],
                  ["list", "--older-than", "9d"], ["drop", "aaaa", "--pipeline", "up"]):
        t.eq(site.refire("queue", *wrong)[0], 64, "exit status of %s" % wrong)


def test_replay(t):
    """A delivered one goes again under a new id, and the trail has both; others do not."""
    receiver = t.receiver()
    site = t.site()
    site.pipeline("ci", receiver, format="generic")
    site.repository("web", quiet=True)
    work = site.work()
    work.commit()
    work.push("main")
    site.send()
    old = site.queue_json()[0]["delivery"]
    out = site.must("queue", "replay", old[:8], "--reason", "lost over there")
    site.attempt()
    new = site.queue_json()[1]["delivery"]
    t.eq(out, "replayed %s as %s\n" % (old, new), "replay says so")
    t.eq([r.delivery for r in receiver.requests], [old, new], "the requests' ids")
    bodies = [r.json() for r in receiver.requests]
    t.eq([b.pop("delivery") for b in bodies], [old, new], "the bodies' ids")
    t.eq(bodies[0], bodies[1], "which are else the same")
    record = site.trail_records("ReplayDelivery")[0]
    t.eq((record["requestID"], record["requestParameters"]["deliveryId"]), (new, old), "the trail")
    receiver.then = status(301)
    work.commit()
    work.push("main")
    site.send()
    failed = site.queue_json("--state", "failed")[0]["delivery"]
    rc, _, err = site.refire("queue", "replay", failed)
    t.eq((rc, "cannot be replayed: retry it" in err), (1, True), "a failed one is retried: " + err)


if __name__ == "__main__":
    harness.main()
