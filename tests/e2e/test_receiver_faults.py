"""Whatever a receiver does, nothing is lost, the policy is followed, and the
queue says why. Waiting times are passed by `refire queue retry` or libfaketime.
run: timeout=300"""
import json
import os
import time

import harness
from harness import (big, chunked_forever, close_early, close_mid, drip, drip_head,
                     headers_forever, reset, reset_mid, slow, status)

FAKETIME = ["/usr/lib/%s-linux-gnu/faketime/libfaketime.so.1" % m
            for m in ("x86_64", "aarch64")]


def preload():
    """The path of libfaketime, or None."""
    return next((p for p in FAKETIME if os.path.exists(p)), None)


def rig(t, *script, then=None, **keys):
    """A site whose receiver plays the script, with one commit pushed and recorded (no
    sender runs but those the test starts)."""
    receiver = t.receiver()
    receiver.script(*script)
    if then:
        receiver.then = then
    keys = dict({"format": "generic", "timeout": "2s"}, **keys)
    site = t.site()
    site.pipeline("ci", receiver, **keys)
    site.repository("web", quiet=True)
    push_quietly(site)
    return site, receiver


def push_quietly(site):
    """Push a new commit to a new branch; the branch."""
    work = site.work()
    work.commit()
    ref = "refs/heads/topic%d" % site.works
    work.push("main:" + ref)
    return ref


def only(site):
    rows = site.queue_json()
    assert len(rows) == 1, rows
    return rows[0]


# name, replies of the first attempt, state after it, word in error, http_status
WAITING = [
    ("500", status(500), "HTTP 500", 500),
    ("502 with a body", status(502, {}, b"bad gateway \x1b[31m"), "HTTP 502", 502),
    ("408", status(408), "HTTP 408", 408),
    ("closing before an answer", close_early(), "connection", 0),
    ("closing mid-answer", close_mid(), "connection", 200),
    ("resetting", reset(), "connection", 0),
    ("slow", slow(20), "time", 0),
    ("dripping its answer, a byte a second", drip(1000, 1), "time", 200),
    ("dripping its head, a byte a second", drip_head(1), "time", 0),
    ("headers without an end", headers_forever(), "headers exceeded", 200),
    ("resetting in the middle of its answer", reset_mid(), "connection", 200),
    ("429", status(429, {"Retry-After": "7200"}), "HTTP 429", 429),
]


def test_retried(t):
    """Each waits, says why in show and --json, and is delivered on the next try."""
    for name, reply, word, code in WAITING:
        with t.case(name):
            site, receiver = rig(t, reply)
            rc, _, err = site.send()
            t.eq(rc, 0, "refire send: " + err)
            t.has(err, "1 to be tried again", "refire send says so")
            row = only(site)
            t.eq((row["state"], row["attempts"]), ("WAITING", 1), "state")
            t.has(row["error"].lower(), word.lower(), "the reason")
            t.ok(row["http_status"] in (code, None if not code else code), "http_status %r"
                 % row["http_status"])
            shown = site.show(row["delivery"])
            t.has(shown, row["delivery"], "show names the delivery")
            t.has(shown.lower(), word.lower(), "show says why")
            t.lacks(shown, "\x1b", "no control character of the answer")
            site.retry(row["delivery"])
            t.eq((only(site)["state"], only(site)["attempts"]), ("DELIVERED", 2), "then")
            ids = [r.delivery for r in receiver.requests]
            t.eq(len(set(ids)), 1, "the delivery's id is the same over attempts")
            t.eq(len({r.body for r in receiver.requests}), 1, "and so is the body")


def test_down(t):
    """Nobody listens; then somebody does."""
    site, receiver = rig(t)
    receiver.refuse()
    t.eq(site.send()[0], 0, "refire send")
    row = only(site)
    t.eq(row["state"], "WAITING", "state")
    t.has(row["error"].lower(), "refused", "the reason")
    receiver.listen()
    site.retry(row["delivery"])
    t.eq(only(site)["state"], "DELIVERED", "state")


def test_names_and_tls(t):
    """A name that does not resolve, and a receiver that does not speak TLS."""
    for name, url, word in (
            ("no such host", "http://no-such-host.invalid/hook", "resolve"),
            ("no TLS", None, "tls")):
        with t.case(name):
            site, receiver = rig(t)
            site.pipelines["ci"]["url"] = url or receiver.url.replace("http:", "https:")
            site.write_conf()
            site.send()
            row = only(site)
            t.eq(row["state"], "WAITING", "state")
            t.has(row["error"].lower(), word, "the reason")
            site.pipelines["ci"]["url"] = receiver.url
            site.write_conf()
            site.retry(row["delivery"])
            t.eq(only(site)["state"], "DELIVERED", "after the mend")


def test_redirect_is_not_followed(t):
    for code in (301, 302, 303, 307, 308):
        with t.case(str(code)):
            elsewhere = t.receiver()
            site, receiver = rig(t, then=status(code, {"Location": elsewhere.url}))
            t.eq(site.send()[0], 1, "refire send")
            row = only(site)
            t.eq((row["state"], row["http_status"]), ("FAILED", code), "state")
            t.has(row["error"], "redirect", "the reason")
            t.eq(elsewhere.requests, [], "nobody went there")
            t.eq(len(receiver.requests), 1, "one try")


def test_rejected(t):
    """Other 4xx: three tries, then FAILED, which a person can retry."""
    for code in (400, 401, 403, 404, 422):
        with t.case(str(code)):
            site, receiver = rig(t, *[status(code)] * 3)
            site.send()
            for attempt in (1, 2, 3):
                row = only(site)
                t.eq(row["attempts"], attempt, "attempts")
                t.eq(row["state"], "WAITING" if attempt < 3 else "FAILED", "state")
                if attempt < 3:
                    site.retry(row["delivery"])
            t.eq(row["http_status"], code, "http_status")
            t.has(site.show(row["delivery"]), "HTTP %d" % code, "show says why")
            site.retry(row["delivery"])
            t.eq(only(site)["state"], "DELIVERED", "after `refire queue retry`")


def test_gone(t):
    """410 holds the whole pipeline, loudly, until a person resumes it."""
    site, receiver = rig(t, status(410))
    t.eq(site.send()[0], 1, "refire send tells by its status")
    row = only(site)
    t.eq((row["state"], row["http_status"]), ("HELD", 410), "state")
    t.has(row["error"], "gone", "the reason")
    push_quietly(site)
    site.send()
    t.eq(len(receiver.requests), 1, "nothing of the pipeline is tried by itself")
    rc, out, _ = site.refire("status")
    t.eq(rc, 1, "refire status says that a person is needed")
    t.has(out, "refire queue resume ci", "and what to do")
    t.has(site.must("queue"), "pipeline ci is held since", "refire queue shows it")
    t.eq(site.trail_records("HoldPipeline")[0]["errorCode"], "ReceiverGone", "the trail says why")
    site.must("queue", "resume", "ci")
    site.attempt()
    t.eq(site.states(), {"DELIVERED": 2}, "after `refire queue resume`")
    t.eq(site.trail_records("ResumePipeline")[0]["responseElements"], {"released": 1}, "in the trail")


def test_retry_after(t):
    """No sooner than the receiver says, within a second and a day."""
    for name, value, least, most in (
            ("seconds", "3600", 3590, 3610), ("soon", "0", 3, 7),
            ("for ever", "99999999", 86390, 86410),
            ("a date", time.strftime("%a, %d %b %Y %H:%M:%S GMT",
                                     time.gmtime(time.time() + 1000)), 985, 1005),
            ("nonsense", "soon", 3, 7)):
        with t.case(name):
            site, _ = rig(t, status(503, {"Retry-After": value}))
            site.send()
            due = due_in(only(site))
            t.ok(least <= due <= most, "due in %.0f s, not within %d to %d" % (due, least, most))


def due_in(row):
    """Seconds from now to the row's due time (ISO 8601)."""
    text = row["due"].split(".")[0].rstrip("Z")
    return time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%S")) - time.timezone - time.time()


def test_large_answers(t):
    """10 MB with a 200 is a delivery; an endless one ends too."""
    for name, reply, state in (("10 MB", big(), "DELIVERED"),
                               ("10 MB with 500", big(code=500), "WAITING"),
                               ("endless", chunked_forever(), "DELIVERED"),
                               ("10 MB header", status(200, {"X": "y" * 10_000_000}), "WAITING")):
        with t.case(name):
            site, _ = rig(t, reply, timeout="20s")
            began = time.monotonic()
            site.send()
            t.ok(time.monotonic() - began < 15, "it did not take for ever")
            row = only(site)
            t.eq(row["state"], state, "state (%s)" % row["error"])
            size = os.path.getsize(os.path.join(site.state, "queue.db"))
            t.ok(size < 1 << 20, "the queue kept %d bytes" % size)


def test_really_slow(t):
    """30 s with the default time limit: one attempt, DELIVERED or WAITING by the limit,
    and others are not kept waiting."""
    site, receiver = rig(t, slow(30), timeout="60s")
    push_quietly(site)
    began = time.monotonic()
    sender = site.start_sender("--watch")
    receiver.wait(1, 20)
    t.ok(time.monotonic() - began < 15, "the other ref went out meanwhile")
    receiver.wait(2, 60)
    site.wait_states(DELIVERED=2)
    t.ok(time.monotonic() - began > 29, "the slow answer was waited for")
    t.eq(len(receiver.requests), 2, "no request twice")
    sender.terminate()
    t.eq(sender.wait(10), 0, "the sender ends")


def test_schedule(t):
    """Down for a day and a half of libfaketime's clock: the schedule goes on by itself,
    and after the receiver is back everything arrives without another trigger."""
    library = preload()
    if not library:
        t.skip("libfaketime is not here (tests/packages test)")
    if "ASAN_OPTIONS" in os.environ or "-fsanitize" in os.environ.get("SAN", ""):
        t.skip("libfaketime and the sanitizers do not go together")
    site, receiver = rig(t, then=status(500), breaker_failures="0")
    ref = push_quietly(site)
    clock = site.path("clock")
    env = {"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": clock, "FAKETIME_NO_CACHE": "1",
           "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    offset, offsets = 0, []
    for attempt in range(1, 9):
        write(clock, "+%d" % offset)
        site.send(env=env)
        rows = site.queue_json()
        t.eq({r["attempts"] for r in rows}, {attempt}, "attempts at +%d s" % offset)
        t.eq({r["state"] for r in rows}, {"WAITING"}, "states")
        waits = [due_in(r) - offset for r in rows]
        offsets.append(waits)
        offset += int(max(waits)) + 2
    want = [5, 30, 120, 600, 1800, 7200, 18000, 36000]
    for waits, step in zip(offsets, want):
        for wait in waits:
            t.ok(step * 0.79 - 2 <= wait <= step * 1.21 + 2,
                 "waits %s, not about %d s" % (waits, step))
    receiver.then = status(200)
    write(clock, "+%d" % offset)
    site.send(env=env)
    t.eq(site.states(), {"DELIVERED": 2}, "when the receiver is back (%s)" % ref)


def test_give_up(t):
    """After give-up it is FAILED, not before."""
    library = preload()
    if not library:
        t.skip("libfaketime is not here (tests/packages test)")
    if "ASAN_OPTIONS" in os.environ or "-fsanitize" in os.environ.get("SAN", ""):
        t.skip("libfaketime and the sanitizers do not go together")
    site, _ = rig(t, then=status(500))
    clock = site.path("clock")
    env = {"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": clock, "FAKETIME_NO_CACHE": "1",
           "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    for offset, state in ((0, "WAITING"), (86400 * 4, "WAITING"), (86400 * 5 + 60, "FAILED")):
        write(clock, "+%d" % offset)
        site.send(env=env)
        t.eq(only(site)["state"], state, "at +%d s" % offset)
    t.has(site.show(only(site)["delivery"]), "HTTP 500", "the last reason is kept")


def write(path, text):
    with open(path + ".new", "w") as f:
        f.write(text)
    os.rename(path + ".new", path)


def test_one_bad_receiver_holds_nobody_back(t):
    """40 deliveries to a silent receiver do not keep others waiting."""
    silent = t.receiver(then=slow(60))
    good = t.receiver()
    site = t.site()
    site.pipeline("silent", silent, format="generic", timeout="5s")
    site.pipeline("good", good, format="generic")
    site.repository("web", quiet=True)
    work = site.work()
    work.commit()
    work.push(*["main:refs/heads/b%d" % n for n in range(40)])
    began = time.monotonic()
    site.start_sender("--watch")
    good.wait(40, 30)
    t.ok(time.monotonic() - began < 20, "took %.1f s" % (time.monotonic() - began))


def test_trail_says_why(t):
    """Each exchange is a record with errorCode and errorMessage."""
    site, _ = rig(t, status(500))
    site.send()
    site.retry(only(site)["delivery"])
    records = site.trail_records("DeliverWebhook")
    t.eq([r.get("errorCode") for r in records], ["ReceiverFailed", None], "errorCode")
    t.has(records[0]["errorMessage"], "HTTP 500", "errorMessage")
    rc, out, _ = site.refire("trail", "lookup", "--json", "--delivery", only(site)["delivery"])
    t.eq(rc, 0, "trail lookup")
    found = [json.loads(line)["eventName"] for line in out.splitlines()]
    t.eq(found.count("DeliverWebhook"), 2, "one lookup tells of both attempts: %s" % found)


if __name__ == "__main__":
    harness.main()
