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
from dataclasses import dataclass
from time import monotonic

import asyncssh
from asyncssh import constants

from veeamcheck.model import Observation, Signal
from veeamcheck.net import errors
from veeamcheck.net.interface import Datagram, Done, Stream, UnresolvedError, VantageError
from veeamcheck.net.names import Resolver

_AT_ONCE = 128
"""Attempts that wait for their answer."""
_ABANDONED = 256
"""Attempts that only the server still waits for, each with a descriptor there: then a fresh
connection takes over. A server may have 1,024."""
_CHECK = 5.0
"""Seconds for the first look at whether the server forwards."""
_WINDOWS_REFUSAL = 3.5
"""Seconds: Windows reports a refusal 2 to 3 s late."""
_OURS = ("127.0.0.1", 0)
"""Who asks, as the server is told. It may log it."""
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


class _HangUp(asyncssh.SSHTCPSession[bytes]):
    """What to do with a connection that was made: close it at once."""

    def connection_made(self, chan: asyncssh.SSHTCPChannel[bytes]) -> None:
        chan.abort()


@dataclass(slots=True)
class _Line:
    """An SSH connection, and how many attempts its server is busy with."""

    connection: asyncssh.SSHClientConnection
    waiting: int = 0
    abandoned: int = 0


@dataclass(slots=True)
class _Attempt:
    address: str
    port: int
    timeout: float
    done: Done
    told: bool = False


class ForwardedNetwork:
    """Probes leave from a host whose SSH server makes the connections."""

    means = "SSH forwarding"
    attributes = False
    missing_evidence: tuple[str, ...] = (_MISSING,)

    def __init__(
        self, connection: asyncssh.SSHClientConnection, connect: Connect, *, lag: float
    ) -> None:
        """`lag`: seconds of the way to the server and back, which an attempt takes besides."""
        self.least_timeout = _WINDOWS_REFUSAL if _is_windows(connection) else 0.0
        self._line = _Line(connection)
        self._lines = {connection}
        """Every connection that is still open."""
        self._most_abandoned = _ABANDONED
        self._connect = connect
        self._lag = lag
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
        """Not from there yet: a listener is met by its open port, and not recognised."""
        raise OSError(errno.EOPNOTSUPP, "conversations are not carried over SSH")

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
            task = asyncio.ensure_future(self._attempt(self._queue.popleft(), self._line))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _attempt(self, attempt: _Attempt, line: _Line) -> None:
        """One attempt to its end as the server sees it, told of at the latest when it is due."""
        started = monotonic()
        line.waiting += 1
        due = self._loop.call_later(attempt.timeout + self._lag, self._abandon, attempt, line)
        seen = await _open(line.connection, attempt.address, attempt.port)
        due.cancel()
        if attempt.told:
            line.abandoned -= 1
        else:
            line.waiting -= 1
            if seen.signal is not Signal.LOCAL_ERROR:
                seen = seen._replace(rtt=monotonic() - started)
            self._tell(attempt, seen)
        self._drop_if_idle(line)

    def _abandon(self, attempt: _Attempt, line: _Line) -> None:
        if self._closed:
            return
        line.waiting -= 1
        line.abandoned += 1
        if self._line.abandoned >= self._most_abandoned and not self._renewing:
            self._renewing = asyncio.ensure_future(self._renew())
        self._tell(attempt, errors.SILENCE)
        self._drop_if_idle(line)

    def _tell(self, attempt: _Attempt, seen: Observation) -> None:
        if self._closed:
            return
        attempt.told = True
        self._in_flight -= 1
        attempt.done(attempt.port, seen)
        self._start()

    # --- connections ---

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
        if line is not self._line and not line.waiting:
            line.connection.abort()
            self._lines.discard(line.connection)


async def forwarded(connection: asyncssh.SSHClientConnection, connect: Connect) -> ForwardedNetwork:
    """The network of a host whose server forwards; VantageError where it is told not to."""
    started = monotonic()
    try:
        async with asyncio.timeout(_CHECK):
            own_port = connection.get_extra_info("peername")[1]
            await connection.create_connection(_HangUp, "127.0.0.1", own_port, *_OURS)
    except asyncssh.ChannelOpenError as error:
        if error.code in _NO_FORWARDING:
            raise VantageError(
                "its SSH server forwards no connections (AllowTcpForwarding, DisableForwarding or "
                "PermitOpen in sshd_config), and there is no python3 that could probe instead"
            ) from None
    except TimeoutError:
        pass  # something drops even this; forwarding is on
    return ForwardedNetwork(connection, connect, lag=monotonic() - started)


async def _open(connection: asyncssh.SSHClientConnection, address: str, port: int) -> Observation:
    try:
        await connection.create_connection(_HangUp, address, port, *_OURS)
    except asyncssh.ChannelOpenError as error:
        if connection.is_closed() or error.reason == _CLOSED:
            return _local_error("the SSH connection was lost")
        if error.code == constants.OPEN_CONNECT_FAILED:
            return errors.from_text(error.reason)
        return _local_error(f"the SSH server does not forward there: {error.reason}")
    except (asyncssh.Error, OSError) as error:
        return _local_error(f"the SSH connection was lost: {error}")
    return Observation(Signal.OPEN)


def _is_windows(connection: asyncssh.SSHClientConnection) -> bool:
    return "windows" in str(connection.get_extra_info("server_version")).lower()


def _local_error(why: str) -> Observation:
    return Observation(Signal.LOCAL_ERROR, detail={"meaning": why})
