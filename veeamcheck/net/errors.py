"""Errno and ICMP -> signal. The only place that knows what an operating system calls things."""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections.abc import Iterable
from typing import NamedTuple

from veeamcheck.model import Detail, Observation, Signal, Transport

IP_RECVERR = getattr(socket, "IP_RECVERR", 11)
IPV6_RECVERR = getattr(socket, "IPV6_RECVERR", 25)
MSG_ERRQUEUE = getattr(socket, "MSG_ERRQUEUE", 0x2000)

HAS_ERROR_QUEUE = sys.platform == "linux"

_ORIGIN_ICMP = 2
_ORIGIN_ICMP6 = 3
_EXTENDED_ERROR = struct.Struct("=IBBBBII")


NO_ROUTE = "no route"
"""The meaning of an error where this machine itself certainly has no route."""


class IcmpError(NamedTuple):
    """An ICMP error that reached one of our sockets."""

    errno: int
    version: int
    """4 or 6."""
    type: int
    code: int
    sender: str


_MEANING = {
    (4, 3, 0): "network unreachable",
    (4, 3, 1): "host unreachable",
    (4, 3, 2): "protocol unreachable",
    (4, 3, 3): "port unreachable",
    (4, 3, 6): "network unknown",
    (4, 3, 7): "host unknown",
    (4, 3, 8): "host isolated",
    (4, 3, 9): "network administratively prohibited",
    (4, 3, 10): "host administratively prohibited",
    (4, 3, 11): "network unreachable for this type of service",
    (4, 3, 12): "host unreachable for this type of service",
    (4, 3, 13): "administratively prohibited",
    (4, 11, 0): "time exceeded: a routing loop",
    (6, 1, 0): "no route to destination",
    (6, 1, 1): "administratively prohibited",
    (6, 1, 2): "beyond scope of source address",
    (6, 1, 3): "address unreachable",
    (6, 1, 4): "port unreachable",
    (6, 1, 5): "source address failed policy",
    (6, 1, 6): "reject route",
    (6, 3, 0): "time exceeded: a routing loop",
}
_UNREACHABLE = frozenset({(4, 3, 0), (4, 3, 1), (4, 11, 0), (6, 1, 0), (6, 1, 3), (6, 3, 0)})
_TIME_EXCEEDED = frozenset({(4, 11, 0), (6, 3, 0)})
_PORT_UNREACHABLE = frozenset({(4, 3, 3), (6, 1, 4)})

# Windows numbers its errors on its own, and twice: Winsock's for calls, its kernel's for overlapped
# ones (asyncio's). Python's errno names only the former, and only there.
_WINDOWS = sys.platform == "win32"
_REFUSED = {errno.ECONNREFUSED, 10061, 1225, 1234}
_RESET = {errno.ECONNRESET, 10054, 1236, *([64] if _WINDOWS else [])}
AFTER_HANDSHAKE = frozenset({*_RESET, errno.EPIPE})
"""TCP: the connection was made, and reset before we looked. A refused one is ECONNREFUSED."""
_NO_WAY = {
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    getattr(errno, "EHOSTDOWN", errno.EHOSTUNREACH),
    getattr(errno, "ENONET", errno.EHOSTUNREACH),
    10051,
    10064,
    10065,
    1231,
    1232,
}
_TIMED_OUT = {errno.ETIMEDOUT, 10060, 1460, *([121] if _WINDOWS else [])}
IN_PROGRESS = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK, 10035})
EXHAUSTED = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, 10024, 10055}
)
"""This machine has run out of something, which may come back."""

SILENCE = Observation(Signal.SILENT)

_TEXTS = (
    ("refused", errno.ECONNREFUSED),
    ("no route to host", errno.EHOSTUNREACH),
    ("host unreachable", errno.EHOSTUNREACH),
    ("host is unreachable", errno.EHOSTUNREACH),
    ("host is down", errno.EHOSTUNREACH),
    ("network unreachable", errno.ENETUNREACH),
    ("network is unreachable", errno.ENETUNREACH),
    ("timed out", errno.ETIMEDOUT),
    ("too many open files", errno.EMFILE),
    ("permission denied", errno.EACCES),
    ("cannot assign requested address", errno.EADDRNOTAVAIL),
)
"""What Linux, macOS, BSD and Windows call errors in words, in lower case."""
_NO_SUCH_NAME = ("name or service not known", "nodename nor servname", "unknown host", "no address")


def take_icmp_error(sock: socket.socket) -> IcmpError | None:
    """Drain the error queue and return the latest ICMP error in it, if any (Linux)."""
    queue: list[bytes] = []
    for _ in range(64):
        try:
            _, ancillary, _, _ = sock.recvmsg(1, 512, MSG_ERRQUEUE)
        except OSError:
            break
        queue += [data for _, kind, data in ancillary if kind in (IP_RECVERR, IPV6_RECVERR)]
    return latest_icmp_error(queue)


def latest_icmp_error(queue: Iterable[bytes]) -> IcmpError | None:
    """The latest ICMP error among what a socket's error queue held, if any."""
    found: IcmpError | None = None
    for data in queue:
        found = _parse_extended_error(data) or found
    return found


def _parse_extended_error(data: bytes) -> IcmpError | None:
    """A struct sock_extended_err (linux/errqueue.h) with the offender's socket address behind."""
    if len(data) < _EXTENDED_ERROR.size:
        return None
    number, origin, icmp_type, code, *_ = _EXTENDED_ERROR.unpack_from(data)
    offender = data[_EXTENDED_ERROR.size :]
    if origin == _ORIGIN_ICMP and len(offender) >= 8:
        return IcmpError(
            number, 4, icmp_type, code, socket.inet_ntop(socket.AF_INET, offender[4:8])
        )
    if origin == _ORIGIN_ICMP6 and len(offender) >= 24:
        return IcmpError(
            number, 6, icmp_type, code, socket.inet_ntop(socket.AF_INET6, offender[8:24])
        )
    return None


def from_icmp(
    error: IcmpError, *, transport: Transport, target: str, local: str | None
) -> Observation:
    """The signal of an ICMP error that answered a probe to `target`."""
    kind = (error.version, error.type, error.code)
    meaning = _MEANING.get(kind, f"ICMP type {error.type} code {error.code}")
    by: str | None = error.sender
    if kind in _PORT_UNREACHABLE and transport is Transport.UDP and error.sender == target:
        signal = Signal.REFUSED
        by = None
    elif kind in _UNREACHABLE:
        signal = Signal.UNREACHABLE
        if error.sender == local:
            # Our own kernel speaks: it asked for the neighbour's hardware address in vain.
            meaning, by = "no answer from the host or router on the local network", None
    else:
        signal = Signal.REJECTED
    detail: Detail = {"icmp_type": error.type, "icmp_code": error.code, "meaning": meaning}
    return Observation(signal, attributed=True, by=by, detail=detail)


def expired_at(seen: Observation) -> str | None:
    """The router at which a probe's hops were used up; None: something else came back."""
    detail = seen.detail or {}
    if not seen.by:
        return None
    kind = (6 if ":" in seen.by else 4, detail.get("icmp_type"), detail.get("icmp_code"))
    return seen.by if kind in _TIME_EXCEEDED else None


def from_errno(number: int, *, attributes: bool, rtt: float | None = None) -> Observation:
    """The signal of an error that no ICMP message explains."""
    if number in _REFUSED or number in _RESET:
        return Observation(Signal.REFUSED, attributes, rtt)
    if number in _NO_WAY:
        meaning = NO_ROUTE if attributes else f"{NO_ROUTE}, or rejected by ICMP"
        return Observation(Signal.UNREACHABLE, attributed=attributes, detail={"meaning": meaning})
    if number in _TIMED_OUT:
        return SILENCE
    return local_error(number)


def local_error(number: int) -> Observation:
    """This machine could not even try."""
    name = errno.errorcode.get(number, str(number))
    return Observation(
        Signal.LOCAL_ERROR,
        detail={
            "errno": number,
            "meaning": f"{os.strerror(number)} ({name})",
            "exhausted": number in EXHAUSTED,
        },
    )


def number_of(name: str) -> int | None:
    """The number that this system has for an error that another one named, as in ``EPIPE``."""
    number = getattr(errno, name, None)
    return number if isinstance(number, int) else None


def from_text(text: str) -> Observation:
    """The signal of a failed connection of which another machine sent only the words."""
    if any(each in text.lower() for each in _NO_SUCH_NAME):
        return Observation(Signal.UNRESOLVED, detail={"meaning": text})
    number = number_in(text)
    if number is not None:
        return from_errno(number, attributes=False)
    return Observation(Signal.LOCAL_ERROR, detail={"meaning": f"said to be: {text or 'failed'}"})


def number_in(text: str) -> int | None:
    """The error that another machine's words speak of."""
    words = text.lower()
    return next((number for each, number in _TEXTS if each in words), None)
