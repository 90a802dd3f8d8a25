"""What every means of probing offers: the `Network` protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from veeamcheck.model import Observation

Done = Callable[[int, Observation], None]
"""Called once with the port and what its attempt showed; may be called before `connect` returns."""

Lost = Callable[[str], None]
"""Called with the reason where nothing more can be probed from another host."""


class Datagram(NamedTuple):
    """The answer to one datagram."""

    data: bytes | None
    """None: no acceptable answer came; `failure` says what did."""
    sent: float
    """Seconds since the epoch, of this machine's clock."""
    received: float
    failure: Observation | None = None


class Stream(Protocol):
    """A TCP connection to talk over, whoever carries it."""

    segment: int
    """Bytes that one packet carries at most; 0: not known."""

    async def read(self, most: int) -> bytes:
        """What has come, at most so many bytes; empty at its end, OSError where it was reset.

        WayLostError where that was not the far end's doing.
        """

    def write(self, data: bytes) -> None:
        """Send soon; never waits, so send little."""

    def close(self) -> None:
        """End it at once; what was not sent stays unsent."""


async def read_line(stream: Stream, most: int) -> bytes:
    """The next line with its end, or what there was of it at its end or at `most` bytes.

    What came behind the line is lost: for conversations in which nothing comes before it is asked.
    """
    line = b""
    while b"\n" not in line and len(line) < most:
        more = await stream.read(most - len(line))
        if not more:
            break
        line += more
    head, end, _ = line.partition(b"\n")
    return head + end


class UnresolvedError(Exception):
    """A name has no address here; the text says why."""


class WayLostError(OSError):
    """The way to where probes leave from was lost meanwhile, which says nothing of their target."""


class VantageError(Exception):
    """Nothing can be probed from another host; the text says why and what to do."""


class Network(Protocol):
    """A place that probes leave from."""

    means: str
    """What this is called in evidence: ``sockets``, ``portable sockets``, …"""
    attributes: bool
    """A TCP reset can be told from an ICMP reject."""
    least_timeout: float
    """The shortest timer, in seconds, that sees a refusal."""
    missing_evidence: tuple[str, ...]
    """What cannot be told apart from here, as sentences for the report."""

    def connect(self, address: str, port: int, timeout: float, done: Done) -> None:
        """Start one TCP attempt, which calls `done` with its signal, at the latest at `timeout`.

        Never blocks and never raises for what the network or this machine does.
        """

    async def exchange(
        self,
        address: str,
        port: int,
        payload: bytes,
        accept: Callable[[bytes], bool],
        timeout: float,
    ) -> Datagram:
        """Send one datagram and wait for the first acceptable answer."""

    async def open_stream(self, address: str, port: int, timeout: float) -> Stream:
        """A TCP connection to talk over; raises OSError (TimeoutError, WayLostError are such)."""

    async def check(self) -> None:
        """Find out whether the place that probes leave from still answers; else WayLostError.

        To be asked before silence is held against a target: it may be that place's own.
        """

    async def resolve(self, name: str) -> tuple[str, ...]:
        """The addresses of a name, without duplicates; raises UnresolvedError.

        VantageError where there is no way to that place any more.
        """

    def local_address(self, address: str) -> str | None:
        """Where a probe to this address would leave from; sends nothing.

        None: no route, or it cannot be told. Asked for addresses that `resolve` has given.
        """

    def close(self) -> None:
        """Abandon every attempt; no `done` is called after this."""
