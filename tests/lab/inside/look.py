"""The plainest possible prober, to see with what a firewall answers; for `Host.call`.

It shares nothing with the engine, so that each can be checked against the other.
"""

import errno
import os
import selectors
import socket
import struct
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

_IP_RECVERR, _IPV6_RECVERR = 11, 25


def look(address: str, ports: Iterable[int], seconds: float = 1) -> dict[int, str]:
    """What one attempt at each port gives: open, reset, silent, or ``icmp 3/13 by 10.0.0.1``."""
    import resource  # only where there can be a lab

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    waiting = {}
    with selectors.DefaultSelector() as selector:
        for port in ports:
            connection = waiting[port] = _tcp_socket(address)
            connection.connect_ex((address, port))
            selector.register(connection, selectors.EVENT_WRITE, port)
        seen = dict.fromkeys(waiting, "silent")
        deadline = time.monotonic() + seconds
        while waiting and (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                connection = waiting.pop(key.data)
                seen[key.data] = _result(connection)
                selector.unregister(connection)
                connection.close()
    for connection in waiting.values():
        connection.close()
    return seen


def look_around(addresses: Iterable[str], ports: Iterable[int]) -> list[dict[int, str]]:
    """What `look` gives for each address, at the same time."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(partial(look, ports=ports), addresses))


def ask_ntp(address: str, seconds: float = 1) -> bytes:
    """The reply to one NTP request whose transmit timestamp is ``\\x01…\\x08``; empty: none."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(seconds)
        client.connect((address, 123))
        client.send(b"\x23" + bytes(39) + bytes(range(1, 9)))
        try:
            return client.recv(2048)
        except TimeoutError:
            return b""


def _tcp_socket(address: str) -> socket.socket:
    if ":" in address:
        connection = socket.socket(socket.AF_INET6)
        connection.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
    else:
        connection = socket.socket(socket.AF_INET)
        connection.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
    connection.setblocking(False)
    return connection


def _result(connection: socket.socket) -> str:
    try:
        _, ancillary, _, _ = connection.recvmsg(512, 512, socket.MSG_ERRQUEUE)
    except BlockingIOError:
        pass
    else:
        return _icmp(ancillary[0][2])
    error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    known = {0: "open", errno.ECONNREFUSED: "reset"}
    return known.get(error) or os.strerror(error)


def _icmp(data: bytes) -> str:
    """A struct sock_extended_err, followed by the address of the ICMP message's sender."""
    kind, code = struct.unpack_from("=IBBBB", data)[2:4]
    family = struct.unpack_from("=H", data, 16)[0]
    if family == socket.AF_INET6:
        sender = socket.inet_ntop(family, data[24:40])
    else:
        sender = socket.inet_ntop(socket.AF_INET, data[20:24])
    return f"icmp {kind}/{code} by {sender}"
