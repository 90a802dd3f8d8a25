"""The listener: bounded in connections, rate, time and bytes, whatever comes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Sequence
from time import monotonic
from typing import Any, cast

import asyncio_dgram
from asyncio_dgram.aio import DatagramServer

from veeamcheck.engine.pace import Bucket
from veeamcheck.farside import token
from veeamcheck.farside.binding import Bound
from veeamcheck.farside.door import Door
from veeamcheck.farside.summary import opened_rows
from veeamcheck.farside.visits import Visits
from veeamcheck.model import Transport
from veeamcheck.net.sockets import close_at_once
from veeamcheck.ports import PortSet

CONNECTION_LIMIT = 2.0
"""Seconds that a connection may take."""
ANSWERS_A_SECOND = 1000.0
"""Over UDP, where a sender can be forged."""
_OUT_OF_DESCRIPTORS = 0.1
"""Seconds to wait where the system has no descriptor for one more connection."""


class Listener:
    """Answers on ports that are bound already, to whoever holds the key."""

    def __init__(self, bound: Sequence[Bound], key: bytes, visits: Visits) -> None:
        self._bound = bound
        self._key = key
        self._visits = visits
        self._door = Door(visits.known, monotonic())
        self._answers = Bucket(ANSWERS_A_SECOND, int(ANSWERS_A_SECOND), monotonic())
        self._tasks: set[asyncio.Task[None]] = set()
        self._ports: dict[tuple[str, Transport], PortSet] = {
            (address, transport): ports for address, transport, ports in opened_rows(bound)
        }

    async def serve(self) -> None:
        """Serve until cancelled; the ports are closed then."""
        try:
            async with asyncio.TaskGroup() as group:
                for each in self._bound:
                    serve = self._accept if each.transport is Transport.TCP else self._receive
                    group.create_task(serve(each))
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            close_all(self._bound)

    async def _accept(self, bound: Bound) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, peer = await loop.sock_accept(bound.sock)
            except OSError:
                await asyncio.sleep(_OUT_OF_DESCRIPTORS)
                continue
            self._let_in(connection, peer, bound)
            # One from each port in turn: a crowd at one port must not hold up the others.
            await asyncio.sleep(0)

    def _let_in(self, connection: socket.socket, peer: tuple[str, int], bound: Bound) -> None:
        source = _without_scope(peer[0])
        self._came(source, bound, connection, held_key=False)
        if not self._door.admit(source, monotonic()):
            self._visits.turned_away += 1
            close_at_once(connection)
            return
        task = asyncio.create_task(self._attend(connection, source, peer[1], bound))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _attend(
        self, connection: socket.socket, source: str, source_port: int, bound: Bound
    ) -> None:
        try:
            async with asyncio.timeout(CONNECTION_LIMIT):
                await self._converse(connection, source, source_port, bound)
        except (OSError, TimeoutError):
            pass  # it left, or took too long
        finally:
            close_at_once(connection)
            self._door.leave(source)

    async def _converse(
        self, connection: socket.socket, source: str, source_port: int, bound: Bound
    ) -> None:
        loop = asyncio.get_running_loop()
        nonce = token.new_nonce()
        await loop.sock_sendall(connection, token.greeting(nonce))
        line = await _read_line(connection)
        if not line:
            return
        challenge = token.parse_request(self._key, nonce, line)
        if challenge is None:
            self._visits.unproven += 1
            return
        self._visits.answered += 1
        self._came(source, bound, connection, held_key=True)
        address = _without_scope(connection.getsockname()[0])
        sight = self._sight(bound, source, source_port, address)
        await loop.sock_sendall(
            connection, token.answer(self._key, nonce, challenge, sight, len(line))
        )
        # The prober closes: our own reset could overtake the answer.
        await loop.sock_recv(connection, 1)

    def _came(
        self, source: str, bound: Bound, connection: socket.socket, *, held_key: bool
    ) -> None:
        """Note who came; a question of this host itself has not come over a network."""
        own = _without_scope(connection.getsockname()[0])
        if source != own or source in self._visits.known:
            self._visits.came(source, Transport.TCP, bound.port, held_key=held_key)

    async def _receive(self, bound: Bound) -> None:
        stream = cast(DatagramServer, await asyncio_dgram.from_socket(bound.sock))
        try:
            while True:
                try:
                    data, sender = await stream.recv()
                    answer = self._answer_datagram(data, sender, bound)
                    if answer:
                        await stream.send(answer, sender)
                except OSError:
                    continue  # what became of an earlier answer
        finally:
            stream.close()

    def _answer_datagram(self, data: bytes, sender: Any, bound: Bound) -> bytes | None:
        """The answer, never longer than what came; None for whoever does not hold the key."""
        challenge = (
            token.parse_request(self._key, token.NO_NONCE, data)
            if token.SMALL <= len(data) <= token.MOST
            else None
        )
        if challenge is None:
            self._visits.unproven += 1
            return None
        if self._answers.available(monotonic()) < 1:
            self._visits.turned_away += 1
            return None
        self._answers.take(1)
        self._visits.answered += 1
        source = _without_scope(sender[0])
        self._visits.came(source, Transport.UDP, bound.port, held_key=True)
        sight = self._sight(bound, source, sender[1], bound.address)
        return token.answer(self._key, token.NO_NONCE, challenge, sight, len(data))

    def _sight(self, bound: Bound, source: str, source_port: int, address: str) -> token.Sight:
        return token.Sight(
            port=bound.port,
            source=source,
            source_port=source_port,
            address=_without_scope(address),
            tcp=self._ports.get((bound.address, Transport.TCP), PortSet()),
            udp=self._ports.get((bound.address, Transport.UDP), PortSet()),
        )


def close_all(bound: Iterable[Bound]) -> None:
    """Give the ports back."""
    for each in bound:
        each.sock.close()


async def _read_line(connection: socket.socket) -> bytes:
    """The first line, or what came before the other side left or said too much."""
    loop = asyncio.get_running_loop()
    line = b""
    while not line.endswith(b"\n") and len(line) < token.MOST:
        more = await loop.sock_recv(connection, token.MOST - len(line))
        if not more:
            break
        line += more
    return line


def _without_scope(address: str) -> str:
    return address.partition("%")[0]
