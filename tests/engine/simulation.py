"""A network that is simulated and a clock that jumps, so that minutes of probing take no time."""

from __future__ import annotations

import asyncio
import selectors
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from veeamcheck.engine.dispatch import Dispatcher
from veeamcheck.engine.pace import PACES
from veeamcheck.engine.sweep import Examine, Sweep
from veeamcheck.model import Observation, Signal

T = TypeVar("T")

OPEN = Observation(Signal.OPEN, attributed=True)
REFUSED = Observation(Signal.REFUSED, attributed=True)
SILENT = Observation(Signal.SILENT)
REJECTED = Observation(Signal.REJECTED, attributed=True, by="10.0.0.1")
UNREACHABLE = Observation(Signal.UNREACHABLE, attributed=True)
EXHAUSTED = Observation(Signal.LOCAL_ERROR, detail={"exhausted": True})


class _JumpingSelector(selectors.SelectSelector):
    """Waits no time at all, but tells the loop that it did."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("the simulation waits for something that never happens")
        self.now += timeout
        return super().select(0)


class _JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine on a clock that jumps to the next timer."""
    with asyncio.Runner(loop_factory=_JumpingLoop) as runner:
        return runner.run(main())


@dataclass
class Simulated:
    """One address. `answers` says what a port does now; loss hits each exchange."""

    answers: Callable[[int, float], Observation]
    """(port, seconds since the start) -> what an attempt meets."""
    loss: float = 0.0
    rtt: float = 0.01
    delays: dict[Signal, float] = field(default_factory=dict)
    """Seconds until an attempt shows such a signal, where it is not the round trip."""
    seed: int = 1
    times: list[float] = field(default_factory=list)
    tries: Counter[int] = field(default_factory=Counter)
    in_flight: int = 0
    most_in_flight: int = 0

    def __post_init__(self) -> None:
        self.random = Random(self.seed)

    def connect(
        self, address: str, port: int, timeout: float, done: Callable[[int, Observation], None]
    ) -> None:
        loop = asyncio.get_running_loop()
        self.times.append(loop.time())
        self.tries[port] += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        observation = self.answers(port, loop.time())
        delay = self.delays.get(observation.signal, self.rtt)
        lost = observation.signal is not Signal.LOCAL_ERROR and self.random.random() < self.loss
        if lost or observation.signal is Signal.SILENT or delay >= timeout:
            observation, delay = SILENT, timeout

        def finish() -> None:
            self.in_flight -= 1
            done(port, observation._replace(rtt=delay))

        loop.call_later(delay, finish)

    def sweep(
        self, pace: str = "fast", least_timeout: float = 0.0, examine: Examine | None = None
    ) -> tuple[Sweep, Dispatcher]:
        """A sweep of this address; call it inside `run`."""
        dispatcher = Dispatcher(self.connect, PACES[pace])
        sweep = Sweep(
            dispatcher,
            "10.0.0.2",
            random=Random(self.seed),
            least_timeout=least_timeout,
            examine=examine,
        )
        return sweep, dispatcher


def most_within(times: list[float], seconds: float) -> int:
    """The most contacts that fell into any window of this length."""
    ordered = sorted(times)
    most = first = 0
    for last, time in enumerate(ordered):
        while time - ordered[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
