"""Where requests may go: addresses that are refused, and what is said of them."""
import base64
import json
import os
import signal
import socket
import ssl
import subprocess
import threading

import harness
from receiver import Receiver


def rig(t, url=None, **keys):
    """A site with one recorded push, whose pipeline goes to a receiver or a URL."""
    receiver = t.receiver()
    site = t.site()
    site.pipeline("ci", url or receiver, format="generic", **keys)
    site.repository("web", quiet=True)
    work = site.work()
    work.commit()
    work.push("main")
    return site, receiver


def only(site):
    rows = site.queue_json()
    assert len(rows) == 1, rows
    return rows[0]


def reconfigure(site):
    """Without a sender that a command started and that still goes by the old one."""
    site.kill_senders(signal.SIGTERM)
    site.write_conf()


def test_metadata_address(t):
    """It waits, says by which rule and what key allows it, and nothing is connected to."""
    site, _ = rig(t, "http://169.254.169.254/latest/meta-data/")
    t.eq(site.send()[0], 0, "refire send")
    row = only(site)
    t.eq((row["state"], row["attempts"]), ("WAITING", 1), "it is tried again")
    for word in ("169.254.169.254", "169.254.0.0/16", "credentials", "`allow-addresses`"):
        t.has(row["error"], word, "the reason")
    record = site.trail_records("DeliverWebhook")[0]
    t.eq(record["errorCode"], "AddressRefused", "errorCode in the trail")
    t.eq(record["additionalEventData"]["connectUs"], 0, "no connection")
    rc, out, _ = site.refire("check", "--online", "--json")
    found = [json.loads(x) for x in out.splitlines()]
    t.eq(rc, 1, "refire check --online")
    t.ok(any(x["result"] == "fail" and "169.254.0.0/16" in x["text"] and
             "allow-addresses" in x["text"] for x in found), "it says so: %s" % found)


def test_lists(t):
    """The global list refuses, the pipeline's allows: after a reload it arrives."""
    site, receiver = rig(t)
    site.refire_keys["deny-addresses"] = "127.0.0.0/8, ::1"
    site.write_conf()
    site.send()
    row = only(site)
    t.eq(row["state"], "WAITING", "state")
    t.has(row["error"], "127.0.0.0/8", "the rule")
    t.has(row["error"], "`deny-addresses` in [refire]", "whose it is")
    t.eq(receiver.requests, [], "nothing arrived")
    site.pipelines["ci"]["allow-addresses"] = "127.0.0.1"
    site.write_conf()
    site.retry(row["delivery"])
    t.eq(site.states(), {"DELIVERED": 1}, "allowed")


def test_slips(t):
    """A list with a mistake is refused with its line."""
    site, _ = rig(t)
    for value, word in (("10.0.0.1/8", "expected 10.0.0.0/8"), ("10.0.0", "no address"),
                        ("localhost", "no address"), (",", "no value")):
        with t.case(value):
            site.pipelines["ci"]["deny-addresses"] = value
            site.write_conf()
            rc, _, err = site.send()
            t.eq(rc, 78, "exit status")
            t.has(err, "`deny-addresses`", "the key")
            t.has(err, word, "what is wrong")


class Proxy:
    """An HTTP proxy for CONNECT alone; .asked: the head of each request."""

    def __init__(self, login):
        self.asked, self.login = [], login
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        head = b""
        while b"\r\n\r\n" not in head:
            more = connection.recv(4096)
            if not more:
                return
            head += more
        self.asked.append(head.decode("latin-1"))
        if b"Basic " + base64.b64encode(self.login) not in head:
            connection.sendall(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
            connection.close()
            return
        port = int(head.split(b" ")[1].rpartition(b":")[2])
        far = socket.create_connection(("127.0.0.1", port))
        connection.sendall(b"HTTP/1.1 200 Yes\r\nX-Proxy: 1\r\n\r\n")
        threading.Thread(target=pipe, args=(connection, far), daemon=True).start()
        pipe(far, connection)


def pipe(a, b):
    """Bytes from a to b until its end."""
    try:
        while data := a.recv(65536):
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class TlsReceiver(Receiver):
    """A Receiver behind TLS; with an authority it asks for a client's certificate."""

    def __init__(self, cert, authority=None, newest=None, **keys):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert)
        if newest:
            self.context.maximum_version = newest
        if authority:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(authority)
        super().__init__(**keys)

    @property
    def url(self):
        return "https://127.0.0.1:%d/hook" % self.port

    def serve(self, connection):
        try:
            super().serve(self.context.wrap_socket(connection, server_side=True))
        except OSError:
            connection.close()


def certificate(site, name, days=30, more=()):
    """A certificate for 127.0.0.1 that signs itself, with its key, in one private file."""
    path = site.path(name)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(days),
                    "-subj", "/CN=" + os.path.basename(name), "-addext", "subjectAltName=IP:127.0.0.1", *more,
                    "-keyout", path + ".key", "-out", path + ".crt"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(path, "w") as f:
        f.write(open(path + ".crt").read() + open(path + ".key").read())
    os.chmod(path, 0o600)
    os.chmod(path + ".key", 0o600)
    return path


def test_proxy(t):
    """Through the proxy that the configuration names, with its login; records and queue
    hold no password; one that refuses makes it wait."""
    site, _ = rig(t)
    cert = certificate(site, "server")
    receiver = t.use(TlsReceiver(cert))
    proxy = t.use(Proxy(b"user:p%41ss:w0rd-canary"))
    site.refire_keys["proxy"] = proxy.url
    site.refire_keys["proxy-login-file"] = site.secret("login", b"user:wrong-canary\n")
    site.pipelines["ci"].update({"url": receiver.url, "ca-file": cert + ".crt"})
    site.write_conf()
    site.send(env={"https_proxy": "http://127.0.0.1:1/", "no_proxy": "*"})
    row = only(site)
    t.eq(row["state"], "WAITING", "a wrong login")
    t.has(row["error"], "407", "the proxy's answer")
    site.secret("login", b"user:p%41ss:w0rd-canary\n")
    site.retry(row["delivery"])
    t.eq(site.states(), {"DELIVERED": 1}, "the right one: %s" % only(site)["error"])
    t.has(proxy.asked[-1], "CONNECT 127.0.0.1:%d " % receiver.port, "what it was asked for")
    record = site.trail_records("DeliverWebhook")[-1]
    t.eq(record["requestParameters"]["proxy"], proxy.url, "the record names it")
    t.ok("X-Proxy" not in record["responseElements"]["headers"], "the answer is the receiver's")
    t.lacks(json.dumps(site.trail_records()), "canary", "no password in the trail")
    site.pipelines["ci"]["deny-addresses"] = "127.0.0.0/8"
    reconfigure(site)
    site.must("queue", "replay", row["delivery"])
    site.attempt()
    t.has(site.queue_json()[-1]["error"], "127.0.0.0/8", "an address in the URL is judged")
    site.pipelines["ci"]["proxy"] = "none"
    del site.pipelines["ci"]["deny-addresses"]
    reconfigure(site)
    asked = len(proxy.asked)
    site.retry(site.queue_json()[-1]["delivery"])
    t.eq((site.states(), len(proxy.asked)), ({"DELIVERED": 2}, asked), "none: directly")


def test_client_certificate(t):
    """It is shown, its key must be private, and an encrypted one is no question."""
    site, _ = rig(t)
    server, client, other = (certificate(site, x) for x in ("server", "client", "other"))
    receiver = t.use(TlsReceiver(server, client + ".crt"))
    keys = site.pipelines["ci"]
    keys.update({"url": receiver.url, "ca-file": server + ".crt"})
    site.write_conf()
    site.send()
    row = only(site)
    t.eq(row["state"], "WAITING", "none")
    os.chmod(client + ".key", 0o644)
    for cert, key, word in ((client + ".crt", client + ".key", "chmod 0600"),
                            (client + ".crt", other + ".key", "TLS"), (other, None, "")):
        keys.update({"tls-cert": cert, "tls-key": key})
        reconfigure(site)
        site.retry(row["delivery"])
        t.eq(only(site)["state"], "WAITING", "%s with %s" % (cert, key))
        t.has(only(site)["error"], word, "why")
        os.chmod(client + ".key", 0o600)
    locked = site.path("locked")
    subprocess.run(["openssl", "pkey", "-in", client, "-aes256", "-passout", "pass:x", "-out", locked],
                   check=True)
    os.chmod(locked, 0o600)
    for key, state in ((locked, "WAITING"), (client, "DELIVERED")):
        keys.update({"tls-cert": client + ".crt", "tls-key": key})
        reconfigure(site)
        site.retry(row["delivery"])
        t.eq(only(site)["state"], state, os.path.basename(key))


def test_tls(t):
    """The oldest version; and an authority that changes is read again."""
    site, _ = rig(t)
    first, second = certificate(site, "first"), certificate(site, "second")
    receiver = t.use(TlsReceiver(first, newest=ssl.TLSVersion.TLSv1_2))
    authority = site.path("authority")
    keys = site.pipelines["ci"]
    keys.update({"url": receiver.url, "ca-file": authority, "tls-min": "1.3",
                 "retry-schedule": "200ms"})
    os.symlink(first + ".crt", authority)
    site.write_conf()
    site.send()
    t.has(only(site)["error"].lower(), "tls", "only 1.2 is spoken there")
    keys["tls-min"] = "1.2"
    site.write_conf()
    os.remove(authority)
    os.symlink(second + ".crt", authority)
    site.start_sender("--watch")
    harness.wait_until(lambda: only(site)["attempts"] >= 3, 30, "attempts with the wrong authority")
    t.eq(only(site)["state"] in ("WAITING", "INFLIGHT", "READY"), True, "not accepted")
    os.symlink(first + ".crt", authority + ".new")
    os.rename(authority + ".new", authority)
    site.wait_states(DELIVERED=1)


def finding(site, word):
    """(result, text) of the findings of check --online with this word."""
    out = site.refire("check", "--online", "--json")[1]
    return [(f["result"], f["text"]) for f in map(json.loads, out.splitlines()) if word in f["text"]]


def test_check(t):
    """check --online: the way is that of deliveries; what ends soon, and what does not fit."""
    site, _ = rig(t)
    server, client, other = (certificate(site, x, 5) for x in ("server", "client", "other"))
    receiver = t.use(TlsReceiver(server, client + ".crt"))
    proxy = t.use(Proxy(b"user:word"))
    keys = site.pipelines["ci"]
    keys.update({"url": receiver.url, "ca-file": server + ".crt", "tls-cert": client + ".crt",
                 "tls-key": client + ".key", "proxy": proxy.url,
                 "proxy-login-file": site.secret("login", b"user:word")})
    site.write_conf()
    found = finding(site, "is reachable")
    t.eq([r for r, _ in found], ["ok"], "reachable: %s" % found)
    t.has(found[0][1], "through " + proxy.url, "by the proxy")
    t.eq(len(receiver.requests), 1, "the receiver was asked")
    for what in ("tls-cert: the certificate ends in", "a certificate of the receiver ends in"):
        t.eq([r for r, _ in finding(site, what)], ["warn"], what)
    keys["tls-key"] = other + ".key"
    site.write_conf()
    t.eq([r for r, _ in finding(site, "is not the one of the certificate")], ["fail"], "another key")
    locked = site.path("locked")
    subprocess.run(["openssl", "pkey", "-in", client, "-aes256", "-passout", "pass:x", "-out", locked],
                   check=True)
    os.chmod(locked, 0o600)
    keys["tls-key"] = locked
    site.write_conf()
    t.eq([r for r, _ in finding(site, "is encrypted")], ["fail"], "an encrypted key")


def test_settings(t):
    """What cannot be meant is refused with its line."""
    site, _ = rig(t)
    for keys, word in (({"proxy": "socks5://h:1"}, "socks5h://"), ({"proxy": "h:1"}, "socks5h://"),
                       ({"proxy": "http://u:canary@h:1"}, "proxy-login-file"),
                       ({"proxy": "http://h:1/x"}, "nothing behind"),
                       ({"tls-key": "x"}, "needs a `tls-cert`"), ({"tls-min": "1.1"}, "`1.2`"),
                       ({"proxy-login-file": "x"}, "needs a `proxy`")):
        with t.case(str(keys)):
            was = dict(site.pipelines["ci"])
            site.pipelines["ci"].update(keys)
            site.write_conf()
            rc, _, err = site.send()
            site.pipelines["ci"] = was
            t.eq(rc, 78, "exit status")
            t.has(err, word, "what is wrong")
            t.lacks(err, "canary", "without a password")


if __name__ == "__main__":
    harness.main()
