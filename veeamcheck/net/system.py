"""This machine's own sockets as a `Network`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Protocol

from veeamcheck.model import Signal
from veeamcheck.net import datagrams, errors, sockets
from veeamcheck.net.interface import Datagram, Done, Stream
from veeamcheck.net.names import Resolver
from veeamcheck.net.streams import open_local_stream

PORTABLE = "VEEAMCHECK_PORTABLE"
"""Environment variable: set, even Linux probes as other systems do (for tests and diagnosis)."""

_WINDOWS_REFUSAL = 3.5
"""Seconds: Windows repeats a SYN that was reset, and reports the refusal 2 to 3 s later."""

_NO_ICMP = (
    "ICMP errors are not visible here: a refusal may be a firewall's reject, "
    "and who rejected is not known"
)


class _Connector(Protocol):
    def connect(self, address: str, port: int, timeout: float, done: Done) -> None: ...

    def close(self) -> None: ...


class SystemNetwork:
    """Probes leave from this machine. `portable` uses nothing that only Linux has."""

    def __init__(self, *, portable: bool | None = None) -> None:
        if portable is None:
            portable = not errors.HAS_ERROR_QUEUE or bool(os.environ.get(PORTABLE))
        windows = sys.platform == "win32"
        self._resolver = Resolver()
        self._portable = portable
        self.means = "portable sockets" if portable else "sockets"
        self.attributes = windows or not portable
        self.least_timeout = _WINDOWS_REFUSAL if windows else 0.0
        self.missing_evidence: tuple[str, ...] = ()
        if not portable:
            from veeamcheck.net.writers import WriterConnector

            self._connector: _Connector = WriterConnector()
        else:
            from veeamcheck.net.portable import TaskConnector

            self._connector = TaskConnector(attributes=self.attributes)
            self.missing_evidence = (_NO_ICMP,)

    def connect(self, address: str, port: int, timeout: float, done: Done) -> None:
        self._connector.connect(address, port, timeout, done)

    async def exchange(
        self,
        address: str,
        port: int,
        payload: bytes,
        accept: Callable[[bytes], bool],
        timeout: float,
    ) -> Datagram:
        answer = await datagrams.exchange(
            address, port, payload, accept, timeout, attributes=self.attributes
        )
        failure = answer.failure
        if failure is None or self._portable or failure.signal is Signal.LOCAL_ERROR:
            return answer
        seen = await datagrams.settle(address, port, payload, timeout)
        if seen.signal in (Signal.SILENT, Signal.OPEN):
            return answer  # the answers have just been judged
        return answer._replace(failure=seen)

    async def open_stream(self, address: str, port: int, timeout: float) -> Stream:
        return await open_local_stream(address, port, timeout)

    async def check(self) -> None:
        """This machine answers."""

    async def resolve(self, name: str) -> tuple[str, ...]:
        return await self._resolver.resolve(name)

    def local_address(self, address: str) -> str | None:
        return sockets.local_address(address)

    def close(self) -> None:
        self._connector.close()
