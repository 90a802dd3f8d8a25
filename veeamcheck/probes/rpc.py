"""RPC: a bind to the endpoint mapper ([C706] 12.6.4), which acknowledges it. Nothing is called."""

from __future__ import annotations

import struct
from uuid import UUID

from veeamcheck.model import Observation
from veeamcheck.net.interface import Network, Stream
from veeamcheck.probes._strangers import stranger
from veeamcheck.probes._talk import ask, hear, invalid, recognised
from veeamcheck.probes.interface import Turn

_ENDPOINT_MAPPER = UUID("e1af8308-5d1f-11c9-91a4-08002b14a0fa"), 3
_TRANSFER_SYNTAX = UUID("8a885d04-1ceb-11c9-9fe8-08002b104860"), 2
_HEADER = struct.Struct("<BBBB4sHHI")
_BIND, _BIND_ACK, _BIND_NAK = 11, 12, 13
_FIRST_AND_LAST = 3
_LITTLE_ENDIAN = b"\x10\0\0\0"
_CALL = 1
_FRAGMENT = 4_280
_MOST = 4_096
"""Bytes of the answer that are read."""
_ACCEPTED = 0


def bind() -> bytes:
    """The bind, ready to be sent."""
    mapper, mapper_version = _ENDPOINT_MAPPER
    syntax, syntax_version = _TRANSFER_SYNTAX
    body = struct.pack(
        "<HHI BBH HBB 16sI 16sI",
        *(_FRAGMENT, _FRAGMENT, 0),
        *(1, 0, 0),
        *(0, 1, 0),
        *(mapper.bytes_le, mapper_version),
        *(syntax.bytes_le, syntax_version),
    )
    size = _HEADER.size + len(body)
    return _HEADER.pack(5, 0, _BIND, _FIRST_AND_LAST, _LITTLE_ENDIAN, size, 0, _CALL) + body


def judge(said: bytes) -> Observation:
    """What an answer to the bind shows."""
    if len(said) < _HEADER.size or said[0] != 5:
        return stranger(said)
    kind = said[2]
    result = _result(said) if kind == _BIND_ACK else None
    if result == _ACCEPTED:
        return recognised("RPC endpoint mapper")
    if kind == _BIND_ACK:
        return invalid(
            "RPC, but not the endpoint mapper: it refuses that interface", cause="answer"
        )
    if kind == _BIND_NAK:
        return invalid("RPC, but it refuses to talk to us (bind_nak)", cause="answer")
    return invalid(f"RPC, but no answer to a bind (packet type {kind})", cause="answer")


def _result(said: bytes) -> int | None:
    """What a bind_ack says of the one interface that was asked for; None: it is cut short."""
    at = _HEADER.size + 8  # behind two fragment sizes and a group
    if len(said) < at + 2:
        return None
    (length,) = struct.unpack_from(f"{_order(said)}H", said, at)
    at = -(-(at + 2 + length) // 4) * 4 + 4  # behind the port's name, aligned, and a count
    if len(said) < at + 2:
        return None
    return int(struct.unpack_from(f"{_order(said)}H", said, at)[0])


def _is_whole(said: bytes) -> bool:
    """The packet has come, or what has come is no RPC."""
    if len(said) < _HEADER.size:
        return bool(said) and said[0] != 5
    (length,) = struct.unpack_from(f"{_order(said)}H", said, 8)
    return said[0] != 5 or len(said) >= min(_MOST, length)


def _order(said: bytes) -> str:
    """The byte order of a packet, as `struct` writes it."""
    return "<" if said[4] & 0x10 else ">"


async def _talk(stream: Stream, seconds: float) -> Observation:
    stream.write(bind())
    return judge(await hear(stream, _is_whole, most=_MOST, seconds=seconds))


async def probe(
    network: Network, address: str, port: int, turn: Turn, *, name: str | None = None
) -> Observation:
    """Whether the endpoint mapper answers."""
    return await ask(network, address, port, turn, _talk)
