#!/usr/bin/env python3
"""Who may poll: git's own credential helpers, client certificates, and what git is not
told of the caller. A real nginx asks, real helper scripts answer. run: timeout=240"""
import os
import shlex
import time

import harness
from polling import Polls
from sandbox import run

HELPER = """#!/bin/sh
# A credential helper that writes down what it was asked, and answers.
cat > {dir}/in.$1
{{ echo "$1"; cat {dir}/in.$1; }} >> {dir}/asked
test "$1" = get || exit 0
{answer}
"""


def helper(site, answer, git_config=True):
    """A helper script, named in the git configuration of the account; what it was asked."""
    folder = site.path("helper")
    os.makedirs(folder, exist_ok=True)
    script = os.path.join(folder, "git-credential-test")
    with open(script, "w") as f:
        f.write(HELPER.format(dir=shlex.quote(folder), answer=answer))
    os.chmod(script, 0o755)
    if git_config:
        with open(site.path("home", ".gitconfig"), "w") as f:
            f.write('[credential]\n\thelper = "%s"\n' % script)
    asked = os.path.join(folder, "asked")
    if os.path.exists(asked):
        os.unlink(asked)

    def verbs():
        if not os.path.exists(asked):
            return []
        with open(asked) as f:
            return [line for line in f.read().split() if line in ("get", "store", "erase")]
    verbs.path = asked
    return verbs


def served(t, users):
    t.need("nginx", "fcgiwrap")
    site = t.site()
    site.repository("web", hook=False)
    site.repository("two", hook=False)
    for name in ("web", "two"):
        work = site.work(name)
        work.commit()
        work.push("main")
    server = t.use(harness.GitHttpServer(site, users=users))
    site.pipeline("ci", "http://127.0.0.1:1/", "*")
    site.repositories = {"web": {"url": server.url("web")}, "two": {"url": server.url("two")}}
    site.write_conf()
    return site, server, t.use(Polls(site))


def test_helper(t):
    """The helper is asked once for a host, told that its answer is good, and of one that is
    not; then the look fails."""
    site, server, polls = served(t, {"alice": "p@ss/w%rd"})
    with t.case("none is configured: the look fails and says what to do, nothing is asked"):
        began = time.monotonic()
        rc, _, err = polls.run()
        t.eq(rc, 1, err)
        t.has(err, "credential.helper", "the sentence")
        t.ok(time.monotonic() - began < 10, "at once")
    with t.case("a good answer"):
        asked = helper(site, "echo username=alice; echo 'password=p@ss/w%rd'")
        rc, out, err = polls.run("*")
        t.eq(rc, 0, err)
        t.eq(len(polls.new()), 2, "both repositories are seen")
        t.eq(asked(), ["get", "store"], "asked and told once, for both")
        with open(asked.path) as f:
            text = f.read()
        t.has(text, "protocol=http\nhost=127.0.0.1:%d\n" % server.port, "what it is asked for")
        t.lacks(text.split("store")[0], "password=", "no password is told when it is asked")
        t.has(text.split("store")[1], "password=p@ss/w%rd", "what is stored")
        row = polls.rows()["web"]
        for words in (out, err, row["what"], row["error"]):
            t.lacks(words, "p@ss", "no secret is shown")
    with t.case("a refused one: the helper is told"):
        asked = helper(site, "echo username=alice; echo password=geheim")
        rc, out, err = polls.run("web")
        t.eq(rc, 1, "exit status")
        t.has(err, "refused", "the sentence")
        t.lacks(out + err, "geheim", "no secret is shown")
        t.eq(asked(), ["get", "erase"], "asked, and told to forget it")
        t.eq(polls.new(), [], "change files")
    with t.case("credentials = none: nobody is asked"):
        site.repositories["web"]["credentials"] = "none"
        site.write_conf()
        asked = helper(site, "echo username=alice; echo 'password=p@ss/w%rd'")
        rc, _, err = polls.run("web")
        t.eq((rc, asked()), (1, []), err)
    with t.case("an answer with a token-file: nobody is asked"):
        site.repositories["web"] = {"url": server.url("web"), "username": "alice",
                                    "token-file": site.secret("tok", b"p@ss/w%rd\n")}
        site.write_conf()
        rc, _, err = polls.run("web")
        t.eq((rc, asked()), (0, []), err)


def test_helper_resident(t):
    """A resident asks once and sends what it was told from then on; a changed password is
    asked for anew after the server has refused the old one."""
    site, server, polls = served(t, {"alice": "one"})
    del site.repositories["two"]
    site.repositories["web"]["poll-interval"] = "1s"
    site.write_conf()
    asked = helper(site, "printf 'username=alice\\npassword='; cat %s" %
                   shlex.quote(site.path("password")))
    with open(site.path("password"), "w") as f:
        f.write("one\n")
    resident = polls.resident()

    def looks():
        with open(os.path.join(server.dir, "access.log")) as f:
            return f.read().count('" 200 ')
    harness.wait_until(lambda: looks() >= 6, 40, "polls that the server answers")
    t.eq(asked(), ["get", "store"], "the helper is asked and told once")
    with open(os.path.join(server.dir, "users"), "w") as f:
        f.write("alice:{PLAIN}two\n")
    with open(site.path("password"), "w") as f:
        f.write("two\n")
    harness.wait_until(lambda: asked()[2:] == ["erase", "get", "store"], 40,
                       "the new password", every=0.2)
    resident.terminate()
    t.eq(resident.wait(10), 0, "exit status")


def test_helper_hangs(t):
    """A helper that hangs costs its own repository only, and ends with the program."""
    site, server, polls = served(t, {"alice": "one"})
    del site.repositories["two"]
    site.write_conf()
    asked = helper(site, "exec sleep 300")
    other = site.repository("local", hook=False)
    work = site.work("local")
    work.commit()
    work.push("main")
    resident = polls.resident()
    harness.wait_until(asked, 20, "the question")
    harness.wait_until(lambda: [c for c in polls.new() if c.repository == "local"], 20,
                       "the other repository")
    t.lacks(polls.rows(), "web", "the look is still under way")
    began = time.monotonic()
    resident.terminate()
    t.eq(resident.wait(15), 0, "exit status")
    t.ok(time.monotonic() - began < 8, "at once")
    t.eq(harness.processes_with("sleep\x00300"), [], "no helper is left")
    t.ok(other, "made")


def authority(t, site):
    """A CA, a server's certificate and a client's: paths."""
    t.need("openssl")
    top = site.path("tls")
    os.makedirs(top)

    def openssl(*args):
        rc, _, err = run(["openssl", *args], cwd=top)
        t.eq(rc, 0, err)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test ca",
            "-keyout", "ca.key", "-out", "ca.pem")
    for name, ext in (("server", "subjectAltName=IP:127.0.0.1"),
                      ("client", "extendedKeyUsage=clientAuth")):
        with open(os.path.join(top, name + ".ext"), "w") as f:
            f.write(ext + "\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=" + name, "-keyout",
                name + ".key", "-out", name + ".csr")
        openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-days", "2", "-extfile", name + ".ext", "-out", name + ".pem")
    with open(os.path.join(top, "both.pem"), "w") as f:
        for name in ("client.pem", "client.key"):
            with open(os.path.join(top, name)) as part:
                f.write(part.read())
    for name in ("client.key", "both.pem"):
        os.chmod(os.path.join(top, name), 0o600)
    return {n: os.path.join(top, n) for n in os.listdir(top)}


def test_client_certificates(t):
    """nginx with its own CA that lets nobody in without a certificate of that CA."""
    t.need("nginx", "fcgiwrap")
    site = t.site()
    site.repository("web", hook=False)
    work = site.work()
    one = work.commit()
    work.push("main")
    pem = authority(t, site)
    server = t.use(harness.GitHttpServer(site, tls={
        "cert": pem["server.pem"], "key": pem["server.key"], "ca": pem["ca.pem"]}))
    site.pipeline("ci", "http://127.0.0.1:1/")
    polls = t.use(Polls(site))
    ours = {"url": server.url("web"), "ca-file": pem["ca.pem"]}
    for name, keys, rc, says in (
            ("without one", {}, 1, "HTTP 400"),
            ("with one and its key", {"tls-cert": pem["client.pem"],
                                      "tls-key": pem["client.key"]}, 0, ""),
            ("both in one file", {"tls-cert": pem["both.pem"]}, 0, ""),
            ("of another CA's server", {"tls-cert": pem["both.pem"], "ca-file": None}, 1,
             "certificate")):
        with t.case("client certificate: " + name):
            site.repositories["web"] = dict(ours, **keys)
            site.write_conf()
            got, _, err = polls.run("web")
            t.eq(got, rc, "exit status: " + err)
            t.has(err, says, "the sentence")
    with t.case("the mirror is fetched with it too"):
        site.repositories["web"] = dict(ours, mirror="yes", **{"tls-cert": pem["both.pem"]})
        site.write_conf()
        polls.must("web")
        t.eq(site.git("--git-dir", os.path.join(site.state, "mirror", "web"), "rev-parse",
                      "refs/heads/main"), one, "main in the mirror")
    with t.case("a key without a certificate is a mistake"):
        site.repositories["web"] = dict(ours, **{"tls-key": pem["client.key"]})
        site.write_conf()
        got, _, err = polls.run("web")
        t.eq(got, 78, "exit status")
        t.has(err, "tls-cert", "the sentence")


def test_what_the_caller_has_set(t):
    """GIT_* and the like of the caller's environment reach no git that refire runs."""
    site = t.site()
    path = site.path("repos", "web.git")
    site.git("init", "-q", "--bare", "--object-format=sha256", path)
    tree = site.git("-C", path, "mktree", stdin=b"")
    oid = site.git("-C", path, "commit-tree", "-m", "1", tree)
    site.git("-C", path, "update-ref", "refs/heads/main", oid)
    other = site.path("repos", "other.git")
    site.git("init", "-q", "--bare", other)
    mark = site.path("ran")
    script = site.path("evil")
    with open(script, "w") as f:
        f.write("#!/bin/sh\ntouch %s\n" % shlex.quote(mark))
    os.chmod(script, 0o755)
    site.repositories["web"] = {"path": path}
    site.write_conf()
    polls = t.use(Polls(site))
    evil = {"GIT_DIR": other, "GIT_EXEC_PATH": "/nowhere", "GIT_SSH_COMMAND": script,
            "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.fsmonitor",
            "GIT_CONFIG_VALUE_0": script, "GIT_OBJECT_DIRECTORY": "/nowhere",
            "GIT_ASKPASS": script, "SSH_ASKPASS": script, "GIT_TRACE": site.path("trace"),
            "GIT_NAMESPACE": "x", "LD_PRELOAD_": "x"}
    rc, _, err = polls.run(env=evil)
    t.eq(rc, 0, err)
    change, = polls.new()
    t.eq(change.oids(), {"refs/heads/main": oid}, "refs")
    t.ok(not os.path.exists(mark) and not os.path.exists(site.path("trace")), "nothing else ran")


def test_hostile_configuration_of_a_repository(t):
    """What a repository's own configuration names is not run."""
    site = t.site()
    path = site.path("repos", "web.git")
    site.git("init", "-q", "--bare", "--object-format=sha256", path)
    oid = site.git("-C", path, "commit-tree", "-m", "1", site.git("-C", path, "mktree", stdin=b""))
    site.git("-C", path, "update-ref", "refs/heads/main", oid)
    mark = site.path("ran")
    script = site.path("evil")
    with open(script, "w") as f:
        f.write("#!/bin/sh\ntouch %s\n" % shlex.quote(mark))
    os.chmod(script, 0o755)
    for key in ("core.fsmonitor", "core.sshCommand", "core.pager", "core.gitProxy",
                "diff.external", "remote.origin.uploadpack", "core.alternateRefsCommand",
                "credential.helper", "gpg.program"):
        site.git("-C", path, "config", key, script)
    site.git("-C", path, "config", "remote.origin.url", "ext::" + script)
    site.git("-C", path, "config", "remote.origin.promisor", "true")
    site.git("-C", path, "config", "log.showSignature", "true")
    for hook in ("reference-transaction", "post-index-change", "pre-auto-gc"):
        os.makedirs(os.path.join(path, "hooks"), exist_ok=True)
        os.symlink(script, os.path.join(path, "hooks", hook))
    if not os.getuid():
        run(["chown", "-R", "65534:65534", path])
    site.pipeline("ci", "http://127.0.0.1:1/", paths="x/**")
    site.repositories["web"] = {"path": path, "baseline": "fire"}
    site.write_conf()
    polls = t.use(Polls(site))
    polls.must()
    polls.accept()
    t.eq(len(site.trail_records("MatchPipelines")), 1, "it was enriched and judged")
    t.ok(not os.path.exists(mark), "nothing of it ran")


def test_refused_urls(t):
    site = t.site()
    polls = t.use(Polls(site))
    for url in ("ext::sh -c id", "ext::sh%20-c%20id", "file:///etc", "/etc", "-oProxyCommand=id:x",
                "ssh://-oProxyCommand=id/x", "ssh://host/-x", "-x@host:y", "fd::3",
                "ftp://host/x.git", "git://-host/x", "http://host/x.git?a=b",
                "ssh://user:word@host/x"):
        with t.case("refused: " + url):
            site.repositories["web"] = {"url": url}
            site.write_conf()
            rc, _, err = polls.run("web")
            t.ok(rc in (1, 78), "exit status %d: %s" % (rc, err))
            t.eq(polls.new(), [], "change files")


if __name__ == "__main__":
    harness.main()
