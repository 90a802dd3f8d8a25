"""What this machine says of its own network, without privileges: nothing is sent.

Linux tells its addresses and routes in /proc. Elsewhere there are the addresses of its own name
and, on Windows, what `route print` prints. What every system tells is the address that it would
use towards a target: a datagram socket is connected for that, and nothing goes out.
"""

from __future__ import annotations

import ipaddress
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from veeamcheck.net.sockets import family_of, socket_address

_MOST_LINES = 500
"""So many addresses and routes of each family are told: a router can have a million."""
_PATIENCE = 10
"""Seconds that `route print` may take."""
_DISCARD = 9
"""A port to connect datagram sockets to."""


class Address(NamedTuple):
    address: str
    interface: str | None


class Route(NamedTuple):
    network: str
    gateway: str | None
    interface: str
    metric: int


class Way(NamedTuple):
    """How this machine would reach an address."""

    to: str
    source: str | None
    error: str | None


def own_addresses(proc: Path = Path("/proc/net")) -> list[Address]:
    """The addresses of this machine, as far as it tells them."""
    found = [*_addresses4(_lines(proc / "fib_trie")), *_addresses6(_lines(proc / "if_inet6"))]
    return list(dict.fromkeys(found or _addresses_of_name()))[:_MOST_LINES]


def own_routes(proc: Path = Path("/proc/net")) -> list[Route]:
    """The routes of this machine; none where only `printed_routes` tells them."""
    return [*_routes4(_lines(proc / "route")), *_routes6(_lines(proc / "ipv6_route"))]


def printed_routes() -> str:
    """What `route print` prints on Windows; empty elsewhere, and where it fails."""
    if sys.platform != "win32":
        return ""
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            ["route", "print"],
            capture_output=True,
            check=False,
            timeout=_PATIENCE,
            stdin=subprocess.DEVNULL,
        )
        text = done.stdout.decode(errors="replace")
        return "\n".join(text.splitlines()[:_MOST_LINES])
    return ""


def way_to(address: str) -> Way:
    """The address that this machine would use towards an IP address, or why it could not."""
    try:
        with socket.socket(family_of(address), socket.SOCK_DGRAM) as sock:
            sock.connect(socket_address(address, _DISCARD))
            return Way(address, str(sock.getsockname()[0]), None)
    except OSError as error:
        return Way(address, None, error.strerror or str(error))


def _lines(path: Path) -> Iterator[str]:
    """The lines of a file of /proc; none where there is no such file."""
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            yield from file
    except OSError:
        return


def _addresses4(trie: Iterable[str]) -> Iterator[Address]:
    """The local addresses of /proc/net/fib_trie, which does not say at which interface."""
    address = ""
    for line in trie:
        words = line.split()
        if words[:1] == ["|--"]:
            address = words[1]
        elif words[:3] == ["/32", "host", "LOCAL"]:
            yield Address(address, None)


def _addresses6(lines: Iterable[str]) -> Iterator[Address]:
    for line in lines:
        words = line.split()
        if len(words) == 6:
            yield Address(_ipv6(words[0]), words[5])


def _addresses_of_name() -> Iterator[Address]:
    with suppress(OSError, UnicodeError):
        for *_, sockaddr in socket.getaddrinfo(socket.gethostname(), None):
            yield Address(str(sockaddr[0]), None)


def _routes4(lines: Iterable[str]) -> Iterator[Route]:
    for line in islice(lines, 1, _MOST_LINES + 1):
        words = line.split()
        if len(words) >= 8:
            interface, to, gateway, mask = words[0], _ipv4(words[1]), _ipv4(words[2]), words[7]
            prefix = int(mask, 16).bit_count()
            yield Route(
                f"{to}/{prefix}",
                None if gateway == "0.0.0.0" else gateway,
                interface,
                int(words[6]),
            )


def _routes6(lines: Iterable[str]) -> Iterator[Route]:
    for line in islice(lines, _MOST_LINES):
        words = line.split()
        if len(words) == 10 and words[9] != "lo":  # there are no ways out of this machine
            gateway = _ipv6(words[4])
            yield Route(
                f"{_ipv6(words[0])}/{int(words[1], 16)}",
                None if gateway == "::" else gateway,
                words[9],
                int(words[5], 16),
            )


def _ipv4(digits: str) -> str:
    """An address as the kernel prints it there: a number in this machine's byte order."""
    return str(ipaddress.IPv4Address(int(digits, 16).to_bytes(4, sys.byteorder)))


def _ipv6(digits: str) -> str:
    return str(ipaddress.IPv6Address(int(digits, 16)))
