"""What a probe of a service is: one file here, named like the service, with one `probe`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from veeamcheck.model import Observation
from veeamcheck.net.interface import Network

Turn = Callable[[], Awaitable[None]]
"""Waits until the pace allows one more packet to the target."""


class Probe(Protocol):
    """A whole check of one service on one port, with its own attempts."""

    async def __call__(
        self, network: Network, address: str, port: int, turn: Turn
    ) -> Observation: ...
