"""Ref names, messages, names, paths, options and claims made to break out: they
arrive as data, and reach no shell, header line or terminal."""
import glob
import json
import os
import re
import unicodedata

import harness
from harness import ZERO

BAIT = "pwned"                      # a file that a shell would make
REFS = [
    "$(touch${IFS}pwned)", "`touch${IFS}pwned`", ";touch${IFS}pwned;", "a'b\"c", "'';touch",
    "|touch${IFS}pwned", "&&touch${IFS}pwned", "<b>bold</b>", "%n%s%x%p", "{ref}{branch}",
    "-rf", "--upload-pack=touch", "a=b", "a,b", "#", "a;b#c", "@",
    "caf\u00e9", "\u202egnp.evil", "\u0085next", "\u009b31mred", "\u2028line", "\u2066iso\u2069",
    "\ufeffbom", "\U0001f525", "e\u0301",
]
RAW_REFS = [b"\xff\xfe", b"ok-\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"cut-\xe2\x80"]
LONG = "/".join(["n" * 200] * 18) + "/" + "x" * 60          # with refs/heads/: 3,689 bytes

MESSAGES = [
    b"$(touch pwned) `touch pwned` \"quotes\" 'single' \\ back\n",
    b"escape \x1b[31mred\x1b]0;title\x07 bell, \x08 back, \x7f del\n",
    b"crlf\r\nX-Injected: yes\r\n\r\nbody\n",
    b"bidi \xe2\x80\xaegnp.evil, C1 \xc2\x9b31m\n",
    b"not UTF-8 \xff\xfe \xc3\x28 \xed\xa0\x80\n",
    b"{\"json\": [1,2,\n\n</script><script>\x01\x02\n",
    b"long " + b"x" * 200_000 + b"\n",
    "\u2028\u2029 \U0001f525 \ufffd\n".encode(),
]
AUTHORS = ["$(touch pwned)", "a \"b\" 'c' `touch pwned`", "esc \x1b[31m red", "\u202egnp",
           b"bad \xff\xfe".decode(errors="surrogateescape"), "comma, semi;", "\\n", "x" * 5000]
PATHS = [b"$(touch pwned)", b"`touch pwned`", b"quote\"'q", b"new\nline", b"esc\x1b[31m",
         b"bad\xff\xfe", "\u202egnp".encode(), b"-rf", b"sp ace/t\tab", b"\\back", b"a" * 250]


def dangerous(c):
    """Controls (C0, DEL, C1), lone surrogates, and what turns the direction of text."""
    return unicodedata.category(c) in ("Cc", "Cs") or \
        unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI",
                                         "PDI")


def site_for(t):
    receiver, generic = t.receiver(), t.receiver()
    site = t.site()
    site.pipeline("ci", receiver)
    site.pipeline("audit", generic, format="generic")
    site.repository("web")
    return site, receiver, generic


def check_requests(t, requests):
    """The head is clean, the body strict UTF-8 and JSON, the HMAC right."""
    for request in requests:
        for line in request.head.split(b"\r\n"):
            t.ok(re.fullmatch(rb"[\x20-\x7e]*", line), "header line %r" % line)
        names = [n.lower() for n, _ in request.header_list]
        t.eq(len(names), len(set(names)), "no header twice: %s" % names)
        t.lacks(names, "x-injected", "headers")
        t.ok(request.signed, "HMAC")
        body = request.json()
        text = request.body.decode()
        for c in sorted(set(text)):
            t.ok(c == "\n" or not dangerous(c), "U+%04X stands raw in the body" % ord(c))
        t.ok(isinstance(body, dict), "the body is an object")


def check_terminal(t, site):
    """No listing sends a control character or a broken one to a terminal."""
    ids = [r["delivery"] for r in site.queue_json()]
    listings = [("queue",), ("queue", "list", "--json"), ("status",), ("trail", "lookup"),
                ("trail", "lookup", "--json"), ("queue", "show", ids[0]),
                ("queue", "show", ids[-1])]
    for args in listings:
        rc, out, err = site.refire(*args, raw=True)
        t.ok(rc in (0, 1), "refire %s: exit status %d %s" % (" ".join(args), rc, err))
        t.ok(out, "refire %s prints something" % " ".join(args))
        for c in sorted(set((out + err).decode("utf-8", "strict"))):
            t.ok(c == "\n" or not dangerous(c), "refire %s prints U+%04X" % (" ".join(args), ord(c)))
        if "--json" in args:
            for line in out.splitlines():
                json.loads(line)
    for name in glob.glob(os.path.join(site.state, "trail", "*.jsonl")):
        with open(name, encoding="utf-8", errors="strict", newline="") as f:
            for c in sorted(set(f.read())):
                t.ok(c == "\n" or not dangerous(c), "the trail holds a raw U+%04X" % ord(c))
    t.ok(site.trail_records(), "and is JSON, line by line")


def check_nothing_ran(t, site):
    for folder, _, names in os.walk(os.fsencode(site.top)):
        if b"work" not in folder:
            t.lacks(names, BAIT.encode(), "a shell ran something in %r" % folder)
    t.ok(not os.path.exists(BAIT) and not os.path.exists("/" + BAIT), "a shell ran something")


def create_ref(site, path, ref, oid):
    """A ref of any bytes in a clone."""
    site.git("-C", path, "update-ref", "-z", "--stdin",
             stdin=b"create " + ref + b"\0" + oid.encode() + b"\0")


def test_ref_names(t):
    site, receiver, generic = site_for(t)
    work = site.work()
    oid = work.commit()
    names = [b"refs/heads/" + r.encode() for r in REFS + [LONG]] + \
        [b"refs/heads/" + r for r in RAW_REFS] + [b"refs/tags/$(touch${IFS}pwned)"]
    for name in names:
        create_ref(site, work.path, name, oid)
    work.push("refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*")
    names.append(b"refs/heads/main")
    generic.wait(len(names), 60)
    site.wait_states(DELIVERED=2 * len(names))
    check_requests(t, receiver.requests + generic.requests)
    for requests in ([r for r in receiver.requests if r.event == "push"], generic.requests):
        refs = [r.json()["ref"] for r in requests]
        t.eq(len(refs), len(names), "each ref once")
        whole = {n.decode() for n in names if is_utf8(n)}
        t.ok(whole <= set(refs), "refs in UTF-8 arrive as they are: %s" % (whole - set(refs)))
        t.eq({r.json()["after"] for r in requests}, {oid}, "after")
    check_terminal(t, site)
    check_nothing_ran(t, site)


def is_utf8(data):
    try:
        data.decode()
        return True
    except UnicodeDecodeError:
        return False


def test_commits(t):
    """Messages, author names and paths."""
    site, receiver, generic = site_for(t)
    work = site.work()
    work.commit("base")
    for n, message in enumerate(MESSAGES):
        work.commit(message, {"m%d" % n: "x"})
    for n, author in enumerate(AUTHORS):
        work.commit("by an author", {"a%d" % n: "x"}, GIT_AUTHOR_NAME=author,
                    GIT_AUTHOR_EMAIL="a<>b\"@x" if n == 1 else "a@x")
    work.commit("paths", {p: "x" for p in PATHS})
    work.push("main")
    receiver.wait(2)
    site.wait_states(DELIVERED=2)
    work.commit("last")
    work.git("tag", "-a", "-F", "-", "hostile", stdin=MESSAGES[1])
    work.push("main", "hostile")
    site.wait_states(DELIVERED=6)
    check_requests(t, receiver.requests + generic.requests)
    push = [r for r in receiver.requests if r.event == "push"][0].json()
    t.eq(len(push["commits"]), 2 + len(MESSAGES) + len(AUTHORS), "commits")
    t.has(push["commits"][1]["message"], "$(touch pwned)", "a message as it is")
    t.has(push["commits"][-1]["added"], "$(touch pwned)", "a path as it is")
    t.eq(len(push["commits"][-1]["added"]), len(PATHS), "all paths")
    check_terminal(t, site)
    check_nothing_ran(t, site)


def test_claims_and_options(t):
    """What the pusher's environment and options say."""
    site, receiver, generic = site_for(t)
    site.pipelines["ci"]["headers"] = "X-Actor: {actor}, X-Var: {var:NAME}, X-Branch: {branch}"
    site.write_conf()
    repo = site.repositories["web"]["path"]
    work = site.work()
    oid = work.commit()
    work.push("main:refs/hidden/x", options=[])
    site.wait_states()
    evil = "bob\r\nX-Injected: yes\x1b[31m \u202e"
    claims = {"REMOTE_USER": evil, "GL_USERNAME": evil, "SSH_CONNECTION": evil + " 1 2 3",
              "REMOTE_ADDR": evil, "GIT_PUSH_OPTION_COUNT": "2",
              "GIT_PUSH_OPTION_0": 'ci.variable="NAME=x\r\nX-Injected: yes"',
              "GIT_PUSH_OPTION_1": "\x1b[31m$(touch pwned)\r\n"}
    site.git("-C", repo, "update-ref", "refs/heads/u", oid)
    rc, out, err = site.hook_by_hand(repo, (ZERO, oid, "refs/heads/u"), env=claims)
    t.eq((rc, out), (0, b""), "the hook")
    t.eq(err, b"", "the hook records")
    generic.wait(1)
    harness.wait_until(lambda: set(site.states()) <= {"DELIVERED", "HELD", "FAILED"}, 30, "settled")
    check_requests(t, receiver.requests + generic.requests)
    states = {r["pipeline"]: (r["state"], r["error"]) for r in site.queue_json()}
    t.eq(states["audit"][0], "DELIVERED", "without a header of theirs it is delivered")
    if states["ci"][0] != "DELIVERED":
        t.has(states["ci"][1].lower(), "header", "why the other was not")
    check_terminal(t, site)
    check_nothing_ran(t, site)


def test_answers(t):
    """An answer's body and headers are shown as data."""
    site, receiver, generic = site_for(t)
    receiver.then = harness.status(500, {"X-Evil": "\x1b[31m", "Content-Type": "text/\x9b"},
                                   b"\x1b]0;owned\x07 \xe2\x80\xae \xff\xfe \x00 nul")
    work = site.work()
    work.commit()
    work.push("main")
    receiver.wait(1)
    site.wait_states(WAITING=1, DELIVERED=1)
    check_terminal(t, site)


def test_remote_messages(t):
    """What the hook says to the pusher when it cannot record is clean, too."""
    site, _, _ = site_for(t)
    repo = site.repositories["web"]["path"]
    with open(os.path.join(repo, "refire", "hook"), "w") as f:
        f.write("refire-hook 1\nspool /nowhere/\x1b[31m\nsender /bin/true\n"
                "poller /bin/true\nconfig /nowhere\n")
    rc, out, err = site.hook_by_hand(repo, (ZERO, "1" * 40, "refs/heads/x"))
    t.eq((rc, out), (0, b""), "the hook")
    t.ok(re.fullmatch(rb"refire: [\x20-\x7e]+\n", err), "one clean line: %r" % err)


if __name__ == "__main__":
    harness.main()
