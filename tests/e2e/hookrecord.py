"""Reading what the hook left, and comparing directories: shared by test_hook*.py."""
import fcntl
import os
import stat
import struct
import zlib

from sandbox import BUILD

POST_RECEIVE = os.path.join(BUILD, "hooks", "post-receive")


def parse(data):
    """A spool file (docs/spool.md) as a list of (name, value), both bytes; ValueError
    when it is not whole."""
    if not data.startswith(b"refire 1\n"):
        raise ValueError("first line")
    at, fields = 9, []
    while data[at:at + 4] != b"end ":
        line_end = data.index(b"\n", at)
        name, length = data[at:line_end].split(b" ")
        start, stop = line_end + 1, line_end + 1 + int(length)
        if data[stop:stop + 1] != b"\n":
            raise ValueError("a value does not end where it says")
        fields.append((name, data[start:stop]))
        at = stop + 1
    if data[at:] != b"end %08x\n" % zlib.crc32(data[:at]):
        raise ValueError("CRC")
    return fields


class Record:
    """One published file: .one(name), .all(name), .refs as (old, new, ref) of bytes."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.fields = parse(f.read())
        self.stat = os.stat(path)

    def all(self, name):
        return [v for n, v in self.fields if n == name.encode()]

    def one(self, name):
        values = self.all(name)
        return values[0] if values else None

    @property
    def refs(self):
        return [tuple(line.split(b" ", 2)) for line in self.one("refs").splitlines()]


def published(state, folders=("new", "drop", "done")):
    """Every published file of a spool, whole: [Record], oldest first."""
    found = []
    for folder in folders:
        path = os.path.join(state, "spool", folder)
        if os.path.isdir(path):
            found += [os.path.join(path, n) for n in os.listdir(path)
                      if folder == "done" or n.startswith("e.")]
    return sorted((Record(p) for p in found), key=lambda r: int(r.one("time")))


def hold_lock(path):
    """Hold sender.lock or poller.lock as a resident program does; close the fd to let go."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    ofd_setlk = 37
    fcntl.fcntl(fd, ofd_setlk, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
    return fd


def snapshot(top, leave_out=()):
    """{path below top: what it is}: kind, mode, owner, and content, link target or, of a
    file, its modification time too. Directories without their times."""
    seen = {}
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            short = os.path.relpath(path, top)
            if any(short == x or short.startswith(x + "/") for x in leave_out):
                continue
            st = os.lstat(path)
            what = [stat.S_IFMT(st.st_mode), stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid]
            if stat.S_ISLNK(st.st_mode):
                what.append(os.readlink(path))
            elif stat.S_ISREG(st.st_mode):
                with open(path, "rb") as f:
                    what += [f.read(), st.st_mtime_ns]
            seen[short] = what
    return seen


def difference(before, after):
    """What changed between two snapshots, as text; "" when nothing did."""
    lines = ["gone: %s" % x for x in sorted(set(before) - set(after))]
    lines += ["new: %s" % x for x in sorted(set(after) - set(before))]
    lines += ["other: %s %r %r" % (x, before[x], after[x]) for x in sorted(set(before) & set(after))
              if before[x] != after[x]]
    return "\n".join(lines)
