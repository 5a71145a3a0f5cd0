"""The commands an operator types: what they print, for a person and for a program,
and their exit statuses."""
import contextlib
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios
import time

import harness
from sandbox import BUILD, ZERO
from test_two_users import GROUP, OWNER, PUSHER, STRANGER, Rig

ROW = {"delivery", "change", "pipeline", "repository", "ref", "before", "after", "state",
       "attempts", "due", "http_status", "error", "code", "made", "settled", "actor", "source"}
ESCAPE = re.compile("\x1b\\[[0-9;]*m")


def on_terminal(site, *args, width=80, height=40, say=b"", **env):
    """refire ARGS as a person at a terminal of that width sees it, who types `say`:
    (status, text)."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    more = dict({"TERM": "xterm", "REFIRE_CONFIG": site.conf}, **env)
    child = subprocess.Popen([os.path.join(BUILD, "refire"), *args], env=site.env(**more),
                             stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    os.write(master, say)
    text = b""
    with contextlib.suppress(OSError):          # EIO: nobody has the other end any more
        while chunk := os.read(master, 65536):
            text += chunk
    os.close(master)
    return child.wait(30), text.decode().replace("\r\n", "\n")


def site_with(t, *pushes, good=False):
    """A site whose receiver answers 500 (or 200) to one push a name; waits for them."""
    receiver = t.receiver()
    receiver.then = harness.status(200 if good else 500)
    site = t.site().standard(receiver)
    site.hook_sender(site.path("repos", "web.git"), "/bin/true")
    work = site.work()
    for name in pushes:
        work.commit()
        work.push("HEAD:" + name)
    site.attempt()
    return site, receiver, work


# ---- the front door ----

FRONT = [
    # arguments, exit status, in stdout, in stderr
    ((), 0, "Usage: refire COMMAND", ""),
    (("--help",), 0, "status", ""),
    (("help",), 0, "queue", ""),
    (("--version",), 0, "refire ", ""),
    (("help", "queue"), 0, "Usage: refire queue", ""),
    (("queue", "--help"), 0, "Usage: refire queue", ""),
    (("queu",), 64, "", "did you mean `refire queue`"),
    (("xyzzy",), 64, "", "there is no command `xyzzy`"),
    (("../queue",), 64, "", "there is no command"),
    (("--quux",), 64, "", "unknown option --quux"),
    (("--config",), 64, "", "--config needs a value"),
    (("--config", "/nonexistent/refire.conf", "queue"), 78, "", "/nonexistent/refire.conf"),
    (("queue", "--config=/nonexistent/refire.conf"), 78, "", "/nonexistent/refire.conf"),
]
USAGE = [
    ("queue", "lst"), ("queue", "--stat", "x"), ("queue", "--state", "WAITNG"),
    ("queue", "--limit", "0"), ("queue", "show"), ("queue", "show", "aaaa", "bbbb"),
    ("queue", "retry"), ("queue", "list", "x"), ("queue", "--since", "yesterday"),
    ("queue", "--change", "abc"), ("trail", "sela"), ("trail", "seal", "x"),
    ("trail", "--since", "x"), ("trail", "--read-only", "perhaps"), ("fire",), ("fire", "a", "b"),
    ("fire", "web-ci", "--var", "x"), ("fire", "web-ci", "--var", "1=x"),
    ("status", "x"), ("check", "x"),
]


def test_front_door(t):
    site = t.site().standard(t.receiver())
    for args, status, out, err in FRONT:
        with t.case("refire " + " ".join(args)):
            got = site.refire(*args)
            t.eq(got[0], status, "exit status: %s%s" % got[1:])
            t.has(got[1], out, "stdout")
            t.has(got[2], err, "stderr")


def test_usage(t):
    site = t.site().standard(t.receiver())
    for args in USAGE:
        with t.case("refire " + " ".join(args)):
            rc, out, err = site.refire(*args)
            t.eq(rc, 64, "exit status: %s%s" % (out, err))
            t.eq(out, "", "nothing on stdout")
            t.has(err, "refire ", "a sentence")
    for verb in ("hooks", "check", "send", "poll", "status", "queue", "trail", "fire"):
        with t.case("refire %s --help" % verb):
            out = site.must(verb, "--help")
            t.has(out, "Usage: refire " + verb, "help")
            t.has(out, "--help", "help")
            t.ok(max(len(line) for line in out.splitlines()) <= 100, "no overlong line")


# ---- queue ----

def test_queue_before_anything(t):
    site = t.site().standard(t.receiver())
    t.has(site.must("queue"), "0 open", "an empty queue")
    t.eq(site.must("queue", "--json"), "", "no rows")
    rc, _, err = site.refire("queue", "show", "aaaaaaaa")
    t.eq(rc, 1, "exit status")
    t.has(err, "aaaaaaaa", "the id is named")


def test_queue_rows(t):
    site, receiver, _ = site_with(t, "main", "topic")
    rows = site.queue_json()
    t.eq(len(rows), 2, "rows")
    for row in rows:
        t.eq(ROW - set(row), set(), "missing fields")
        t.eq(row["state"], "WAITING", "state")
        t.eq(row["http_status"], 500, "http_status")
        t.ok(row["error"] and row["code"] and row["due"], "why and when")
        t.eq(row["settled"], None, "settled")
    receiver.then = harness.status(200)
    site.must("queue", "retry", *[r["delivery"] for r in rows])
    site.wait_states(DELIVERED=2)
    row = site.queue_json()[0]
    t.eq((row["due"], row["error"], row["code"]), (None, None, None), "null where there is none")
    t.ok(row["settled"], "settled")
    out = site.must("queue")
    t.has(out, "0 open; 2 settled (2 delivered)", "settled ones are counted, not listed")
    t.lacks(out, row["delivery"], "settled ones are not listed")


def test_queue_filters(t):
    site, _, _ = site_with(t, "main", "topic", "refs/tags/v1")
    first = site.queue_json()[0]
    cases = [(("--ref", "main"), 1), (("--ref", "refs/tags/v1"), 1), (("--ref", "v1"), 0),
             (("--state", "waiting"), 3), (("--state", "READY,WAITING"), 3), (("--state", "all"), 3),
             (("--state", "settled"), 0), (("--pipeline", "web-ci"), 3), (("--pipeline", "x"), 0),
             (("--repository", "web"), 3), (("--repository", "x"), 0), (("--limit", "2"), 2),
             (("--change", first["change"]), 1), (("--since", "1h"), 3),
             (("--since", "2100-01-01"), 0), (("--until", "2100-01-01"), 3),
             (("--until", "1h"), 0), (("--code", "NoSuchCode"), 0)]
    for args, want in cases:
        with t.case("queue " + " ".join(args)):
            t.eq(len(site.queue_json(*args)), want, "rows")
    with t.case("the newest come last"):
        t.eq(site.queue_json("--limit", "1")[0]["ref"], "refs/tags/v1", "the newest")


def test_queue_show(t):
    site, receiver, work = site_with(t)
    receiver.then = harness.status(502, body=b"line \x1b[31mone\r\nline two\n")
    work.commit()
    work.push("main", options=["ci.variable=COLOUR=blue"])
    site.attempt()
    row = site.queue_json()[0]
    out = site.show(row["delivery"])
    for part in (row["delivery"], "WAITING", "502", "next try", "refs/heads/main", row["change"],
                 "attempt 1", "POST " + receiver.url.split("?")[0], "X-GitHub-Event: create",
                 "< HTTP 502", "line \\x1b[31mone\n", "line two\n", "COLOUR=blue", "127.0.0.1:"):
        t.has(out, part, "queue show")
    t.lacks(out, "\x1b", "no escape sequence")
    t.has(site.show(row["delivery"][:6]), row["delivery"], "the id's beginning will do")
    whole = json.loads(site.must("queue", "show", row["delivery"], "--json"))
    t.eq(len(whole["attempts"]), 1, "attempts")
    t.eq(whole["attempts"][0]["response"]["status"], 502, "the answer")
    t.eq(whole["reported"]["detail"]["options"], ["ci.variable=COLOUR=blue"], "push options")


def test_retry_and_drop(t):
    site, receiver, _ = site_with(t, "main", "topic")
    one, two = [r["delivery"] for r in site.queue_json()]
    receiver.then = harness.status(200)
    out = site.must("queue", "retry", one[:8], "--reason", "it is back")
    t.has(out, "retried %s (was WAITING)" % one, "told")
    harness.wait_until(lambda: site.queue_json()[0]["state"] == "DELIVERED", 20, "the retry")
    rc, out, err = site.refire("queue", "drop", one, two, "ffffffff")
    t.eq(rc, 1, "some could not be dropped")
    t.has(out, "dropped %s (was WAITING)" % two, "the one that could")
    t.has(err, one, "the one that is settled is named")
    t.has(err, "ffffffff", "the one that is unknown is named")
    t.eq([r["state"] for r in site.queue_json()], ["DELIVERED", "DROPPED"], "states")
    record = harness.wait_until(lambda: site.trail_records("RetryDelivery"), 20, "the record")[0]
    t.eq(record["requestParameters"]["reason"], "it is back", "the reason is on the record")
    t.has(site.show(one), "it is back", "and in show")


# ---- the terminal ----

def test_terminal(t):
    site, _, work = site_with(t, "main", "a-branch-with-a-name-that-is-much-longer-than-the-rest-of-it")
    listings = [("queue",), ("queue", "--state", "all"), ("trail",), ("trail", "--failed")]
    for args in listings:
        for width in (80, 100, 160):
            with t.case("%s at %d columns" % (" ".join(args), width)):
                _, text = on_terminal(site, *args, width=width)
                t.has(text, "\x1b[", "coloured")
                widest = max(len(ESCAPE.sub("", line)) for line in text.splitlines())
                t.ok(widest <= width, "%d columns:\n%s" % (widest, text))
    with t.case("NO_COLOR and TERM=dumb"):
        t.lacks(on_terminal(site, "queue", NO_COLOR="1")[1], "\x1b", "no colour")
        t.lacks(on_terminal(site, "queue", TERM="dumb")[1], "\x1b", "no colour")
    with t.case("elsewhere nothing is cut or coloured"):
        out = site.must("queue", "list")
        t.lacks(out, "\x1b", "no colour")
        t.lacks(out, "\u2026", "not cut")
        for row in site.queue_json():
            t.has(out, row["delivery"], "whole ids")
            t.has(out, row["error"], "whole errors")
    with t.case("status fits a screen"):
        _, text = on_terminal(site, "status")
        t.ok(len(text.splitlines()) <= 40, "%d lines" % len(text.splitlines()))


# ---- fire ----

def test_fire(t):
    site, receiver, work = site_with(t, good=True)
    tip = work.commit()
    work.push("main")
    work.git("tag", "v1")
    work.push("v1", "main:both", "main:refs/tags/both")
    site.attempt()
    older = work.git("rev-parse", "HEAD")
    cases = [((), "refs/heads/main", tip), (("--ref", "v1"), "refs/tags/v1", tip),
             (("--ref", "refs/heads/both"), "refs/heads/both", tip),
             (("--ref", "HEAD"), "refs/heads/main", tip),
             (("--commit", older[:12]), "refs/heads/main", older)]
    for args, ref, commit in cases:
        with t.case("fire " + " ".join(args)):
            told = json.loads(site.must("fire", "web-ci", "--json", *args))
            t.eq((told["ref"], told["commit"]), (ref, commit), "what was aimed at")
            row = harness.wait_until(lambda: [r for r in site.queue_json("--change", told["change"])
                                              if r["state"] == "DELIVERED"], 20, "delivered")[0]
            t.eq((row["ref"], row["after"], row["source"]), (ref, commit, "fire"), "the row")
    refused = [(("--ref", "both"), "refs/heads/both or refs/tags/both"), (("--ref", "nope"), "nope"),
               (("--commit", "nope"), "nope"), (("--repository", "nope"), "nope"),
               (("--ref", "refs/heads/nope"), "refs/heads/nope")]
    for args, part in refused:
        with t.case("fire %s is refused" % " ".join(args)):
            rc, out, err = site.refire("fire", "web-ci", *args)
            t.eq((rc, out), (64, ""), "exit status and stdout (%s)" % err)
            t.has(err, part, "why")
    with t.case("an unknown pipeline"):
        rc, _, err = site.refire("fire", "web-cj")
        t.eq(rc, 64, "exit status")
        t.has(err, "did you mean web-ci", "the nearest")


def test_fire_dry_run(t):
    site, receiver, work = site_with(t, good=True)
    tip = work.commit()
    work.push("main")
    site.attempt()
    before = len(receiver.requests)
    out = site.must("fire", "web-ci", "--dry-run")
    t.has(out, tip, "the commit")
    t.has(out, "POST " + receiver.url.split("?")[0], "the request")
    row = json.loads(site.must("fire", "web-ci", "--dry-run", "--json"))
    t.eq(row["pipeline"], "web-ci", "as JSON")
    t.eq(site.spool(), [], "nothing is spooled")
    t.eq((len(site.queue_json()), len(receiver.requests)), (1, before), "nothing is sent")


def test_fire_several(t):
    """A pipeline over several repositories; one that is only polled."""
    receiver = t.receiver()
    site = t.site()
    site.pipeline("all", receiver, repository="*")
    site.repository("web")
    site.repository("api")
    site.repositories["mirror"] = {"url": "https://git.example.org/mirror.git"}
    site.write_conf()
    rc, _, err = site.refire("fire", "all")
    t.eq(rc, 64, "exit status")
    for name in ("web", "api", "mirror"):
        t.has(err, name, "the candidates")
    rc, _, err = site.refire("fire", "all", "--repository", "mirror", "--ref", "main")
    t.eq(rc, 64, "polled only: %s" % err)
    oid = "0123456789abcdef" * 2 + "01234567"
    rc, _, err = site.refire("fire", "all", "--repository", "mirror", "--ref", "refs/heads/main",
                             "--commit", oid[:20])
    t.eq(rc, 64, "an object id that is not whole: %s" % err)
    site.must("fire", "all", "--repository", "mirror", "--ref", "refs/heads/main", "--commit", oid)
    receiver.wait(1)
    t.eq(receiver.requests[0].json()["after"], oid, "taken as given")


# ---- status ----

def test_status(t):
    site, receiver, work = site_with(t, "main")
    rc, out, _ = site.refire("status")
    t.eq(rc, 1, "a failing delivery needs attention")
    t.has(out, "web-ci: 1 delivery waits to be tried again", "said first")
    state = json.loads(site.refire("status", "--json")[1])
    t.ok([f for f in state["findings"] if f["grave"]], "findings")
    t.eq(state["pipelines"][0]["states"]["WAITING"], 1, "counts")
    t.ok(state["sender"]["last_run"], "`refire send` by hand was noted")
    receiver.then = harness.status(200)
    site.must("queue", "retry", site.queue_json()[0]["delivery"])
    site.wait_states(DELIVERED=1)
    site.must("poll")
    rc, out, _ = site.refire("status")
    t.eq((rc, "nothing needs attention" in out), (0, True), "all is well: %s" % out)
    with open(os.path.join(site.state, "spool", "new", "e." + "0" * 32), "w") as f:
        f.write("torn")
    site.send()
    harness.wait_until(lambda: site.spool("quarantine"), 10, "it is set aside (by whoever sends)")
    rc, out, _ = site.refire("status")
    t.eq(rc, 1, "a file was set aside")
    t.has(out, "e." + "0" * 32, "it is named")


def test_status_before_anything(t):
    site = t.site().standard(t.receiver())
    os.rename(site.state, site.state + ".away")
    rc, out, _ = site.refire("status")
    t.eq(rc, 0, "exit status")
    t.has(out, "nothing ran so far", "said")


# ---- trail ----

def test_trail(t):
    site, receiver, _ = site_with(t, "main", "topic")
    row = site.queue_json()[0]
    records = site.trail_records()
    one = [r for r in records if r["eventName"] == "DeliverWebhook"][0]

    def lookup(*args):
        return [json.loads(line) for line in site.must("trail", "lookup", "--json", *args).splitlines()]

    with t.case("everything, the newest first"):
        t.eq([r["eventID"] for r in lookup()], [r["eventID"] for r in reversed(records)], "order")
        t.eq([r["eventID"] for r in lookup("--oldest-first")], [r["eventID"] for r in records], "order")
        t.eq(lookup()[0], records[-1], "whole records")
    cases = [(("--event-name", "GitPush"), lambda r: r["eventName"] == "GitPush"),
             (("--failed",), lambda r: "errorCode" in r),
             (("--error-code", one["errorCode"]), lambda r: r.get("errorCode") == one["errorCode"]),
             (("--change", row["change"]), lambda r: r["sharedEventID"] == row["change"]),
             (("--delivery", row["delivery"][:9]), lambda r: r["requestID"] == row["delivery"]),
             (("--pipeline", "web-ci"),
              lambda r: r["additionalEventData"].get("pipeline") == "web-ci"),
             (("--event-id", one["eventID"]), lambda r: r is one),
             (("--read-only", "true"), lambda r: r["readOnly"]),
             (("--read-only", "no"), lambda r: not r["readOnly"]),
             (("--text", row["after"]), lambda r: row["after"] in json.dumps(r)),
             (("--username", "nobody-at-all"), lambda r: False),
             (("--until", "2001-01-01"), lambda r: False), (("--since", "1h"), lambda r: True)]
    for args, wanted in cases:
        with t.case("lookup " + " ".join(args)):
            want = [r["eventID"] for r in reversed(records) if wanted(r)]
            t.eq([r["eventID"] for r in lookup(*args)], want, "records")
    with t.case("a limit"):
        t.eq(len(lookup("-n", "2")), 2, "records")
    with t.case("for a person"):
        out = site.must("trail")
        t.eq(len(out.splitlines()), len(records) + 1, "one line a record and a heading")
        t.has(out, one["errorMessage"], "errors are whole")
    with t.case("a torn last line is passed over, and said"):
        name = sorted(n for n in os.listdir(os.path.join(site.state, "trail")))[-1]
        with open(os.path.join(site.state, "trail", name), "a") as f:
            f.write('{"eventName":"To')
        rc, out, err = site.refire("trail", "lookup", "--json")
        t.eq((rc, len(out.splitlines())), (0, len(records)), "the rest is there")
        t.has(err, "not whole", "said")


def test_trail_follow(t):
    site, receiver, work = site_with(t, "main", good=True)
    child = subprocess.Popen([os.path.join(BUILD, "refire"), "trail", "follow", "--json",
                              "--event-name", "DeliverWebhook"], stdout=subprocess.PIPE,
                             env=site.env(REFIRE_CONFIG=site.conf))
    t.cleanup(child.wait)
    t.cleanup(child.stdout.close)
    t.cleanup(child.kill)
    harness.wait_until(lambda: "inotify" in " ".join(
        os.readlink("/proc/%d/fd/%s" % (child.pid, n)) for n in os.listdir("/proc/%d/fd" % child.pid)),
        10, "it watches")
    time.sleep(0.2)                             # between the watch and the first look: no event
    new = work.commit()
    work.push("main")
    site.attempt()
    record = json.loads(child.stdout.readline())
    t.eq(record["eventName"], "DeliverWebhook", "only what was asked for")
    t.eq(record["requestID"], site.queue_json()[-1]["delivery"], "the new one")
    t.ok(new, "pushed")
    tomorrow = os.path.join(site.state, "trail", "2999-01-01.jsonl")
    line = json.dumps(dict(record, eventID="tomorrow")).encode() + b"\n"
    with open(tomorrow, "wb", buffering=0) as f:
        f.write(line[:50])
        f.write(line[50:])
    t.eq(json.loads(child.stdout.readline())["eventID"], "tomorrow", "over the turn of the day")
    os.unlink(tomorrow)


# ---- check ----

def test_check(t):
    receiver = t.receiver()
    site = t.site().standard(receiver)
    site.send()
    rc, out, err = site.refire("check")
    t.eq(rc, 0, "all is well: %s%s" % (out, err))
    rc, out, _ = site.refire("check", "--online")
    t.eq(rc, 0, "reachable: %s" % out)
    t.has(out, "is reachable at 127.0.0.1:", "reachable")
    t.lacks([r.method for r in receiver.requests], "POST", "no payload is sent")
    receiver.refuse()
    rc, out, _ = site.refire("check", "--online")
    t.eq(rc, 1, "not reachable: %s" % out)
    rows = [json.loads(line) for line in site.refire("check", "--online", "--json")[1].splitlines()]
    t.eq([r["name"] for r in rows if r["result"] == "fail"], ["web-ci"], "the one that failed")


def test_check_permissions(t):
    site = t.site().standard(t.receiver())
    site.send()
    secret = site.path("secrets", "web-ci")
    cases = [(secret, 0o644, "everybody can read"),
             (os.path.join(site.state, "spool", "new"), 0o755, "chmod 0700"),
             (site.state, 0o777, "chmod go-w")]
    for path, mode, part in cases:
        with t.case("%s with mode %04o" % (os.path.basename(path), mode)):
            before = os.stat(path).st_mode & 0o7777
            os.chmod(path, mode)
            rc, out, _ = site.refire("check")
            os.chmod(path, before)
            t.eq(rc, 1, "exit status: %s" % out)
            t.has(out, part, "what to do")
    with t.case("no secret"):
        os.unlink(secret)
        rc, out, _ = site.refire("check")
        t.eq(rc, 1, "exit status: %s" % out)
        t.has(out, secret, "the file is named")


def test_check_configuration(t):
    """Every error at once, each with file and line."""
    site = t.site().standard(t.receiver())
    with open(site.conf, "a") as f:
        f.write("[pipeline second]\nrepository = web\nbrnaches = main\nmode = fast\ntarget = webhook\n"
                "[pipelin third]\nx = 1\n")
    rc, out, _ = site.refire("check")
    t.eq(rc, 78, "exit status")
    lines = [line for line in out.splitlines() if line.startswith("fail")]
    t.eq(len(lines), 3, "errors: %s" % out)
    for line, part in zip(lines, ("branches", "fast", "pipeline")):
        t.has(line, part, "what is wrong")
        t.ok(re.search(r"refire\.conf:\d+", line), "where: %s" % line)


def test_zero_is_not_resolved(t):
    """A deletion shows as such."""
    site, receiver, work = site_with(t, "main", "topic", good=True)
    work.push(":topic")
    site.attempt()
    row = site.queue_json()[-1]
    t.eq((row["ref"], row["after"]), ("refs/heads/topic", ZERO), "the row")
    t.has(site.must("queue", "list", "--state", "all"), "deleted", "for a person")
    t.has(site.show(row["delivery"]), "the ref was deleted", "in show")


def test_full_disk(t):
    """What could not be printed is no success."""
    site, _, _ = site_with(t, "main", good=True)
    for args in (("queue", "--json"), ("status",), ("trail",)):
        with t.case(" ".join(args)):
            with open("/dev/full", "wb") as full:
                rc = subprocess.run([os.path.join(BUILD, "refire"), *args], stdout=full, check=False,
                                    stderr=subprocess.PIPE, env=site.env(REFIRE_CONFIG=site.conf))
            t.eq(rc.returncode, 75, "exit status: %s" % rc.stderr)
            t.has(rc.stderr, b"No space left", "a sentence")


# ---- another account ----

def operators(rig, *uids):
    rig.site.refire_keys["operators"] = ", ".join(str(n) for n in uids)
    rig.site.write_conf()
    os.chown(rig.site.conf, OWNER, OWNER)       # another's file, to all but the owner


def test_other_account(t):
    """Whoever is in `pushers` and an operator fires, retries and drops through the spool."""
    rig = Rig(t)
    new, _ = rig.push(OWNER, "main")
    rig.receiver.wait(1)
    rig.site.kill_senders(15)
    operators(rig, PUSHER)
    with t.case("fire"):
        rc, out, err = rig.refire(PUSHER, "fire", "ci", "--var", "A=1", groups=(GROUP,))
        t.eq(rc, 0, out + err)
        t.has(out, "handed to the sender", "told")
        rig.site.send()
        rig.receiver.wait(2)
        t.eq(rig.receiver.requests[1].json()["after"], new, "fired")
        row = rig.site.queue_json()[-1]
        t.eq((row["source"], row["actor"]), ("fire", str(PUSHER)), "by whom")
    with t.case("retry"):
        rc, out, err = rig.refire(PUSHER, "queue", "retry", row["delivery"], groups=(GROUP,))
        t.eq(rc, 0, out + err)
        rig.site.send()
        rig.site.send()
        t.eq(len(rig.receiver.requests), 2, "a delivered one is not sent again")
    with t.case("the beginning of an id is not enough"):
        rc, _, err = rig.refire(PUSHER, "queue", "retry", row["delivery"][:8], groups=(GROUP,))
        t.eq(rc, 64, err)
    with t.case("one who may not reach the spool"):
        rc, _, err = rig.refire(STRANGER, "fire", "ci")
        t.eq(rc, 77, err)
        t.has(err, "pushers", "what to set")
    operators(rig, STRANGER)
    with t.case("one who is no operator"):
        rc, out, err = rig.refire(PUSHER, "fire", "ci", groups=(GROUP,))
        t.eq(rc, 0, out + err)
        rig.site.send()
        t.eq(len(rig.receiver.requests), 2, "nothing is fired")
        refused = rig.site.trail_records("RefuseCommand")[-1]
        t.eq(refused["additionalEventData"]["operatorUid"], PUSHER, "the refusal is recorded")


if __name__ == "__main__":
    harness.main()
