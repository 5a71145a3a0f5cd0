#!/usr/bin/env python3
"""refire poll over smart HTTP: a real nginx with git http-backend, and servers that
answer badly. A bad answer is a failure with a reason, never "no refs".
run: timeout=300"""
import email.utils
import os
import socket
import ssl
import threading
import time

import harness
from polling import Polls
from sandbox import ZERO, run
from smart import ADVERT, CAPS, ONE, RESULT, TWO, Canned, good, pkt, polled


def test_real_server(t):
    t.need("nginx", "fcgiwrap")
    site = t.site()
    path = site.repository("web", hook=False)
    work = site.work()
    one = work.commit()
    work.push("main", "main:refs/tags/v1", "main:refs/pull/1/head")
    server = t.use(harness.GitHttpServer(site))
    site.repositories["web"] = {"url": server.url("web")}
    site.pipeline("ci", "http://127.0.0.1:1/")
    polls = t.use(Polls(site))
    polls.must()
    first, = polls.new()
    t.eq(first.source, "poll", "source")
    t.eq(first.spaces, ["refs/heads/", "refs/tags/"], "spaces")
    t.eq(first.oids(), {"refs/heads/main": one, "refs/tags/v1": one}, "refs")
    t.eq(first.head, "refs/heads/main", "head")
    polls.accept()
    with t.case("nothing new"):
        polls.must("web")
        t.eq(polls.new(), [], "change files")
    with t.case("differences"):
        two = work.commit()
        work.push("main", "main:refs/heads/new", ":refs/tags/v1")
        polls.must("web")
        change, = polls.new()
        t.eq(change.oids(), {"refs/heads/main": two, "refs/heads/new": two,
                             "refs/tags/v1": ZERO}, "differences")
        polls.accept()
    with t.case("not before its interval, but by name"):
        t.eq(polls.json(), {}, "what a pass looks at")
        t.eq(list(polls.json("web")), ["web"], "by name")
    with t.case("without Git-Protocol the server speaks protocol 0"):
        with open(os.path.join(server.dir, "nginx.conf")) as f:
            text = f.read()
        with open(os.path.join(server.dir, "nginx.conf"), "w") as f:
            f.write(text.replace("fastcgi_param GIT_PROTOCOL $http_git_protocol;", ""))
        os.kill(server.processes[-1].pid, 1)
        three = work.commit()
        work.push("main")

        def seen():
            polls.must("web")
            return [c for c in polls.new() if c.oids() == {"refs/heads/main": three}]
        harness.wait_until(seen, what="the reloaded server's answer")
    with t.case("a repository that is not there"):
        site.repositories["web"]["url"] = server.url("nowhere")
        site.write_conf()
        rc, _, err = polls.run("web")
        t.eq(rc, 1, "exit status")
        t.has(err, "HTTP 404", "the sentence")
    with t.case("an empty repository"):
        site.repository("empty", hook=False)
        site.repositories = {"empty": {"url": server.url("empty")}}
        site.pipelines["ci"]["repository"] = "empty"
        site.write_conf()
        polls.must("empty")
        change, = polls.new()
        t.eq(change.seen, {}, "no refs")
        t.eq(change.spaces, ["refs/heads/", "refs/tags/"], "but a baseline")
    t.ok(os.path.isdir(path), "the repository stands")


def test_credentials(t):
    t.need("nginx", "fcgiwrap")
    site = t.site()
    site.repository("web", hook=False)
    site.work().commit()
    server = t.use(harness.GitHttpServer(site, users={"alice": "p@ss/w%rd"}))
    plain = server.url("web")
    site.pipeline("ci", "http://127.0.0.1:1/")
    secret = site.secret("token", b"p@ss/w%rd\n")
    wrong = site.secret("wrong", b"wrong")
    polls = t.use(Polls(site))
    host = plain[len("http://"):]
    for name, keys, rc, says in (
            ("none", {"url": plain}, 1, "credentials are needed"),
            ("in the URL", {"url": "http://alice:p%40ss%2Fw%25rd@" + host}, 0, ""),
            ("user name and token file",
             {"url": plain, "username": "alice", "token-file": secret}, 0, ""),
            ("a wrong one", {"url": plain, "username": "alice", "token-file": wrong}, 1, "refused"),
            ("a wrong one in the URL", {"url": "http://alice:geheim@" + host}, 1, "refused")):
        with t.case("credentials: " + name):
            site.repositories["web"] = keys
            site.write_conf()
            got, out, err = polls.run("web")
            t.eq(got, rc, "exit status: " + err)
            t.has(err, says, "the sentence")
            row = polls.rows()["web"]
            for text in (out, err, row["what"], row["error"]):
                t.lacks(text, "geheim", "no secret is shown")
                t.lacks(text, "p@ss", "no secret is shown")
                t.lacks(text, "alice", "no user is shown")
    with t.case("a bearer token"):
        canned = t.use(Canned(good(CAPS), good(pkt(ONE + " refs/heads/main\n", None), RESULT)))
        site.repositories["web"] = {"url": canned.url, "token-file": secret}
        site.write_conf()
        polls.must("web")
        for head, _ in canned.requests:
            t.has(head, b"Authorization: Bearer p@ss/w%rd", "both requests carry it")
    with t.case("a token that everybody can read"):
        os.chmod(secret, 0o644)
        got, _, err = polls.run("web")
        t.eq(got, 1, "exit status")
        t.has(err, "chmod 0600", "the sentence")


def test_certificates(t):
    """A server is believed by the system's certificates, or those of ca-file."""
    t.need("openssl")
    site = t.site()
    key, cert = site.path("key.pem"), site.path("cert.pem")
    rc, _, err = run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                      "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                      "-keyout", key, "-out", cert])
    t.eq(rc, 0, err)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    canned = t.use(Canned(good(CAPS), good(REFS, RESULT), tls))
    site.pipeline("ci", "http://127.0.0.1:1/")
    polls = t.use(Polls(site))
    for name, ca, rc in (("an unknown certificate", None, 1), ("with ca-file", cert, 0)):
        with t.case(name):
            site.repositories["web"] = {"url": canned.url, "ca-file": ca}
            site.write_conf()
            got, _, err = polls.run("web")
            t.eq(got, rc, "exit status: " + err)
            t.has(err, "certificate" if rc else "1 ref", "the line")


def test_one_branch_of_many(t):
    """One branch of a repository with 50,000 refs: under 2 KB come over the wire."""
    t.need("nginx", "fcgiwrap")
    site = t.site()
    path = site.repository("web", hook=False)
    work = site.work()
    one = work.commit()
    work.push("main")
    with open(os.path.join(path, "packed-refs"), "w") as f:
        f.write("# pack-refs with: peeled fully-peeled sorted \n")
        f.writelines("%s refs/heads/branch/%06d\n" % (one, i) for i in range(50000))
    server = t.use(harness.GitHttpServer(site))
    site.repositories["web"] = {"url": server.url("web")}
    site.pipeline("ci", "http://127.0.0.1:1/", branches="main", on="push")
    polls = t.use(Polls(site))
    polls.must()
    change, = polls.new()
    t.eq(change.oids(), {"refs/heads/main": one}, "refs")
    with open(os.path.join(server.dir, "access.log")) as f:
        sizes = [int(line.split('"')[2].split()[1]) for line in f]
    t.diag("bodies received: %s bytes" % sizes)
    t.ok(sum(sizes) < 1200, "two heads of 250 bytes fit beside it")


def test_what_is_asked(t):
    """Only the prefixes of the pipelines, in one poll whatever their number."""
    canned = t.use(Canned(good(CAPS), good(pkt(
        ONE + " HEAD symref-target:refs/heads/main\n", ONE + " refs/heads/main\n",
        ONE + " refs/heads/main-2\n", TWO + " refs/heads/dev\n", TWO + " refs/tags/x\n",
        None), RESULT)))
    site, polls = polled(t, canned.url, pipelines=False)
    site.pipeline("a", "http://127.0.0.1:1/", branches="main", on="push")
    site.pipeline("b", "http://127.0.0.1:1/", tags="v*", on="tag")
    site.pipeline("c", "http://127.0.0.1:1/", branches="main", on="push")
    polls.must()
    t.eq(len(canned.requests), 2, "one GET, one POST")
    (get, _), (post, body) = canned.requests
    t.has(get, b"GET /x.git/info/refs?service=git-upload-pack HTTP/1.1", "the greeting")
    t.has(get, b"Git-Protocol: version=2", "the protocol is asked for")
    t.has(post, b"Content-Type: application/x-git-upload-pack-request", "type")
    t.eq(body, pkt("command=ls-refs\n", "agent=refire/0.1.0\n") + b"0001" +
         pkt("symrefs\n", "unborn\n", "ref-prefix HEAD\n", "ref-prefix refs/heads/main\n",
             "ref-prefix refs/tags/v\n", None), "the question")
    change, = polls.new()
    t.eq(change.oids(), {"refs/heads/main": ONE, "refs/heads/main-2": ONE},
         "what lies outside is passed over, whatever the server sends")
    t.eq(change.spaces, ["refs/heads/main", "refs/tags/v"], "spaces")


def dripping(connection, ended):
    connection.sendall(("HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\n" % ADVERT).encode())
    for byte in CAPS * 1000:
        if ended.wait(0.05):
            return
        connection.sendall(bytes([byte]))


def silent(connection, ended):
    ended.wait(30)


def endless(connection, ended):
    connection.sendall(("HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\n" % ADVERT).encode() +
                       pkt("# service=git-upload-pack\n", None))
    n = 0
    while not ended.is_set():
        connection.sendall(b"".join(pkt("%040x refs/pull/%d/head\n" % (n + i + 1, n + i))
                                    for i in range(1000)))
        n += 1000


def long_head(connection, ended):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not ended.is_set():
        connection.sendall(b"X-Long: " + b"y" * 1000 + b"\r\n")


def closing(connection, ended):
    del ended
    connection.sendall(("HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: 1000\r\n\r\n"
                        % ADVERT).encode() + CAPS)


REFS = pkt(ONE + " refs/heads/main\n", None)
LOGIN = b"<!DOCTYPE html><html><body>Please log in</body></html>"
BAD = [
    ("an empty 200", good(b""), None, "an empty answer"),
    ("an empty 200 to the question", good(CAPS), good(b"", RESULT), "an empty answer"),
    ("capabilities without their end", good(CAPS[:-4]), None, "cut short"),
    ("an answer without its end", good(CAPS), good(REFS[:-4], RESULT), "cut short"),
    ("an answer cut inside a line", good(CAPS), good(REFS[:20], RESULT), "cut short"),
    ("more after the end", good(CAPS), good(REFS + REFS, RESULT), "more after the end"),
    ("a connection closed in the middle", closing, None, "remaining to read"),
    ("a login page", ("200 OK", {"Content-Type": "text/html; charset=utf-8"}, LOGIN), None,
     "text/html"),
    ("a login page with git's type", good(LOGIN), None, "not git's protocol"),
    ("the type of a dumb server", ("200 OK", {"Content-Type": "text/plain"},
                                   (ONE + "\trefs/heads/main\n").encode()), None, "text/plain"),
    ("no type at all", ("200 OK", {}, CAPS), None, "of no type"),
    ("the greeting's type for the answer", good(CAPS), good(REFS), ADVERT),
    ("a redirect", ("302 Found", {"Location": "https://u:geheim@example.org/y?t=geheim"}, b""),
     None, "redirects to https://example.org/y"),
    ("a redirect of the question", good(CAPS), ("307 Go", {"Location": "/other"}, b""), "redirects"),
    ("500", ("500 No", {}, b"x" * 100000), None, "HTTP 500"),
    ("403", ("403 No", {}, b""), None, "HTTP 403"),
    ("404", ("404 No", {}, b""), None, "HTTP 404"),
    ("204", ("204 No Content", {"Content-Type": ADVERT}, b""), None, "HTTP 204"),
    ("the server's own error", good(pkt("ERR quota \033[31mexceeded\n")), None, "quota"),
    ("no ls-refs", good(pkt("version 2\n", "fetch\n", None)), None, "ls-refs"),
    ("a bad object id", good(CAPS), good(pkt("12345 refs/heads/main\n", None), RESULT), "object id"),
    ("a name of 60 KB", good(CAPS), good(pkt(ONE + " refs/heads/" + "x" * 60000 + "\n", None),
                                         RESULT), "longer than 4096"),
    ("a header that does not end", long_head, None, "head is longer"),
    ("HTTP/0.9", lambda c, e: c.sendall(b"0000"), None, ""),
    ("a compressed bomb nobody asked for", ("200 OK", {"Content-Type": ADVERT,
                                                       "Content-Encoding": "gzip"},
                                            b"\x1f\x8b" + b"\0" * 1000), None, ""),
]


def test_bad_answers(t):
    for name, get, post, says in BAD:
        with t.case("a bad answer: " + name):
            # Accepted refs first, from a good server at the same place.
            canned = t.use(Canned(good(CAPS), good(REFS, RESULT)))
            site, polls = polled(t, canned.url)
            polls.must()
            polls.accept()
            polls.new()
            canned.get, canned.post = get, post
            rc, _, err = polls.run("web")
            t.eq(rc, 1, "exit status: " + err)
            t.has(err, says, "the sentence")
            t.lacks(err, "geheim", "a redirect's secrets")
            t.lacks(err, "\033", "the server's bytes")
            t.eq(polls.new(), [], "change files")
            row = polls.rows()["web"]
            t.eq(row["failures"], 1, "failures")
            t.ok(row["error"], "the reason is kept")
            with t.case(name + ": and then it is well again"):
                canned.get, canned.post = good(CAPS), good(REFS, RESULT)
                err = polls.must("web")
                t.has(err, "answers again", "the line")
                t.eq(polls.new(), [], "change files")


def test_retry_after(t):
    """A server that asks to be left alone is, for half an hour at most."""
    later = email.utils.formatdate(time.time() + 1200, usegmt=True)
    for status, asked, least, most in (("429 Too Many Requests", "600", 600, 602),
                                       ("503 Service Unavailable", later, 1150, 1205),
                                       ("503 Service Unavailable", "86400", 1800, 1802),
                                       ("503 Service Unavailable", "99999999999999999999", 0, 1802),
                                       ("429 Too Many Requests", "1", 50, 70),
                                       ("429 Too Many Requests", "-600", 50, 70),
                                       ("429 Too Many Requests", "soon", 50, 70),
                                       ("429 Too Many Requests", None, 50, 70)):
        with t.case("%s, Retry-After: %s" % (status[:3], asked)):
            canned = t.use(Canned((status, {"Retry-After": asked} if asked else {}, b"")))
            _, polls = polled(t, canned.url)
            rc, _, err = polls.run()
            t.eq(rc, 1, "exit status: " + err)
            row = polls.rows()["web"]
            wait = (row["next"] - row["last"]) / 1e6
            t.ok(least <= wait <= most + 5, "the next poll comes %.1f s later" % wait)
            polls.must()
            t.eq(len(canned.requests), 1, "requests, and a pass leaves it alone")


def test_slow_servers(t):
    for name, get in (("silent", silent), ("dripping", dripping)):
        with t.case("a %s server ends by poll-timeout" % name):
            site, polls = polled(t, t.use(Canned(get)).url, timeout="1s")
            began = time.monotonic()
            rc, _, err = polls.run()
            t.eq(rc, 1, "exit status")
            t.has(err, "no complete answer within 1 s", "the sentence")
            t.ok(time.monotonic() - began < 10, "soon")
    with t.case("and holds up nobody else"):
        site = t.site()
        hanging = t.use(Canned(silent))
        quick = t.use(Canned(good(CAPS), good(REFS, RESULT)))
        for i in range(20):
            site.repositories["s%02d" % i] = {"url": hanging.url + str(i), "poll_timeout": "20s"}
        site.repositories["zz"] = {"url": quick.url}
        site.pipeline("ci", "http://127.0.0.1:1/", "*")
        polls = t.use(Polls(site))
        process = polls.resident()
        harness.wait_until(polls.new, timeout=10, what="the quick one's change file")
        t.eq(process.poll(), None, "the resident runs")
        began = time.monotonic()
        process.terminate()
        t.eq(process.wait(10), 0, "exit status")
        t.ok(time.monotonic() - began < 5, "a resident with hanging polls ends at once")


def test_endless_answer(t):
    """256 MiB and a million refs are the limits: none of it is kept."""
    site, polls = polled(t, t.use(Canned(endless)).url, timeout="100s")
    rc, _, err = polls.run(timeout=200)
    t.eq(rc, 1, "exit status")
    t.has(err, "longer than", "the sentence")
    t.eq(polls.new(), [], "change files")


def test_nobody_there(t):
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    site, polls = polled(t, "http://127.0.0.1:%d/x" % port)
    rc, _, err = polls.run()
    t.eq(rc, 1, "exit status")
    t.has(err, "connect", "the sentence")
    with t.case("back-off: the next pass leaves it alone, a name does not"):
        t.eq(polls.run()[0], 0, "a pass")
        t.eq(polls.rows()["web"]["failures"], 1, "failures")
        t.eq(polls.run("web")[0], 1, "by name")
        t.eq(polls.rows()["web"]["failures"], 2, "failures")


def test_unsafe_urls(t):
    for url in ("ext::sh -c touch% pwned", "ssh://-oProxyCommand=touch x/y", "-x:y", "file:///etc"):
        with t.case("refused: " + url):
            site, polls = polled(t, url)
            rc, _, err = polls.run()
            t.ok(rc in (1, 78), "exit status %d" % rc)
            t.ok(err, "a sentence")
            t.ok(not os.path.exists("pwned"), "nothing was run")


def test_proxy_and_netrc_are_left_alone(t):
    canned = t.use(Canned(good(CAPS), good(REFS, RESULT)))
    trap = t.use(Canned(good(CAPS), good(REFS, RESULT)))
    site, polls = polled(t, canned.url)
    with open(site.path("home", ".netrc"), "w") as f:
        f.write("machine 127.0.0.1 login alice password geheim\n")
    proxy = "http://127.0.0.1:%d" % trap.port
    polls.must(env={"http_proxy": proxy, "all_proxy": proxy, "HTTP_PROXY": proxy})
    t.eq(trap.requests, [], "the proxy was not asked")
    t.ok(not any(b"uthorization" in head for head, _ in canned.requests), "no credentials")


if __name__ == "__main__":
    harness.main()
