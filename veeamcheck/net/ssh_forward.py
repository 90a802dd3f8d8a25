"""Another host's own SSH server as a `Network`: it opens the connections, and nothing runs there.

What it says of one that failed is a few words, without an ICMP error: a refusal cannot be told from
a firewall's reject. It keeps trying for minutes where nothing answers, so every attempt has a timer
of ours; attempts that only the server still waits for are dropped with their SSH connection.
"""

from __future__ import annotations

import asyncio
import errno
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import NamedTuple

import asyncssh
from asyncssh import constants

from veeamcheck.model import Observation, Signal
from veeamcheck.net import errors
from veeamcheck.net.interface import (
    Datagram,
    Done,
    Lost,
    Stream,
    UnresolvedError,
    VantageError,
    WayLostError,
)
from veeamcheck.net.names import Resolver

_AT_ONCE = 128
"""Attempts that wait for their answer."""
_ABANDONED = 256
"""Attempts that only the server still waits for, each with a descriptor there: then a fresh
connection takes over. A server may have 1,024."""
_CHECK = 5.0
"""Seconds for a look at whether the server forwards, or is still there."""
_WINDOWS_REFUSAL = 3.5
"""Seconds: Windows reports a refusal 2 to 3 s late."""
_WINDOW = 65_536
"""Bytes that a connection's far end may send before they are read."""
_OURS = ("127.0.0.1", 0)
"""Who asks, as the server is told. It may log it."""
_NOBODY = ("127.0.0.1", 0)
"""Whom it is asked to connect to, to see whether it answers: it fails at once. A server there, such
as itself, might count strangers who ask often and never log in (sshd's PerSourcePenalties)."""
_LOST = "the SSH connection was lost"
_GONE = "its SSH server answers nothing any more"
_CLOSED = "SSH connection closed"
"""asyncssh's words for a channel that ends with its connection."""
_NO_FORWARDING = frozenset(
    {constants.OPEN_ADMINISTRATIVELY_PROHIBITED, constants.OPEN_UNKNOWN_CHANNEL_TYPE}
)

_MISSING = (
    "through an SSH forwarding ICMP errors are not visible (a refusal may be a firewall's reject), "
    "UDP cannot be sent, names are resolved here, and round-trip times include the way to the "
    "vantage; python3 on that host would do better"
)
_NO_UDP = "UDP cannot be sent through an SSH forwarding; python3 on that host would allow it"

Connect = Callable[[], Awaitable[asyncssh.SSHClientConnection]]
"""Opens one more SSH connection to the host; raises VantageError."""
_Made = tuple[asyncssh.SSHReader[bytes], asyncssh.SSHWriter[bytes]]
"""A connection that the server made."""


@dataclass(slots=True)
class _Line:
    """An SSH connection, and how much its server is busy with."""

    connection: asyncssh.SSHClientConnection
    needed: int = 0
    """Attempts that are still waited for, and streams."""
    abandoned: int = 0
    """Attempts that only the server still waits for."""
    heard: float = 0.0
    """When the server last answered anything."""
    question: asyncio.Task[bool] | None = None
    """Whether it is still there."""


class _Attempt(NamedTuple):
    address: str
    port: int
    timeout: float
    done: Done


class ForwardedStream:
    """A connection that the SSH server made, as a `Stream`."""

    segment = 0
    """The server does not tell."""

    def __init__(
        self,
        made: _Made,
        line: _Line,
        lost: Callable[[str], WayLostError],
        closed: Callable[[], None],
    ) -> None:
        """`lost` is told that the SSH connection was, and why; `closed` that this has ended."""
        self._reader, self._writer = made
        self._line = line
        self._lost = lost
        self._closed = closed
        self._is_closed = False

    async def read(self, most: int) -> bytes:
        try:
            data = await self._reader.read(most)
        except asyncssh.Error as error:
            raise self._lost(f"{_LOST}: {error.reason}") from None
        if not data and self._line.connection.is_closed():
            raise self._lost(_LOST)
        return data

    def write(self, data: bytes) -> None:
        with suppress(OSError):  # it has ended, as `read` tells
            self._writer.write(data)

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._writer.channel.abort()
            self._closed()


class ForwardedNetwork:
    """Probes leave from a host whose SSH server makes the connections."""

    means = "SSH forwarding"
    attributes = False
    missing_evidence: tuple[str, ...] = (_MISSING,)

    def __init__(
        self,
        connection: asyncssh.SSHClientConnection,
        connect: Connect,
        *,
        lag: float,
        can_ask: bool = True,
    ) -> None:
        """`lag`: seconds of the way to the server and back, which an attempt takes besides.

        `can_ask`: it is known to answer when it is asked for a connection to nobody.
        """
        self.least_timeout = _WINDOWS_REFUSAL if _is_windows(connection) else 0.0
        self.on_lost: Lost | None = None
        self._line = _Line(connection)
        self._lines = {connection}
        """Every connection that is still open."""
        self._most_abandoned = _ABANDONED
        self._connect = connect
        self._lag = lag
        self._can_ask = can_ask
        self._loop = asyncio.get_running_loop()
        self._resolver = Resolver()
        self._queue: deque[_Attempt] = deque()
        self._in_flight = 0
        self._closed = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._renewing: asyncio.Task[None] | None = None

    def connect(self, address: str, port: int, timeout: float, done: Done) -> None:
        """Start one attempt; see `Network.connect`. Its time counts from when it is sent."""
        self._queue.append(_Attempt(address, port, timeout, done))
        self._start()

    async def exchange(
        self,
        address: str,
        port: int,
        payload: bytes,
        accept: Callable[[bytes], bool],
        timeout: float,
    ) -> Datagram:
        """Nothing is sent: SSH servers forward connections only."""
        now = time.time()
        return Datagram(None, now, now, _local_error(_NO_UDP))

    async def open_stream(self, address: str, port: int, timeout: float) -> Stream:
        """A connection that the server makes; see `Network.open_stream`."""
        line = self._take_line()
        try:
            made = await self._made(line, address, port, timeout)
        except BaseException:
            self._leave(line)
            raise
        return ForwardedStream(made, line, partial(self._way_lost, line), lambda: self._leave(line))

    async def check(self) -> None:
        """Have the server connect to nobody; see `Network.check`."""
        line = self._take_line()
        try:
            if line.connection.is_closed():
                raise self._way_lost(line, _LOST)
            if not await self._has_answered(line, since=monotonic()):
                raise self._way_lost(line, _GONE)
        finally:
            self._leave(line)

    async def resolve(self, name: str) -> tuple[str, ...]:
        """The addresses that the name has here; where it has none, the name: the server asks."""
        try:
            return await self._resolver.resolve(name)
        except UnresolvedError:
            return (name,)

    def local_address(self, address: str) -> str | None:
        """The server does not tell."""
        return None

    def close(self) -> None:
        self._closed = True
        self._queue.clear()
        for task in (*self._tasks, *([self._renewing] if self._renewing else ())):
            task.cancel()
        for connection in self._lines:
            connection.abort()

    # --- attempts ---

    def _start(self) -> None:
        while self._queue and self._in_flight < _AT_ONCE and not self._closed:
            self._in_flight += 1
            task = asyncio.ensure_future(self._attempt(self._queue.popleft()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _attempt(self, attempt: _Attempt) -> None:
        """One attempt, told of when it is due at the latest; cancelled when all is closed.

        Only where the server has said nothing at all meanwhile, it is first asked whether it is
        there.
        """
        started = monotonic()
        line = self._take_line()
        try:
            _, writer = await self._open(line, attempt.address, attempt.port, attempt.timeout)
        except TimeoutError:
            # Of a connection that died, a firewall is not to blame.
            alive = await self._has_answered(line, since=started)
            seen = errors.SILENCE if alive else self._lost(line, _GONE)
        except asyncssh.ChannelOpenError as error:
            seen = self._lost(line, _LOST) if _is_lost(error, line) else _failed(error)
        except (asyncssh.Error, OSError) as error:
            seen = self._lost(line, f"{_LOST}: {error}")
        else:
            writer.channel.abort()
            seen = Observation(Signal.OPEN)
        finally:
            self._leave(line)
        if seen.signal not in (Signal.SILENT, Signal.LOCAL_ERROR):
            seen = seen._replace(rtt=monotonic() - started)
        self._in_flight -= 1
        attempt.done(attempt.port, seen)
        self._start()

    async def _made(self, line: _Line, address: str, port: int, timeout: float) -> _Made:
        """Have the server make a connection that is to be talked over; raises OSError."""
        started = monotonic()
        try:
            return await self._open(line, address, port, timeout)
        except TimeoutError:
            if not await self._has_answered(line, since=started):
                raise self._way_lost(line, _GONE) from None
            raise
        except asyncssh.ChannelOpenError as error:
            if _is_lost(error, line):
                raise self._way_lost(line, _LOST) from None
            raise OSError(errors.number_in(error.reason) or errno.EIO, error.reason) from None
        except asyncssh.Error as error:
            raise self._way_lost(line, f"{_LOST}: {error.reason}") from None

    async def _open(self, line: _Line, address: str, port: int, timeout: float) -> _Made:
        """Have the server make a connection; raises TimeoutError when that is due, or asyncssh's.

        The server then goes on alone: what it still opens is closed again.
        """
        opening = asyncio.ensure_future(
            line.connection.open_connection(address, port, *_OURS, window=_WINDOW)
        )
        try:
            await asyncio.wait({opening}, timeout=timeout + self._lag)
            if opening.done():
                _note_answer(line, opening)
                return opening.result()
            raise TimeoutError(errno.ETIMEDOUT, "no answer")
        finally:
            if not opening.done():
                self._abandon(opening, line)

    def _abandon(self, opening: asyncio.Task[_Made], line: _Line) -> None:
        line.abandoned += 1

        def ended(opening: asyncio.Task[_Made]) -> None:
            line.abandoned -= 1
            _note_answer(line, opening)
            if not opening.cancelled() and not opening.exception():
                _, writer = opening.result()
                writer.channel.abort()

        opening.add_done_callback(ended)
        if self._line.abandoned >= self._most_abandoned and not (self._renewing or self._closed):
            self._renewing = asyncio.ensure_future(self._renew())

    # --- connections ---

    def _lost(self, line: _Line, why: str) -> Observation:
        """What an attempt has shown whose connection is lost."""
        if line is self._line and self.on_lost:
            self.on_lost(why)
        return _local_error(why)

    def _way_lost(self, line: _Line, why: str) -> WayLostError:
        """The same for a conversation."""
        self._lost(line, why)
        return WayLostError(why)

    async def _has_answered(self, line: _Line, *, since: float) -> bool:
        """Whether the server has said anything since then, or does so when it is asked."""
        if line.heard >= since or not self._can_ask:
            return True
        if line.question is None or line.question.done():
            line.question = asyncio.ensure_future(_is_there(line))
        return await asyncio.shield(line.question)

    def _take_line(self) -> _Line:
        self._line.needed += 1
        return self._line

    def _leave(self, line: _Line) -> None:
        line.needed -= 1
        self._drop_if_idle(line)

    async def _renew(self) -> None:
        """Go on over a fresh connection; where there is none, over the one there is."""
        old = self._line
        try:
            self._line = _Line(await self._connect())
        except VantageError:
            self._most_abandoned += _ABANDONED  # then ask again
        else:
            self._most_abandoned = _ABANDONED
            self._lines.add(self._line.connection)
        finally:
            self._renewing = None
        self._drop_if_idle(old)

    def _drop_if_idle(self, line: _Line) -> None:
        """Of a connection that was replaced, the server need not wait for anything more."""
        if line is not self._line and not line.needed:
            line.connection.abort()
            self._lines.discard(line.connection)


async def forwarded(connection: asyncssh.SSHClientConnection, connect: Connect) -> ForwardedNetwork:
    """The network of a host whose server forwards; VantageError where it is told not to."""
    started = monotonic()
    can_ask = True
    try:
        await _ask(connection)
    except asyncssh.ChannelOpenError as error:
        if error.code in _NO_FORWARDING:
            raise VantageError(
                "its SSH server forwards no connections (AllowTcpForwarding, DisableForwarding or "
                "PermitOpen in sshd_config), and there is no python3 that could probe instead"
            ) from None
    except TimeoutError:
        can_ask = False  # something drops even this; forwarding is on
    return ForwardedNetwork(connection, connect, lag=monotonic() - started, can_ask=can_ask)


async def _ask(connection: asyncssh.SSHClientConnection) -> None:
    """Have the server connect to nobody: raises asyncssh's error of that, or TimeoutError."""
    async with asyncio.timeout(_CHECK):
        _, writer = await connection.open_connection(*_NOBODY, *_OURS)
        writer.channel.abort()


async def _is_there(line: _Line) -> bool:
    try:
        await _ask(line.connection)
    except asyncssh.ChannelOpenError as error:
        if _is_lost(error, line):
            return False
    except (asyncssh.Error, OSError):
        return False
    line.heard = monotonic()
    return True


def _note_answer(line: _Line, opening: asyncio.Task[_Made]) -> None:
    """Remember that the server has said something, if that is how the attempt has ended."""
    if opening.cancelled():
        return
    error = opening.exception()
    refused = isinstance(error, asyncssh.ChannelOpenError) and not _is_lost(error, line)
    if error is None or refused:
        line.heard = monotonic()


def _failed(error: asyncssh.ChannelOpenError) -> Observation:
    """What the server's refusal of a channel says."""
    if error.code == constants.OPEN_CONNECT_FAILED:
        return errors.from_text(error.reason)
    return _local_error(f"the SSH server does not forward there: {error.reason}")


def _is_lost(error: asyncssh.ChannelOpenError, line: _Line) -> bool:
    """Whether the SSH connection itself has ended."""
    return line.connection.is_closed() or error.reason == _CLOSED


def _is_windows(connection: asyncssh.SSHClientConnection) -> bool:
    return "windows" in str(connection.get_extra_info("server_version")).lower()


def _local_error(why: str) -> Observation:
    return Observation(Signal.LOCAL_ERROR, detail={"meaning": why})
