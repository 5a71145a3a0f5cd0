"""Servers of bytes that speak git's smart HTTP, well or badly, and a site that polls one.

    canned = t.use(Canned(good(CAPS), good(pkt(...), RESULT)))
    site, polls = polled(t, canned.url)
    canned.requests                 # [(head, body)] as they came
"""
import socket
import threading

from polling import Polls

ONE = "1" * 40
TWO = "2" * 40
ADVERT = "application/x-git-upload-pack-advertisement"
RESULT = "application/x-git-upload-pack-result"


def pkt(*lines):
    """Lines to pkt-lines; None is a flush."""
    out = b""
    for line in lines:
        data = line.encode() if isinstance(line, str) else line
        out += b"0000" if data is None else b"%04x%s" % (len(data) + 4, data)
    return out


CAPS = pkt("version 2\n", "agent=git/2.39.5\n", "ls-refs=unborn\n", "object-format=sha1\n", None)


class Canned:
    """A server of bytes: answers[n] is sent for the n-th request of a connection's
    kind (GET, POST); each is (status line, headers, body) or a function of the socket."""

    def __init__(self, get, post=None, tls=None):
        self.get, self.post, self.tls = get, post, tls
        self.requests = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.url = "http%s://127.0.0.1:%d/x.git" % ("s" if tls else "", self.port)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while not self.ended.is_set():
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def read_request(self, connection):
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return None
            data += more
        head, body = data.split(b"\r\n\r\n", 1)
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                while len(body) < int(line.split(b":")[1]):
                    body += connection.recv(65536)
        self.requests.append((head, body))
        return head

    def talk(self, connection):
        if self.tls:
            try:
                connection = self.tls.wrap_socket(connection, server_side=True)
            except OSError:
                connection.close()
                return
        with connection:
            try:
                while True:
                    head = self.read_request(connection)
                    if head is None:
                        return
                    answer = self.post if head.startswith(b"POST") else self.get
                    if callable(answer):
                        answer(connection, self.ended)
                        return
                    status, headers, body = answer
                    text = "HTTP/1.1 %s\r\n" % status
                    if "Content-Length" not in headers and "Transfer-Encoding" not in headers:
                        headers = dict(headers, **{"Content-Length": str(len(body))})
                    text += "".join("%s: %s\r\n" % h for h in headers.items()) + "\r\n"
                    connection.sendall(text.encode() + body)
                    if headers.get("Connection") == "close":
                        return
            except OSError:
                return

    def close(self):
        self.ended.set()
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def good(body, kind=ADVERT):
    return ("200 OK", {"Content-Type": kind}, body)


def polled(t, url, timeout="5s", pipelines=True, name="web", **keys):
    """A site that polls url; its Polls."""
    site = t.site()
    site.repositories[name] = dict({"url": url, "poll_timeout": timeout}, **keys)
    if pipelines:
        site.pipeline("ci", "http://127.0.0.1:1/", name)
    site.write_conf()
    return site, t.use(Polls(site))
