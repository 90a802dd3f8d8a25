"""Asks the hops of a path, patiently and side by side, and says where it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic

from veeamcheck.model import Observation, Signal, Trace, Transport
from veeamcheck.net.hops import HopProber
from veeamcheck.tracing.lane import WHOLE, Lane, next_asks
from veeamcheck.tracing.place import Asked, find_place

Probe = Callable[[Transport, int, int], Awaitable[Observation]]
"""Transport, port and TTL -> what one packet brought back."""

_ROUNDS = 12
_APART = 1.1
"""Seconds from round to round: routers send about one ICMP error a second to each of us."""
_SIDE_BY_SIDE = 8
"""Ports that are tried at once for one that works."""


async def follow(
    asked: Asked, probe: Probe, *, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> Trace:
    """Trace one port, beside the port that it is compared with; takes up to some 13 s."""
    port = Lane()
    compared = Lane() if asked.compared_with is not None else None

    async def ask(lane: Lane, ttl: int) -> None:
        if lane is port:
            seen = await probe(asked.transport, asked.port, ttl)
        else:
            seen = await probe(Transport.TCP, asked.compared_with or 0, ttl)
        lane.add(ttl, seen)

    for number in range(_ROUNDS):
        asks = next_asks(port, compared)
        if not asks:
            break
        if number % 2:
            asks.reverse()  # a router with one answer a second shall not always serve the same one
        started = monotonic()
        await asyncio.gather(*(ask(lane, ttl) for lane, ttl in asks))
        if any(lane.asked(ttl) for lane, ttl in next_asks(port, compared)):
            await pause(max(0.0, _APART - (monotonic() - started)))
    return find_place(asked, port, compared)


async def trace_port(
    address: str, transport: Transport, port: int, candidates: Sequence[int] = ()
) -> Trace:
    """Trace one port from this machine, compared with the first candidate that works.

    Open is better than refused. Only where `net.hops.why_not` is None.
    """
    prober = HopProber(address)
    try:
        found = await _first_working(prober.probe, candidates)
        asked = Asked(address=address, transport=transport, port=port, compared_with=found)
        return await follow(asked, prober.probe)
    finally:
        prober.close()


async def _first_working(probe: Probe, candidates: Sequence[int]) -> int | None:
    """A single candidate is taken as it is: whoever names one wants to see it."""
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    refused: int | None = None
    for first in range(0, len(candidates), _SIDE_BY_SIDE):
        some = candidates[first : first + _SIDE_BY_SIDE]
        seen = await asyncio.gather(*(probe(Transport.TCP, each, WHOLE) for each in some))
        for each, what in zip(some, seen, strict=True):
            if what.signal is Signal.OPEN:
                return each
            if what.signal is Signal.REFUSED and refused is None:
                refused = each
    return refused
