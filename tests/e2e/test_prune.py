"""What was settled long ago is pruned, of itself and by hand; the trail keeps it, and every
command can tell it from what never was."""
import os
import sqlite3

import harness
from harness import status
from test_receiver_faults import preload


def later(t, site, days):
    """The environment of a command that runs so many days from now."""
    library = preload()
    if not library:
        t.skip("libfaketime is not here (tests/packages test)")
    if "ASAN_OPTIONS" in os.environ or "-fsanitize" in os.environ.get("SAN", ""):
        t.skip("libfaketime and the sanitizers do not go together")
    return {"LD_PRELOAD": library, "FAKETIME": "+%dd" % days, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def rows(site, table):
    db = sqlite3.connect(os.path.join(site.state, "queue.db"))
    try:
        return db.execute("SELECT count(*) FROM " + table).fetchone()[0]
    finally:
        db.close()


def test_prune(t):
    """Three moves of a branch and a failure that is held: 40 days later what is over is
    gone, what is not is there."""
    receiver = t.receiver()
    site = t.site()
    site.pipeline("ci", receiver, format="generic")
    site.pipeline("gone", t.receiver(then=status(410)), branches="held", format="generic")
    site.repository("web", quiet=True)
    work = site.work()
    commits = [work.commit("first"), work.commit("second"), work.commit("third")]
    for commit in commits:
        work.push(commit + ":refs/heads/main")
        site.send()
    work.push("main:refs/heads/held")
    site.send()
    old = site.queue_json()
    t.eq(site.states(), {"DELIVERED": 4, "HELD": 1}, "at first")
    first = old[0]
    env = later(t, site, 40)
    t.has(site.must("queue", "prune", "--dry-run"), "would prune 0 deliveries", "now")
    t.eq(site.refire("queue", "prune", "--older-than", "7d")[0], 64, "not what is young")
    t.has(site.must("queue", "prune", "--dry-run", env=env), "would prune 3 deliveries and 2 changes",
          "40 days later")
    rc, _, err = site.refire("queue", "prune", env=env)
    t.eq((rc, "say --yes" in err), (64, True), "unasked: " + err)
    t.has(site.must("queue", "prune", "--older-than", "60d", "--yes", env=env), "pruned 0", "60 days")
    t.has(site.must("queue", "prune", "--yes", env=env), "pruned 3 deliveries and 2 changes", "30 days")
    t.eq(site.states(), {"DELIVERED": 1, "HELD": 1}, "the newest, and what is held, are there")

    for what in (first["change"], first["change"][:13], first["delivery"], commits[0], commits[0][:12]):
        rc, _, err = site.refire("explain", what, env=env)
        t.eq((rc, "pruned" in err, "refire trail lookup" in err), (64, True, True), what + ": " + err)
    rc, _, err = site.refire("queue", "show", first["delivery"], env=env)
    t.eq((rc, "was pruned" in err), (1, True), "show: " + err)
    rc, _, err = site.refire("queue", "show", "12345678-1234-8234-8234-123456789abc", env=env)
    t.has(err, "no delivery has the id", "what never was")
    t.has(site.must("trail", "lookup", "--delivery", first["delivery"], env=env), "DeliverWebhook",
          "the trail has it")
    t.has(site.refire("explain", old[2]["change"], env=env)[1], "1 delivery that it started is pruned",
          "the last move of a ref is told")
    name = [n for n in os.listdir(site.path("state", "spool", "done")) if n == first["change"]][0]
    os.rename(site.path("state", "spool", "done", name),
              site.path("state", "spool", "new", "e." + "0" * 32))
    before = len(receiver.requests)
    site.send(env=env)
    t.eq((len(receiver.requests), site.states()), (before, {"DELIVERED": 1, "HELD": 1}),
         "a late file of what is gone starts nothing")


def test_of_itself(t):
    """A one-shot sender prunes when an hour is over, a resident at once."""
    for mode in ("once", "watch"):
        with t.case(mode):
            site = t.site()
            site.pipeline("ci", t.receiver(), format="generic")
            site.repository("web", quiet=True)
            work = site.work()
            for n in range(3):
                work.commit("%d" % n)
                work.push("main")
                site.send()
            work.push("main:refs/heads/other")
            site.send()
            t.eq(rows(site, "deliveries"), 4, "at first")
            env = later(t, site, 40)
            if mode == "once":
                site.send(env=env)
            else:
                site.start_sender("--watch", env=env)
                harness.wait_until(lambda: rows(site, "tombstones") == 2, 20, "pruned")
            t.eq(rows(site, "deliveries"), 1, "the newest is there")
            t.eq(rows(site, "tombstones"), 2, "the changes but each ref's last are known by id")
            site.kill_senders()


if __name__ == "__main__":
    harness.main()
