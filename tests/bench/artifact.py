#!/usr/bin/env python3
"""A zip of a tree of git.git's size: 4,500 files, 60 MB. Beside `git archive`, in turn.

Must reach: at most 1.2 x its time, less than 64 MiB of memory.
"""
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("REFIRE_BUILD") or os.path.join(ROOT, "build"))
FILES, BYTES, ROUNDS = 4500, 60_000_000, 5


def make_tree(folder):
    """Text like source code: words, lines, indentation; sizes as they are there."""
    rng = random.Random(7)
    words = ["".join(rng.choice("etaoinshrdlucmf_") for _ in range(rng.randint(2, 9))) for _ in range(3000)]
    sizes = [rng.lognormvariate(8.6, 1.2) for _ in range(FILES)]
    for n, size in enumerate(sizes):
        name = os.path.join(folder, "d%d/s%d" % (n % 40, n % 7) if n % 3 else "t%d" % (n % 12), "f%d.c" % n)
        os.makedirs(os.path.dirname(name), exist_ok=True)
        want, text = int(size * BYTES / sum(sizes)), []
        while want > 0:
            text.append(rng.choice(words) + rng.choice(("", "", "", "", "(", ");\n\t", ", ", "\n\n")))
            want -= len(text[-1]) + 1
        with open(name, "w", encoding="ascii") as f:
            f.write(" ".join(text))
    git = ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for args in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"], ["gc", "-q"]):
        subprocess.run(git + args, check=True)


def measure(argv):
    """CPU-bound both, so wall clock; and the largest memory, in KiB."""
    begin = time.monotonic()
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = status
    if status:
        sys.exit("%s: status %d" % (argv, status))
    return time.monotonic() - begin, used.ru_maxrss


def main():
    with tempfile.TemporaryDirectory() as folder:
        tree, out = os.path.join(folder, "tree"), os.path.join(folder, "out.zip")
        make_tree(tree)
        ours = [os.path.join(BUILD, "refire-artifact"), "-o", out, "--part", str(64 << 20), tree, "HEAD"]
        gits = ["git", "-C", tree, "archive", "--format=zip", "-o", out, "HEAD"]
        pairs = [(measure(gits), measure(ours)) for _ in range(ROUNDS)]
    ratio = statistics.median(o[0] / g[0] for g, o in pairs)
    memory = max(o[1] for _, o in pairs) / 1024
    print("git archive --format=zip  %.2f s, %.0f MiB" % (min(g[0] for g, _ in pairs), max(g[1] for g, _ in pairs) / 1024))
    print("refire artifact           %.2f s, %.0f MiB" % (min(o[0] for _, o in pairs), memory))
    print("ratio %.2f (at most 1.2), memory %.0f MiB (less than 64)" % (ratio, memory))
    return 0 if ratio <= 1.2 and memory < 64 else 1


if __name__ == "__main__":
    sys.exit(main())
