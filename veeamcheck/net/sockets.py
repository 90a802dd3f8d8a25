"""Small helpers around sockets that every means of probing here shares."""

from __future__ import annotations

import socket
import struct
import sys
from functools import lru_cache

_LINGER_ZERO = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)

SocketAddress = tuple[str, int] | tuple[str, int, int, int]


@lru_cache(maxsize=4096)
def _family(address: str) -> tuple[int, int]:
    """The family of an IP address, and its scope id (0 without one)."""
    family, _, _, _, sockaddr = socket.getaddrinfo(
        address, 0, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
    )[0]
    return int(family), int(sockaddr[-1]) if family == socket.AF_INET6 else 0


def family_of(address: str) -> int:
    """AF_INET or AF_INET6; OSError if this is no IP address here (an unknown scope, say)."""
    return _family(address)[0]


def socket_address(address: str, port: int) -> SocketAddress:
    """What `connect` takes."""
    family, scope = _family(address)
    if family == socket.AF_INET6:
        return (address.partition("%")[0], port, 0, scope)
    return (address, port)


def set_ttl(sock: socket.socket, ttl: int) -> None:
    """Let what this socket sends pass at most `ttl` hops, the last one being where it arrives."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)


def reset_on_close(sock: socket.socket) -> None:
    """Have a connection end with a reset, so that it leaves nothing behind on either side."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)


def close_at_once(sock: socket.socket) -> None:
    """Close a connection with a reset."""
    try:
        reset_on_close(sock)
    except OSError:
        pass
    finally:
        sock.close()


def local_address(address: str) -> str | None:
    """Where a packet to this address would leave from; None: no route. Sends nothing."""
    try:
        with socket.socket(family_of(address), socket.SOCK_DGRAM) as sock:
            sock.connect(socket_address(address, 9))
            return str(sock.getsockname()[0])
    except OSError:
        return None


def is_self_connected(sock: socket.socket) -> bool:
    """On loopback a source port can happen to equal the target port: TCP then meets itself."""
    try:
        return bool(sock.getsockname() == sock.getpeername())
    except OSError:
        return False
