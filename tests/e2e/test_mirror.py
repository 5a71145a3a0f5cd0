#!/usr/bin/env python3
"""mirror = yes: path filters and lists of commits for a polled repository, from a blobless
bare mirror that follows the polls. run: timeout=240"""
import os
import shutil
import signal
import socket
import threading
import time

import harness
from polling import Polls
from test_poll_stream import GitDaemon


class Mirrored:
    """Repository web, polled with a mirror; pipeline ci takes what changes under src/."""

    def __init__(self, t, server, url=None, filters=True, **keys):
        self.t = t
        self.site = site = t.site()
        self.receiver = t.receiver()
        self.path = site.repository("web", hook=False)
        if filters:
            site.git("-C", self.path, "config", "uploadpack.allowFilter", "true")
        self.work = site.work()
        self.work.commit("one", {"src/a": "1", "doc/b": "b"})
        self.work.push("main")
        self.server = server(site) if server else None
        site.pipeline("ci", self.receiver, paths="src/**", on="push")
        site.repositories["web"] = dict({"url": url or self.server.url("web"), "mirror": "yes",
                                         "poll-timeout": "20s"}, **keys)
        site.write_conf()
        self.polls = t.use(Polls(site))
        self.dir = os.path.join(site.state, "mirror", "web")

    def poll(self, rc=0):
        """One poll and one send: what the poll said."""
        got, _, err = self.polls.run("web")
        self.t.eq(got, rc, err)
        self.polls.accept()
        return err

    def git(self, *args):
        return self.site.git("--git-dir", self.dir, *args, env={"GIT_NO_LAZY_FETCH": "1"})

    def push(self, message, files, *refs):
        oid = self.work.commit(message, files)
        self.work.push(*(refs or ("main",)))
        return oid

    def decided(self):
        """The newest MatchPipelines record."""
        return self.site.trail_records("MatchPipelines")[-1]

    def fires(self, number):
        """Just so many requests so far; the newest."""
        requests = self.receiver.requests
        self.t.eq(len(requests), number, "requests")
        return requests[-1].json() if requests else None


def http(t):
    t.need("nginx", "fcgiwrap")
    return lambda site: t.use(harness.GitHttpServer(site))


def daemon(t):
    return lambda site: t.use(GitDaemon(site))


def test_filters_and_commits(t):
    m = Mirrored(t, http(t))
    m.poll()
    with t.case("made at the first sight: bare, blobless, without hooks"):
        t.eq(m.git("rev-parse", "--is-bare-repository"), "true", "bare")
        t.eq(os.listdir(os.path.join(m.dir, "hooks")) if os.path.isdir(os.path.join(m.dir, "hooks"))
             else [], [], "hooks")
        missing = m.git("rev-list", "--objects", "--missing=print", "main").splitlines()
        t.eq(len([x for x in missing if x.startswith("?")]), 2, "both blobs are left out")
        t.eq(os.stat(os.path.join(m.site.state, "mirror")).st_mode & 0o77, 0, "private")
        t.eq(m.git("symbolic-ref", "HEAD"), "refs/heads/main", "HEAD")
    with t.case("a path filter that does not match"):
        m.push("docs only", {"doc/b": "2"})
        m.poll()
        m.fires(0)
        t.has(str(m.decided()), "path", "and the record says so")
    with t.case("one that matches, with the commits"):
        m.work.commit("two", {"src/a": "2"})
        new = m.push("three", {"src/a": "3", "doc/c": "1"})
        m.poll()
        body = m.fires(1)
        t.eq(body["after"], new, "after")
        text = str(body)
        for words in ("two", "three", "src/a", "doc/c"):
            t.has(text, words, "the payload")
        t.lacks(text, "docs only", "the payload")
    with t.case("a new branch is compared with HEAD's"):
        m.work.git("checkout", "-q", "-b", "topic")
        m.push("topic's", {"doc/t": "1"}, "topic")
        m.poll()
        m.fires(1)
    with t.case("a forced push is known as one"):
        m.work.git("checkout", "-q", "main")
        m.work.git("reset", "-q", "--hard", "HEAD~1")
        m.push("other", {"src/a": "9"}, "+main")
        m.poll()
        t.eq(m.fires(2)["forced"], True, "forced")
    with t.case("a deleted branch is pruned"):
        m.work.push(":topic")
        m.poll()
        t.eq(m.git("for-each-ref", "--format=%(refname)"), "refs/heads/main", "refs")
    with t.case("nothing new: nothing is fetched"):
        before = os.stat(os.path.join(m.dir, "objects", "pack")).st_mtime_ns
        m.poll()
        t.eq(os.stat(os.path.join(m.dir, "objects", "pack")).st_mtime_ns, before, "packs")


def test_other_transports(t):
    t.need("sshd", "ssh")
    for name in ("git://", "ssh", "no filter on the server", "SHA-256"):
        with t.case("mirror: " + name):
            if name == "ssh":
                ssh = []
                m = Mirrored(t, lambda site: ssh.append(t.use(harness.SshServer(site))) or ssh[0])
                m.site.repositories["web"].update({"ssh-key": ssh[0].key, "known-hosts":
                                                   ssh[0].file("known_hosts")})
                m.site.write_conf()
            else:
                m = Mirrored(t, daemon(t), filters=name != "no filter on the server")
            if name == "SHA-256":
                shutil.rmtree(m.path)
                m.site.git("init", "-q", "--bare", "--object-format=sha256", m.path)
                m.work.path = m.site.path("sha256")
                m.site.git("init", "-q", "-b", "main", "--object-format=sha256", m.work.path)
                m.work.git("remote", "add", "origin", m.path)
                m.push("one", {"src/a": "1"})
            err = m.poll()
            if name == "no filter on the server":
                t.has(err, "does not filter", "it is said")
                t.lacks(m.git("rev-list", "--objects", "--missing=print", "main"), "?", "all there")
            m.push("docs", {"doc/b": "2"})
            m.poll()
            m.fires(0)
            m.push("code", {"src/a": "2"})
            m.poll()
            t.has(str(m.fires(1)), "code", "the payload")


def test_token_in_no_argument(t):
    """The token is in git's environment only, and works."""
    t.need("nginx", "fcgiwrap")
    m = Mirrored(t, lambda site: t.use(harness.GitHttpServer(site, users={"alice": "geheim-7"})),
                 username="alice")
    m.site.repositories["web"]["token-file"] = m.site.secret("token", b"geheim-7\n")
    m.site.write_conf()
    log = m.site.path("argv")
    os.makedirs(m.site.path("bin"))
    t.need("strace")
    rc, _, err = harness.run(["strace", "-f", "-qq", "-s", "4096", "-o", log, "-e", "trace=execve",
                              os.path.join(harness.BUILD, "refire-poll"), "--config", m.site.conf],
                             env=m.site.env())
    t.eq(rc, 0, err)
    with open(log) as f:
        text = f.read()
    t.has(text, '"fetch"', "git fetch was run")
    t.lacks(text, "geheim", "arguments")
    t.lacks(text, "YWxpY2U6", "arguments")
    for folder, _, files in os.walk(os.path.join(m.site.state, "mirror")):
        for name in files:
            with open(os.path.join(folder, name), "rb") as f:
                data = f.read()
            t.lacks(data, b"geheim", name)
            t.lacks(data, b"YWxpY2U6", name)
    t.ok(os.path.isdir(m.dir), "the mirror was made")


def test_it_fails(t):
    """A fetch that fails holds nothing back: refs are reported, and the delivery says why
    commits are not known. The next good fetch mends it."""
    m = Mirrored(t, daemon(t))
    m.poll()
    with t.case("the objects cannot be had"):
        m.push("two", {"src/a": "2"})
        pack = os.path.join(m.path, "objects")
        lost = m.work.git("rev-parse", "HEAD^{tree}")
        hidden = os.path.join(pack, lost[:2], lost[2:])
        os.rename(hidden, hidden + ".away")
        err = m.poll()
        t.has(err, "the mirror could not be fetched", "the line")
        body = m.fires(1)
        t.has(str(m.site.trail_records()), "the mirror could not be fetched", "the record says so")
        t.ok(body, "it fired all the same: what is not known matches")
        t.ok(os.path.exists(os.path.join(m.dir, "refire-why")), "noted")
    with t.case("and then they can"):
        os.rename(hidden + ".away", hidden)
        m.push("three", {"doc/b": "3"})
        m.poll()
        m.fires(1)
        t.ok(not os.path.exists(os.path.join(m.dir, "refire-why")), "no longer noted")


def test_damage(t):
    """A damaged mirror is made anew."""
    m = Mirrored(t, daemon(t))
    m.poll()

    def packs(do):
        folder = os.path.join(m.dir, "objects", "pack")
        for name in os.listdir(folder):
            if name.endswith(".pack"):
                do(os.path.join(folder, name))

    def cut(path):
        os.chmod(path, 0o600)
        os.truncate(path, 20)

    def leave_lock(path):
        open(path, "w").close()
        os.utime(path, (time.time() - 120,) * 2)

    for name, damage in (
            ("its packs are cut off", lambda: packs(cut)),
            ("its packs are gone", lambda: packs(os.unlink)),
            ("a ref is empty, after a power cut",
             lambda: open(os.path.join(m.dir, "refs", "heads", "main"), "w").close()),
            ("its configuration is garbage",
             lambda: open(os.path.join(m.dir, "config"), "w").write("[core\n") and None),
            ("HEAD is gone", lambda: os.unlink(os.path.join(m.dir, "HEAD"))),
            ("a lock was left behind by what was killed",
             lambda: leave_lock(os.path.join(m.dir, "refs", "heads", "main.lock"))),
            ("all of it is gone", lambda: shutil.rmtree(m.dir))):
        with t.case("damage: " + name):
            damage()
            new = m.push("docs", {"doc/b": name})
            t.lacks(m.polls.must("web"), "could not", "the poll")
            t.eq(m.git("rev-list", "--objects", "--filter=blob:none", "--count", new + "~1"),
                 m.work.git("rev-list", "--objects", "--filter=blob:none", "--count", new + "~1"),
                 "commits and trees that are there")
            m.polls.new()
    with t.case("path filters hold afterwards"):
        m.polls.accept()
        m.fires(0)
    with t.case("nothing is left beside it"):
        t.eq(os.listdir(os.path.dirname(m.dir)), ["web"], "mirror/")


def test_time_limit(t):
    """A server whose fetch hangs: the refs are reported after mirror-timeout, no git is
    left; and a resident that is ended meanwhile ends at once."""
    listener = socket.create_server(("127.0.0.1", 0))
    t.cleanup(listener.close)
    m = Mirrored(t, daemon(t))
    target = m.server.port
    stuck, held = threading.Event(), []

    def pump(a, b, hold):
        try:
            while True:
                data = a.recv(65536)
                if not data:
                    break
                if hold and stuck.is_set() and b"command=fetch" in data:
                    held.append(1)
                    return                      # the question is never passed on
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def serve():
        while True:
            try:
                a, _ = listener.accept()
            except OSError:
                return
            b = socket.create_connection(("127.0.0.1", target))
            threading.Thread(target=pump, args=(a, b, True), daemon=True).start()
            threading.Thread(target=pump, args=(b, a, False), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    m.site.repositories["web"].update({"url": "git://127.0.0.1:%d/web.git" %
                                       listener.getsockname()[1], "mirror-timeout": "2s",
                                       "poll-interval": "1s"})
    m.site.write_conf()
    m.poll()
    with t.case("reported after mirror-timeout"):
        stuck.set()
        m.push("two", {"src/a": "2"})
        began = time.monotonic()
        err = m.poll()
        t.has(err, "not done within 2 s", "the line")
        t.ok(1.5 < time.monotonic() - began < 15, "in time")
        t.ok(held, "the fetch hung")
        m.fires(1)
        t.eq(harness.processes_with(m.dir), [], "no git is left")
    with t.case("a resident ends at once"):
        m.site.repositories["web"]["mirror-timeout"] = "300s"
        m.site.write_conf()
        held.clear()
        m.push("three", {"src/a": "3"})
        resident = m.polls.resident()
        harness.wait_until(lambda: held, 20, "the hanging fetch")
        began = time.monotonic()
        resident.send_signal(signal.SIGTERM)
        t.eq(resident.wait(15), 0, "exit status")
        t.ok(time.monotonic() - began < 6, "at once")
        harness.wait_until(lambda: not harness.processes_with(m.dir), 5, "no git is left")
        m.fires(1)
    with t.case("and what it did not report is reported by the next"):
        stuck.clear()
        m.poll()
        t.has(str(m.fires(2)), "three", "the payload")


def test_growth_is_bounded(t):
    """Many fetches end in few packs."""
    m = Mirrored(t, daemon(t))
    m.poll()
    for i in range(22):
        m.push("c%d" % i, {"doc/b": str(i)})
        m.polls.must("web")
        m.polls.new()
    folder = os.path.join(m.dir, "objects", "pack")
    packs = [n for n in os.listdir(folder) if n.endswith(".pack")]
    t.ok(len(packs) <= 20, "%d packs after 22 fetches" % len(packs))
    m.polls.accept()
    with t.case("one that has outgrown itself is made anew"):
        with open(os.path.join(m.dir, "refire-size"), "w") as f:
            f.write("0\n")
        with open(os.path.join(folder, "ballast"), "wb") as f:
            f.truncate(65 * 1024 * 1024)
        m.push("last", {"doc/b": "x"})
        t.has(m.poll(), "made anew", "the line")
        t.ok(not os.path.exists(os.path.join(folder, "ballast")), "the old one is gone")


def test_names(t):
    """Names with a slash, and one that begins like another, have mirrors apart."""
    m = Mirrored(t, daemon(t))
    m.site.repositories = {name: dict(m.site.repositories["web"]) for name in
                           ("team", "team/web", "team%2Fweb")}
    m.site.pipelines["ci"]["repository"] = "**"
    m.site.write_conf()
    m.polls.must("**")
    t.eq(sorted(os.listdir(os.path.dirname(m.dir))), ["team", "team%252Fweb", "team%2Fweb"],
         "mirrors")


def test_check(t):
    """Without a mirror `refire check` refuses a path filter on a polled remote."""
    m = Mirrored(t, daemon(t))
    with t.case("with a mirror all is well"):
        _, out, _ = m.site.refire("check")
        t.lacks(out, "path filter", "what check says")
    with t.case("without"):
        del m.site.repositories["web"]["mirror"]
        m.site.write_conf()
        rc, out, _ = m.site.refire("check", "--json")
        t.eq(rc, 78, "exit status")
        for words in ('"result":"fail"', "pipeline `ci`", "repository `web`", "mirror = yes"):
            t.has(out.replace('": ', '":'), words, "what check says")
    with t.case("a mirror of a path is a mistake"):
        m.site.repositories["web"] = {"path": m.path, "mirror": "yes"}
        m.site.write_conf()
        rc, out, _ = m.site.refire("check")
        t.eq(rc, 78, out)
        t.has(out, "`mirror` is for", "what check says")


if __name__ == "__main__":
    harness.main()
