"""The sockets of another host as a `Network`, by a prober that runs there from standard input."""

from __future__ import annotations

import asyncio
import base64
import errno
import json
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.resources import files
from itertools import count
from typing import Any, NamedTuple, Protocol

from veeamcheck.model import Observation, Signal, Transport
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
from veeamcheck.net.names import LIMIT
from veeamcheck.net.remote_stream import RemoteStream

PROGRAM = files("veeamcheck.net").joinpath("remote_prober.py").read_bytes()
COMMAND = f'python3 -IS -c "import sys;exec(sys.stdin.buffer.read({len(PROGRAM)}))"'
"""Starts the prober that is then sent as standard input. Quoted alike in every shell."""

_GRACE = 10.0
"""Seconds beyond its own timer after which an attempt that is not told of never will be."""
_MUTE = "the prober does not answer"
_NO_ICMP = (
    "ICMP errors are not visible from some hosts probed over SSH: a refusal may be a firewall's "
    "reject, and who rejected is not known"
)


class Reader(Protocol):
    """Where the prober's lines come from."""

    async def readline(self) -> bytes: ...


class Writer(Protocol):
    """Where the prober's requests go."""

    def write(self, data: bytes) -> None: ...


class _Attempt(NamedTuple):
    address: str
    port: int
    done: Done


class _Exchange(NamedTuple):
    address: str
    accept: Callable[[bytes], bool]
    answer: asyncio.Future[Datagram]


async def start_prober(reader: Reader, writer: Writer) -> RemoteNetwork | None:
    """Send the prober to what `COMMAND` has started; None where that turns out to be no Python."""
    writer.write(PROGRAM)
    for _ in range(100):  # a shell's start-up files may say something first
        line = await reader.readline()
        if not line:
            return None
        try:
            hello = json.loads(line)
        except ValueError:
            continue
        if isinstance(hello, dict) and hello.get("ready"):
            return RemoteNetwork(reader, writer, attributes=bool(hello["error_queue"]))
    return None


class RemoteNetwork:
    """Probes leave from the host on which the prober runs."""

    means = "prober over SSH"
    least_timeout = 0.0

    def __init__(self, reader: Reader, writer: Writer, *, attributes: bool) -> None:
        self.attributes = attributes
        self.on_lost: Lost | None = None
        self.missing_evidence: tuple[str, ...] = () if attributes else (_NO_ICMP,)
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._numbers = count(1)
        self._unsent: list[tuple[int, str, int, float]] = []
        self._attempts: dict[int, _Attempt] = {}
        self._exchanges: dict[int, _Exchange] = {}
        self._opening: dict[int, asyncio.Future[RemoteStream]] = {}
        self._streams: dict[int, RemoteStream] = {}
        self._names: dict[int, asyncio.Future[list[tuple[str, str | None]]]] = {}
        self._local: dict[str, str | None] = {}
        self._lost: str | None = None
        """Why nothing more will come."""
        self._reading = asyncio.ensure_future(self._read(reader))

    def connect(self, address: str, port: int, timeout: float, done: Done) -> None:
        """Start one attempt; see `Network.connect`. Those of one turn of the loop go together."""
        if self._lost:
            done(port, _local_error(self._lost))
            return
        if not self._unsent:
            self._loop.call_soon(self._send_attempts)
        number = next(self._numbers)
        self._attempts[number] = _Attempt(address, port, done)
        self._unsent.append((number, address, port, timeout))

    async def exchange(
        self,
        address: str,
        port: int,
        payload: bytes,
        accept: Callable[[bytes], bool],
        timeout: float,
    ) -> Datagram:
        """Send one datagram and wait for the first acceptable answer; times are that host's."""
        now = time.time()
        if self._lost:
            return Datagram(None, now, now, _local_error(self._lost))
        number = next(self._numbers)
        answer: asyncio.Future[Datagram] = self._loop.create_future()
        self._exchanges[number] = _Exchange(address, accept, answer)
        text = base64.b64encode(payload).decode()
        self._say({"exchange": [number, address, port, text, timeout]})
        try:
            async with asyncio.timeout(timeout + _GRACE):
                return await answer
        except TimeoutError:
            return Datagram(None, now, time.time(), _local_error(_MUTE))
        finally:
            del self._exchanges[number]
            self._say({"enough": number})

    async def open_stream(self, address: str, port: int, timeout: float) -> Stream:
        """A connection that the prober makes; see `Network.open_stream`."""
        if self._lost:
            raise WayLostError(self._lost)
        number = next(self._numbers)
        opening: asyncio.Future[RemoteStream] = self._loop.create_future()
        self._opening[number] = opening
        self._say({"stream": [number, address, port, timeout]})
        try:
            async with asyncio.timeout(timeout + _GRACE):
                return await opening
        except BaseException as error:
            self._forget_stream(number)
            if isinstance(error, TimeoutError) and opening.cancelled():
                raise WayLostError(_MUTE) from None  # its own timer would have told long since
            raise
        finally:
            del self._opening[number]

    async def check(self) -> None:
        """Have it look up an address, which is known at once; see `Network.check`."""
        try:
            await self.resolve("127.0.0.1")
        except (VantageError, UnresolvedError):
            raise WayLostError(self._lost or _MUTE) from None

    async def resolve(self, name: str) -> tuple[str, ...]:
        """The addresses that the name has there; see `Network.resolve`."""
        if self._lost:
            raise VantageError(self._lost)
        number = next(self._numbers)
        self._names[number] = self._loop.create_future()
        self._say({"resolve": [number, name]})
        try:
            async with asyncio.timeout(LIMIT):
                found = await self._names[number]
        except TimeoutError:
            raise UnresolvedError(f"the resolver gave no answer in {LIMIT:g} s") from None
        finally:
            del self._names[number]
        if not found:
            raise UnresolvedError("the resolver knows no address for it")
        self._local.update(found)
        return tuple(address for address, _ in found)

    def local_address(self, address: str) -> str | None:
        return self._local.get(address)

    def close(self) -> None:
        """Abandon every attempt; the prober ends with its standard input."""
        self._attempts.clear()
        self._unsent.clear()
        self._reading.cancel()

    # --- to the prober ---

    def _send_attempts(self) -> None:
        batch, self._unsent = self._unsent, []
        if not batch or self._lost:
            return
        self._say({"connect": batch})
        latest = max(timeout for *_, timeout in batch) + _GRACE
        self._loop.call_later(latest, self._give_up, [number for number, *_ in batch])

    def _say(self, request: dict[str, Any]) -> None:
        if not self._lost:
            with suppress(OSError):  # it is lost, as `_read` is about to notice
                self._writer.write(json.dumps(request).encode() + b"\n")

    # --- from the prober ---

    async def _read(self, reader: Reader) -> None:
        why = "the connection to the prober was lost"
        try:
            while line := await reader.readline():
                said = json.loads(line)
                for number, *seen in said.get("seen", ()):
                    self._seen(number, *seen)
                if "reply" in said:
                    self._reply(*said["reply"])
                if "opened" in said:
                    self._opened(*said["opened"])
                if "data" in said:
                    self._data(*said["data"])
                if "resolved" in said:
                    self._resolved(*said["resolved"])
        except Exception as error:  # whatever it is: nothing more will come that can be believed
            why += f": {error}"
        self._lost = why
        if self.on_lost:
            self.on_lost(why)
        self._give_up(list(self._attempts), why)
        for exchange in self._exchanges.values():
            now = time.time()
            _settle(exchange.answer, Datagram(None, now, now, _local_error(why)))
        lost = WayLostError(why)
        for opening in self._opening.values():
            if not opening.done():
                opening.set_exception(lost)
        for stream in self._streams.values():
            stream.fail(lost)
        for name in self._names.values():
            if not name.done():
                name.set_exception(VantageError(why))

    def _seen(self, number: int, error: str | None, rtt: float | None, queue: list[str]) -> None:
        icmp = errors.latest_icmp_error(map(bytes.fromhex, queue))
        if attempt := self._attempts.pop(number, None):
            seen = self._meaning(attempt.address, error, icmp, Transport.TCP)
            attempt.done(attempt.port, seen if rtt is None else seen._replace(rtt=rtt))
        elif exchange := self._exchanges.get(number):
            seen = self._meaning(exchange.address, error, icmp, Transport.UDP)
            now = time.time()
            _settle(exchange.answer, Datagram(None, now, now, seen))

    def _meaning(
        self,
        address: str,
        error: str | None,
        icmp: errors.IcmpError | None,
        transport: Transport,
    ) -> Observation:
        if icmp:
            local = self.local_address(address)
            return errors.from_icmp(icmp, transport=transport, target=address, local=local)
        number = errors.number_of(error) if error else None
        if error is None or (transport is Transport.TCP and number in errors.AFTER_HANDSHAKE):
            return Observation(Signal.OPEN, attributed=self.attributes)
        if number is None:
            return _local_error(f"an error called {error}")
        return errors.from_errno(number, attributes=self.attributes)

    def _reply(self, number: int, data: str, sent: float, received: float) -> None:
        exchange = self._exchanges.get(number)
        if exchange and exchange.accept(reply := base64.b64decode(data)):
            _settle(exchange.answer, Datagram(reply, sent, received))

    def _opened(self, number: int, error: str | None, segment: int) -> None:
        opening = self._opening.get(number)
        if opening is None or opening.done():
            return
        if error:
            opening.set_exception(_os_error(error))
            return
        stream = RemoteStream(number, int(segment), self._say, self._forget_stream)
        self._streams[number] = stream
        opening.set_result(stream)

    def _data(self, number: int, data: str, error: str | None) -> None:
        stream = self._streams.get(number)
        if stream and error:
            stream.fail(_os_error(error))
        elif stream:
            stream.came(base64.b64decode(data))

    def _forget_stream(self, number: int) -> None:
        self._streams.pop(number, None)
        self._say({"enough": number})

    def _resolved(self, number: int, found: list[tuple[str, str | None]], why: str | None) -> None:
        name = self._names.get(number)
        if name is None or name.done():
            return
        if why is None:
            name.set_result([(address, local) for address, local in found])
        else:
            name.set_exception(UnresolvedError(why))

    def _give_up(self, numbers: Iterable[int], why: str = _MUTE) -> None:
        for number in numbers:
            if attempt := self._attempts.pop(number, None):
                attempt.done(attempt.port, _local_error(why))


def _settle(answer: asyncio.Future[Datagram], datagram: Datagram) -> None:
    if not answer.done():
        answer.set_result(datagram)


def _local_error(why: str) -> Observation:
    return Observation(Signal.LOCAL_ERROR, detail={"meaning": why})


def _os_error(name: str) -> OSError:
    """An error as the prober calls it."""
    number = errors.number_of(name) or errno.EIO
    return OSError(number, os.strerror(number))
