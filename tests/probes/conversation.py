"""Asking a service that stands on loopback, without waiting as long as one would for a real one."""

import asyncio

import pytest

from tests.impostors import SERVICES, serve
from veeamcheck.model import Observation
from veeamcheck.net.system import SystemNetwork
from veeamcheck.probes import _talk, find_probe

HOLD = ("mute", "tls", "ftp", "echo", "banner")
"""Those that leave a caller waiting for more."""


class Impatient:
    """Asks, and counts how often the pace was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_talk, "_PAUSES", (0.0, 0.0, 0.0))
        self._monkeypatch = monkeypatch
        self.turns = 0

    async def ask(self, service: str, port: int, name: str | None = None) -> Observation:
        probe = find_probe(service)
        assert probe
        network = SystemNetwork()
        try:
            return await probe(network, "127.0.0.1", port, self._turn, name=name)
        finally:
            network.close()

    async def meet(self, service: str, stands_there: str) -> Observation:
        """Ask for a service where another may stand."""
        if stands_there in HOLD:
            self._monkeypatch.setattr(_talk, "_PATIENCE", (0.5, 0.5))
        it = SERVICES[stands_there]
        with serve(it.protocol, tls=it.tls()) as port:
            return await self.ask(service, port)

    async def _turn(self) -> None:
        self.turns += 1
        await asyncio.sleep(0)
