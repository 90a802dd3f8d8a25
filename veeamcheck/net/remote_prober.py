"""The prober on the far end of an SSH connection. Runs from standard input and leaves nothing.

It is sent as text to `python3` there, 3.6 or newer with nothing but its standard library, and
serves one JSON object a line until standard input ends. It decides nothing: it makes attempts and
tells what the system said, errors by name because numbers differ between systems. What they mean
is judged by whoever sent it (`net.remote`).

in   {"connect": [[id, address, port, timeout], ...]}
     {"exchange": [id, address, port, payload, timeout]}   payload in base64
     {"enough": id}                                        the exchange or stream is done with
     {"stream": [id, address, port, timeout]}              a connection to talk over
     {"send": [id, data]}                                  data in base64
     {"read": [id, most]}                                  one answer, of at most so many bytes
     {"resolve": [id, name]}
out  {"ready": true, "error_queue": true}                  first of all
     {"seen": [[id, error, rtt, queue], ...]}              ends an attempt or an exchange
     {"reply": [id, data, sent, received]}                 data in base64, times since the epoch
     {"opened": [id, error, segment]}                      segment: bytes in a packet, 0: not known
     {"data": [id, data, error]}                           empty data: its end
     {"resolved": [id, [[address, local address], ...], why not]}

`error` is null where the connection was made and ETIMEDOUT where nothing came; `queue` holds what
the socket's error queue had (Linux), each a struct sock_extended_err with the sender, in hex.
A stream is read only when it is asked to be, so that nothing piles up here or on the way.
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
MOST_UNSENT = 262144  # bytes: who has more to say than the far end takes is cut off


class Attempt:
    """A TCP attempt, an exchange of datagrams, or a stream that is being opened."""

    def __init__(self, number: int, sock: socket.socket, kind: str) -> None:
        self.number = number
        self.sock = sock
        self.kind = kind
        self.sent = time.time()
        self.started = time.monotonic()


class Stream:
    """A connection that is talked over."""

    def __init__(self, number: int, sock: socket.socket) -> None:
        self.number = number
        self.sock = sock
        self.unsent = b""
        self.wanted = 0
        self.events = 0


class Prober:
    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.flying = {}  # type: dict[int, Attempt]
        self.streams = {}  # type: dict[int, Stream]
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
                if isinstance(key.data, Stream):
                    self.attend(key.data)
                elif key.data is not None:
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
                self.start("attempt", number, (address, port), timeout)
            if "exchange" in request:
                number, address, port, payload, timeout = request["exchange"]
                data = base64.b64decode(payload)
                self.start("exchange", number, (address, port), timeout, data)
            if "stream" in request:
                number, address, port, timeout = request["stream"]
                self.start("stream", number, (address, port), timeout)
            if "send" in request:
                number, payload = request["send"]
                self.send(number, base64.b64decode(payload))
            if "read" in request:
                self.want(*request["read"])
            if "resolve" in request:
                threading.Thread(target=self.resolve, args=request["resolve"], daemon=True).start()
            if request.get("enough") in self.flying:
                self.let_go(self.flying[request["enough"]])
            if request.get("enough") in self.streams:
                self.end(self.streams[request["enough"]])
        return bool(data)

    def start(
        self, kind: str, number: int, to: "tuple[str, int]", timeout: float, payload: bytes = b""
    ) -> None:
        """Start one attempt, exchange (of this payload) or stream."""
        is_exchange = kind == "exchange"
        try:
            family, target = place(*to)
            sock = socket.socket(family, socket.SOCK_DGRAM if is_exchange else socket.SOCK_STREAM)
        except OSError as error:
            self.tell(kind, number, name(error.errno), None, [])
            return
        attempt = Attempt(number, sock, kind)
        try:
            sock.setblocking(False)
            if LINUX and family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
            elif LINUX:
                sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
            code = sock.connect_ex(target)
            if is_exchange and not code:
                sock.send(payload)
            if code in PENDING:
                # A neighbour's reset is often back already.
                code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not code:
                answers = selectors.EVENT_READ if is_exchange else selectors.EVENT_WRITE
                self.selector.register(sock, answers, attempt)
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
        if attempt.kind != "exchange":
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
        if attempt.kind == "stream" and not code:
            self.forget(attempt)
            self.streams[attempt.number] = Stream(attempt.number, sock)
            say({"opened": [attempt.number, None, segment(sock)]})
            return
        self.tell(attempt.kind, attempt.number, name(code) if code else None, rtt, queue)
        self.let_go(attempt)

    def tell(
        self,
        kind: str,
        number: int,
        error: "str | None",
        rtt: "float | None",
        queue: "list[str]",
    ) -> None:
        """What has become of an attempt or exchange, or why a stream cannot be opened."""
        if kind == "stream":
            say({"opened": [number, error, 0]})
        else:
            self.seen.append([number, error, rtt, queue])

    def let_go(self, attempt: Attempt) -> None:
        self.forget(attempt)
        attempt.sock.close()

    def forget(self, attempt: Attempt) -> None:
        """Its socket may live on."""
        if self.flying.pop(attempt.number, None):
            self.selector.unregister(attempt.sock)

    def expire(self) -> None:
        now = time.monotonic()
        while self.deadlines and self.deadlines[0][0] <= now:
            attempt = self.flying.get(heapq.heappop(self.deadlines)[1])
            if attempt:
                self.tell(attempt.kind, attempt.number, "ETIMEDOUT", None, [])
                self.let_go(attempt)

    # --- streams ---

    def send(self, number: int, data: bytes) -> None:
        """Send soon, as fast as the far end takes it."""
        stream = self.streams.get(number)
        if stream:
            stream.unsent += data
            self.attend(stream)

    def want(self, number: int, most: int) -> None:
        """Answer with what has come, now or as soon as something has."""
        stream = self.streams.get(number)
        if stream:
            stream.wanted = most
            self.attend(stream)
        else:
            say({"data": [number, "", "ECONNRESET"]})

    def attend(self, stream: Stream) -> None:
        """Do what can be done for a stream now, and wait for what cannot."""
        if stream.number not in self.streams:
            return
        try:
            if stream.unsent:
                stream.unsent = stream.unsent[stream.sock.send(stream.unsent) :]
        except BlockingIOError:
            if len(stream.unsent) > MOST_UNSENT:
                self.end(stream, "ENOBUFS")
                return
        except OSError:
            stream.unsent = b""  # it has ended, as reading tells
        try:
            if stream.wanted:
                data = stream.sock.recv(stream.wanted)
                stream.wanted = 0
                say({"data": [stream.number, base64.b64encode(data).decode(), None]})
        except BlockingIOError:
            pass
        except OSError as error:
            self.end(stream, name(error.errno))
            return
        self.watch(stream)

    def watch(self, stream: Stream) -> None:
        """Wait for what is wanted of a stream, and for nothing else."""
        events = (selectors.EVENT_READ if stream.wanted else 0) | (
            selectors.EVENT_WRITE if stream.unsent else 0
        )
        if events == stream.events:
            return
        if not stream.events:
            self.selector.register(stream.sock, events, stream)
        elif not events:
            self.selector.unregister(stream.sock)
        else:
            self.selector.modify(stream.sock, events, stream)
        stream.events = events

    def end(self, stream: Stream, error: "str | None" = None) -> None:
        """Close a stream; whoever waits for its data hears of the error."""
        stream.unsent, wanted, stream.wanted = b"", stream.wanted, 0
        self.watch(stream)
        del self.streams[stream.number]
        stream.sock.close()
        if wanted and error:
            say({"data": [stream.number, "", error]})

    # --- names ---

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


def segment(sock: socket.socket) -> int:
    """How many bytes a packet of this connection carries at most; 0: it cannot be told."""
    try:
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
    except (OSError, AttributeError):
        return 0


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
