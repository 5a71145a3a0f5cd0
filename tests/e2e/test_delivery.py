"""How deliveries of several pipelines share one sender, and what an operator can do
about them."""
import os
import sqlite3
import time

import harness
from harness import slow

WAITING = 99000


def crowd(site, pipeline, count):
    """Make count more deliveries of a pipeline out of its first, each in its own lane."""
    with sqlite3.connect(os.path.join(site.state, "queue.db")) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(deliveries)")]
        other = {"seq": "NULL", "id": "printf('%08x', n) || substr(id, 9)", "lane": "n", "head": "1",
                 "state": "0"}
        db.execute("WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers"
                   " WHERE n < ?) INSERT INTO deliveries SELECT %s FROM numbers, (SELECT * FROM"
                   " deliveries WHERE pipeline = ? LIMIT 1)"
                   % ", ".join(other.get(c, c) for c in columns), (count, pipeline))
    db.close()


def test_a_dead_target_takes_its_own_slots_only(t):
    """99,000 deliveries wait for a silent receiver; a push to another arrives at once."""
    silent, good = t.receiver(then=slow(60)), t.receiver()
    site = t.site()
    site.refire_keys["concurrency"] = "8"
    site.repository("dead", quiet=True)
    site.repository("web", quiet=True)
    site.pipeline("dead", silent, repository="dead", format="generic", timeout="30s")
    site.pipeline("good", good, repository="web", format="generic")
    work = site.work("dead")
    work.commit()
    work.push("main")
    sender = site.start_sender("--watch")
    silent.wait_arrived(1)
    sender.kill()
    sender.wait()
    crowd(site, "dead", WAITING)
    site.start_sender("--watch")
    silent.wait_arrived(1 + 6)
    work = site.work("web")
    for n in range(3):
        work.commit()
        began = time.monotonic()
        work.push("main")
        good.wait(n + 1, 10)
        t.ok(time.monotonic() - began < 1, "push %d took %.2f s" % (n, time.monotonic() - began))
    t.eq(silent.most, 6 + 1, "requests to the silent one under way: 3/4 of 8, and the killed one")


if __name__ == "__main__":
    harness.main()
