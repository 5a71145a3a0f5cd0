#!/usr/bin/env python3
"""`make demo`'s script: its screen says what happened, and no process stays.

run: timeout=120
"""
import os
import re
import shutil
import subprocess

import harness

WANTED = [                              # in this order on the screen
    ("the hook is installed", r"^  \S+/web\.git: installed$"),
    ("the pusher sees git's own words", r"^     [0-9a-f]+\.\.[0-9a-f]+  main -> main$"),
    ("the pipeline's output", r'^  pipeline: "a first change"$'),
    ("the signature was checked", r"^  pipeline: signature was right; delivery [0-9a-f-]{36}$"),
    ("the queue", r"^  [0-9a-f-]{36}  DELIVERED  web-ci .* 1  "),
    ("the push in the trail", r"^  \S+Z  GitPush +\S+ +web +main +ok$"),
    ("the delivery in the trail", r"^  \S+Z  DeliverWebhook +\S+ +web +web-ci +main +200$"),
    ("a record", r'^    "eventName":"GitPush",$'),
    ("the second push", r"^2\. "),
    ("it goes through", r"^     [0-9a-f]+\.\.[0-9a-f]+  main -> main$"),
    ("it waits", r"^  [0-9a-f-]{36}  WAITING +web-ci"),
    ("and says why", r"^  why +ConnectionFailed: "),
    ("the receiver is back", r"^3\. "),
    ("the second output", r'^  pipeline: "a change that nobody is there to build"$'),
    ("both are delivered", r"^  0 open; 2 settled \(2 delivered\)$"),
    ("nothing is left", r"^Nothing is left running\."),
    ("how to go on", r"^  cd \S+; \. \./env$"),
]


def run_demo(t):
    """The script as `make demo` runs it: (exit status, screen, its directory)."""
    done = subprocess.run([os.path.join(harness.ROOT, "tests", "demo")], check=False, timeout=100,
                          env=dict(os.environ, REFIRE_BUILD=harness.BUILD),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    screen = done.stdout.decode("utf-8", "strict")
    where = re.search(r"^In (\S+):", screen, re.M)
    if where:
        t.cleanup(shutil.rmtree, where[1])
    return done.returncode, screen, where[1] if where else ""


def test_screen(t):
    t.need("webhook")
    status, screen, top = run_demo(t)
    t.diag(screen)
    t.eq(status, 0, "exit status")
    at = 0
    for what, pattern in WANTED:
        with t.case(what):
            found = re.compile(pattern, re.M).search(screen, at)
            t.ok(found, "no line after byte %d matches %s" % (at, pattern))
            at = found.end()
    with t.case("it fits a screen 120 wide"):
        t.eq([x for x in screen.splitlines() if len(x) > 120], [], "long lines")
    with t.case("no process stays"):
        t.eq(harness.processes_with(top), [], "processes")


def test_by_hand(t):
    """What its last lines say works, in a shell."""
    t.need("webhook")
    _, screen, top = run_demo(t)
    commands = screen.split("To go on by hand:\n", 1)[1]
    t.has(commands, "rm -rf " + top, "the last command")
    t.cleanup(harness.run, ["sh", "-c", "kill $(cat %s/pid)" % top])
    commands = commands.replace("refire status ", "refire status || test $? = 1 ")
    script = "set -e\n" + commands.replace(
        "sh receiver &", "sh receiver >receiver.log 2>&1 & echo $! >pid\n"
        "for i in $(seq 600); do grep -q 'serving hooks' receiver.log && break; sleep 0.05; done\n"
    ).replace("rm -rf " + top, "")
    status, out, err = harness.run(["sh", "-c", script], timeout=60)
    t.diag(out.decode() + err.decode())
    t.eq(status, 0, "exit status")
    t.has(out.decode(), "GitPush", "the trail")
    t.has(out.decode(), "DELIVERED", "the queue")
    t.has(out.decode(), "0 failed", "the check")
    harness.wait_until(lambda: open(top + "/pipeline.log").read().count("signature was right") == 3,
                       what="the pipeline's third start")


if __name__ == "__main__":
    harness.main()
