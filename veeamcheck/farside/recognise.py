"""How a prober knows our listener when it meets one, and what that proves of the way there."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from enum import Enum, auto
from typing import NamedTuple

from veeamcheck.farside import token
from veeamcheck.farside.knowledge import RESET_ON_THE_WAY
from veeamcheck.farside.token import Sight
from veeamcheck.model import Observation, Signal, Transport
from veeamcheck.net.interface import Network, Stream, WayLostError, read_line
from veeamcheck.ports import PortSet
from veeamcheck.probes.interface import Turn

GREETING_LIMIT = 1.0
"""Seconds: a service that says nothing by then is not our listener."""
ANSWER_LIMIT = 1.0
"""Seconds: time to send a lost packet again, and within the listener's own limit."""
_TRIES = 3
_PAUSE = 0.2
"""Seconds, growing: a listener that is busy turns callers away."""
_AT_ONCE = 32
"""Half of what the listener takes from one source."""
_LARGEST = 9000
"""Bytes: a larger segment than any network card sends."""
_LONGEST_ANSWER = 16_384
"""Bytes."""

PROVEN = "proven by listener"


class _Met(Enum):
    """What a connection met, where it was not our listener at its best."""

    ANOTHER = auto()
    """It says something else, or nothing."""
    NOBODY = auto()
    """There was no connection, or it ended before a word."""
    MUTE = auto()
    """It greets and does not answer."""
    IMPOSTOR = auto()
    """It greets and answers without the right token."""


class Recognition(NamedTuple):
    """What an open port turned out to be."""

    observation: Observation
    sight: Sight | None
    """None: the token is missing or wrong."""


async def recognise(
    network: Network, address: str, port: int, key: bytes, turn: Turn
) -> Recognition | None:
    """Ask an open TCP port whether it is our listener; None: it is something else.

    One full-size segment goes there and one comes back: where only small ones do, packets of that
    size are swallowed on the way.
    """
    met: Sight | _Met = _Met.NOBODY
    for attempt in range(_TRIES):
        await asyncio.sleep(attempt * _PAUSE)
        await turn()
        met = await _meet(network, address, port, key, full=True)
        if met not in (_Met.NOBODY, _Met.MUTE):
            break
    if met is _Met.MUTE:
        await turn()
        small = await _meet(network, address, port, key, full=False)
        if isinstance(small, Sight):
            return Recognition(_invalid(_BLACK_HOLE, "mtu"), small)
        try:
            await network.check()
        except WayLostError:
            return None
        return Recognition(_invalid("greets like our listener, but does not answer", "token"), None)
    if met is _Met.IMPOSTOR:
        return Recognition(
            _invalid("greets like our listener, but its token is wrong: another key?", "token"),
            None,
        )
    if isinstance(met, Sight):
        return Recognition(judge(met, address, port, network.local_address(address)), met)
    return None


async def recognise_datagram(
    network: Network, address: str, port: int, key: bytes, turn: Turn
) -> Recognition | None:
    """Ask a UDP port that has not answered otherwise whether it is our listener."""
    for _ in range(_TRIES):
        challenge = token.new_nonce()
        request = token.request(key, token.NO_NONCE, challenge, token.SMALL)

        def accept(data: bytes, challenge: str = challenge) -> bool:
            return token.parse_answer(key, token.NO_NONCE, challenge, data) is not None

        await turn()
        answer = await network.exchange(address, port, request, accept, ANSWER_LIMIT)
        if answer.data:
            sight = token.parse_answer(key, token.NO_NONCE, challenge, answer.data)
            if sight:
                return Recognition(
                    judge(sight, address, port, network.local_address(address)), sight
                )
        if answer.failure and answer.failure.signal is not Signal.SILENT:
            return None
    return None


_BLACK_HOLE = "MTU black hole: small packets get through, full-size ones are swallowed on the way"


def judge(sight: Sight, address: str, port: int, local: str | None) -> Observation:
    """What a listener's answer says of the way to this address and port.

    `local` is where the connection left from; None: not known.
    """
    if sight.port != port:
        return _invalid(f"a device on the way leads to our listener on port {sight.port}", "nat")
    changes = []
    if local is not None and not token.same_address(sight.source, local):
        changes.append(f"the listener saw {sight.source} instead of {local}")
    if not token.same_address(sight.address, address):
        changes.append(f"the listener is at {sight.address}")
    meaning = (
        "; ".join([f"{PROVEN}; NAT on the way: {changes[0]}", *changes[1:]]) if changes else PROVEN
    )
    return Observation(
        Signal.OPEN,
        attributed=True,
        detail={
            "meaning": meaning,
            "listener": True,
            "seen_source": sight.source,
            **({"cause": "nat"} if changes else {}),
        },
        proven=True,
    )


class Recogniser:
    """Asks what answers at one address; `up` is where our listener says that it listens there."""

    def __init__(
        self, network: Network, address: str, key: bytes, turn: Turn, free: asyncio.Semaphore
    ) -> None:
        self._network = network
        self._address = address
        self._key = key
        self._turn = turn
        self._free = free
        self._own = asyncio.Semaphore(_AT_ONCE)
        self._asked: set[int] = set()
        self._met_at: int | None = None
        self.up: dict[Transport, PortSet] = {}

    async def meet(self, ports: Iterable[int]) -> None:
        """Look for our listener on these ports; once each, and all at once."""
        asked = tuple(ports)
        for port, met in zip(asked, await asyncio.gather(*map(self._look, asked)), strict=True):
            if isinstance(met, Sight):
                self._know(port, met)

    async def examine(self, seen: Mapping[int, Observation]) -> dict[int, Observation]:
        """What is better known of some of these ports, now that whoever answers was asked."""
        opened = [
            port
            for port, each in seen.items()
            if each.signal is Signal.OPEN and port not in self._asked
        ]
        self._asked.update(opened)
        met = dict(zip(opened, await asyncio.gather(*map(self._ask, opened)), strict=True))
        up = self.up.get(Transport.TCP, PortSet())
        busy = [port for port, each in met.items() if each is None and port in up]
        met.update(zip(busy, await asyncio.gather(*map(self._ask, busy)), strict=True))
        better = {
            port: each.observation._replace(rtt=seen[port].rtt)
            for port, each in met.items()
            if each
        }
        refused = [p for p, each in seen.items() if each.signal is Signal.REFUSED and p in up]
        if refused and await self.still_up():
            better |= {port: _RESET_ON_THE_WAY._replace(rtt=seen[port].rtt) for port in refused}
        return better

    async def still_up(self) -> bool:
        """Whether our listener answers there now; if not, nothing more is concluded from it."""
        if self._met_at is None:
            return False
        for _ in range(_TRIES):
            if isinstance(await self._look(self._met_at), Sight):
                return True
        self._met_at = None
        self.up = {}
        return False

    async def _ask(self, port: int) -> Recognition | None:
        async with self._own, self._free:
            met = await recognise(self._network, self._address, port, self._key, self._turn)
        if met and met.sight:
            self._know(port, met.sight)
        return met

    async def _look(self, port: int) -> Sight | _Met:
        async with self._own, self._free:
            await self._turn()
            return await _meet(self._network, self._address, port, self._key, full=False)

    def _know(self, port: int, sight: Sight) -> None:
        self._met_at = port
        self.up = {Transport.TCP: sight.tcp, Transport.UDP: sight.udp}


_RESET_ON_THE_WAY = Observation(
    Signal.REJECTED,
    attributed=True,
    detail={"meaning": RESET_ON_THE_WAY, "listener": True},
)


def _invalid(meaning: str, cause: str) -> Observation:
    return Observation(
        Signal.INVALID,
        attributed=True,
        detail={"meaning": meaning, "listener": True, "cause": cause},
    )


async def _meet(
    network: Network, address: str, port: int, key: bytes, *, full: bool
) -> Sight | _Met:
    try:
        stream = await network.open_stream(address, port, GREETING_LIMIT)
    except OSError:
        return _Met.NOBODY
    try:
        return await _converse(stream, key, full=full)
    finally:
        stream.close()


async def _converse(stream: Stream, key: bytes, *, full: bool) -> Sight | _Met:
    try:
        async with asyncio.timeout(GREETING_LIMIT):
            line = await _read_greeting(stream)
    except TimeoutError:
        return _Met.ANOTHER
    except OSError:
        return _Met.NOBODY
    if not line:
        return _Met.NOBODY
    nonce = token.parse_greeting(line)
    if nonce is None:
        return _Met.ANOTHER
    challenge = secrets.token_hex(16)
    size = max(token.FULL_SIZE, min(stream.segment, _LARGEST)) if full else token.SMALL
    answer = b""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(ANSWER_LIMIT):
            stream.write(token.request(key, nonce, challenge, size))
            answer = await read_line(stream, _LONGEST_ANSWER)
    if not answer.endswith(b"\n"):
        return _Met.MUTE
    return token.parse_answer(key, nonce, challenge, answer) or _Met.IMPOSTOR


async def _read_greeting(stream: Stream) -> bytes:
    """The first line, as far as it can be a greeting: a service's own words are not waited for."""
    begun = b""
    while token.could_be_greeting(begun) and not begun.endswith(b"\n") and len(begun) < 100:
        more = await stream.read(100 - len(begun))
        if not more:
            break
        begun += more
    return begun
