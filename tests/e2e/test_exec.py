"""target = exec: a program of this machine as the pipeline."""
import json
import os
import signal

import harness

PROGRAM = """#!/usr/bin/env python3
import json, os, sys
seen = {"argv": sys.argv[1:], "env": dict(os.environ), "in": json.load(sys.stdin),
        "cwd": os.getcwd(), "fds": sorted(os.listdir("/proc/self/fd")), "pgid": os.getpgrp(),
        "pid": os.getpid()}
with open(%(seen)r, "a") as f:
    f.write(json.dumps(seen) + "\\n")
print("first line")
print("last line", file=sys.stderr)
sys.exit(%(status)d)
"""


def rig(t, program=PROGRAM, status=0, **keys):
    site = t.site()
    path = site.path("program")
    with open(path, "w") as f:
        f.write(program % {"seen": site.path("seen"), "status": status} if program is PROGRAM
                else program)
    os.chmod(path, 0o755)
    keys.setdefault("command", path)
    site.pipelines["ci"] = dict({"repository": "web", "target": "exec"}, **keys)
    site.write_conf()
    site.repository("web", quiet=True)
    return site, path


def seen(site):
    if not os.path.exists(site.path("seen")):
        return []
    with open(site.path("seen")) as f:
        return [json.loads(line) for line in f]


def test_runs(t):
    """Arguments, environment, input, directory; nothing of ours beside; the output is kept."""
    site, path = rig(t)
    site.pipelines["ci"].update(command="%s, --ref={ref}, {branch}, a\\, b" % path,
                                directory=site.path("repos"), environment="STAGE=test, WHO={actor}")
    site.write_conf()
    work = site.work()
    new = work.commit()
    work.push("main", options=["ci.variable=COLOUR=red $(id)", "ci.variable=PATH=/evil"])
    t.eq(site.refire("send", env={"LD_LIBRARY_PATH": "/x", "SECRET_TOKEN": "hush"})[0], 0, "send")
    t.eq(site.states(), {"DELIVERED": 1}, "its state")
    one = seen(site)[0]
    t.eq(one["argv"], ["--ref=refs/heads/main", "main", "a, b"], "arguments")
    t.eq(one["cwd"], os.path.realpath(site.path("repos")), "directory")
    env = one["env"]
    t.eq(env["REFIRE_REF"], "refs/heads/main", "REFIRE_REF")
    t.eq(env["REFIRE_COMMIT"], new, "REFIRE_COMMIT")
    t.eq(env["REFIRE_EVENT"], "created", "REFIRE_EVENT")
    t.eq(env["REFIRE_VAR_COLOUR"], "red $(id)", "a pushed variable is data")
    t.eq(env["REFIRE_VAR_PATH"], "/evil", "and has a name of its own")
    t.eq(env["PATH"], "/usr/local/bin:/usr/bin:/bin", "PATH")
    t.eq(env["STAGE"], "test", "configured")
    t.lacks(json.dumps(env), "hush", "nothing of the sender's environment")
    ours = {n for n in env if not n.startswith("REFIRE_")}
    t.eq(ours, {"PATH", "LC_ALL", "HOME", "STAGE", "WHO"}, "no more names than these")
    t.eq(one["in"]["after"], new, "the change on standard input")
    t.eq(one["pgid"], one["pid"], "leads its own process group")
    t.eq([n for n in one["fds"] if int(n) > 3], [], "no descriptor of ours")
    record = site.trail_records("RunProgram")[0]
    t.has(record["responseElements"]["output"], "first line", "the output is in the trail")
    t.has(record["responseElements"]["output"], "last line", "both streams")
    t.eq(record["responseElements"]["exitStatus"], 0, "and the status")
    show = site.refire("queue", "show", site.queue_json()[0]["delivery"])[1]
    t.has(show, "$ " + path, "queue show has the command")
    t.has(show, "last line", "and the output")


def test_statuses(t):
    """0, 75, others, a signal, no program."""
    cases = [("status 3", "#!/bin/sh\necho it broke >&2\nexit 3\n", "FAILED", "ProgramFailed",
              "status 3: it broke"),
             ("status 75", "#!/bin/sh\nexit 75\n", "WAITING", "ProgramNotReady", "75"),
             ("a signal", "#!/bin/sh\nkill -9 $$\n", "FAILED", "ProgramFailed", "signal 9"),
             ("no program", None, "WAITING", "ProgramNotRun", "cannot run")]
    site, _ = rig(t)
    for n, (_, program, *_) in enumerate(cases):
        path = site.path("program%d" % n)
        if program:
            with open(path, "w") as f:
                f.write(program)
            os.chmod(path, 0o755)
        site.pipelines["p%d" % n] = {"repository": "web", "target": "exec", "command": path}
    site.write_conf()
    work = site.work()
    work.commit()
    work.push("main")
    site.send()
    rows = {r["pipeline"]: r for r in site.queue_json()}
    for n, (name, _, state, code, words) in enumerate(cases):
        with t.case(name):
            row = rows["p%d" % n]
            t.eq((row["state"], row["code"]), (state, code), "state and code: %s" % row)
            t.has(row["error"], words, "the sentence")
            rc, out, err = site.refire("explain", row["delivery"])
            t.has(out, "what to do", "explain (%d): %s" % (rc, err))


def test_time_limit(t):
    """It and what it started are ended, and what it wrote is kept."""
    site, _ = rig(t, "#!/bin/sh\necho began\nsleep 4242 &\nsleep 4243\n", **{"run-timeout": "500ms"})
    work = site.work()
    work.commit()
    work.push("main")
    site.send()
    row = site.queue_json()[0]
    t.eq((row["state"], row["code"]), ("WAITING", "ProgramTimeout"), "code: %s" % row)
    t.has(row["error"], "began", "what it wrote")
    t.eq(harness.processes_with("4242") + harness.processes_with("4243"), [], "nothing runs on")


def test_much_output(t):
    """More than is kept does not stop the program."""
    site, _ = rig(t, "#!/bin/sh\nyes | head -c 3000000\nexit 0\n")
    work = site.work()
    work.commit()
    work.push("main")
    site.send()
    t.eq(site.states(), {"DELIVERED": 1}, "delivered")
    response = site.trail_records("RunProgram")[0]["responseElements"]
    t.eq((len(response["output"]), response["outputTruncated"]), (16384, True), "the beginning")


def test_option_by_name(t):
    """A branch whose name would be an option."""
    site, path = rig(t)
    site.pipelines["ci"]["command"] = path + ", {branch}"
    site.write_conf()
    work = site.work()
    new = work.commit()
    work.git("push", "-q", "origin", new + ":refs/heads/-rf")
    site.send()
    row = site.queue_json()[0]
    t.eq((row["state"], row["code"]), ("FAILED", "CommandRefused"), "refused: %s" % row)
    t.eq(seen(site), [], "nothing ran")


def test_sender_ends(t):
    """SIGTERM ends what runs; the next sender runs it again."""
    site, _ = rig(t, "#!/bin/sh\necho $$ >> ../started\nsleep 4244\n")
    site.pipelines["ci"]["directory"] = site.path("repos")
    site.write_conf()
    work = site.work()
    work.commit()
    work.push("main")
    sender = site.start_sender("--watch")
    harness.wait_until(lambda: os.path.exists(site.path("started")), 20, "a start")
    sender.send_signal(signal.SIGTERM)
    sender.wait(20)
    t.eq(harness.processes_with("4244"), [], "it was ended")
    t.eq(site.states(), {"INFLIGHT": 1}, "its outcome is unknown")
    with open(site.path("program"), "w") as f:
        f.write("#!/bin/sh\nexit 0\n")
    site.send()
    t.eq(site.states(), {"DELIVERED": 1}, "run again")
    codes = [r.get("errorCode") for r in site.trail_records("DeliverWebhook")]
    t.eq(codes, ["OutcomeUnknown"], "and the trail says why")


def test_dry_run_and_check(t):
    """What would run is shown, and mistakes are found before."""
    site, path = rig(t)
    site.pipelines["ci"]["command"] = path + ", {branch}"
    site.write_conf()
    work = site.work()
    work.commit()
    work.push("main")
    rc, out, err = site.refire("fire", "ci", "--ref", "main", "--dry-run")
    t.eq(rc, 0, "dry run: %s" % err)
    t.has(out, path, "the command")
    t.has(out, "REFIRE_BRANCH=main", "the environment")
    rc, out, _ = site.refire("fire", "ci", "--ref", "main", "--dry-run", "--json")
    t.eq(json.loads(out)["requests"][0]["command"], [path, "main"], "as JSON")
    rc, out, err = site.refire("check")
    t.has(out, "target exec", "check: %s" % err)
    for key, value, words in [("command", "{branch}", "placeholder"), ("command", "bin/x", "absolute"),
                              ("environment", "a b", "NAME=value"), ("command", "/bin/x, {nope}", "nope"),
                              ("environment", "REFIRE_X=1", "REFIRE_"), ("url", "http://x/", "webhook")]:
        with t.case("%s = %s" % (key, value)):
            site.pipelines["ci"] = {"repository": "web", "target": "exec", "command": path, key: value}
            site.write_conf()
            for verb in ("check", "send"):
                rc, out, err = site.refire(verb)
                t.eq(rc, 78, "%s refuses: %s" % (verb, out + err))
                t.has(out + err, words, "its words")
                t.has(out + err, "refire.conf:", "file and line")
    site.pipelines["ci"] = {"repository": "web", "target": "exec", "command": "/nowhere/x"}
    site.write_conf()
    rc, out, err = site.refire("check")
    t.eq(rc, 1, "a program that is not there")
    t.has(out, "/nowhere/x", "and which")


if __name__ == "__main__":
    harness.main()
