#!/usr/bin/env python3
"""Enrichment of one push of 1 to 10,000 commits, by libgit2 and by `git log`, side by
side: where one overtakes the other decides webhook-sender/enrich.c's switch-over.
BENCH_COMMITS=1,10,100 takes other sizes."""
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("REFIRE_BUILD") or os.path.join(ROOT, "build"))
PROGRAM = os.path.join(BUILD, "tests", "bench-enrich")
FILES, FOLDERS = 3000, 60
ENV = {"PATH": os.environ["PATH"], "HOME": "/", "GIT_CONFIG_NOSYSTEM": "1"}


def path(n):
    return "src/part%02d/file%04d.c" % (n % FOLDERS, n)


def history(top, commits):
    """A bare repository of 3,000 files, and `commits` commits on it, each to three of them."""
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", top], check=True, env=ENV)
    fast = subprocess.Popen(["git", "--git-dir", top, "fast-import", "--quiet"],
                            stdin=subprocess.PIPE, env=ENV)
    say = fast.stdin.write
    for c in range(commits + 1):
        message = b"commit %d\n\nWhat was changed and why, in a line or two.\n" % c
        say(b"commit refs/heads/main\ncommitter Ann <ann@example.org> %d +0000\ndata %d\n%s"
            % (1700000000 + 60 * c, len(message), message))
        changed = range(FILES) if c == 0 else [(c * 7 + k * 1009) % FILES for k in range(3)]
        for n in changed:
            text = b"file %d, version %d\n" % (n, c)
            say(b"M 100644 inline %s\ndata %d\n%s\n" % (path(n).encode(), len(text), text))
    fast.stdin.close()
    if fast.wait():
        raise SystemExit("git fast-import failed")
    subprocess.run(["git", "--git-dir", top, "repack", "-adq"], check=True, env=ENV)


def measure(top, commits, how, repeat):
    old = subprocess.run(["git", "--git-dir", top, "rev-parse", "main~%d" % commits, "main"],
                         check=True, env=ENV, stdout=subprocess.PIPE, text=True).stdout.split()
    out = subprocess.run([PROGRAM, top, *old, how, str(repeat)], check=True,
                         stdout=subprocess.PIPE, text=True).stdout.split(" ", 3)
    return int(out[0]) / 1000, int(out[1]), int(out[2])


def main():
    sizes = [int(n) for n in os.environ.get("BENCH_COMMITS", "1,10,100,1000,10000").split(",")]
    failed = False
    with tempfile.TemporaryDirectory() as top:
        where = os.path.join(top, "r.git")
        history(where, max(sizes))
        print("%8s %12s %12s  ratio" % ("commits", "libgit2 ms", "git ms"))
        for n in sizes:
            repeat = 5 if n <= 100 else 3
            libgit2, c1, p1 = measure(where, n, "libgit2", repeat)
            git, c2, p2 = measure(where, n, "git", repeat)
            print("%8d %12.2f %12.2f  %.2f" % (n, libgit2, git, libgit2 / git))
            failed |= (c1, p1) != (c2, p2)
    if failed:
        print("the two ways differ in what they found")
    sys.exit(failed)


if __name__ == "__main__":
    main()
