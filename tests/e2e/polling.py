"""What the poller's tests share: its spool files read back, and the sender kept
away from them.

    polls = Polls(site)             # holds sender.lock: nobody takes the spool in
    rc, out, err = polls.run()      # refire poll ...
    polls.new()                     # the change files since the last call, parsed
    polls.accept()                  # one `refire send`: what was spooled is accepted
"""
import fcntl
import json
import os
import sqlite3
import struct
import subprocess
import zlib

from sandbox import BUILD, Gone


def parse(data):
    """A spool file as {field: [values]}; Gone when it is not whole (lib/record.h)."""
    head, rest = data.split(b"\n", 1)
    fields, at = {}, len(head) + 1
    if head != b"refire 1":
        raise Gone("not a spool file: %r" % head)
    while not rest.startswith(b"end "):
        line, rest = rest.split(b"\n", 1)
        name, length = line.decode().split(" ")
        value, rest = rest[:int(length)], rest[int(length) + 1:]
        at += len(line) + 1 + int(length) + 1
        fields.setdefault(name, []).append(value.decode(errors="surrogateescape"))
    if rest != b"end %08x\n" % zlib.crc32(data[:at]):
        raise Gone("a spool file with a wrong CRC: %r" % rest)
    return fields


class Change:
    """One change file: .repository, .source, .seen {ref: (oid, base)}, .spaces, .head."""

    def __init__(self, data):
        f = parse(data)
        self.fields = f
        self.source, self.repository = f["source"][0], f["repository"][0]
        self.spaces = f.get("space", [])
        self.total, self.head = int(f["total"][0]), f["head"][0]
        self.seen = {}
        for line in f["seen"][0].splitlines():
            base, oid, ref = line.split(" ", 2)
            self.seen[ref] = (oid, int(base))

    def oids(self):
        return {ref: oid for ref, (oid, _) in self.seen.items()}


class Polls:
    """See the top of this file."""

    def __init__(self, site):
        self.site = site
        self.known = set()
        os.makedirs(site.state, 0o700, exist_ok=True)
        self.lock = None
        self.hold()

    def hold(self):
        self.lock = os.open(os.path.join(self.site.state, "sender.lock"),
                            os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.fcntl(self.lock, fcntl.F_OFD_SETLKW,
                    struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))

    def release(self):
        if self.lock is not None:
            os.close(self.lock)
        self.lock = None

    def run(self, *args, **keys):
        """refire poll ARGS: (exit status, stdout, stderr)."""
        return self.site.refire("poll", *args, **keys)

    def must(self, *args, **keys):
        """refire poll ARGS that ends with 0: its stderr."""
        rc, out, err = self.run(*args, **keys)
        if rc:
            raise Gone("refire poll %r: exit status %d\n%s%s" % (args, rc, out, err))
        return err

    def json(self, *args):
        """{repository: what --json says of it}."""
        _, out, _ = self.run("--json", *args)
        return {row["repository"]: row for row in map(json.loads, out.splitlines())}

    def new(self):
        """The change files that were not there at the last call, oldest first."""
        folder = os.path.join(self.site.state, "spool", "new")
        if not os.path.isdir(folder):
            return []
        names = [n for n in os.listdir(folder) if n.startswith("e.") and n not in self.known]
        names.sort(key=lambda n: os.stat(os.path.join(folder, n)).st_mtime_ns)
        self.known.update(names)
        found = []
        for name in names:
            with open(os.path.join(folder, name), "rb") as f:
                found.append(Change(f.read()))
        return found

    def accept(self):
        """What was spooled is taken in and judged by a real sender."""
        self.release()
        try:
            rc, out, err = self.site.send()
        finally:
            self.hold()
        if rc not in (0, 1):
            raise Gone("refire send: exit status %d\n%s%s" % (rc, out, err))

    def settle(self):
        """Poll and accept until a poll finds nothing more."""
        for _ in range(5):
            self.must()
            if not self.new():
                return
            self.accept()
        raise Gone("polls find something new each time")

    def hints(self):
        return [n for n in self.site.spool("new") if n.startswith("h.")]

    def rows(self):
        """The polls table: {repository: row}."""
        db = sqlite3.connect("file:%s?mode=ro" % os.path.join(self.site.state, "queue.db"),
                             uri=True)
        db.row_factory = sqlite3.Row
        try:
            return {row["repository"]: dict(row) for row in db.execute("SELECT * FROM polls")}
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):       # a queue that is just being made
                return {}
            raise
        finally:
            db.close()

    def resident(self, *args, wrap=()):
        """`refire poll --watch`; its Popen. stderr goes to TOP/poller.log."""
        log = open(self.site.path("poller.log"), "ab")
        process = subprocess.Popen(
            [*wrap, os.path.join(BUILD, "refire-poll"), "--watch", "--config", self.site.conf,
             *args], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.site.env(),
            start_new_session=True)
        log.close()
        self.site.senders.append(process)
        return process

    def logged(self):
        with open(self.site.path("poller.log"), errors="replace") as f:
            return f.read()

    def close(self):
        self.release()
