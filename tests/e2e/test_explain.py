"""`refire explain`: the story of a push with every kind of failure, and why a commit
started nothing. REFIRE_SHOW=1 prints each screen."""
import os
import time

import harness
from harness import slow, status

FAST = {"retry-schedule": "100ms", "give-up": "1s", "rejected-tries": "2"}


def show(t, site, what, want=0, width=None):
    """The screen, on one line; diagnostics when asked for."""
    rc, out, err = site.refire("explain", what, "--config", site.conf)
    if os.environ.get("REFIRE_SHOW"):
        print(out + err, flush=True)
    t.eq(rc, want, "exit status: %s%s" % (out, err))
    t.ok(len(out.splitlines()) <= 24, "one screen: %d lines" % len(out.splitlines()))
    return " ".join((out + err).split())


FOREVER = {"give-up": "1h", "retry-schedule": "1h"}
CASES = [                                       # pipeline, reply, words, exit status, keys
    ("dns", None, ["the host name could not be resolved", "cannot resolve the name",
                   "no-such-host.invalid", "refire.conf:"], 0, FOREVER),
    ("refused", None, ["WAITING after 1 attempt", "no program listens on that port"], 0, FOREVER),
    ("plain", None, ["does not speak TLS"], 0, FOREVER),
    ("p401", status(401), ["FAILED after 2 attempts", "HTTP 401", "secrets/p401, written",
                           "nothing was ever accepted with it", "refire queue retry"], 1, {}),
    ("p403", status(403), ["HTTP 403", "without the right"], 1, {}),
    ("p404", status(404), ["HTTP 404", "has nothing at this path"], 1, {}),
    ("p405", status(405, {"Allow": "GET, HEAD"}), ["takes no POST (only GET, HEAD)"], 1, {}),
    ("p413", status(413), ["larger than the receiver takes"], 1, {}),
    ("p422", status(422), ["format = generic"], 1, {}),
    ("p410", status(410), ["HELD", "gone for good", "refire queue resume p410"], 1, {}),
    ("p429", status(429, {"Retry-After": "3000"}), ["WAITING after 1 attempt", "next try in 4",
                                                    "rate = 30/m"], 0, {}),
    ("p500", status(500), ["HTTP 500", "The fault is in the receiver"], 0, FOREVER),
    ("p503", status(503), ["A proxy answers, but the application"], 0, FOREVER),
    ("timeout", slow(30), ["no complete answer within", "raise `timeout`", "now 0.3 s"], 0,
     dict(FOREVER, timeout="300ms")),
    ("redirect", status(302, {"Location": "https://ci.example.org/new"}),
     ["FAILED", "names https://ci.example.org/new: if that is right"], 1, {}),
]


def url_of(t, name, reply):
    receiver = t.receiver(then=reply) if reply else t.receiver()
    if name == "refused":
        receiver.refuse()
    return {"dns": "http://no-such-host.invalid/hook",
            "plain": receiver.url.replace("http:", "https:")}.get(name, receiver.url)


def test_failures(t):
    """One push, a pipeline for every kind of failure: what is said, and what to do."""
    site = t.site()
    for name, reply, _, _, keys in CASES:
        site.pipeline(name, url_of(t, name, reply), format="generic", **dict(FAST, **keys))
    site.repository("web", quiet=True)
    work = site.work()
    new = work.commit("Mend the build")
    work.push("main")
    settled = {"p401": "FAILED", "p403": "FAILED", "p404": "FAILED", "p405": "FAILED",
               "p413": "FAILED", "p422": "FAILED", "p410": "HELD", "redirect": "FAILED"}
    sender = site.start_sender("--watch")
    rows = harness.wait_until(lambda: [r for r in [site.queue_json("--state", "all")] if r and
                                       {x["pipeline"]: x["state"] for x in r}.items() >= settled.items()
                                       and all(x["attempts"] for x in r)
                                       and "INFLIGHT" not in {x["state"] for x in r}],
                              60, "all were tried")[0]
    sender.terminate()
    sender.wait()
    by_name = {r["pipeline"]: r for r in rows}
    for name, _, words, want, _ in CASES:
        with t.case(name):
            text = show(t, site, by_name[name]["delivery"][:12], want)
            t.has(text, "pushed to web", "who and where")
            t.has(text, "new at %s, 1 commit: \"Mend the build\"" % new[:8], "what")
            t.has(text, "delivery %s" % by_name[name]["delivery"][:8], "its delivery")
            for word in words:
                t.has(text, word, name)
    with t.case("all of them by the change, the commit and --last"):
        for what in (by_name["p401"]["change"], new[:10], "--last"):
            rc, out, _ = site.refire("explain", what)
            t.eq(rc, 1, "exit status for %s" % what)
            for name in by_name:
                t.has(out, "  %s " % name, "%s is told of" % name)


def rig(t, **keys):
    receiver = t.receiver()
    site = t.site()
    site.pipeline("web-ci", receiver, **keys)
    site.repository("web", quiet=True)
    return site, site.work(), receiver


def push(site, work, *refs, **keys):
    new = work.commit("More of it")
    work.push(*(refs or ("main",)), **keys)
    site.attempt()
    return new


def test_delivered(t):
    site, work, _ = rig(t, branches="main")
    new = push(site, work)
    text = show(t, site, new[:7])
    t.has(text, "after the push: HTTP 200", "delivered")
    t.has(text, "new at %s, 1 commit: \"More of it\"" % new[:8], "what moved")
    t.lacks(text, "what to do", "nothing to do")


def test_filtered(t):
    site, work, _ = rig(t, branches="main, release/**", paths="src/**")
    site.pipeline("docs", "http://127.0.0.1:9/", paths="docs/**", on="push",
                  **{"branches-exclude": "wip/*"})
    site.repository("elsewhere", hook=False)
    site.pipeline("other", "http://127.0.0.1:9/", repository="elsewhere")
    text = show(t, site, push(site, work, "main:refs/heads/wip/x"))
    t.has(text, "no pattern of `branches` matches (main, release/**)", "by branch")
    t.has(text, "a pattern of `branches-exclude` matches (wip/*)", "by the pattern that excludes")
    push(site, work)
    text = show(t, site, push(site, work))
    t.has(text, "no changed path matches `paths` and is not excluded (src/**)", "by path")
    text = show(t, site, push(site, work, "main:refs/tags/v1"))
    t.has(text, "tag v1", "the tag")
    t.has(text, "docs not started: `on` does not name this kind of change", "by kind")


def test_skipped_and_unwatched(t):
    site, work, _ = rig(t)
    text = show(t, site, push(site, work, "main", options=("ci.skip",)))
    t.has(text, "with -o ci.skip", "who said so")
    t.has(text, "not started: pushed with -o ci.skip", "and that it counted")
    site.pipelines = {}
    site.repository("elsewhere", hook=False)
    site.pipeline("other", "http://127.0.0.1:9/", repository="elsewhere")
    text = show(t, site, push(site, work))
    t.has(text, "no pipeline watches web", "nobody watches")
    del site.repositories["web"]
    site.write_conf()
    push(site, work)
    text = show(t, site, "--last")
    t.has(text, "no [repository] of the configuration has the path", "no section")


def test_superseded_and_held(t):
    receiver = t.receiver(then=status(503))
    site = t.site()
    site.pipeline("web-ci", receiver, mode="superseded", **{"retry-schedule": "1h"})
    site.repository("web", quiet=True)
    work = site.work()
    push(site, work)
    first, second = push(site, work), push(site, work)
    t.has(show(t, site, first), "SUPERSEDED", "overtaken")
    site.pipelines["web-ci"]["mode"] = "queued"
    site.pipelines["web-ci"]["retry-schedule"] = "2h"
    site.write_conf()
    second = work.commit("Behind")
    work.push("main")
    site.send()
    t.has(show(t, site, second), "it goes after delivery", "waits behind the head")
    site.must("queue", "hold", "web-ci", "--reason", "moving house")
    t.has(show(t, site, second), "web-ci is held", "held")
    t.has(show(t, site, second), "moving house", "why")


def test_no_hook(t):
    """Commits that no change names: the repository is asked."""
    site, work, _ = rig(t)
    push(site, work)
    below = work.commit("Below")
    push(site, work)
    text = show(t, site, below[:12])
    t.has(text, "%s came with " % below[:8], "came with a later one")
    t.has(text, "once, for its newest commit", "so it did not start one itself")
    bare = site.path("repos", "web.git")
    site.must("hooks", "uninstall", bare)
    quiet = work.commit("Nobody told")
    work.push("main")
    text = show(t, site, quiet)
    t.has(text, "nobody told refire of it: no hook of refire is installed there", "no hook")
    t.has(text, "`refire poll web` finds it now", "what to do")
    rc, out, err = site.refire("explain", "deadbeefdeadbeef")
    t.eq((rc, out), (64, ""), "exit status for what is nowhere: " + err)
    t.has(err, "it was not pushed to them", "nowhere")
    rc, _, err = site.refire("explain", "main")
    t.eq(rc, 64, "exit status for what is no id: " + err)


def test_baseline(t):
    site, work, _ = rig(t)
    bare = site.path("repos", "web.git")
    site.must("hooks", "uninstall", bare)
    old = work.commit("Older than refire")
    work.push("main")
    site.send()
    site.must("poll", "web")
    site.send()
    text = show(t, site, old)
    t.has(text, "it was there when refire first looked", "the first look fires nothing")
    t.has(text, "refire fire PIPELINE --ref refs/heads/main", "what to do")


def test_linked(t):
    """A hook whose report comes after a poll has found the same move: fired once."""
    site, work, _ = rig(t)
    push(site, work)
    bare = site.path("repos", "web.git")
    site.must("hooks", "uninstall", bare)
    old = work.git("rev-parse", "HEAD")
    new = work.commit("Seen first")
    work.push("main")
    site.must("poll", "web")
    for _ in range(60):
        site.send()
        if any(r["after"] == new for r in site.queue_json("--state", "all")):
            break
        time.sleep(0.1)
    site.must("hooks", "install", bare)
    site.hook_sender(bare, "/bin/true")
    site.hook_by_hand(bare, (old, new, "refs/heads/main"))
    site.attempt()
    text = show(t, site, "--last")
    t.has(text, "linked to another change", "the late report")
    t.has(text, "refire explain ", "and to which")
    t.has(show(t, site, new), "DELIVERED", "by the commit: what was started")


def test_hostile_words(t):
    """Nothing of a message or a name reaches the terminal raw."""
    site, work, _ = rig(t)
    work.commit("esc \x1b[31m and \u202e over")
    work.push("main")
    site.attempt()
    rc, out, _ = site.refire("explain", "--last")
    t.eq(rc, 0, "exit status")
    t.lacks(out, "\x1b", "an escape")
    t.lacks(out, "\u202e", "an override")


if __name__ == "__main__":
    harness.main()
