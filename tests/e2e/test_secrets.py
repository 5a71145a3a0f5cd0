"""Secrets change while deliveries go on: several at once, by time, without a restart,
and the record tells which one signed."""
import hashlib
import hmac
import json
import os
import signal
import time

import harness
from harness import status
from receiver import Reply, answer


def rig(t, secret, **keys):
    receiver = t.receiver(secret=None)
    site = t.site()
    site.pipeline("ci", receiver.url, **keys)
    site.repository("web", quiet=True)
    site.secret("ci", secret)
    return site, receiver


def push(site, branch="main"):
    if not hasattr(site, "pusher"):
        site.pusher = site.work()
    site.pusher.commit()
    site.pusher.push("main:" + branch)


def signed(request, *secrets):
    """Which of the secrets made the one signature."""
    have = request.headers["x-hub-signature-256"]
    return [s for s in secrets
            if have == "sha256=" + hmac.new(s, request.body, hashlib.sha256).hexdigest()]


def checks(secret):
    """A receiver's reply: 401 unless this secret signed."""
    def play(connection, request):
        code = 200 if signed(request, secret) else 401
        connection.sendall(answer(code))
        return True
    return Reply(play, "checks")


def secret_id(secret):
    """As an operator would compute it."""
    return hashlib.sha256(hashlib.sha256(secret).digest()).hexdigest()[:8]


def test_rotation(t):
    """New in front, receiver still with the old one: accepted in the same attempt. Then the
    receiver changes over, then the old line goes; nothing fails, the trail tells which."""
    site, receiver = rig(t, b"old secret\n")
    receiver.then = checks(b"old secret")
    push(site)
    site.send()
    receiver.clear()
    site.secret("ci", b"new secret\nold secret\n")
    push(site, "main")
    site.send()
    t.eq(site.states(), {"DELIVERED": 2}, "states")
    t.eq([signed(r, b"new secret", b"old secret") for r in receiver.requests],
         [[b"new secret"], [b"old secret"]], "who signed")
    t.eq([r.headers["x-refire-attempt"] for r in receiver.requests], ["1", "1"], "one attempt")
    t.eq(len({r.delivery for r in receiver.requests}), 1, "one delivery")
    records = site.trail_records("DeliverWebhook")[-2:]
    t.eq([(r["requestParameters"]["secretId"], r["requestParameters"].get("previousSecret"))
          for r in records], [(secret_id(b"new secret"), None), (secret_id(b"old secret"), True)],
         "the trail tells which")
    receiver.then = checks(b"new secret")
    receiver.clear()
    push(site, "main")
    site.send()
    site.secret("ci", b"new secret\n")
    push(site, "main")
    site.send()
    t.eq(len(receiver.requests), 2, "one request each after the change")
    t.eq(site.states(), {"DELIVERED": 4}, "states")


def test_both_messages(t):
    """A new branch is two messages: the second begins with the secret that was accepted."""
    site, receiver = rig(t, b"new secret\nold secret\n")
    receiver.then = checks(b"old secret")
    push(site, "topic")
    site.send()
    t.eq([(r.event, signed(r, b"new secret", b"old secret")[0]) for r in receiver.requests],
         [("create", b"new secret"), ("create", b"old secret"), ("push", b"old secret")], "requests")
    t.eq(site.states(), {"DELIVERED": 1}, "states")


def test_refused_by_both(t):
    """Once each in an attempt, then it is REJECTED as any 401."""
    site, receiver = rig(t, b"new\nold\nolder\n", format="generic")
    receiver.then = status(401)
    push(site)
    site.send()
    row = site.queue_json()[0]
    t.eq((row["state"], row["attempts"], row["http_status"]), ("WAITING", 1, 401), "one attempt")
    t.eq(len(receiver.requests), 2, "two requests")
    for _ in range(2):
        site.retry(row["delivery"])
    t.eq(site.states(), {"FAILED": 1}, "after the third attempt")
    t.eq(len(receiver.requests), 6, "two requests each")


def test_killed_between(t):
    """The sender dies while the second request is under way: the next one sends again, and
    the record says what may be a duplicate."""
    site, receiver = rig(t, b"new\nold\n", format="generic")
    receiver.script(status(401), harness.slow(60))
    push(site)
    site.start_sender("--watch")
    receiver.wait_arrived(2)
    site.kill_senders(signal.SIGKILL)
    receiver.then = checks(b"old")
    site.attempt()
    t.eq(site.states(), {"DELIVERED": 1}, "states")
    t.eq([signed(r, b"new", b"old")[0] for r in receiver.requests], [b"new", b"old", b"new", b"old"],
         "it begins with the newest again")
    t.eq(len({r.delivery for r in receiver.requests}), 1, "one delivery id")
    marks = [r["additionalEventData"].get("possibleDuplicate")
             for r in site.trail_records("DeliverWebhook")
             if r["requestParameters"]]
    t.eq(marks, [None, True, True], "both that follow are marked")


def findings(site):
    """What status says of files of secrets."""
    return [f for f in json.loads(site.refire("status", "--json")[1])["findings"]
            if "secret-file" in f["text"]]


def wait_log(site, text):
    def seen():
        with open(site.path("sender.log"), errors="replace") as f:
            return text in f.read()
    harness.wait_until(seen, 20, text)


def test_resident(t):
    """A resident sender takes the change without a signal; a broken file leaves the old one
    in force and shows in status; SIGHUP says so in the log."""
    site, receiver = rig(t, b"first\n", format="generic")
    sender = site.start_sender("--watch")
    push(site)
    receiver.wait(1)
    site.secret("ci", b"second\n")
    push(site)
    receiver.wait(2)
    path = site.secret("ci", b"third not-after=tomorrow\n")
    push(site)
    requests = receiver.wait(3)
    t.eq([signed(r, b"first", b"second", b"third") for r in requests],
         [[b"first"], [b"second"], [b"second"]], "who signed")
    found = findings(site)
    t.ok(len(found) == 1 and found[0]["grave"] and "line 1" in found[0]["text"] and
         path in found[0]["text"], "status says so: %s" % found)
    t.lacks(str(found), "third", "without what is in it")
    os.kill(sender.pid, signal.SIGHUP)
    wait_log(site, "stays in force")
    site.secret("ci", b"fourth\n")
    push(site)
    t.eq(signed(receiver.wait(4)[-1], b"fourth"), [b"fourth"], "mended")
    t.eq(findings(site), [], "status is well again")


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds)).encode()


def test_times(t):
    """A secret that is not valid yet, or any more, does not sign; check and status tell."""
    site, receiver = rig(t, b"next not-before=%s\nnow not-after=%s\n" % (stamp(3600), stamp(7200)),
                         format="generic")
    push(site)
    site.send()
    t.eq(signed(receiver.requests[0], b"next", b"now"), [b"now"], "signed by the one valid now")
    t.lacks(receiver.requests[0].headers["x-refire-signature-256"], ",", "by it alone")
    rc, out, _ = site.refire("check")
    t.eq(rc, 0, "check: " + out)
    for word in ("line 1 is " + secret_id(b"next"), "(not now)", "line 2 is " + secret_id(b"now")):
        t.has(" ".join(out.split()), word, "check")
    site.secret("ci", b"now not-after=%s\n" % stamp(7200))
    t.has(" ".join(site.refire("check")[1].split()), "none is valid after", "check warns")
    found = findings(site)
    t.ok(len(found) == 1 and not found[0]["grave"] and "its last secret ends in" in
         found[0]["text"], "status warns: %s" % found)
    site.secret("ci", b"now not-after=%s\n" % stamp(-60))
    push(site)
    site.send()
    t.eq(site.queue_json()[-1]["state"], "WAITING", "none is valid: it waits")
    t.has(site.queue_json()[-1]["error"], "no secret in it is valid now", "and says so")
    t.ok(findings(site)[0]["grave"], "status")


def test_credential(t):
    """%d is systemd's $CREDENTIALS_DIRECTORY; without it the delivery waits."""
    site, receiver = rig(t, b"unused", format="generic")
    os.mkdir(site.path("credentials"))
    os.rename(site.secret("ci", b"of systemd"), site.path("credentials", "ci"))
    site.pipelines["ci"]["secret-file"] = "%d/ci"
    site.write_conf()
    push(site)
    site.send()
    t.eq(site.states(), {"WAITING": 1}, "without the directory")
    site.must("queue", "drop", site.queue_json()[0]["delivery"])
    t.eq(site.refire("check")[0], 0, "check does not judge it")
    push(site)
    site.send(env={"CREDENTIALS_DIRECTORY": site.path("credentials")})
    t.eq(signed(receiver.requests[0], b"of systemd"), [b"of systemd"], "with it")


if __name__ == "__main__":
    harness.main()
