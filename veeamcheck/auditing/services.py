"""What answers on open ports: each is asked once for every service that some flow expects there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from typing import NamedTuple

from veeamcheck.auditing.certificates import held_to
from veeamcheck.model import Observation, Signal, TlsPin
from veeamcheck.net.interface import Network
from veeamcheck.ports import PortSet
from veeamcheck.probes import find_probe
from veeamcheck.probes.interface import UNHEARD, Probe, Turn

_AT_ONCE = 8
"""Conversations with one address: a server may count strangers (sshd's MaxStartups: 10)."""


class Expected(NamedTuple):
    """What should answer on the ports of one address."""

    service: str
    name: str | None
    """The DNS name by which it is addressed: a TLS server may have a certificate for each."""


class Services:
    """Asks what answers at one address; `seen` can be read at any time."""

    def __init__(
        self,
        network: Network,
        address: str,
        turn: Turn,
        free: asyncio.Semaphore,
    ) -> None:
        self._network = network
        self._address = address
        self._turn = turn
        self._free = free
        self._own = asyncio.Semaphore(_AT_ONCE)
        self._asked: set[tuple[Expected, int]] = set()
        self.seen: dict[Expected, dict[int, Observation]] = {}

    async def ask(
        self, wanted: Iterable[tuple[Expected, PortSet]], contacted: Mapping[int, Observation]
    ) -> None:
        """Ask every port that is open, not proven otherwise, and not asked yet."""
        new: list[Awaitable[None]] = []
        for expected, ports in wanted:
            probe = find_probe(expected.service)
            if probe is None:
                continue
            for port, each in contacted.items():
                question = expected, port
                if port in ports and _is_unproven(each) and question not in self._asked:
                    self._asked.add(question)
                    new.append(self._ask(probe, expected, port, each))
        await asyncio.gather(*new)

    async def _ask(self, probe: Probe, expected: Expected, port: int, before: Observation) -> None:
        async with self._own, self._free:
            answer = await probe(self._network, self._address, port, self._turn, name=expected.name)
        answer = answer._replace(attributed=before.attributed, rtt=before.rtt)
        self.seen.setdefault(expected, {})[port] = answer

    def overlaid(
        self,
        contacted: Mapping[int, Observation],
        expected: Expected,
        pin: TlsPin | None = None,
        *,
        accepts_all: bool = False,
    ) -> Mapping[int, Observation]:
        """What the ports show where this is expected.

        A port whose service was not asked, as the run was interrupted, is left out: it shows
        nothing yet. Where something accepts for everybody (`accepts_all`), that is who hung up or
        said nothing, and the service was not met: the port is open, not proven.
        """
        if find_probe(expected.service) is None:
            return contacted
        answers = self.seen.get(expected, {})
        known = {
            port: answers.get(port, each)
            for port, each in contacted.items()
            if port in answers or not _is_unproven(each)
        }
        if accepts_all:
            known = {port: _met_nobody(each) for port, each in known.items()}
        return {port: held_to(pin, each) for port, each in known.items()} if pin else known


def _is_unproven(contacted: Observation) -> bool:
    """Whether a port is open, and by its handshake alone."""
    return contacted.signal is Signal.OPEN and not contacted.proven


def _met_nobody(answer: Observation) -> Observation:
    unheard = (answer.detail or {}).get("cause") in UNHEARD
    return answer._replace(signal=Signal.OPEN) if unheard else answer
