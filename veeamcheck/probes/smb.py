"""SMB: its first message, NEGOTIATE ([MS-SMB2] 2.2.3), which the server answers with a dialect.

No session is set up. What answers only the message of SMB 1 is told as that.
"""

from __future__ import annotations

import secrets
import struct

from veeamcheck.model import Observation, Signal
from veeamcheck.net.interface import Network, Stream
from veeamcheck.probes._strangers import stranger
from veeamcheck.probes._talk import ask, hear, invalid, recognised
from veeamcheck.probes.interface import Turn

_DIALECTS = {
    0x0202: "2.0.2",
    0x0210: "2.1",
    0x0300: "3.0",
    0x0302: "3.0.2",
    0x0311: "3.1.1",
}
_SMB1_DIALECT = b"NT LM 0.12"
_MAGIC, _MAGIC1 = b"\xfeSMB", b"\xffSMB"
_MOST = 4_096
"""Bytes of the answer that are read; its dialect is among the first hundred."""

_HEADER = struct.Struct("<4sHHIHHIIQIIQ16s")
"""Of SMB 2; its size, 64, is its second field."""
_SIGNING_ENABLED = 1
_PREAUTH_INTEGRITY, _SHA_512, _SALT = 1, 1, 32


def negotiate() -> bytes:
    """NEGOTIATE of SMB 2 with every dialect, ready to be sent."""
    header = _HEADER.pack(_MAGIC, 64, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, bytes(16))
    dialects = struct.pack(f"<{len(_DIALECTS)}H", *_DIALECTS)
    fixed = 36
    end = len(header) + fixed + len(dialects)
    contexts_at = -(-end // 8) * 8
    body = struct.pack(
        "<HHHHI16sIHH",
        *(fixed, len(_DIALECTS), _SIGNING_ENABLED, 0, 0),
        *(secrets.token_bytes(16), contexts_at, 1, 0),
    )
    hashes = struct.pack("<HHH", 1, _SALT, _SHA_512) + secrets.token_bytes(_SALT)
    context = struct.pack("<HHI", _PREAUTH_INTEGRITY, len(hashes), 0) + hashes
    return _framed(header + body + dialects + bytes(contexts_at - end) + context)


def negotiate_smb1() -> bytes:
    """NEGOTIATE of SMB 1, with its last dialect alone."""
    header = struct.pack(
        "<4sBIBH12sHHHH", _MAGIC1, 0x72, 0, 0x18, 0xC001, bytes(12), 0xFFFF, 1, 0, 1
    )
    dialect = b"\x02" + _SMB1_DIALECT + b"\0"
    return _framed(header + struct.pack("<BH", 0, len(dialect)) + dialect)


def _framed(message: bytes) -> bytes:
    return struct.pack(">I", len(message)) + message


def judge(said: bytes) -> Observation:
    """What an answer to either NEGOTIATE shows."""
    message = said[4:]
    if _is_request(message):
        return invalid("sends back whatever it is sent", cause="stranger")
    if message.startswith(_MAGIC1):
        if len(message) < 5 or message[4] != 0x72:
            return invalid("SMB 1, but no answer to NEGOTIATE", cause="stranger")
        return recognised("SMB 1 only, which is long out of date", dialect="1")
    if not message.startswith(_MAGIC):
        return stranger(said)
    status, dialect = None, None
    if len(message) >= 70:
        (status,) = struct.unpack_from("<I", message, 8)
        (dialect,) = struct.unpack_from("<H", message, 68)
    if status:
        return recognised(f"SMB, which takes none of our dialects (status {status:#010x})")
    if dialect not in _DIALECTS:
        return recognised("SMB 2 or 3")
    return recognised(f"SMB {_DIALECTS[dialect]}", dialect=_DIALECTS[dialect])


def _is_request(message: bytes) -> bool:
    """Whether this is what a client sends: the flag of an answer is missing."""
    if message.startswith(_MAGIC):
        return len(message) >= 20 and not message[16] & 1
    return message.startswith(_MAGIC1) and len(message) >= 10 and not message[9] & 0x80


def _is_whole(said: bytes) -> bool:
    """The message has come, or what has come is no SMB."""
    if len(said) < 8:
        return False
    return said[4:8] not in (_MAGIC, _MAGIC1) or len(said) >= min(
        _MOST, 4 + int.from_bytes(said[1:4], "big")
    )


async def _talk(stream: Stream, seconds: float) -> Observation:
    stream.write(negotiate())
    return judge(await hear(stream, _is_whole, most=_MOST, seconds=seconds))


async def _talk_smb1(stream: Stream, seconds: float) -> Observation:
    stream.write(negotiate_smb1())
    return judge(await hear(stream, _is_whole, most=_MOST, seconds=seconds))


async def probe(
    network: Network, address: str, port: int, turn: Turn, *, name: str | None = None
) -> Observation:
    """The dialect; a server that has no answer to SMB 2 is asked for SMB 1."""
    seen = await ask(network, address, port, turn, _talk)
    if seen.signal is Signal.INVALID and (seen.detail or {}).get("cause") != "stranger":
        old = await ask(network, address, port, turn, _talk_smb1)
        if old.proven:
            return old
    return seen
