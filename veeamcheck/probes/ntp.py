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
_TOLERANCE = 1.0
"""Seconds by which a server's times may contradict each other: clocks are coarse, and are set."""
_OWN_CLOCK = b"\x7f\x7f"
"""127.127.x.y: in the way of ntpd and chrony, a clock of the server itself."""


class Reply(NamedTuple):
    """The fields of a server's answer that count; times in seconds since 1970."""

    leap: int
    mode: int
    stratum: int
    root_distance: float
    reference: bytes
    set: int
    """When the server's clock was last set; 0: it does not tell."""
    originate: int
    receive: int
    transmit: int


def parse_reply(data: bytes) -> Reply | None:
    """The fields of an NTP packet; None if it is too short to be one."""
    if len(data) < _PACKET.size:
        return None
    first, stratum, _, _, delay, dispersion, reference, *stamps = _PACKET.unpack_from(data)
    distance = delay / 65536 / 2 + dispersion / 65536
    return Reply(first >> 6, first & 7, stratum, distance, reference, *stamps)


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
    if lie := _contradiction(reply, arrived, left, received - sent):
        return _invalid(f"answers, but contradicts itself: {lie}", facts)
    return Observation(Signal.OPEN, attributed=True, rtt=received - sent, detail=facts, proven=True)


def _contradiction(reply: Reply, arrived: float, left: float, took: float) -> str:
    """What no server says that knows the time; empty if nothing.

    `arrived` and `left` are the server's times of the request and its answer, `took` the seconds
    between the two here. RFC 5905, A.5.1.1 and figure 12.
    """
    if not -_TOLERANCE <= left - arrived <= took + _TOLERANCE:
        return f"it took {left - arrived:.3f} s over an answer that came after {took:.3f} s"
    if reply.set and _seconds(reply.set, near=left) > left + _TOLERANCE:
        return "its clock was last set in its own future"
    if reply.stratum == 1 and not _is_clock(reply.reference):
        named = ".".join(map(str, reply.reference))
        return f"stratum 1 is a reference clock, but it follows the server {named}"
    return ""


def _is_clock(reference: bytes) -> bool:
    """Whether a reference identifier can be that of a clock: letters such as GPS, or nothing."""
    name = reference.rstrip(b"\0")
    return reference.startswith(_OWN_CLOCK) or all(0x20 <= letter < 0x7F for letter in name)


async def probe(
    network: Network, address: str, port: int, turn: Turn, *, name: str | None = None
) -> Observation:
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
