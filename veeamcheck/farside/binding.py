"""Taking a port that is free, and never one that somebody holds."""

from __future__ import annotations

import errno
import os
import socket
import sys
from typing import NamedTuple

from veeamcheck.model import Transport
from veeamcheck.net.sockets import family_of, socket_address

_WAITING = 512
"""Connections that the system keeps until they are accepted."""
_HELD = frozenset({errno.EADDRINUSE, 10048})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, 10013})


class Bound(NamedTuple):
    """A port that was free and is now ours."""

    address: str
    port: int
    transport: Transport
    sock: socket.socket


class Left(NamedTuple):
    """A port that is left alone."""

    address: str
    port: int
    transport: Transport
    reason: str
    held: bool = False
    """Somebody else has it."""


def bind(address: str, port: int, transport: Transport) -> Bound | Left:
    """Take this port of this address, non-blocking and, over TCP, listening; or say why not."""
    stream = transport is Transport.TCP
    try:
        kind = socket.SOCK_STREAM if stream else socket.SOCK_DGRAM
        sock = socket.socket(family_of(address), kind)
    except OSError as error:
        return _left(address, port, transport, error)
    try:
        if sys.platform == "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        elif sys.platform == "linux" and stream:
            # Here, and only here, this reuses what closed connections left behind and nothing
            # else: elsewhere it would take the port away from a service on all addresses.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(socket_address(address, port))
        if stream:
            sock.listen(_WAITING)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        return _left(address, port, transport, error)
    return Bound(address, port, transport, sock)


def is_held(address: str, port: int) -> bool:
    """Whether something has this TCP port already."""
    result = bind(address, port, Transport.TCP)
    if isinstance(result, Bound):
        result.sock.close()
        return False
    return result.held


def _left(address: str, port: int, transport: Transport, error: OSError) -> Left:
    if error.errno in _HELD:
        return Left(address, port, transport, "held by a service: left to it", held=True)
    if error.errno in _FORBIDDEN and sys.platform == "win32":
        # Windows says the same of a port that is held exclusively and of one that it reserves.
        return Left(address, port, transport, "held by a service or reserved by Windows", held=True)
    if error.errno in _FORBIDDEN and port < 1024:
        return Left(address, port, transport, "not allowed: ports below 1024 need an administrator")
    reason = os.strerror(error.errno) if error.errno else str(error)
    return Left(address, port, transport, reason)
