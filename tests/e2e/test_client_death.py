#!/usr/bin/env python3
"""Pushes whose client is killed at a random moment, over a local path, git://, ssh and
smart HTTP. git may have moved refs whose post-receive never ran: every ref that moved
fires within one reconcile, once a state. main moves in each push: where no hook ran,
what it was for less than the sender's two seconds collapses into the next state.
TORTURE=1: 1,000 pushes. run: timeout=300"""
import collections
import os
import signal
import subprocess
import time

import harness
from sandbox import processes_with
from servers import Server, free_port, wait_port

MAIN = "refs/heads/main"
ROUNDS = 250 if os.environ.get("TORTURE") else 10


class GitDaemon(Server):
    """git daemon over site/repos that takes pushes."""

    def __init__(self, site):
        super().__init__(site, "git-daemon")
        self.port = free_port()
        program = os.path.join(site.git("--exec-path"), "git-daemon")
        self.start([program, "--listen=127.0.0.1", "--port=%d" % self.port, "--export-all",
                    "--reuseaddr", "--enable=receive-pack", "--base-path=" + site.path("repos")])
        wait_port(self.port, self.processes[-1], self.log)

    def url(self, name="web"):
        return "git://127.0.0.1:%d/%s.git" % (self.port, name)


def local(t, site):
    return site.path("repos", "web.git"), {}


def daemon(t, site):
    return t.use(GitDaemon(site)).url(), {}


def ssh(t, site):
    t.need("sshd")
    server = t.use(harness.SshServer(site))
    return server.url(), server.env()


def http(t, site):
    t.need("nginx", "fcgiwrap")
    return t.use(harness.GitHttpServer(site)).url(), {}


class Rig:
    """A repository with the hook, a pipeline, a resident sender, and a clone."""

    def __init__(self, t, connect):
        self.t = t
        self.receiver = t.receiver()
        self.site = t.site()
        self.site.pipeline("ci", self.receiver, branches="**", on="push", mode="parallel")
        self.repository = self.site.repository("web", quiet=True)
        url, env = connect(t, self.site)
        self.alone = connect is local       # the far side is the client's own child
        self.work = self.site.work(url=url)
        self.work.env = env
        self.work.commit()
        self.work.push("main:refs/heads/base")
        self.site.start_sender()
        self.receiver.wait(1, 30)
        self.site.must("poll", "web")
        self.stood = set()

    def refs(self):
        text = self.site.git("-C", self.repository, "for-each-ref",
                             "--format=%(refname) %(objectname)", "refs/heads/")
        return {tuple(line.split(" ")) for line in text.splitlines()}

    def push_and_kill(self, number, after):
        """Three refs in one push whose client dies after so many seconds; was it killed?"""
        argv = ["git", "-C", self.work.path, "push", "-q", "origin", "main", "main:r%d" % number,
                "main:r%d/x" % number if number % 2 else "main:s%d" % number]
        if number % 2:
            argv[-2] = "main:r%d/y" % number
        client = subprocess.Popen(argv, env=self.site.env(**self.work.env),
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  start_new_session=True)
        try:
            client.wait(after)
        except subprocess.TimeoutExpired:
            if self.alone:
                client.kill()
            else:
                os.killpg(client.pid, signal.SIGKILL)
        return client.wait() != 0

    def rest(self):
        """Until no git of this repository is at work any more."""
        harness.wait_until(lambda: not processes_with(self.repository), 60, "the servers' end")

    def reconcile(self):
        """One poll; what stands before and after it must fire."""
        before = self.refs()
        self.site.must("poll", "web")
        self.stood |= before & self.refs()

    def fired(self):
        return collections.Counter((r.json()["ref"], r.json()["after"])
                                   for r in list(self.receiver.requests) if r.event == "push")

    def missing(self):
        """Of the refs that were made, and of main as it is."""
        want = {state for state in self.stood if state[0] != MAIN}
        return (want | {state for state in self.refs() if state[0] == MAIN}) - set(self.fired())


def drive(t, connect, rng):
    rig = Rig(t, connect)
    whole, killed, number = 60, 0, 0        # seconds a push takes at its fastest
    while number < ROUNDS or not killed:
        rig.work.commit()
        began = time.monotonic()
        if rig.push_and_kill(number, rng.uniform(0, 1.2 * whole) if number else 60):
            killed += 1
        else:
            whole = min(whole, time.monotonic() - began)
        rig.rest()
        rig.reconcile()
        number += 1
    rig.rest()
    rig.reconcile()
    end = time.monotonic() + 30
    while rig.missing() and time.monotonic() < end:
        time.sleep(0.1)
    t.eq(rig.missing(), set(), "ref states that did not fire")
    twice = [k for k, n in rig.fired().items() if n > 1]
    t.eq(twice, [], "ref states that fired twice")
    seen = collections.Counter(row["source"] for row in rig.site.queue_json())
    t.diag("%d of %d clients killed; fired: %s" % (killed, number, dict(seen)))


def test_a_client_dies(t):
    rng = t.seed()
    for name, connect in (("a local path", local), ("git://", daemon), ("ssh", ssh),
                          ("smart HTTP", http)):
        with t.case("%d pushes over %s" % (ROUNDS, name)):
            drive(t, connect, rng)


if __name__ == "__main__":
    harness.main()
