"""TCP attempts wherever asyncio runs: `loop.sock_connect`, one task an attempt.

Nothing here sees ICMP errors as such, so on most systems a refusal cannot be attributed.
"""

from __future__ import annotations

import asyncio
import socket
from time import monotonic

from veeamcheck.model import Observation, Signal
from veeamcheck.net import errors
from veeamcheck.net.interface import Done
from veeamcheck.net.sockets import close_at_once, family_of, is_self_connected, socket_address


class TaskConnector:
    """Starts TCP attempts and calls back with what each showed."""

    def __init__(self, *, attributes: bool) -> None:
        self._attributes = attributes
        self._tasks: set[asyncio.Task[None]] = set()

    def connect(self, address: str, port: int, timeout: float, done: Done) -> None:
        """Start one attempt; see `Network.connect`."""
        task = asyncio.ensure_future(self._attempt(address, port, timeout, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Abandon every attempt without a word."""
        for task in self._tasks:
            task.cancel()

    async def _attempt(self, address: str, port: int, timeout: float, done: Done) -> None:
        done(port, await self._observe(address, port, timeout))

    async def _observe(self, address: str, port: int, timeout: float) -> Observation:
        try:
            sock = socket.socket(family_of(address), socket.SOCK_STREAM)
        except OSError as error:
            return errors.from_errno(error.errno or 0, attributes=self._attributes)
        try:
            sock.setblocking(False)
            started = monotonic()
            try:
                async with asyncio.timeout(timeout):
                    await asyncio.get_running_loop().sock_connect(
                        sock, socket_address(address, port)
                    )
            except TimeoutError:
                return errors.SILENCE
            except OSError as error:
                number = getattr(error, "winerror", None) or error.errno or 0
                if number in errors.AFTER_HANDSHAKE:
                    seen = Observation(Signal.OPEN, attributed=self._attributes)
                else:
                    seen = errors.from_errno(number, attributes=self._attributes)
            else:
                met_itself = is_self_connected(sock)
                signal = Signal.REFUSED if met_itself else Signal.OPEN
                seen = Observation(signal, attributed=self._attributes)
            return seen._replace(rtt=monotonic() - started)
        finally:
            close_at_once(sock)
