"""refire artifact makes the tree that git archive makes, whatever is in it, and the same
bytes each time.
"""
import hashlib
import json
import os
import stat
import subprocess
import tarfile
import tempfile
import zipfile

import harness

GIT = ["git", "-c", "user.name=A Person", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always"]


class Repo:
    """A repository in a folder of its own; files by name, as bytes."""

    def __init__(self, t, *init):
        folder = tempfile.TemporaryDirectory()
        t.cleanup(folder.cleanup)
        self.top = folder.name
        self.dir = os.path.join(folder.name, "r").encode()
        self.git("init", "-q", *init, self.dir, at=folder.name)

    def git(self, *args, at=None, stdin=None):
        env = {"PATH": os.environ["PATH"], "HOME": self.top, "GIT_CONFIG_NOSYSTEM": "1",
               "GIT_AUTHOR_DATE": "1700000000 +0100", "GIT_COMMITTER_DATE": "1700000000 +0100"}
        return subprocess.run(GIT + list(args), cwd=at or self.dir, env=env, input=stdin, check=True,
                              stdout=subprocess.PIPE).stdout

    def write(self, name, data, mode=0o644):
        name = name if isinstance(name, bytes) else name.encode()
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)
        os.chmod(path, mode)

    def commit(self):
        self.git("add", "-A", "-f")
        self.git("commit", "-q", "--allow-empty", "-m", "a subject")
        return self.git("rev-parse", "HEAD").decode().strip()

    def artifact(self, *args, what="HEAD", **env):
        out = os.path.join(self.top, "a.zip")
        if os.path.exists(out):
            os.unlink(out)
        code, said, err = harness.run(
            [os.path.join(harness.BUILD, "refire-artifact"), "-o", out, "--json", *args, self.dir, what],
            env={"PATH": os.environ["PATH"], "HOME": self.top, **env})
        return code, json.loads(said) if said else None, err.decode(), out

    def archived(self):
        """By git: {name: (kind, executable, bytes)}."""
        tar = self.git("archive", "--format=tar", "HEAD")
        path = os.path.join(self.top, "a.tar")
        with open(path, "wb") as f:
            f.write(tar)
        found = {}
        with tarfile.open(path, errors="surrogateescape") as t:
            for m in t:
                name = os.fsencode(m.name) + (b"/" if m.isdir() else b"")
                body = t.extractfile(m).read() if m.isfile() else os.fsencode(m.linkname)
                found[name] = ("d" if m.isdir() else "l" if m.issym() else "f",
                               m.isfile() and bool(m.mode & 0o100), body)
        return found


def unpacked(path):
    """The same of the zip."""
    found = {}
    with zipfile.ZipFile(path) as z:
        for i in z.infolist():
            mode = i.external_attr >> 16
            raw = i.orig_filename.encode("utf-8" if i.flag_bits & 0x800 else "cp437")
            kind = "d" if raw.endswith(b"/") else "l" if stat.S_ISLNK(mode) else "f"
            found[raw] = (kind, kind == "f" and bool(mode & 0o100), z.read(i))
    return found


def same(t, repo, what=""):
    code, said, err, path = repo.artifact()
    t.eq(code, 0, err)
    got, want = unpacked(path), repo.archived()
    t.eq(sorted(got), sorted(want), "names " + what)
    for name in want:
        t.eq(got[name], want[name], "%r" % name)
    with open(path, "rb") as f:
        data = f.read()
    t.eq((said["sha256"], said["bytes"]), (hashlib.sha256(data).hexdigest(), len(data)), "hash and size")
    return said, data


def test_kinds_of_entries(t):
    repo = Repo(t)
    repo.write("a", b"text\n")
    repo.write("bin/run", b"#!/bin/sh\n", 0o755)
    repo.write("deep/er/and/deeper/file", b"\0\1\2" * 1000)
    repo.write("empty", b"")
    os.symlink("../a", os.path.join(repo.dir, b"bin/link"))
    os.symlink("nowhere/at all", os.path.join(repo.dir, b"broken"))
    other = Repo(t)
    other.write("x", b"y")
    other.commit()
    repo.git("submodule", "add", "-q", os.fsdecode(other.dir), "sub/module")
    commit = repo.commit()
    said, _ = same(t, repo)
    t.eq((said["commit"], said["files"]), (commit, 8), "what it says")


def test_names_in_every_encoding(t):
    repo = Repo(t)
    for name in ("grüße/日本語.txt".encode(), "latin-gr\xfc\xdfe".encode("latin-1"), "中文".encode("gbk"), "名前".encode("shift_jis"),
                 b"line\nfeed", b"tab\there", b" blank ", b"quote\"'", b"back\\slash", b"-option", b"a" * 250,
                 b"\xf0\x9f\x98\x80", b"\xed\xa0\x80 surrogate", b"e\xcc\x81 decomposed", b"esc\x1b[31m"):
        repo.write(name, b"of " + name)
    repo.commit()
    same(t, repo)
    _, _, _, path = repo.artifact()
    with zipfile.ZipFile(path) as z:
        marked = {i.orig_filename: bool(i.flag_bits & 0x800) for i in z.infolist()}
    t.ok(marked["grüße/日本語.txt"] and not marked[" blank "], "UTF-8 names are marked, others are not")
    _, _, _, c_path = repo.artifact(LC_ALL="C", LANG="tr_TR")
    t.ok("grüße/日本語.txt" in zipfile.ZipFile(c_path).namelist(), "in any locale")


def test_attributes(t):
    repo = Repo(t)
    repo.write(".gitattributes", b"secret export-ignore\nprivate/ export-ignore\ndocs/** export-ignore\n"
               b"version export-subst\n*.bat text eol=crlf\n*.id ident\n.gitattributes export-ignore\n*.lfs filter=lfs\n")
    repo.write("secret", b"no")
    repo.write("private/key", b"no")
    repo.write("docs/a/b", b"no")
    repo.write("src/.gitattributes", b"gen export-ignore\n")
    repo.write("src/gen", b"no")
    repo.write("src/keep", b"yes")
    repo.write("version", b"$Format:%H %h %an <%ae> %ad %s%n%d$ and $Format:%ct$\n")
    repo.write("x.bat", b"a\nb\n")
    repo.write("x.id", b"$Id$\n")
    repo.write("x.lfs", b"pointer\n")
    repo.commit()
    same(t, repo, "as git has them")
    repo.git("config", "filter.lfs.smudge", "touch %s/ran" % repo.top)
    code, _, err, path = repo.artifact()
    t.eq(code, 0, err)
    t.eq(unpacked(path)[b"x.lfs"][2], b"pointer\n", "a filter of the repository's configuration")
    t.ok(not os.path.exists(os.path.join(repo.top, "ran")), "is not run")
    plain = Repo(t)
    plain.write("secret", b"no")
    plain.write("a", b"yes")
    plain.commit()
    with open(os.path.join(plain.dir, b".git/info/attributes"), "w", encoding="ascii") as f:
        f.write("secret export-ignore\n")
    same(t, plain, "by info/attributes")


def test_same_bytes(t):
    repo = Repo(t)
    for n in range(40):
        repo.write("d%d/f%d" % (n % 7, n), os.urandom(3000) + b"x" * 5000)
    repo.commit()
    _, first = same(t, repo)
    for env in ({"TZ": "Asia/Tokyo"}, {"TZ": "America/New_York", "LC_ALL": "C"}, {"SOURCE_DATE_EPOCH": "5"}):
        code, said, err, path = repo.artifact(**env)
        t.eq(code, 0, err)
        with open(path, "rb") as f:
            t.ok(f.read() == first, "the same with %s" % env)
    repo.git("gc", "-q")
    t.ok(same(t, repo)[1] == first, "the same from a pack")


def test_other_repositories(t):
    """What libgit2 cannot read, git streams; a large file is never whole in memory."""
    sha256 = Repo(t, "--object-format=sha256")
    sha256.write("a/b", b"text")
    sha256.commit()
    same(t, sha256, "of SHA-256")
    large = Repo(t)
    large.git("config", "core.compression", "1")
    large.write("large", b"")
    with open(os.path.join(large.dir, b"large"), "wb") as f:    # in pieces: our own memory counts below
        for _ in range(96):
            f.write(b"0123456789abcdef" * (1 << 16))
    large.write("small", b"x")
    large.commit()
    code, said, err, path = large.artifact("--part", str(5 << 20))
    t.eq(code, 0, err)
    with zipfile.ZipFile(path) as z:
        t.eq((z.getinfo("large").file_size, z.testzip()), (96 << 20, None), "96 MiB")
    out = os.path.join(large.top, "b.zip")
    argv = [os.path.join(harness.BUILD, "refire-artifact"), "-o", out, os.fsdecode(large.dir), "HEAD"]
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = status
    t.ok(status == 0 and used.ru_maxrss < 64 * 1024, "in %d KiB" % used.ru_maxrss)


def test_parts(t):
    repo = Repo(t)
    repo.write("random", os.urandom(12 << 20))
    repo.commit()
    code, said, err, path = repo.artifact("--part", str(5 << 20), "--about", os.path.join(repo.top, "about"))
    t.eq(code, 0, err)
    with open(path, "rb") as f:
        data = f.read()
    parts = [data[n:n + (5 << 20)] for n in range(0, len(data), 5 << 20)]
    t.eq(said["parts"], [hashlib.sha256(p).hexdigest() for p in parts], "their hashes")
    with open(os.path.join(repo.top, "about"), encoding="ascii") as f:
        t.eq(json.load(f), said, "and beside it")


def test_what_cannot_be(t):
    repo = Repo(t)
    repo.commit()
    code, _, err, path = repo.artifact()
    t.eq(code, 1, err)
    t.has(err, "has no files to put into a zip: its tree is empty", "an empty tree")
    repo.write("a", os.urandom(100000))
    repo.commit()
    code, _, err, path = repo.artifact("--limit", "50000")
    t.eq(code, 1, err)
    t.has(err, "the zip becomes larger than 50000 bytes, the limit", "too large")
    t.eq(os.listdir(repo.top), ["r"], "nothing is left of it")
    code, _, err, path = repo.artifact(what="nope")
    t.eq(code, 1, err)
    t.has(err, "there is no commit `nope`", "no commit")
    code, _, err, path = repo.artifact(what="--upload-pack=x")
    t.eq(code, 64, "an option is none: " + err)
    repo.write(".gitattributes", b"* export-ignore\n")
    repo.commit()
    code, _, err, path = repo.artifact()
    t.has(err, "export-ignore leaves nothing of it", "all is ignored")


def test_damaged(t):
    """A missing object is an error, and leaves no file."""
    repo = Repo(t)
    repo.write("a", b"one")
    repo.write("b", b"two")
    repo.commit()
    blob = repo.git("rev-parse", "HEAD:b").decode().strip()
    os.unlink(os.path.join(repo.dir, b".git/objects", blob[:2].encode(), blob[2:].encode()))
    code, _, err, path = repo.artifact()
    t.ok(code == 1 and not os.path.exists(path), err)
    repo.write(".git/info/attributes", b"x y\n")
    code, _, err, path = repo.artifact()
    t.ok(code == 1 and not os.path.exists(path), "by git too: " + err)


if __name__ == "__main__":
    harness.main()
