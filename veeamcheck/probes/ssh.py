"""SSH: the server's version line and the kinds of its host keys (RFC 4253), before any login.

Our own version line is all that is sent. The server answers it with its first key exchange packet,
which lists what it offers; no key is exchanged. A version alone does not count: it comes unasked,
so what is sent there may still get lost.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from veeamcheck import __version__
from veeamcheck.model import Observation
from veeamcheck.net.interface import Network, Stream
from veeamcheck.probes._strangers import LISTENER, stranger
from veeamcheck.probes._talk import ask, hear, invalid, recognised, shown
from veeamcheck.probes.interface import Turn

_HELLO = f"SSH-2.0-veeamcheck_{__version__.replace('-', '_')}\r\n".encode()
_MOST = 16_384
"""Bytes: lines before the version line, the line itself, and the first packet."""
_LINES = 32
"""Lines that may come before the version line."""
_VERSIONS = (b"SSH-2.0-", b"SSH-1.99-")
_BUSY = (b"Exceeded MaxStartups", b"Not allowed at this time")
"""What OpenSSH says, in place of its version, to a caller that it turns away for now."""

_PACKET = struct.Struct(">IBB")
_KEY_EXCHANGE = 20
_COOKIE = 16
_KINDS = (
    ("ed25519", "ed25519"),
    ("ed448", "ed448"),
    ("ecdsa", "ecdsa"),
    ("rsa", "rsa"),
    ("dss", "dsa"),
)
"""Part of an algorithm's name -> the kind of key behind it."""


class Greeting(NamedTuple):
    version: bytes | None
    """The version line; None: it has not come."""
    rest: bytes
    """What came behind it."""


def parse_greeting(said: bytes) -> Greeting:
    """The version line; a server may say other lines before it."""
    *lines, rest = said.split(b"\n")
    for number, line in enumerate(lines[:_LINES]):
        if line.startswith(b"SSH-"):
            return Greeting(line.rstrip(b"\r"), b"\n".join((*lines[number + 1 :], rest)))
    return Greeting(None, said)


def parse_host_keys(packet: bytes) -> list[str] | None:
    """The host key algorithms that the first packet offers; None while it has not all come."""
    if len(packet) < _PACKET.size:
        return None
    length, _, message = _PACKET.unpack_from(packet)
    if message != _KEY_EXCHANGE or length > _MOST:
        return []
    if len(packet) < 4 + length:
        return None
    lists = packet[_PACKET.size + _COOKIE : 4 + length]
    for _ in range(2):  # the key exchange methods, then the host key algorithms
        (size,) = struct.unpack_from(">I", lists) if len(lists) >= 4 else (0,)
        names, lists = lists[4 : 4 + size], lists[4 + size :]
    return names.decode("ascii", "replace").split(",") if names else []


def kinds_of(algorithms: list[str]) -> str:
    """The kinds of keys behind these algorithms, each once: ``rsa, ed25519``."""
    found = (kind for each in algorithms for part, kind in _KINDS if part in each)
    return ", ".join(dict.fromkeys(found))


def judge(said: bytes) -> Observation:
    """What the first words of a server show."""
    version, rest = parse_greeting(said)
    if version == _HELLO.rstrip():
        return invalid("sends back whatever it is sent", cause="stranger")
    if version is None:
        if said.startswith(_BUSY):
            return recognised(f"OpenSSH, which turns callers away for now: “{shown(said)}”")
        return stranger(said)
    if not version.startswith(_VERSIONS):
        return invalid(f"an SSH server without version 2 ({shown(version)})", cause="stranger")
    words, algorithms = shown(version), parse_host_keys(rest)
    if algorithms is None:
        return invalid(f"says {words} and does not answer: what it is sent is lost", cause="mute")
    keys = kinds_of(algorithms)
    return recognised(f"{words}, host keys {keys}" if keys else words, banner=words, host_keys=keys)


def _is_whole(said: bytes) -> bool:
    if said.startswith(LISTENER):
        return True
    version, rest = parse_greeting(said)
    return version is not None and parse_host_keys(rest) is not None


async def _talk(stream: Stream, seconds: float) -> Observation:
    stream.write(_HELLO)
    return judge(await hear(stream, _is_whole, most=_MOST, seconds=seconds))


async def probe(
    network: Network, address: str, port: int, turn: Turn, *, name: str | None = None
) -> Observation:
    """The server's version and key types."""
    return await ask(network, address, port, turn, _talk)
