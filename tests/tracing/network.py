"""A path of routers with one firewall, simulated hop by hop, that loses and withholds answers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from veeamcheck.model import Observation, Signal, Trace, Transport
from veeamcheck.tracing.follow import follow
from veeamcheck.tracing.place import Asked

TARGET = "10.9.9.9"
OPEN, BLOCKED = 22, 6162

Hook = Literal["arriving", "forwarding"]
Action = Literal["drop", "reset", "reject", "unreachable"]


def expired(router: str) -> Observation:
    return Observation(Signal.UNREACHABLE, True, 0.001, router, {"icmp_type": 11, "icmp_code": 0})


@dataclass
class Path:
    """Routers 1 to `length` - 1, and the target behind them."""

    length: int
    block: int | None = None
    """The hop that blocks `BLOCKED`; `length` is the target."""
    hook: Hook = "forwarding"
    action: Action = "drop"
    mute: frozenset[int] = frozenset()
    """Routers that count hops without a word."""
    listening: bool = True
    lost: int = 0
    """Answers lost of every six to the same question; less than six is luck, not loss."""
    random: Random = field(default_factory=lambda: Random(0))
    asked: Counter[tuple[int, int]] = field(default_factory=Counter)

    def router(self, number: int) -> str:
        return f"10.0.{number}.1" if number < self.length else TARGET

    async def probe(self, transport: Transport, port: int, ttl: int) -> Observation:
        number = self.asked[port, ttl]
        self.asked[port, ttl] += 1
        if number == 0:
            order = [True] * self.lost + [False] * (6 - self.lost)
            self.random.shuffle(order)
            self._losses[port, ttl] = order
        if self._losses[port, ttl][number % 6]:
            return Observation(Signal.SILENT)
        return self.answer(port, ttl)

    def __post_init__(self) -> None:
        self._losses: dict[tuple[int, int], list[bool]] = {}

    def answer(self, port: int, ttl: int) -> Observation:
        for hop in range(1, self.length + 1):
            blocks = port == BLOCKED and hop == self.block
            if blocks and (self.hook == "arriving" or hop == self.length):
                return self.blocked(hop)
            if hop == self.length:
                break
            if ttl == hop:
                silent = hop in self.mute
                return Observation(Signal.SILENT) if silent else expired(self.router(hop))
            if blocks:
                return self.blocked(hop)
        is_open = port == OPEN or self.listening
        return Observation(Signal.OPEN if is_open else Signal.REFUSED, True, 0.001)

    def blocked(self, hop: int) -> Observation:
        match self.action:
            case "drop":
                return Observation(Signal.SILENT)
            case "reset":
                return Observation(Signal.REFUSED, True, 0.001)
            case "reject":
                signal, code = Signal.REJECTED, 13
            case "unreachable":
                signal, code = Signal.UNREACHABLE, 1
        detail = {"icmp_type": 3, "icmp_code": code, "meaning": self.action}
        return Observation(signal, True, 0.001, self.router(hop), detail)

    async def trace(self, compared: int | None = OPEN) -> Trace:
        async def no_pause(_seconds: float) -> None:
            return None

        asked = Asked(address=TARGET, transport=Transport.TCP, port=BLOCKED, compared_with=compared)
        return await follow(asked, self.probe, pause=no_pause)
