"""NTP: a full client exchange (RFC 5905), so that an answer proves a usable time server."""

from __future__ import annotations

import asyncio
import secrets
import struct
from functools import partial
from typing import NamedTuple

from veeamcheck.model import Detail, Observation, Signal
from veeamcheck.net.interface import Network
from veeamcheck.probes.interface import Turn

_TRIES = 4
_APART = 2.0
"""Seconds between requests: servers limit a client that asks faster."""

_PACKET = struct.Struct(">BBbbII4sQQQQ")
_CLIENT = 0x23  # no leap warning, version 4, mode 3
_SERVER_MODE = 4
_EPOCH = 2_208_988_800
"""Seconds from 1900, where NTP counts from, to 1970."""
_ERA = 1 << 32
_MAX_DISTANCE = 16.0
_UNSYNCHRONISED_LEAP = 3
_STRATUM_LIMIT = 16


class Reply(NamedTuple):
    """The fields of a server's answer that count; times in seconds since 1970."""

    leap: int
    mode: int
    stratum: int
    root_distance: float
    reference: bytes
    originate: int
    receive: int
    transmit: int


def parse_reply(data: bytes) -> Reply | None:
    """The fields of an NTP packet; None if it is too short to be one."""
    if len(data) < _PACKET.size:
        return None
    first, stratum, _, _, delay, dispersion, reference, _, originate, receive, transmit = (
        _PACKET.unpack_from(data)
    )
    distance = delay / 65536 / 2 + dispersion / 65536
    return Reply(first >> 6, first & 7, stratum, distance, reference, originate, receive, transmit)


def is_answer(data: bytes, cookie: int) -> bool:
    """Whether this answers our request and nobody else's."""
    reply = parse_reply(data)
    return (
        reply is not None
        and reply.mode == _SERVER_MODE
        and reply.originate == cookie
        and (reply.stratum == 0 or (reply.receive != 0 and reply.transmit != 0))
    )


def judge_reply(reply: Reply, sent: float, received: float) -> Observation:
    """`open` for a synchronised server's answer, else `invalid` with the reason.

    `sent` and `received` are this machine's clock in seconds since 1970.
    """
    if reply.stratum == 0:
        code = reply.reference.rstrip(b"\0").decode("ascii", "replace")
        printable = code if code.isprintable() and code else "?"
        return _invalid(f"refuses to serve: kiss code {printable}", {"stratum": 0})
    arrived = _seconds(reply.receive, near=sent)
    left = _seconds(reply.transmit, near=sent)
    delay = (received - sent) - (left - arrived)
    facts: dict[str, str | int | float | bool | None] = {
        "offset_ms": round(((arrived - sent) + (left - received)) / 2 * 1000, 3),
        "delay_ms": round(delay * 1000, 3),
        "stratum": reply.stratum,
    }
    if reply.leap == _UNSYNCHRONISED_LEAP or reply.stratum >= _STRATUM_LIMIT:
        return _invalid("answers, but is not synchronised itself", facts)
    if reply.root_distance >= _MAX_DISTANCE:
        return _invalid("answers, but is too far from a reference clock", facts)
    return Observation(Signal.OPEN, attributed=True, rtt=received - sent, detail=facts, proven=True)


async def probe(network: Network, address: str, port: int, turn: Turn) -> Observation:
    """Ask up to four times, two seconds apart; silence is never a success."""
    unreachable: Observation | None = None
    for attempt in range(_TRIES):
        if attempt:
            await asyncio.sleep(_APART)
        await turn()
        # A random transmit timestamp tells nothing about this machine and cannot be guessed.
        cookie = secrets.randbits(64) | 1
        request = _PACKET.pack(_CLIENT, 0, 0, 0, 0, 0, b"", 0, 0, 0, cookie)
        accept = partial(is_answer, cookie=cookie)
        answer = await network.exchange(address, port, request, accept, _APART)
        reply = parse_reply(answer.data) if answer.data else None
        if reply:
            return judge_reply(reply, answer.sent, answer.received)
        failure = answer.failure or Observation(Signal.SILENT)
        if failure.signal is Signal.UNREACHABLE and unreachable is None:
            unreachable = failure
        elif failure.signal is not Signal.SILENT:
            return failure
    return unreachable or Observation(Signal.SILENT, attributed=network.attributes)


def _seconds(timestamp: int, *, near: float) -> float:
    """NTP counts 32 bits of seconds and starts again in 2036: the era is the nearest one."""
    seconds = (timestamp >> 32) - _EPOCH + (timestamp & 0xFFFFFFFF) / _ERA
    return seconds + round((near - seconds) / _ERA) * _ERA


def _invalid(meaning: str, facts: Detail) -> Observation:
    return Observation(Signal.INVALID, attributed=True, detail={"meaning": meaning, **facts})
