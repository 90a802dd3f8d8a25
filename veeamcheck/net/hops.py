"""One probe that may go only so many hops: the only place that knows which systems can."""

from __future__ import annotations

import asyncio
import os

from veeamcheck.model import Observation, Transport
from veeamcheck.net import errors
from veeamcheck.net.datagrams import settle
from veeamcheck.net.system import PORTABLE

_ATTEMPT = 0.95
"""Seconds: within them the kernel sends one SYN and no second one."""
_NTP_PORT = 123
_NTP_REQUEST = bytes([0x23]) + bytes(47)
"""A client's request of NTP version 4, without a time."""


def why_not() -> str | None:
    """Why this machine cannot see the hops of a path; None where it can."""
    if not errors.HAS_ERROR_QUEUE:
        return "this system does not show a program which router a packet has reached; Linux does"
    if os.environ.get(PORTABLE):
        return f"{PORTABLE} is set: probes use nothing that only Linux has"
    return None


class HopProber:
    """Probes from this machine. Needs no privilege; only where `why_not` is None."""

    def __init__(self, address: str) -> None:
        from veeamcheck.net.writers import WriterConnector

        self._address = address
        self._connector = WriterConnector()

    async def probe(self, transport: Transport, port: int, ttl: int) -> Observation:
        """What comes back from a packet that may pass `ttl` hops, within a second.

        The address where the hops are used up is what `errors.expired_at` tells of it. A
        connection that is made is reset at once. Raises nothing for what a network does.
        """
        if transport is Transport.UDP:
            payload = _NTP_REQUEST if port == _NTP_PORT else b""
            return await settle(self._address, port, payload, _ATTEMPT, ttl=ttl)
        told: asyncio.Future[Observation] = asyncio.get_running_loop().create_future()

        def tell(_port: int, seen: Observation) -> None:
            if not told.done():
                told.set_result(seen)

        self._connector.connect(self._address, port, _ATTEMPT, tell, ttl=ttl)
        return await told

    def close(self) -> None:
        """Abandon every probe."""
        self._connector.close()
