"""A receiver of webhooks that records what comes and misbehaves as told.

    receiver = Receiver(secret=b"k")             # listening on 127.0.0.1:receiver.port
    receiver.script(status(500), close_mid())    # for the next requests, in order
    receiver.then = slow(30)                     # for those after the script
    receiver.wait(3)                             # until 3 requests are in
    receiver.refuse(); receiver.listen()         # same port: refused, then served

A small HTTP/1.1 server of our own on threads: http.server hides the bytes this
has to look at (the raw head) and to get wrong (an answer that stops half-way).
"""
import hashlib
import hmac
import json
import socket
import struct
import threading
import time


class Request:
    """One request as it came."""

    def __init__(self, head, body, secret):
        self.time = time.time()
        self.head = head                        # raw bytes, up to and with the empty line
        self.body = body
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, self.path = first.split(" ")[:2]
        self.header_list = [tuple(x.split(": ", 1)) for x in lines if ": " in x]
        self.headers = {n.lower(): v for n, v in self.header_list}
        self.signed = signature_right(self.headers, body, secret)   # None: no secret known

    def json(self):
        """The body; fails when it is not valid UTF-8 and JSON."""
        return json.loads(self.body.decode("utf-8", "strict"))

    def move(self):
        """(ref, before, after) of the body, zeros for none in every format."""
        body = self.json()
        return body["ref"], body["before"] or "0" * 40, body["after"] or "0" * 40

    @property
    def delivery(self):
        """The delivery's id, the same over attempts."""
        return self.headers.get("x-github-delivery") or self.headers.get("x-refire-delivery")

    @property
    def event(self):
        return self.headers.get("x-github-event") or self.headers.get("x-refire-event")


def signature_right(headers, body, secret):
    """Every HMAC header that is there must be right, and there must be a SHA-256 one."""
    if secret is None:
        return None
    want = {"x-hub-signature-256": "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest(),
            "x-refire-signature-256": "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest(),
            "x-hub-signature": "sha1=" + hmac.new(secret, body, hashlib.sha1).hexdigest()}
    there = [n for n in want if n in headers]
    strong = any("sha256" in want[n] for n in there)
    return strong and all(hmac.compare_digest(headers[n], want[n]) for n in there)


class Reply:
    """What to do with one request: play(connection, request) writes the answer, and
    returns True when the connection may be used for the next one."""

    def __init__(self, play, name):
        self.play, self.name = play, name

    def __repr__(self):
        return self.name


def answer(code, headers=(), body=b""):
    lines = ["HTTP/1.1 %d %s" % (code, "OK" if code == 200 else "X"),
             "Content-Length: %d" % len(body)]
    lines += ["%s: %s" % pair for pair in dict(headers).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def status(code, headers=(), body=b""):
    """Answer with this status, headers (a dict) and body."""
    def play(connection, _request):
        connection.sendall(answer(code, headers, body))
        return True
    return Reply(play, "status(%d)" % code)


def slow(seconds, code=200):
    """Say nothing for so many seconds (or until the receiver closes), then answer."""
    def play(connection, request):
        request.stop.wait(seconds)
        connection.sendall(answer(code))
        return True
    return Reply(play, "slow(%g)" % seconds)


def close_early():
    """Read the request and close without a byte."""
    return Reply(lambda connection, _request: False, "close_early")


def close_mid():
    """Promise 1,000 bytes, send 10, close."""
    def play(connection, _request):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nten bytes.")
        return False
    return Reply(play, "close_mid")


def reset():
    """Reset the connection (RST)."""
    def play(connection, _request):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False
    return Reply(play, "reset")


def reset_mid():
    """Promise 1,000 bytes, send 10, reset the connection."""
    def play(connection, request):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nten bytes.")
        request.stop.wait(0.1)          # they are read by then
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False
    return Reply(play, "reset_mid")


def drip_head(every=1):
    """The answer's head a byte at a time."""
    def play(connection, request):
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + 1000 * b"y":
            connection.sendall(bytes([byte]))
            if request.stop.wait(every):
                break
        return False
    return Reply(play, "drip_head")


def headers_forever(code=200):
    """One header after another, as fast as they are read."""
    def play(connection, request):
        connection.sendall(b"HTTP/1.1 %d X\r\n" % code)
        n = 0
        while not request.stop.is_set():
            n += 1
            connection.sendall(b"X-Header-%d: %s\r\n" % (n, 100 * b"y"))
        return False
    return Reply(play, "headers_forever")


def big(size=10 * 1024 * 1024, code=200):
    """An answer with a body of size bytes."""
    def play(connection, _request):
        connection.sendall(answer(code, body=b"x" * size))
        return True
    return Reply(play, "big(%d)" % size)


def drip(count=1000, every=0.1, code=200):
    """The answer's body a byte at a time."""
    def play(connection, request):
        connection.sendall(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (code, count))
        for _ in range(count):
            if request.stop.wait(every):
                return False
            connection.sendall(b".")
        return True
    return Reply(play, "drip")


def chunked_forever(code=200):
    """A chunked body without an end, as fast as it is read."""
    def play(connection, request):
        connection.sendall(b"HTTP/1.1 %d X\r\nTransfer-Encoding: chunked\r\n\r\n" % code)
        while not request.stop.is_set():
            connection.sendall(b"2000\r\n" + b"y" * 0x2000 + b"\r\n")
        return False
    return Reply(play, "chunked_forever")


class Receiver:
    """See the top of this file. requests: all Request objects so far, in order of
    their arrival; most: the most that were under way at once."""

    def __init__(self, secret=b"not a secret", then=None):
        self.secret = secret
        self.then = then or status(200)
        self.replies = []
        self.requests = []
        self.under_way = self.most = 0
        self.changed = threading.Condition()
        self.stop = threading.Event()
        self.port = 0
        self.listener = None
        self.connections = set()
        self.listen()

    @property
    def url(self):
        return "http://127.0.0.1:%d/hook" % self.port

    def script(self, *replies):
        """Replies for the next requests, one each; after them self.then goes."""
        with self.changed:
            self.replies = list(replies)

    def listen(self):
        """Accept connections (again, on the same port)."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(256)
        self.port = listener.getsockname()[1]
        self.listener = listener
        threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def refuse(self):
        """Stop listening and drop open connections: connecting is refused from now on."""
        listener, self.listener = self.listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self.changed:
            connections = list(self.connections)
        for connection in connections:
            shut(connection)

    def close(self):
        self.stop.set()
        self.refuse()

    def wait(self, n, timeout=30):
        """Until n requests have been answered. Returns all requests."""
        with self.changed:
            if not self.changed.wait_for(lambda: self.answered() >= n, timeout):
                raise TimeoutError("%d of %d requests came within %g s"
                                   % (self.answered(), n, timeout))
            return list(self.requests)

    def wait_arrived(self, n, timeout=30):
        """Until n requests have been read whole, answered or not."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.requests) >= n, timeout):
                raise TimeoutError("%d of %d requests arrived within %g s"
                                   % (len(self.requests), n, timeout))
            return list(self.requests)

    def answered(self):
        return len(self.requests) - self.under_way

    def clear(self):
        """Forget the requests so far."""
        with self.changed:
            self.requests = []

    # ---- inside ----
    def accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.changed:
                self.connections.add(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            rest = b""
            while True:
                request, rest = self.read(connection, rest)
                if not request or not self.play(connection, request):
                    break
        except OSError:
            pass
        finally:
            with self.changed:
                self.connections.discard(connection)
            connection.close()

    def read(self, connection, data):
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return None, b""
            data += more
            if data[0] == 0x16:             # a TLS ClientHello: what a plain server says to it
                connection.sendall(answer(400))
                return None, b""
        head, _, data = data.partition(b"\r\n\r\n")
        length, expects = 0, False
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line[15:])
            if line.startswith(b"expect:"):
                expects = True
        if expects and len(data) < length:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        parts, have = [data], len(data)
        while have < length:
            more = connection.recv(1 << 20)
            if not more:
                return None, b""
            parts.append(more)
            have += len(more)
        data = b"".join(parts)
        request = Request(head + b"\r\n\r\n", data[:length], self.secret)
        request.stop = self.stop
        return request, data[length:]

    def play(self, connection, request):
        with self.changed:
            self.requests.append(request)
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            reply = self.replies.pop(0) if self.replies else self.then
            self.changed.notify_all()
        try:
            return reply.play(connection, request)
        finally:
            with self.changed:
                self.under_way -= 1
                self.changed.notify_all()


def shut(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
