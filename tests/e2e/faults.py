"""The K-th operation of a program made to fail (fault.c, preloaded), shared by the
test_faults_*.py.

    injector = Injector(t)
    for k, name in injector.points(argv, env, "mem"):       # one for each place in the code
        rc, out, err, injected = injector.run(argv, env, "mem", k)
"""
import errno
import os

from sandbox import BUILD, build_tool, run

SQL_ERRORS = {"FULL": 13, "IOERR": 778, "NOMEM": 7, "BUSY": 5}      # sqlite3.h
FILE_ERRORS = {n: getattr(errno, n) for n in ("ENOSPC", "EIO", "EMFILE", "EDQUOT", "EROFS")}


def number_of(family, error):
    """What fault.c calls an error of this name."""
    return {"mem": {None: 0}, "file": FILE_ERRORS, "sql": SQL_ERRORS}[family][error]


class Injector:
    def __init__(self, t):
        if b"libasan" in run(["ldd", os.path.join(BUILD, "refire-send")])[1]:
            t.skip("a preloaded library and the sanitizers do not go together")
        self.t = t
        self.library = build_tool(t, "fault.c", "-O1", "-shared", "-fPIC")
        self.log = os.path.join(os.path.dirname(self.library), "log")

    def env(self, family, k, error, mode):
        """What makes a program have the fault."""
        return {"LD_PRELOAD": self.library, "REFIRE_FAULT": "%s %d %d %s %s" % (
            family, k, number_of(family, error), mode, self.log)}

    def lines(self):
        """Of the log: what was counted, or failed."""
        if not os.path.exists(self.log):
            return []
        with open(self.log) as f:
            return f.read().splitlines()

    def go(self, argv, env, family, k, error, mode, timeout=60):
        """Run it; (status, stdout, stderr, lines of the log)."""
        if os.path.exists(self.log):
            os.unlink(self.log)
        rc, out, err = run(argv, timeout=timeout, env=dict(env, **self.env(family, k, error, mode)))
        return rc, out.decode(errors="replace"), err.decode(errors="replace"), self.lines()

    def points(self, argv, env, family, error=None, every=False):
        """Run it to its end and list (k, name of the operation): the first from each
        place in the code, as its stack tells, or every one."""
        rc, _, err, lines = self.go(argv, env, family, 0, error, "once")
        self.t.ok(rc in (0, 1), "it ends well when nothing fails: %d %s" % (rc, err))
        found, seen = [], set()
        for line in lines:
            k, name, stack = line.split()
            if every or (name, stack) not in seen:
                seen.add((name, stack))
                found.append((int(k), name))
        return found, len(lines)

    def run(self, argv, env, family, k, error=None, mode="once"):
        """With the K-th made to fail: (status, stdout, stderr, how many did)."""
        rc, out, err, lines = self.go(argv, env, family, k, error, mode)
        if rc < 0:                      # it crashed: where
            err += "\n".join(x for x in lines if not x.startswith("INJECTED"))
        return rc, out, err, sum(x.startswith("INJECTED") for x in lines)
