"""A mistake in the configuration: a sentence with file, line and the nearest known
word, exit status 78, and whatever is pushed meanwhile is recorded and delivered
after the mend."""
import os
import signal

import harness


def rig(t, quiet=True, **keys):
    receiver = t.receiver()
    site = t.site()
    site.pipeline("ci", receiver, format="generic", **keys)
    site.repository("web", quiet=quiet)
    return site, receiver


# name, key of pipeline ci, value, words that the sentence must have
PIPELINE_MISTAKES = [
    ("unknown key", "brnaches", "main", ["brnaches", "branches"]),
    ("bad choice", "mode", "quick", ["mode", "quick", "queued"]),
    ("bad time", "timeout", "banana", ["timeout", "banana"]),
    ("time out of range", "timeout", "0", ["timeout"]),
    ("bad flag", "on", "push, pull", ["pull", "push"]),
    ("bad yes or no", "tls-verify", "perhaps", ["tls-verify", "perhaps"]),
    ("unknown target", "target", "webhok", ["webhok", "webhook"]),
    ("unknown format", "format", "githb", ["githb", "github"]),
    ("bad glob", "branches", "{a,b", ["branches", "{a,b"]),
    ("no URL", "url", None, ["url"]),
    ("URL of another kind", "url", "ftp://example.org/", ["url"]),
    ("no such repository", "repository", None, ["repository"]),
]

# name, text added at the end of the file, words
TEXT_MISTAKES = [
    ("unknown section", "[pipelin x]\n", ["pipelin", "pipeline"]),
    ("section twice", "[pipeline ci]\nrepository = web\n", ["[pipeline ci]", "already"]),
    ("key twice", "[repository other]\npath = /a\npath = /b\n", ["path"]),
    ("not a key", "[repository other]\nnonsense\n", ["key = value"]),
    ("key of another section", "[repository other]\npath = /a\nbranches = x\n", ["branches"]),
    ("section not closed", "[repository other\npath = /a\n", ["section", "]"]),
    ("control character", "[repository other]\npath = /a\x1b[31m\n", []),
]


def check_refused(t, site, words, line=None):
    """send, poll, queue and check refuse; the sentence names the file and the words."""
    for verb in ("send", "poll", "check", "status"):
        rc, out, err = site.refire(verb, raw=True)
        text = (out + err).decode("utf-8", "replace")
        t.eq(rc, 78, "refire %s: exit status (%s)" % (verb, text))
        t.has(text, "refire.conf", "refire %s names the file" % verb)
        for word in words:
            t.has(text, word, "refire %s says %r" % (verb, word))
        if line:
            t.has(text, ":%d" % line, "refire %s names the line" % verb)
        t.lacks(text, "\x1b", "refire %s prints no escape" % verb)


def check_recorded_then_delivered(t, site, receiver):
    """A push while it is broken, then the mend."""
    work = site.work()
    new = work.commit()
    err = work.push("main")
    t.lacks(err, "refire:", "the pusher hears nothing")
    t.eq(len(site.spool()), 1, "the hook recorded")
    yield
    t.eq(site.send()[0], 0, "refire send after the mend")
    receiver.wait(1)
    t.eq(receiver.requests[-1].json()["after"], new, "it was delivered")
    t.eq(site.spool(), [], "the spool is empty")


def line_of(site, text):
    with open(site.conf, errors="surrogateescape") as f:
        return next((n for n, line in enumerate(f, 1) if line.startswith(text)), None)


def test_pipeline_mistakes(t):
    site, _ = rig(t)
    good = dict(site.pipelines["ci"])
    for name, key, value, words in PIPELINE_MISTAKES:
        with t.case(name):
            site.pipelines["ci"] = dict(good, **{key: value})
            site.write_conf()
            check_refused(t, site, words, value and line_of(site, key + " ="))


def test_text_mistakes(t):
    site, _ = rig(t)
    for name, text, words in TEXT_MISTAKES:
        with t.case(name):
            site.extra = text
            site.write_conf()
            check_refused(t, site, words)


def test_recorded_meanwhile(t):
    site, receiver = rig(t)
    site.extra = "[nonsense]\n"
    site.write_conf()
    steps = check_recorded_then_delivered(t, site, receiver)
    next(steps)
    t.eq(site.send()[0], 78, "refire send while it is broken")
    site.extra = ""
    site.write_conf()
    next(steps, None)


def test_hook_starts_no_broken_sender(t):
    """The hook itself starts the sender, which refuses: the push goes well, and the
    next sender finds it."""
    site, receiver = rig(t, quiet=False)
    site.extra = "[nonsense]\n"
    site.write_conf()
    steps = check_recorded_then_delivered(t, site, receiver)
    next(steps)
    site.extra = ""
    site.write_conf()
    next(steps, None)


def test_no_configuration(t):
    site, _ = rig(t)
    os.rename(site.conf, site.conf + ".away")
    rc, _, err = site.refire("send")
    t.eq(rc, 78, "exit status")
    t.has(err, site.conf, "the sentence names the file")
    if os.path.exists("/etc/refire/refire.conf"):
        t.skip("refire is installed here, so there is a configuration")
    rc, _, err = site.refire("send", env={"REFIRE_CONFIG": ""})
    t.eq(rc, 78, "exit status")
    t.has(err, "/etc/refire/refire.conf", "it says where it looked")


def test_modes_of_the_configuration(t):
    """A configuration others can write is not obeyed."""
    site, _ = rig(t)
    for mode in (0o666, 0o622, 0o646):
        with t.case("%o" % mode):
            os.chmod(site.conf, mode)
            rc, _, err = site.refire("send")
            t.eq(rc, 78, "exit status (%s)" % err)
            t.has(err, "chmod", "it says how to mend it")
    os.chmod(site.conf, 0o644)
    t.eq(site.refire("send")[0], 0, "mended")


# name, what to do to the secret file, a word of the reason
def remove(path):
    os.unlink(path)


def world_readable(path):
    os.chmod(path, 0o644)


def world_writable(path):
    os.chmod(path, 0o602)


def make_empty(path):
    with open(path, "w"):
        pass


def make_directory(path):
    os.unlink(path)
    os.mkdir(path)


def test_secrets(t):
    """Missing, readable by others, empty: `refire check` says so and ends with 1, a
    delivery waits or is held with the reason, and goes when it is mended."""
    for spoil, word in ((remove, "No such file"), (world_readable, "chmod"),
                        (world_writable, "chmod"), (make_empty, "empty"),
                        (make_directory, "regular file")):
        with t.case(spoil.__name__.replace("_", " ")):
            site, receiver = rig(t)
            path = site.pipelines["ci"]["secret-file"]
            spoil(path)
            rc, out, err = site.refire("check")
            t.eq(rc, 1, "refire check: exit status (%s%s)" % (out, err))
            t.has(out + err, path, "it names the file")
            t.has(out + err, word, "it says what is wrong")
            steps = check_recorded_then_delivered(t, site, receiver)
            next(steps)
            site.send()
            row = site.queue_json()[0]
            t.ok(row["state"] in ("WAITING", "HELD"), "state %s" % row["state"])
            t.has(row["error"], word, "the reason")
            t.eq(receiver.requests, [], "nothing went out unsigned")
            if os.path.isdir(path):
                os.rmdir(path)
            site.secret("ci")
            site.retry(row["delivery"])
            next(steps, None)
            t.ok(receiver.requests[0].signed, "signed with the secret of now")


def test_unreadable_secret(t):
    """A secret of somebody else (not as root, who can read everything)."""
    if os.getuid() == 0:
        t.skip("root can read everything (test_two_users has the rest)")
    site, _ = rig(t)
    os.chmod(site.pipelines["ci"]["secret-file"], 0)
    rc, out, err = site.refire("check")
    t.eq(rc, 1, "exit status")
    t.has(out + err, "ermission", "it says why")


def test_long_values(t):
    """A URL of 8 KB, lists over many lines, a comment sign inside a value."""
    site, receiver = rig(t)
    path = "/hook/" + "a" * 7900 + "?x=%20;y&z=#f"
    site.pipelines["ci"]["url"] = "http://127.0.0.1:%d%s" % (receiver.port, path)
    site.pipelines["ci"]["branches"] = "\n  " + ",\n  ".join(
        ["release/very-long-name-%04d/**" % n for n in range(400)] + ["main"])
    site.write_conf()
    site.must("check")
    work = site.work()
    work.commit()
    work.push("main")
    t.eq(site.send()[0], 0, "refire send")
    t.eq(receiver.wait(1)[0].path, path.split("#")[0], "the whole URL was used")
    shown = site.must("queue", "list", "--json") + site.must("check") + site.show(
        site.queue_json()[0]["delivery"])
    t.lacks(shown, "x=%20", "a URL's query is not shown")


def test_too_long(t):
    site, _ = rig(t)
    site.pipelines["ci"]["url"] = "http://127.0.0.1/" + "a" * 20000
    site.write_conf()
    rc, _, err = site.refire("send")
    t.eq(rc, 78, "exit status")
    t.ok(len(err) < 1000, "the sentence is short")
    t.has(err, "refire.conf:%d:" % line_of(site, "url"), "and says which line")


def test_reload(t):
    """SIGHUP takes the new file; one with an error leaves the old in force, and
    `refire status` says so."""
    site, receiver = rig(t)
    other = t.receiver()
    sender = site.start_sender("--watch")
    work = site.work()

    def push(n):
        work.commit()
        work.push("main:refs/heads/b%d" % n)

    push(1)
    receiver.wait(1)
    site.extra = "[nonsense]\n"
    site.write_conf()
    sender.send_signal(signal.SIGHUP)
    harness.wait_until(lambda: "nonsense" in log(site), 10, "the error in the log")
    push(2)
    receiver.wait(2)
    _, out, err = site.refire("status")
    t.has(out + err, "nonsense", "refire status shows it")
    site.extra = ""
    site.pipelines["ci"]["url"] = other.url
    site.write_conf()
    sender.send_signal(signal.SIGHUP)
    push(3)
    harness.wait_until(lambda: len(receiver.requests) + len(other.requests) == 3, 20,
                       "the third request")
    push(4)
    other.wait(1)
    site.wait_states(DELIVERED=4)
    t.eq(sender.poll(), None, "it is still the same sender")


def log(site):
    with open(site.path("sender.log"), errors="replace") as f:
        return f.read()


def test_pipeline_removed(t):
    """Deliveries of a pipeline that is gone are HELD, and go when it is back."""
    site, receiver = rig(t)
    receiver.script(harness.status(500))
    work = site.work()
    work.commit()
    work.push("main")
    site.send()
    site.wait_states(WAITING=1)
    keys = site.pipelines.pop("ci")
    site.write_conf()
    delivery = site.queue_json()[0]["delivery"]
    site.retry(delivery)
    row = site.queue_json()[0]
    t.eq(row["state"], "HELD", "state")
    t.has(row["error"], "no [pipeline]", "the reason")
    site.pipelines["ci"] = keys
    site.write_conf()
    site.retry(delivery)
    t.eq(site.states(), {"DELIVERED": 1}, "when it is back")


if __name__ == "__main__":
    harness.main()
