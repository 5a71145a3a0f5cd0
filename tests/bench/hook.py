#!/usr/bin/env python3
"""What refire's post-receive costs, beside an empty hook and a hook of bash and curl.

All run interleaved in one run, 1 ref and 10,000 refs, stdin through a pipe as
git does. A stand-in holds sender.lock: a resident sender is running. CPU is the
user and system time of the hook and the children it waited for. The targets are
those of the design, section 7. Exit status 1 when one is missed.

	tests/bench/hook.py [ROUNDS]		60 unless told; REFIRE_BUILD is the build
"""
import fcntl
import http.server
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(os.environ.get("REFIRE_BUILD")
                        or os.path.join(HERE, "..", "..", "build"))
CC = os.environ.get("CC", "gcc")
BUSY = 3        # wall time over CPU time of an fsyncing hook; 1.5 on an idle machine
CURL_HOOK = """#!/bin/bash
curl -s -o /dev/null -H 'Content-Type: text/plain' -H Expect: --data-binary @- http://127.0.0.1:%d/
"""         # the cheapest there is: it does not even look at the refs


class Sink(http.server.BaseHTTPRequestHandler):
    """Answers 200 and remembers nothing."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def compile_to(path, source, *flags):
    subprocess.run([CC, "-O2", "-D_GNU_SOURCE", "-o", path, *flags,
                    os.path.join(HERE, source)], check=True)


def script(path, text):
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, 0o755)


def hold_lock(path):
    """Hold sender.lock as a resident sender does; the fd keeps it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    ofd_setlk, whole = 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
    fcntl.fcntl(fd, ofd_setlk, whole)
    return fd


def make_repository(top, state):
    """A bare repository with the hook and its settings, as `refire hooks install` leaves it."""
    repo = os.path.join(top, "web.git")
    subprocess.run(["git", "init", "-q", "--bare", repo], check=True)
    os.makedirs(os.path.join(state, "spool", "new"))
    os.mkdir(os.path.join(repo, "refire"))
    with open(os.path.join(repo, "refire", "hook"), "w") as f:
        f.write("refire-hook 1\nspool %s\nsender %s\npoller %s\nconfig %s\n" %
                (state, "/bin/false", "/bin/false", "/dev/null"))
    hook = os.path.join(repo, "hooks", "post-receive")
    os.symlink(os.path.join(BUILD, "hooks", "post-receive"), hook)
    return repo, hook


def measure(top, repo, rounds, refs, programs):
    """{name: (wall, cpu)}, medians in ms."""
    given = os.path.join(top, "refs")
    with open(given, "w") as f:
        f.writelines("%040x %040x refs/heads/branch-%05d\n" % (i, i + 1, i) for i in range(refs))
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": top, "GIT_DIR": ".",
           "REMOTE_USER": "alice", "SSH_CONNECTION": "127.0.0.1 1 127.0.0.1 22"}
    out = subprocess.run([os.path.join(top, "spawn"), str(rounds), given, *programs.values()],
                         cwd=repo, env=env, stdout=subprocess.PIPE, check=True).stdout
    rows = [[int(x) for x in line.split()] for line in out.splitlines()]
    names, result = list(programs), {}
    for index, name in enumerate(names):
        mine = [r for r in rows if r[0] == index]
        assert len(mine) == rounds and not any(r[3] for r in mine), (name, mine[:3])
        result[name] = tuple(statistics.median(r[k] for r in mine) / 1000 for k in (1, 2))
    return result


def check(text, value, limit, least=False):
    good = value >= limit if least else value <= limit
    print("  %-58s %8.2f   %s %g   %s" % (text, value, ">=" if least else "<=", limit,
                                         "ok" if good else "MISSED"))
    return good


def report(refs, rounds, got):
    print("\n%d ref%s, %d interleaved rounds, medians in ms" % (refs, "s" * (refs > 1), rounds))
    print("  %-44s %8s %8s" % ("", "CPU", "wall"))
    for name, (wall, cpu) in got.items():
        print("  %-44s %8.3f %8.3f" % (name, cpu, wall))


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    top = tempfile.mkdtemp(prefix="refire-bench.")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        state = os.path.join(top, "state")
        repo, hook = make_repository(top, state)
        lock = hold_lock(os.path.join(state, "sender.lock"))
        plain = os.path.join(top, "plain")
        os.mkdir(plain)
        compile_to(os.path.join(top, "spawn"), "hook-spawn.c")
        compile_to(os.path.join(top, "empty"), "hook-empty.c", "-static")
        compile_to(os.path.join(top, "synced"), "hook-empty.c", "-static",
                   '-DSYNCED="%s"' % plain)
        script(os.path.join(top, "curl"), CURL_HOOK % server.server_port)
        programs = {"empty C hook": os.path.join(top, "empty"),
                    "empty C hook + the same fsyncs": os.path.join(top, "synced"),
                    "refire post-receive, a sender resident": hook,
                    "bash + curl": os.path.join(top, "curl")}
        empty, synced, refire, curl = programs
        one = measure(top, repo, rounds, 1, programs)
        many = measure(top, repo, rounds, 10000, programs)
        files = os.listdir(os.path.join(state, "spool", "new"))
        assert len(files) == 2 * (rounds + 1), "one file a push: %d" % len(files)
        os.close(lock)
        report(1, rounds, one)
        report(10000, rounds, many)
        print("\ntargets")
        good = check("1 ref: CPU, refire / empty + the same fsyncs",
                     one[refire][1] / one[synced][1], 1.5)
        good &= check("1 ref: CPU, bash + curl / refire", one[curl][1] / one[refire][1], 8, True)
        good &= check("10,000 refs: refire, wall ms", many[refire][0], 10)
        if not good and one[synced][0] > BUSY * one[synced][1]:
            print("the machine was busy: an empty hook waited %.0f ms for its fsyncs, and "
                  "their CPU time grows with that; run it again by itself" % one[synced][0])
        return 0 if good else 1
    finally:
        server.shutdown()
        shutil.rmtree(top)


if __name__ == "__main__":
    sys.exit(main())
