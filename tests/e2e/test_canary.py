"""No secret leaves the files it is in but to its receiver: canaries in every one of
them, then a search of all that is written, printed, or seen in /proc."""
import base64
import os
import signal
import subprocess
import threading
import time
import urllib.parse

import harness
from harness import BUILD, processes_with
from receiver import Reply, answer
from test_network import Proxy, TlsReceiver, certificate

CONTROL = "control-canary-51c7"     # no secret: it must be found


def forms(secret):
    """A secret as it is, and as base64, hex and a URL would have it."""
    return {secret, base64.b64encode(secret).rstrip(b"="), secret.hex().encode(),
            base64.b64encode(b"me:" + secret),
            urllib.parse.quote(secret, safe="").encode()}


class Watch(threading.Thread):
    """Arguments and environments of all processes of a site, while it runs."""

    def __init__(self, site):
        super().__init__(daemon=True)
        self.site, self.seen, self.over = site, set(), threading.Event()

    def run(self):
        while not self.over.is_set():
            for pid in processes_with(self.site.top):
                for name in ("cmdline", "environ"):
                    try:
                        with open("/proc/%d/%s" % (pid, name), "rb") as f:
                            self.seen.add((name, f.read()))
                    except OSError:
                        pass

    def close(self):
        self.over.set()
        self.join()


def echo():
    """An answer that repeats all it was sent, in its body and in a header."""
    def play(connection, request):
        first = request.head.split(b"\r\n")[0].decode("latin-1")
        said = request.headers.get("authorization", "")
        connection.sendall(answer(500, {"X-You-Asked": first, "X-You-Said": said},
                                  request.head + request.body))
        return True
    return Reply(play, "echo")


def everything(site, outputs, watch):
    """(where, bytes) of all that was written, printed and seen, but the secrets' own files."""
    own = (site.path("secrets"), site.path("keys"), site.conf)
    for folder, _, names in os.walk(site.top):
        for name in names:
            path = os.path.join(folder, name)
            if not path.startswith(own) and os.path.isfile(path):
                with open(path, "rb") as f:
                    yield path, f.read()
    for what, text in outputs:
        yield "output of " + what, text
    for name, text in watch.seen:
        yield "/proc/*/" + name, text


def search(site, outputs, watch, words):
    return sorted({(where, word) for where, text in everything(site, outputs, watch)
                   for word in words if word in text})


def rig(t):
    """Three pipelines that use every kind of secret; the canaries."""
    site = t.site()
    os.mkdir(site.path("keys"))
    server, client = certificate(site, "keys/server"), certificate(site, "keys/client")
    with open(client + ".key") as f:
        key_line = f.read().split("\n")[3].encode()
    canary = {"secret": b"canary-secret-a1", "old": b"canary-old-b2", "url": b"canary-url-c3",
              "query": b"canary-query-d4", "bearer": b"canary-bearer-e5", "proxy": b"canary-proxy-f6",
              "user": b"canary-user-07", "key": key_line}
    plain = t.receiver(then=echo(), secret=None)
    tls = t.use(TlsReceiver(server, client + ".crt", secret=None))
    tls.then = harness.status(401)
    proxy = t.use(Proxy(b"me:" + canary["proxy"]))
    site.pipeline("tls", tls.url, ca_file=server + ".crt", tls_cert=client + ".crt",
                  tls_key=client + ".key", proxy=proxy.url,
                  proxy_login_file=site.secret("login", b"me:" + canary["proxy"]))
    site.secret("tls", canary["secret"] + b"\n" + canary["old"] + b"\n")
    url = "http://127.0.0.1:%d/hooks/%s?token=%s" % (
        plain.port, canary["url"].decode(), canary["query"].decode())
    site.pipeline("hidden", "", format="gitlab", url=None, url_file=site.secret("url", url.encode()),
                  header_file=site.secret("headers", b"Authorization: Bearer " + canary["bearer"]))
    site.secret("hidden", canary["secret"] + b"\n")
    site.pipeline("user", "http://me:%s@127.0.0.1:%d/hook?key=%s" % (
        canary["user"].decode(), plain.port, canary["query"].decode()), format="generic")
    return site, canary, plain, tls, proxy


def commands(site):
    """What a person would look at: (what, all it printed)."""
    ids = [r["delivery"] for r in site.queue_json()]
    lines = [("queue",), ("queue", "list", "--json"), ("status",), ("status", "--json"),
             ("check", "--online"), ("check", "--online", "--json"), ("trail",), ("trail", "--json")]
    lines += [("queue", "show", i) for i in ids] + [("queue", "show", i, "--json") for i in ids]
    lines += [("fire", p, "--dry-run") for p in ("tls", "hidden", "user")]
    for argv in lines:
        rc, out, err = site.refire(*argv, raw=True)
        yield " ".join(argv) + " (%d)" % rc, out + err


def test_canaries(t):
    """Deliveries that fail and repeat what they got, a reload, a kill; then the search."""
    site, canary, plain, tls, proxy = rig(t)
    site.repository("web", quiet=True)
    watch = t.use(Watch(site))
    watch.start()
    site.start_sender("--watch")
    work = site.work()
    work.commit(CONTROL)
    work.push("main", options=("ci.variable=V=" + CONTROL,))
    plain.wait(2)
    tls.wait(2)
    site.wait_states(WAITING=3)
    os.kill(site.senders[0].pid, signal.SIGHUP)
    site.secret("tls", canary["secret"] + b" not-after=x\n")
    os.kill(site.senders[0].pid, signal.SIGHUP)
    work.commit(CONTROL)
    work.push("main")
    site.kill_senders(signal.SIGKILL)
    site.secret("tls", canary["secret"] + b"\n" + canary["old"] + b"\n")
    site.send()
    outputs = list(commands(site))
    watch.close()
    # they were used
    heads = b"".join(r.head for r in plain.requests)
    t.ok(base64.b64encode(b"me:" + canary["user"]) in heads, "the receiver got the user part")
    for name in ("url", "query", "bearer", "secret"):
        t.ok(canary[name] in heads, "the receiver got the canary `%s`" % name)
    t.ok(len(tls.requests) >= 2 and proxy.asked, "so did the proxy and the one behind TLS")
    # the search finds what is there
    found = search(site, outputs, watch, [CONTROL.encode()])
    for part in ("queue.db", "spool/", "output of queue show"):
        t.ok(any(part in where for where, _ in found), "the control is found in %s" % part)
    t.ok(search(site, outputs, watch, [b"refire-send\0"]), "arguments were seen")
    t.ok(any(n == "environ" and b"HOME=" in text for n, text in watch.seen), "environments, too")
    # and no canary
    for name, secret in canary.items():
        t.eq(search(site, outputs, watch, forms(secret)), [], "the canary `%s`" % name)


def dumped(status):
    return os.WIFSIGNALED(status) and os.WCOREDUMP(status)


def crash(argv, env, cwd):
    """Start argv with core files allowed, end it by SIGSEGV: was there a core?"""
    child = subprocess.Popen(["sh", "-c", 'ulimit -c unlimited; exec "$@"', "sh", *argv], env=env,
                             cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             stdin=subprocess.DEVNULL, start_new_session=True)
    name = os.path.basename(argv[0])[:15]
    harness.wait_until(lambda: open("/proc/%d/comm" % child.pid).read().strip() == name, 10, name)
    time.sleep(0.2)
    os.kill(child.pid, signal.SIGSEGV)
    return dumped(os.waitpid(child.pid, 0)[1])


def test_no_core(t):
    """A sender that crashes leaves no core file, where another program does."""
    site, *_ = rig(t)
    site.repository("web", quiet=True)
    os.mkdir(site.path("cores"))
    control = crash(["sleep", "60"], site.env(), site.path("cores"))
    sender = [os.path.join(BUILD, "refire-send"), "--config", site.conf, "--watch"]
    t.ok(not crash(sender, site.env(), site.path("cores")), "refire-send leaves none")
    if not control:
        t.skip("nothing leaves a core file on this machine, so that this shows little")
    t.ok(control, "sleep leaves one")


if __name__ == "__main__":
    harness.main()
