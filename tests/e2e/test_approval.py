"""approval = required: nothing leaves before one of `approvers` says so, over restarts,
reloads, retries and a rebuilt queue; who says so is judged by uid.
run: timeout=120"""
import json
import os
import pwd

import harness
from harness import status
from test_two_users import GROUP, OWNER, PUSHER, STRANGER, Rig

ME = pwd.getpwuid(os.getuid()).pw_name


def gated(t, **keys):
    """A site whose only pipeline asks for approval, and a work tree."""
    receiver = t.receiver()
    site = t.site()
    keys = dict({"approval": "required", "approvers": ME}, **keys)
    site.pipeline("ci", receiver, format="generic", **keys)
    site.repository("web", quiet=True)
    return site, receiver, site.work()


def push(site, work):
    work.commit()
    work.push("main")
    site.send()


def of_state(site, state):
    return [d for d in site.queue_json() if d["state"] == state]


def only_held(t, site):
    held = of_state(site, "HELD")
    t.eq([d["code"] for d in held], ["ApprovalRequired"], "what is held")
    return held[0]["delivery"]


def test_approve_and_reject(t):
    site, receiver, work = gated(t)
    push(site, work)
    push(site, work)
    waiting = [json.loads(line) for line in site.must("approvals", "--json").splitlines()]
    t.eq([d["approvers"] for d in waiting], [[ME], [ME]], "both wait, and who may")
    t.has(site.must("approvals", "--mine"), waiting[0]["delivery"], "for a person")
    first, second = (d["delivery"] for d in waiting)
    t.eq(len(receiver.requests), 0, "requests before anybody decided")
    rc, _, err = site.refire("queue", "retry", first)
    t.eq((rc, "waits for approval" in err), (1, True), "retry is no way around: " + err)
    t.has(site.must("approve", first[:9], "--summary", "looks good\x1b[1m"), first, "approve says so")
    t.eq(site.refire("approve", first)[0], 1, "twice is once")
    site.send()
    receiver.wait(1)
    site.wait_states(DELIVERED=1, HELD=1)
    t.eq(receiver.requests[0].headers["x-refire-attempt"], "1", "no attempt was made before")
    t.eq(json.loads(site.must("reject", "--json", second))["outcome"], "done", "reject")
    site.send()
    t.eq(site.states(), {"DELIVERED": 1, "DROPPED": 1}, "states")
    t.eq(len(receiver.requests), 1, "requests")
    said = site.trail_records("ApproveDelivery") + site.trail_records("RejectDelivery")
    t.eq([(r["userIdentity"]["userName"], r["requestParameters"]["status"]) for r in said],
         [(ME, "Approved"), (ME, "Rejected")], "the trail says who")
    shown = site.must("queue", "show", first)
    t.has(shown, "looks good", "show tells the summary")
    t.lacks(shown, "\x1b", "and no control byte")
    t.has(site.must("queue", "show", second), "rejected by " + ME, "and who rejected")
    t.eq(site.must("approvals"), "nothing waits for approval\n", "nothing waits any more")


def test_not_an_approver(t):
    """The owner of state-dir is none unless named."""
    site, receiver, work = gated(t, approvers="somebody-else")
    push(site, work)
    held = only_held(t, site)
    rc, _, err = site.refire("approve", held)
    t.eq((rc, "approvers" in err), (77, True), "refused: " + err)
    site.send()
    t.eq((len(receiver.requests), only_held(t, site)), (0, held), "it goes on waiting")
    t.eq(site.must("approvals", "--mine"), "nothing waits for approval\n", "--mine")


def test_expiry(t):
    site, receiver, work = gated(t, approval_timeout="1s")
    push(site, work)
    push(site, work)
    harness.wait_until(lambda: site.send()[0] in (0, 1) and
                       site.states() == {"FAILED": 2}, 20, "both expire")
    t.eq([d["code"] for d in site.queue_json()], ["ApprovalExpired"] * 2, "with a clear code")
    for words, count in ((("--code", "ApprovalExpired"), 2), (("--code", "ReceiverFailed"), 0)):
        t.eq(len(site.queue_json(*words)), count, "listed by " + " ".join(words))
    t.has(site.must("queue", "retry", "--failed", "--code", "ReceiverFailed"), "retried 0",
          "retry by code")
    t.has(site.must("queue", "retry", "--failed", "--until", "1h", "-y"), "retried 0", "retry by time")
    t.eq([r["errorCode"] for r in site.trail_records("SettleDelivery")], ["ApprovalExpired"] * 2,
         "in the trail")
    site.must("queue", "retry", "--failed", "--yes")
    site.send()
    t.eq([d["code"] for d in of_state(site, "HELD")][:1], ["ApprovalRequired"],
         "what is retried then asks anew")
    t.eq(len(receiver.requests), 0, "nothing left")


def test_superseded(t):
    """A newer update replaces one that waits, says so, and reaches back over it."""
    site, receiver, work = gated(t, mode="superseded")
    push(site, work)
    push(site, work)
    push(site, work)
    held = only_held(t, site)
    t.eq(site.states(), {"SUPERSEDED": 2, "HELD": 1}, "one waits")
    t.has(of_state(site, "SUPERSEDED")[0]["error"], "waited for approval", "why the others do not")
    t.eq([r["errorCode"] for r in site.trail_records("SettleDelivery")], ["Superseded"] * 2,
         "the trail tells")
    site.must("approve", held)
    receiver.then = status(503)
    site.send()
    push(site, work)
    t.eq(sorted(site.states().items()), [("HELD", 1), ("SUPERSEDED", 2), ("WAITING", 1)],
         "what is approved is not overtaken")
    receiver.then = status(200)
    site.retry(of_state(site, "WAITING")[0]["delivery"])
    site.send()
    t.eq(receiver.requests[-1].json()["before"], harness.ZERO, "it reaches back to the first")
    t.eq([d["before"] for d in of_state(site, "HELD")], [receiver.requests[-1].json()["after"]],
         "and the next follows on it")


def test_configuration_changes(t):
    """Set later, it holds what waits; taken out, what is held stays until an operator says."""
    receiver = t.receiver(then=status(503))
    site = t.site()
    site.pipeline("ci", receiver, format="generic")
    site.repository("web", quiet=True)
    push(site, site.work())
    t.eq(site.states(), {"WAITING": 1}, "it waits for the receiver")
    site.pipeline("ci", receiver, format="generic", approval="required", approvers=ME)
    delivery = site.queue_json()[0]["delivery"]
    site.must("queue", "retry", delivery)
    site.send()
    t.eq(only_held(t, site), delivery, "set later, the next attempt asks")
    t.eq(len(receiver.requests), 1, "requests")
    site.pipeline("ci", receiver, format="generic")
    receiver.then = status(200)
    site.send()
    t.eq(only_held(t, site), delivery, "taken out, it stays held")
    t.eq(site.refire("approve", delivery)[0], 77, "nobody is an approver now")
    site.must("queue", "retry", delivery)
    site.send()
    t.eq(site.states(), {"DELIVERED": 1}, "an operator's retry sends it")


def test_rebuilt_queue(t):
    site, receiver, work = gated(t)
    push(site, work)
    held = only_held(t, site)
    os.remove(os.path.join(site.state, "queue.db"))
    site.must("queue", "rebuild")
    site.send()
    t.eq(only_held(t, site), held, "a new queue holds it as before")
    site.must("approve", held)
    site.send()
    site.wait_states(DELIVERED=1)
    t.eq(len(receiver.requests), 1, "then it goes")
    replayed = site.must("queue", "replay", held).split()[-1]
    site.send()
    site.wait_states(DELIVERED=1, HELD=1)
    t.eq(only_held(t, site), replayed, "replayed, it asks anew")


def test_by_uid_of_the_file(t):
    """Another Unix user's word goes through the spool and is judged by its file."""
    rig = Rig(t)
    site = rig.site
    site.pipeline("ci", rig.receiver, format="generic", approval="required", approvers=str(PUSHER))
    rig.push(OWNER, "main")
    harness.wait_until(lambda: site.states() == {"HELD": 1}, 20, "it is held")
    site.kill_senders(15)
    delivery = only_held(t, site)
    for uid, want in ((OWNER, "HELD"), (PUSHER, "DELIVERED")):
        rc, out, err = rig.refire(uid, "approve", delivery, "--summary", "by %d" % uid,
                                  groups=(GROUP,))
        t.eq(rc, 77 if uid == OWNER else 0, "exit status: " + out + err)
        site.send()
        t.eq(site.states(), {want: 1}, "after uid %d said so" % uid)
    t.eq([r["userIdentity"]["principalId"] for r in site.trail_records("ApproveDelivery")],
         ["uid:%d" % PUSHER], "the trail has the uid")
    rig.push(PUSHER, "main:refs/heads/next")
    site.send()
    held = only_held(t, site)
    t.eq(rig.refire(STRANGER, "approve", held, groups=(GROUP,))[0], 0, "a stranger's is spooled")
    site.send()
    t.eq(only_held(t, site), held, "and refused")
    t.eq([r["errorCode"] for r in site.trail_records("RefuseCommand")], ["AccessDenied"],
         "which is recorded")


if __name__ == "__main__":
    harness.main()
