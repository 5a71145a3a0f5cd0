"""A receiver that is down for a day (libfaketime's): it is probed, nothing is given up,
and when it is back everything arrives in order, few at a time at first.
run: timeout=120"""
import os

import harness
from harness import Reply, status
from receiver import answer
from test_clock import Clock

LANES, EACH = 4, 6
STEP, DAY = 600 if os.environ.get("TORTURE") else 3600, 86400
CONCURRENCY = 4


def gentle(receiver, seen):
    """Answers 200 after a moment, and notes how many were under way and answered then."""
    def play(connection, request):
        with receiver.changed:
            seen.append((receiver.under_way, len(seen)))
        request.stop.wait(0.05)
        connection.sendall(answer(200))
        return True
    return Reply(play, "gentle")


def rig(t):
    receiver = t.receiver(then=status(503))
    site = t.site()
    site.pipeline("ci", receiver, format="generic", concurrency=CONCURRENCY)
    site.repository("web", quiet=True)
    clock = Clock(t, site)
    work = site.work()
    order = {}
    for _ in range(EACH):
        new = work.commit()
        for lane in range(LANES):
            order.setdefault("refs/heads/lane%d" % lane, []).append(new)
        work.push(*["main:refs/heads/lane%d" % n for n in range(LANES)])
    return site, receiver, clock, order


def test_a_day(t):
    site, receiver, clock, order = rig(t)
    for offset in range(0, DAY + 1, STEP):
        clock.set(offset)
        t.ok(site.send(env=clock.env)[0] == 0, "a pass at +%d s" % offset)
    states = site.states()
    t.eq(states.get("WAITING", 0) + states.get("READY", 0), LANES * EACH, "all wait: %s" % states)
    asked = len(receiver.requests)
    t.diag("%d requests in %d h of outage" % (asked, DAY // 3600))
    t.ok(DAY // STEP <= asked <= 2 * DAY // STEP + 20, "it was probed, and no more: %d" % asked)
    seen = []
    receiver.clear()
    receiver.then = gentle(receiver, seen)
    clock.set(DAY + STEP)
    sender = site.start_sender(env=clock.env)
    site.wait_states(DELIVERED=LANES * EACH)
    sender.terminate()
    t.eq(sender.wait(10), 0, "it ends")
    got = {}
    for r in receiver.requests:
        got.setdefault(r.json()["ref"], []).append(r.json()["after"])
    t.eq(got, order, "each ref's in order, each once")
    for under_way, before in seen:
        t.ok(under_way <= min(CONCURRENCY, 1 + before), "request %d: %d under way" % (
            before, under_way))
    t.eq(seen[0][0], 1, "the probe goes alone")


if __name__ == "__main__":
    harness.main()
