"""A push over a local path, ssh and smart HTTP reaches the receiver exactly once,
with what happened to which ref and who did it, in both formats.
run: timeout=420"""
import pwd
import os

import harness
from harness import ZERO

BULK = 5000


class Rig:
    """A site with one repository, a github and a generic pipeline on it, and a clone
    that pushes over the transport under test. The bulk push goes to generic alone."""

    def __init__(self, t, connect):
        self.t = t
        self.github, self.generic = t.receiver(), t.receiver()
        self.site = t.site()
        self.site.pipeline("ci", self.github, branches="**", tags_exclude="bulk/**")
        self.site.pipeline("audit", self.generic, format="generic")
        self.site.repository("web")
        url, env, self.actor, self.address = connect(t, self.site)
        self.work = self.site.work(url=url)
        self.work.env = env
        self.moves = []             # (ref, before, after, forced) as pushed

    def push(self, ref, before, after, forced, refspec, *args):
        """Push, and wait until both receivers have heard of it."""
        self.work.push(*args, refspec)
        self.moves.append((ref, before, after, forced))
        self.settle(len(self.moves))

    def settle(self, updates):
        self.generic.wait(updates, 30)
        harness.wait_until(lambda: len(pushes(self.github)) >= updates, 30,
                           "%d push events" % updates)


def pushes(receiver):
    return [r for r in list(receiver.requests) if r.event == "push"]


def local(t, site):
    return site.path("repos", "web.git"), {}, pwd.getpwuid(os.getuid()).pw_name, None


def ssh(t, site):
    t.need("sshd")
    server = t.use(harness.SshServer(site))
    return server.url(), server.env(), pwd.getpwuid(os.getuid()).pw_name, "127.0.0.1"


def http(t, site):
    t.need("nginx", "fcgiwrap")
    server = t.use(harness.GitHttpServer(site, users={"bob": "word"}))
    return server.url(user="bob"), {}, "bob", "127.0.0.1"


def drive(rig):
    """Everything that can happen to a ref, one push after the other."""
    work = rig.work
    main, topic = "refs/heads/main", "refs/heads/topic/one"
    first = work.commit("first")
    rig.push(main, ZERO, first, False, "main")
    rig.push(topic, ZERO, first, False, "main:" + topic)
    second = work.commit("second")
    rig.push(topic, first, second, False, "main:" + topic)
    work.git("commit", "-q", "--amend", "-m", "amended")
    amended = work.git("rev-parse", "HEAD")
    rig.push(topic, second, amended, True, "+main:" + topic)
    rig.push(topic, amended, ZERO, None, ":" + topic)
    work.git("tag", "-a", "-m", "release one", "v1")
    rig.push("refs/tags/v1", ZERO, work.git("rev-parse", "refs/tags/v1"), False, "v1")
    work.git("tag", "light")
    rig.push("refs/tags/light", ZERO, amended, False, "light")
    rig.push("refs/tags/v1", rig.moves[-2][2], ZERO, None, ":refs/tags/v1")


def burst(rig):
    """Five pushes of one ref, nobody waiting in between: each arrives, in order."""
    old = rig.moves[0][2]
    for n in range(5):
        new = rig.work.commit("burst %d" % n) if n else rig.work.git("rev-parse", "HEAD")
        rig.work.push("main")
        rig.moves.append(("refs/heads/main", old, new, False))
        old = new
    rig.settle(len(rig.moves))


def bulk(rig):
    head = rig.work.git("rev-parse", "HEAD")
    names = ["refs/tags/bulk/%04d" % n for n in range(BULK)]
    rig.work.git("update-ref", "--stdin",
                 stdin="".join("create %s %s\n" % (n, head) for n in names).encode())
    rig.work.push("-q", "refs/tags/bulk/*:refs/tags/bulk/*")
    rig.generic.wait(len(rig.moves) + BULK, 120)
    return names, head


def check_github(t, rig):
    """Every update once, with GitHub's own words for it, in each ref's order."""
    got = {}
    for request in pushes(rig.github):
        body = request.json()
        got.setdefault(body["ref"], []).append((body["before"], body["after"]))
        want = [m for m in rig.moves if m[:3] == (body["ref"], body["before"], body["after"])]
        t.eq(len(want), 1, "a push event for %s is one that was pushed" % body["ref"])
        t.eq(body["created"], body["before"] == ZERO, "created of %s" % body["ref"])
        t.eq(body["deleted"], body["after"] == ZERO, "deleted of %s" % body["ref"])
        if want[0][3] is not None:
            t.eq(body["forced"], want[0][3], "forced of %s" % body["ref"])
        t.eq(body["pusher"]["name"], rig.actor, "pusher of %s" % body["ref"])
        t.eq(body["repository"]["name"], "web", "repository")
    t.eq(got, by_ref(rig.moves), "push events")
    creates = [r.json() for r in rig.github.requests if r.event == "create"]
    deletes = [r.json() for r in rig.github.requests if r.event == "delete"]
    t.eq(sorted((c["ref_type"], c["ref"]) for c in creates),
         sorted(short(m[0]) for m in rig.moves if m[1] == ZERO), "create events")
    t.eq(sorted((d["ref_type"], d["ref"]) for d in deletes),
         sorted(short(m[0]) for m in rig.moves if m[2] == ZERO), "delete events")


def short(ref):
    kind, name = ref.split("/", 2)[1:]
    return {"heads": "branch", "tags": "tag"}[kind], name


def by_ref(moves):
    table = {}
    for ref, before, after, _ in moves:
        table.setdefault(ref, []).append((before, after))
    return table


def check_generic(t, rig, names, head):
    moves = rig.moves + [(name, ZERO, head, False) for name in names]
    got = {}
    for request in rig.generic.requests:
        body = request.json()
        ref, before, after = request.move()
        got.setdefault(ref, []).append((before, after))
        t.eq(body["actor"]["name"], rig.actor, "actor of %s" % body["ref"])
    t.eq(got, by_ref(moves), "generic events")


def check_queue(t, rig, names):
    updates = len(rig.moves)
    rig.site.wait_states(DELIVERED=2 * updates + len(names), timeout=60)
    rows = rig.site.queue_json()
    t.eq(len({r["delivery"] for r in rows}), len(rows), "delivery ids differ")
    t.eq({r["attempts"] for r in rows}, {1}, "attempts")
    t.eq(rig.site.spool(), [], "nothing waits in the spool")
    for receiver, per in ((rig.github, 1), (rig.generic, 0)):
        seen = [(r.delivery, r.event) for r in receiver.requests]
        t.eq(len(set(seen)), len(seen), "no message came twice")
        t.ok(all(r.signed for r in receiver.requests), "every HMAC is right")


def check_trail(t, rig, names):
    pushed = rig.site.trail_records("GitPush")
    sent = rig.site.trail_records("DeliverWebhook")
    t.eq(len(pushed), len(rig.moves) + 1, "one GitPush a push")
    t.eq(len(sent), len(rig.github.requests) + len(rig.generic.requests), "DeliverWebhook")
    for record, move in zip(pushed, rig.moves):
        reference = record["requestParameters"]["references"][0]
        t.eq(reference["ref"], move[0], "GitPush ref")
        t.eq(reference["commit"], move[2], "GitPush commit of " + move[0])
        t.eq(record["userIdentity"]["userName"], rig.actor, "userName")
        if rig.address:
            t.eq(record["sourceIPAddress"], rig.address, "sourceIPAddress")
    changes = {r["sharedEventID"] for r in pushed}
    t.ok({r["sharedEventID"] for r in sent} <= changes, "deliveries share their push's id")


def over(t, connect):
    rig = Rig(t, connect)
    drive(rig)
    burst(rig)
    names, head = bulk(rig)
    check_queue(t, rig, names)
    check_github(t, rig)
    check_generic(t, rig, names, head)
    check_trail(t, rig, names)


def test_local_path(t):
    over(t, local)


def test_ssh(t):
    over(t, ssh)


def test_smart_http(t):
    over(t, http)


def test_anonymous_http(t):
    """Without REMOTE_USER the Unix user stands for the pusher."""
    receiver = t.receiver()
    site = t.site().standard(receiver)
    t.need("nginx", "fcgiwrap")
    server = t.use(harness.GitHttpServer(site))
    work = site.work(url=server.url())
    work.commit()
    work.push("main")
    receiver.wait(2)
    t.eq(receiver.requests[-1].json()["pusher"]["name"],
         pwd.getpwuid(os.getuid()).pw_name, "pusher")


if __name__ == "__main__":
    harness.main()
