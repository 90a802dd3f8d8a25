"""What prober and listener say to each other, and why nobody else can. Pure.

Over TCP the listener speaks first: ``veeamcheck-listener 1 NONCE``. Whoever holds the key answers
with a challenge, padded to a full-size segment, and the proof that it holds it; only then the
listener says what it saw, under a token: a keyed digest (HMAC-SHA256) over the nonce, the
challenge and everything that it says. A middlebox can thus neither answer in the listener's place
nor change a word, and a stranger learns nothing but that a listener is there.

Over UDP the prober speaks first and there is no nonce; the answer is never longer than the request.
"""

from __future__ import annotations

import hmac
import secrets
from ipaddress import ip_address
from typing import NamedTuple

from veeamcheck.ports import PortSet

FULL_SIZE = 1460
"""Bytes of TCP data that fill a segment on an Ethernet without options."""
SMALL = 512
"""Bytes: room for any answer, in a packet that every path carries."""
MOST = 16_384
"""Bytes: no line is longer."""
NO_NONCE = "-"
"""In place of a nonce where nobody greets: UDP."""

_GREETING = b"veeamcheck-listener 1 "
_REQUEST = b"veeamcheck-prober 1 "
_ANSWER = b"veeamcheck-answer 1 "
_UNSAID = "-"
_PADDING = b"x"


class Sight(NamedTuple):
    """A connection as the listener sees it, and where it listens at that address."""

    port: int
    source: str
    source_port: int
    address: str
    """The listener's own."""
    tcp: PortSet = PortSet()
    udp: PortSet = PortSet()


def new_nonce() -> str:
    """Something that nobody can guess, and that is never used twice."""
    return secrets.token_hex(16)


def greeting(nonce: str) -> bytes:
    """The line that a listener begins a TCP connection with."""
    return _GREETING + nonce.encode() + b"\n"


def could_be_greeting(begun: bytes) -> bool:
    """Whether a line that begins like this can still become a greeting."""
    return begun.startswith(_GREETING[: len(begun)])


def parse_greeting(line: bytes) -> str | None:
    """The nonce of a listener's greeting; None for any other line."""
    words = _words(line, _GREETING)
    return words[0] if words and len(words) == 1 else None


def request(key: bytes, nonce: str, challenge: str, size: int) -> bytes:
    """The prober's line, `size` bytes long."""
    proof = _digest(key, "request", nonce, challenge)
    return _line(_REQUEST, [challenge, proof], size)


def parse_request(key: bytes, nonce: str, line: bytes) -> str | None:
    """The challenge of a prober that holds the key; None for any other line."""
    words = _words(line, _REQUEST)
    if not words or len(words) != 3:
        return None
    challenge, proof, _padding = words
    held = hmac.compare_digest(proof, _digest(key, "request", nonce, challenge))
    return challenge if held else None


def answer(key: bytes, nonce: str, challenge: str, sight: Sight, size: int) -> bytes:
    """The listener's line, `size` bytes long, as the request was (at least `SMALL`).

    Ports that do not fit stay unsaid.
    """
    said = [str(sight.port), sight.source, str(sight.source_port), sight.address]
    room = size - 300
    for ports in (sight.tcp, sight.udp):
        text = str(ports) or _UNSAID
        said.append(text if len(text) <= room else _UNSAID)
        room -= len(said[-1])
    token = _digest(key, "answer", nonce, challenge, *said)
    return _line(_ANSWER, [token, *said], size)


def parse_answer(key: bytes, nonce: str, challenge: str, line: bytes) -> Sight | None:
    """What the listener saw; None where the token is missing or wrong."""
    words = _words(line, _ANSWER)
    if not words or len(words) != 8:
        return None
    token, *said, _padding = words
    if not hmac.compare_digest(token, _digest(key, "answer", nonce, challenge, *said)):
        return None
    port, source, source_port, address, tcp, udp = said
    return Sight(int(port), source, int(source_port), address, _ports(tcp), _ports(udp))


def same_address(one: str, other: str) -> bool:
    """Whether two texts are the same IP address; its scope (``%eth0``) is each side's own."""
    return ip_address(one.partition("%")[0]) == ip_address(other.partition("%")[0])


def _digest(key: bytes, *words: str) -> str:
    return hmac.new(key, "\n".join(words).encode(), "sha256").hexdigest()


def _line(kind: bytes, words: list[str], size: int) -> bytes:
    text = kind + " ".join(words).encode() + b" "
    return text + _PADDING * max(1, size - len(text) - 1) + b"\n"


def _words(line: bytes, kind: bytes) -> list[str] | None:
    if not (line.startswith(kind) and line.endswith(b"\n") and line.isascii()):
        return None
    return line[len(kind) : -1].decode().split(" ")


def _ports(text: str) -> PortSet:
    return PortSet() if text == _UNSAID else PortSet.parse(text)
