"""What a probe of a service is: one file here, named like the service, with one `probe`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from veeamcheck.model import Observation
from veeamcheck.net.interface import Network

Turn = Callable[[], Awaitable[None]]
"""Waits until the pace allows one more packet to the target."""


class Probe(Protocol):
    """A whole check of one service on one port, with its own attempts.

    It never logs in and never sends what could change anything. `open` and proven: the service
    itself was recognised. `invalid`: something else answers, and `detail` says what.
    """

    async def __call__(
        self, network: Network, address: str, port: int, turn: Turn, *, name: str | None = None
    ) -> Observation:
        """`name` is the DNS name by which the target is known, if it has one."""


UNHEARD = frozenset({"mute", "hang-up", "reset"})
"""The ``cause`` in the detail of a connection that was accepted, and on which no answer came."""
