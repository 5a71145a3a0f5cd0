#!/usr/bin/env python3
"""refire poll over ssh (a real sshd on loopback) and git:// (git's own daemon):
protocol 2 where the server takes it, protocol 0 elsewhere. run: timeout=240"""
import os
import socket
import subprocess
import threading
import time

import harness
from polling import Polls
from sandbox import ZERO
from servers import Server, free_port, wait_port


def over_ssh(t, **keys):
    t.need("sshd", "ssh")
    site = t.site()
    site.repository("web", hook=False)
    server = t.use(harness.SshServer(site, **keys))
    site.pipeline("ci", "http://127.0.0.1:1/")
    site.repositories["web"] = {"url": server.url("web"), "ssh-key": server.key,
                                "known-hosts": server.file("known_hosts"), "poll-timeout": "20s"}
    site.write_conf()
    return site, server, t.use(Polls(site))


def test_ssh(t):
    for accept in (True, False):
        with t.case("ssh, the server %s GIT_PROTOCOL" % ("takes" if accept else "ignores")):
            site, server, polls = over_ssh(t, accept_protocol=accept)
            work = site.work("web", site.path("repos", "web.git"))
            one = work.commit()
            work.push("main", "main:refs/tags/v1", "main:refs/pull/1/head")
            polls.must()
            first, = polls.new()
            t.eq(first.oids(), {"refs/heads/main": one, "refs/tags/v1": one}, "refs")
            t.eq(first.head, "refs/heads/main", "head")
            polls.accept()
            work.push(":refs/tags/v1")
            polls.must("web")
            change, = polls.new()
            t.eq(change.oids(), {"refs/tags/v1": ZERO}, "a deletion")
            row = polls.rows()["web"]
            t.lacks(row["what"], "@", "the user is not shown")


def test_ssh_failures(t):
    site, server, polls = over_ssh(t)
    keys = dict(site.repositories["web"])
    stranger = server.keygen("stranger")
    empty = site.path("no-hosts")
    open(empty, "w").close()
    for name, more, says in (
            ("an unknown host", {"known-hosts": empty}, "Host key verification failed"),
            ("a key that is not let in", {"ssh-key": stranger}, "Permission denied"),
            ("no such repository", {"url": server.url("nowhere")}, "not appear to be a git repository"),
            ("nobody listens", {"url": "ssh://x@127.0.0.1:%d/x" % free_port()}, "refused")):
        with t.case("ssh: " + name):
            site.repositories["web"] = dict(keys, **more)
            site.write_conf()
            rc, _, err = polls.run("web")
            t.eq(rc, 1, "exit status")
            t.has(err, says, "the sentence")
            t.eq(polls.new(), [], "change files")
    with t.case("ssh: nothing is ever asked"):
        site.repositories["web"] = dict(keys, **{"ssh-key": None, "known-hosts": None})
        site.write_conf()
        began = time.monotonic()
        rc, _, _ = polls.run("web")
        t.eq(rc, 1, "exit status")
        t.ok(time.monotonic() - began < 15, "it ends at once")


def test_ssh_hostile_path(t):
    site, server, polls = over_ssh(t)
    name = "it's$(touch${IFS}pwned)!;x"
    path = site.path("repos", name + ".git")
    site.git("init", "-q", "--bare", path)
    url = server.url("web")
    site.repositories["web"]["url"] = url[:url.index("/", 6)] + path.replace(";", "%3B")
    site.write_conf()
    rc, _, err = polls.run("web")
    t.eq(rc, 0, err)
    t.eq(len(polls.new()), 1, "the path came through as one word")


def test_ssh_silent(t):
    """A server that says nothing ends by poll-timeout, and a resident goes on."""
    t.need("ssh")
    sockets = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        try:
            while True:
                sockets.append(listener.accept())
        except OSError:
            return

    threading.Thread(target=serve, daemon=True).start()
    t.cleanup(listener.close)
    site = t.site()
    site.pipeline("ci", "http://127.0.0.1:1/")
    site.repositories["web"] = {"url": "ssh://x@127.0.0.1:%d/x" % listener.getsockname()[1],
                                "poll-timeout": "1s"}
    site.write_conf()
    polls = t.use(Polls(site))
    began = time.monotonic()
    rc, _, err = polls.run()
    t.eq(rc, 1, "exit status")
    t.ok(err, "a sentence")
    t.ok(time.monotonic() - began < 10, "soon")
    with t.case("a resident is ended although ssh hangs"):
        site.repositories["web"]["poll-timeout"] = "60s"
        site.write_conf()
        count = len(sockets)
        process = polls.resident()
        site.git("init", "-q", "--bare", site.path("repos", "l.git"))
        harness.wait_until(lambda: len(sockets) > count or polls.run("web")[0] == 0 and
                           len(sockets) > count, what="the connection")
        began = time.monotonic()
        process.terminate()
        t.eq(process.wait(15), 0, "exit status")
        t.ok(time.monotonic() - began < 5, "at once")
        t.eq([p for p in harness.processes_with("git-upload-pack") if
              harness.processes_with(site.top).count(p)], [], "no ssh is left")


class GitDaemon(Server):
    """git daemon over site/repos."""

    def __init__(self, site, *more):
        super().__init__(site, "git-daemon")
        self.port = free_port()
        program = os.path.join(site.git("--exec-path"), "git-daemon")
        self.start([program, "--listen=127.0.0.1", "--port=%d" % self.port, "--export-all",
                    "--reuseaddr", "--base-path=" + site.path("repos"), *more])
        wait_port(self.port, self.processes[-1], self.log)

    def url(self, name="web"):
        return "git://127.0.0.1:%d/%s.git" % (self.port, name)


def test_git_daemon(t):
    site = t.site()
    site.repository("web", hook=False)
    server = t.use(GitDaemon(site))
    work = site.work()
    one = work.commit()
    work.push("main", "main:refs/heads/b")
    site.pipeline("ci", "http://127.0.0.1:1/", branches="main", on="push")
    site.repositories["web"] = {"url": server.url(), "poll-timeout": "10s"}
    site.write_conf()
    polls = t.use(Polls(site))
    polls.must()
    first, = polls.new()
    t.eq(first.oids(), {"refs/heads/main": one}, "refs")
    with t.case("no such repository"):
        site.repositories["web"]["url"] = server.url("nowhere")
        site.write_conf()
        rc, _, err = polls.run("web")
        t.eq(rc, 1, "exit status")
        t.eq(polls.new(), [], "change files")
        t.ok("denied" in err or "cut short" in err or "empty" in err, err)


def answers(*pieces, hold=0):
    """A server that sends these bytes to each who connects."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.recv(4096)
                    for piece in pieces:
                        connection.sendall(piece)
                    if hold:
                        time.sleep(hold)
                except OSError:
                    pass

    threading.Thread(target=serve, daemon=True).start()
    return listener


def test_git_bad_answers(t):
    one = b"1" * 40
    v0 = b"003e" + one + b" refs/heads/main\0"
    v0 = b"%04x%s" % (len(v0), v0[4:])
    for name, pieces, hold, says in (
            ("closed at once", [], 0, "empty"),
            ("cut short", [v0], 0, "cut short"),
            ("more after the end", [v0 + b"0000" + v0], 0, "more after the end"),
            ("not git", [b"220 mail ESMTP\r\n"], 0, "not git's protocol"),
            ("a silent one", [], 5, "no answer within"),
            ("one that stops in the middle", [v0], 5, "no answer within")):
        with t.case("git://, a bad answer: " + name):
            listener = answers(*pieces, hold=hold)
            t.cleanup(listener.close)
            site = t.site()
            site.pipeline("ci", "http://127.0.0.1:1/")
            site.repositories["web"] = {"url": "git://127.0.0.1:%d/x" % listener.getsockname()[1],
                                        "poll-timeout": "1s"}
            site.write_conf()
            polls = t.use(Polls(site))
            rc, _, err = polls.run()
            t.eq(rc, 1, "exit status")
            t.has(err, says, "the sentence")
            t.eq(polls.new(), [], "change files")


if __name__ == "__main__":
    harness.main()
