"""The prober on the far end of an SSH connection. Runs from standard input and leaves nothing.

It is sent as text to `python3` there, 3.6 or newer with nothing but its standard library, and
serves one JSON object a line until standard input ends. It decides nothing: it makes attempts and
tells what the system said, errors by name because numbers differ between systems. What they mean
is judged by whoever sent it (`net.remote`).

in   {"connect": [[id, address, port, timeout], ...]}
     {"exchange": [id, address, port, payload, timeout]}   payload in base64
     {"enough": id}                                        the exchange has its answer
     {"resolve": [id, name]}
out  {"ready": true, "error_queue": true}                  first of all
     {"seen": [[id, error, rtt, queue], ...]}              ends an attempt or an exchange
     {"reply": [id, data, sent, received]}                 data in base64, times since the epoch
     {"resolved": [id, [[address, local address], ...], why not]}

`error` is null where the connection was made and ETIMEDOUT where nothing came; `queue` holds what
the socket's error queue had (Linux), each a struct sock_extended_err with the sender, in hex.
"""

import base64
import errno
import heapq
import json
import os
import selectors
import socket
import struct
import sys
import threading
import time

LINUX = sys.platform.startswith("linux")
IP_RECVERR = 11
IPV6_RECVERR = 25
MSG_ERRQUEUE = 0x2000
PENDING = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)
LINGER_ZERO = struct.pack("ii", 1, 0)


class Attempt:
    """A TCP attempt, or an exchange of datagrams."""

    def __init__(self, number: int, sock: socket.socket, is_exchange: bool) -> None:
        self.number = number
        self.sock = sock
        self.is_exchange = is_exchange
        self.sent = time.time()
        self.started = time.monotonic()


class Prober:
    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.flying = {}  # type: dict[int, Attempt]
        self.deadlines = []  # type: list[tuple[float, int]]
        self.seen = []  # type: list[object]
        self.unread = b""
        self.resolved = []  # type: list[object]
        self.woken, self.wake = os.pipe()

    def run(self) -> None:
        """Serve until standard input ends."""
        self.selector.register(0, selectors.EVENT_READ)
        self.selector.register(self.woken, selectors.EVENT_READ)
        say({"ready": True, "error_queue": LINUX})
        while True:
            wait = None
            if self.deadlines:
                wait = max(0, self.deadlines[0][0] - time.monotonic())
            for key, _ in self.selector.select(wait):
                if key.data is not None:
                    self.look(key.data)
                elif key.fd == self.woken:
                    os.read(self.woken, 4096)
                elif not self.read():
                    return
            # Only now: what has answered must not expire because we were late to look.
            self.expire()
            while self.resolved:
                say({"resolved": self.resolved.pop(0)})
            if self.seen:
                say({"seen": self.seen})
                self.seen = []

    def read(self) -> bool:
        """Do what the lines that have come ask for; False once there are no more."""
        data = os.read(0, 65536)
        lines = (self.unread + data).split(b"\n")
        self.unread = lines.pop()
        for line in lines:
            request = json.loads(line.decode())
            for number, address, port, timeout in request.get("connect", ()):
                self.start(number, address, port, timeout, None)
            if "exchange" in request:
                number, address, port, payload, timeout = request["exchange"]
                self.start(number, address, port, timeout, base64.b64decode(payload))
            if "resolve" in request:
                threading.Thread(target=self.resolve, args=request["resolve"], daemon=True).start()
            if request.get("enough") in self.flying:
                self.let_go(self.flying[request["enough"]])
        return bool(data)

    def start(
        self, number: int, address: str, port: int, timeout: float, payload: "bytes | None"
    ) -> None:
        """Start one attempt; with a payload, one exchange."""
        kind = socket.SOCK_STREAM if payload is None else socket.SOCK_DGRAM
        try:
            family, target = place(address, port)
            sock = socket.socket(family, kind)
        except OSError as error:
            self.seen.append([number, name(error.errno), None, []])
            return
        attempt = Attempt(number, sock, payload is not None)
        try:
            sock.setblocking(False)
            if LINUX and family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
            elif LINUX:
                sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
            code = sock.connect_ex(target)
            if payload is not None and not code:
                sock.send(payload)
            if code in PENDING:
                # A neighbour's reset is often back already.
                code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not code:
                write = selectors.EVENT_WRITE if payload is None else selectors.EVENT_READ
                self.selector.register(sock, write, attempt)
                self.flying[number] = attempt
                heapq.heappush(self.deadlines, (attempt.started + timeout, number))
                return
        except OSError as error:
            code = error.errno or 0
        self.finish(attempt, code)

    def look(self, attempt: Attempt) -> None:
        """Something has happened to this attempt."""
        if attempt.number not in self.flying:
            return
        if not attempt.is_exchange:
            self.finish(attempt, attempt.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
            return
        try:
            data = attempt.sock.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            self.finish(attempt, error.errno or 0)
            return
        text = base64.b64encode(data).decode()
        say({"reply": [attempt.number, text, attempt.sent, time.time()]})

    def finish(self, attempt: Attempt, code: int) -> None:
        """Tell what has become of an attempt, and let go of it."""
        rtt = time.monotonic() - attempt.started
        sock = attempt.sock
        queue = error_queue(sock)
        if not code:
            try:
                if sock.getsockname() == sock.getpeername():
                    code = errno.ECONNREFUSED  # on loopback TCP can meet itself
                # Leave nothing behind on either side.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
            except OSError:
                pass  # it was reset meanwhile
        self.seen.append([attempt.number, name(code) if code else None, rtt, queue])
        self.let_go(attempt)

    def let_go(self, attempt: Attempt) -> None:
        if self.flying.pop(attempt.number, None):
            self.selector.unregister(attempt.sock)
        attempt.sock.close()

    def expire(self) -> None:
        now = time.monotonic()
        while self.deadlines and self.deadlines[0][0] <= now:
            attempt = self.flying.get(heapq.heappop(self.deadlines)[1])
            if attempt:
                self.seen.append([attempt.number, "ETIMEDOUT", None, []])
                self.let_go(attempt)

    def resolve(self, number: int, host: str) -> None:
        """In a thread of its own: the addresses of a name, and where we would reach each from."""
        addresses = []  # type: list[str]
        why = None
        try:
            for answer in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
                if answer[4][0] not in addresses:
                    addresses.append(str(answer[4][0]))
        except UnicodeError:
            why = "this cannot be a DNS name"
        except OSError as error:
            why = error.strerror or str(error)
        self.resolved.append([number, [[each, local_address(each)] for each in addresses], why])
        os.write(self.wake, b".")


def place(address: str, port: int) -> "tuple[int, tuple[object, ...]]":
    """The family of an IP address, and what `connect` takes."""
    found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[
        0
    ]
    return found[0], found[4]


def local_address(address: str) -> "str | None":
    """Where a packet to this address would leave from; None: no route. Sends nothing."""
    try:
        family, target = place(address, 9)
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect(target)
            return str(sock.getsockname()[0])
    except OSError:
        return None


def error_queue(sock: socket.socket) -> "list[str]":
    """What the socket was told about its errors, in hex (Linux; else nothing)."""
    found = []  # type: list[str]
    while LINUX and len(found) < 64:
        try:
            _, ancillary, _, _ = sock.recvmsg(1, 512, MSG_ERRQUEUE)
        except OSError:
            break
        found += [data.hex() for _, kind, data in ancillary if kind in (IP_RECVERR, IPV6_RECVERR)]
    return found


def name(code: "int | None") -> str:
    """What an error number is called everywhere."""
    return errno.errorcode.get(code or 0, str(code))


def say(answer: object) -> None:
    data = json.dumps(answer).encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    if os.name != "posix":
        sys.exit("needs a system where standard input can be waited for like a socket")
    Prober().run()
