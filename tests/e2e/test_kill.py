"""kill -9 of the sender at random moments: every delivery is settled in the end,
a duplicate carries the same id and the same body, and there are no more of them
than kills x requests in flight.
run: timeout=300"""
import collections
import os
import signal
import subprocess

import harness
from harness import BUILD, ZERO

LONG = bool(os.environ.get("TORTURE"))
DELIVERIES = int(os.environ.get("REFIRE_KILL_DELIVERIES") or (20_000 if LONG else 2000))
KILLS = int(os.environ.get("REFIRE_KILLS") or (500 if LONG else 50))
BATCH = 40
CONCURRENCY = 8


class Rig:
    """A repository with DELIVERIES tags, told of by hand BATCH at a time."""

    def __init__(self, t):
        self.t, self.random = t, t.seed()
        self.receiver = t.receiver(then=harness.slow(0.002))
        self.site = t.site()
        self.site.refire_keys["concurrency"] = CONCURRENCY
        self.site.pipeline("ci", self.receiver, format="generic")
        self.repo = self.site.repository("web", quiet=True)
        work = self.site.work()
        self.head = work.commit()
        self.refs = ["refs/tags/n%05d" % n for n in range(DELIVERIES)]
        work.git("push", "-q", "origin", "main:refs/hidden/base")
        self.site.git("-C", self.repo, "update-ref", "--stdin", stdin="".join(
            "create %s %s\n" % (r, self.head) for r in self.refs).encode())
        for name in self.site.spool():
            os.unlink(os.path.join(self.site.state, "spool", "new", name))
        self.told = self.kills = 0

    def tell(self):
        """The hook reports the next batch: one spool file."""
        batch = self.refs[self.told:self.told + BATCH]
        self.told += len(batch)
        if batch:
            rc, _, err = self.site.hook_by_hand(
                self.repo, *[(ZERO, self.head, r) for r in batch])
            self.t.eq((rc, err), (0, b""), "the hook records")

    def life(self):
        """Start a sender and kill it, at some moment in the middle of its work."""
        sender = self.site.start_sender("--watch")
        have = len(self.receiver.requests)
        try:
            if self.random.random() < 0.4:
                sender.wait(self.random.uniform(0, 0.08))
            else:
                self.receiver.wait_arrived(have + self.random.randrange(1, 2 * BATCH), 1)
                sender.wait(self.random.uniform(0, 0.01))
        except (TimeoutError, subprocess.TimeoutExpired):
            pass
        alive = sender.poll() is None
        self.t.ok(alive, "a resident sender ends by itself: status %s" % sender.poll())
        if self.random.random() < 0.3:
            self.tell()
        sender.send_signal(signal.SIGKILL)
        sender.wait()
        self.kills += 1

    def done(self):
        return self.told == len(self.refs) and len({r.delivery for r in self.receiver.requests}) \
            == len(self.refs)


def test_kill_9_at_any_moment(t):
    rig = Rig(t)
    while rig.kills < KILLS or not rig.done():
        if rig.told < len(rig.refs) * (rig.kills + 1) / KILLS:
            rig.tell()
        rig.life()
        t.ok(rig.kills < 20 * KILLS, "killed %d times and still not done" % rig.kills)
    settle(rig)
    check(t, rig)


def settle(rig):
    for _ in range(5):
        rc, _, err = rig.site.send()
        rig.t.eq(rc, 0, "refire send: " + err)
        if set(rig.site.states()) == {"DELIVERED"}:
            return


def check(t, rig):
    site, requests = rig.site, rig.receiver.requests
    t.eq(site.states(), {"DELIVERED": DELIVERIES}, "the queue")
    t.eq((site.spool(), site.spool("quarantine")), ([], []), "the spool")
    bodies, refs = {}, {}
    for request in requests:
        t.ok(request.signed, "every HMAC is right")
        t.eq(request.body, bodies.setdefault(request.delivery, request.body),
             "a duplicate has the same body")
        refs.setdefault(request.json()["ref"], set()).add(request.delivery)
    t.eq(sorted(refs), rig.refs, "every ref arrived")
    t.eq({len(ids) for ids in refs.values()}, {1}, "a duplicate has the same id")
    twice = len(requests) - DELIVERIES
    t.diag("%d deliveries, %d kills, %d duplicates (bound %d)"
           % (DELIVERIES, rig.kills, twice, rig.kills * CONCURRENCY))
    t.ok(twice <= rig.kills * CONCURRENCY, "duplicates are bounded")
    check_attempts(t, site, requests)
    check_marked(t, site, requests)
    check_trail(t, site, bodies)


def check_attempts(t, site, requests):
    """No request without an attempt that the queue knows of."""
    sent = {}
    for request in requests:
        sent[request.delivery] = sent.get(request.delivery, 0) + 1
    for row in site.queue_json():
        t.ok(row["attempts"] >= sent[row["delivery"]], "attempts of %s: %d, requests %d"
             % (row["delivery"], row["attempts"], sent[row["delivery"]]))


def check_trail(t, site, ids):
    seen = {}
    for record in site.trail_records():
        number = record["additionalEventData"]["sequence"]
        t.eq(record, seen.setdefault(number, record), "record %d, rendered twice" % number)
    t.eq(sorted(seen), list(range(1, len(seen) + 1)), "no record is missing")
    delivered = {r["requestID"] for r in seen.values()
                 if r["eventName"] == "DeliverWebhook" and "errorCode" not in r}
    t.eq(delivered, set(ids), "each delivery's success is in the trail")


def check_marked(t, site, requests):
    """What went out again says so in its record."""
    counts = collections.Counter(r.delivery for r in requests)
    marked = {r["requestID"] for r in site.trail_records("DeliverWebhook")
              if r["additionalEventData"].get("possibleDuplicate")}
    t.eq({d for d, n in counts.items() if n > 1} - marked, set(), "possibleDuplicate is told")


def test_kill_while_the_receiver_is_slow(t):
    """Killed with a request out: it goes again under the same id, as a later attempt."""
    receiver = t.receiver()
    receiver.script(harness.slow(30))
    site = t.site()
    site.pipeline("ci", receiver)
    site.repository("web", quiet=True)
    work = site.work()
    work.commit()
    work.push("main")
    sender = site.start_sender("--watch")
    receiver.wait_arrived(1)
    sender.kill()
    sender.wait()
    t.eq(site.states(), {"INFLIGHT": 1}, "the lease outlives its owner")
    t.eq(site.send()[0], 0, "refire send")
    row = site.queue_json()[0]
    t.eq((row["state"], row["attempts"]), ("DELIVERED", 2), "then")
    first, again = receiver.requests[:2]
    t.eq((again.event, again.delivery), (first.event, first.delivery), "the same message")
    t.eq(again.body, first.body, "the same body")
    t.eq([r.event for r in receiver.requests], ["create", "create", "push"], "and then the next")
    t.eq([r.headers["x-refire-attempt"] for r in receiver.requests], ["1", "2", "2"], "attempts")
    told = [r["additionalEventData"].get("possibleDuplicate")
            for r in site.trail_records("DeliverWebhook")]
    t.eq(told, [None, True, None], "the trail marks the one that may be a duplicate")


def test_two_senders(t):
    """A second sender does not send what the first has in hand."""
    receiver = t.receiver(then=harness.slow(0.5))
    site = t.site()
    site.pipeline("ci", receiver, format="generic")
    site.repository("web", quiet=True)
    work = site.work()
    work.commit()
    site.start_sender("--watch")
    work.push(*["main:refs/heads/b%d" % n for n in range(10)])
    receiver.wait_arrived(1)
    second = subprocess.run([os.path.join(BUILD, "refire-send"), "--config", site.conf],
                            env=site.env(), timeout=60, check=False)
    t.ok(second.returncode in (0, 75), "the second ends quietly: %d" % second.returncode)
    receiver.wait(10)
    site.wait_states(DELIVERED=10)
    t.eq(len(receiver.requests), 10, "ten requests")


if __name__ == "__main__":
    harness.main()
