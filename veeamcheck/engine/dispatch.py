"""Starts attempts: at the pace, bounded in flight, fairly among addresses, single ports first."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Sequence

from veeamcheck.engine.pace import PACES, Bucket, Pace, descriptor_limit
from veeamcheck.model import Observation, Signal

Connect = Callable[[str, int, float, Callable[[int, Observation], None]], None]
"""One TCP attempt, as in `Network.connect`."""

FIRST, LATER = 0, 1
"""Priorities: single ports, ranges."""

_AT_ONCE = 64
"""Attempts of one address before the next address has its turn."""
_BEFORE_A_BREATH = 512
"""Attempts before the event loop does something else."""
_SHARE_OF_DESCRIPTORS = 0.8
_FOR_ALL_ELSE = 24
"""Descriptors that the program needs beside its attempts."""


class _Round:
    """Some ports of one address, contacted once each."""

    __slots__ = ("finish", "future", "left", "pending", "results", "timeout")
    finish: Callable[[int, Observation], None]

    def __init__(
        self,
        ports: Sequence[int],
        timeout: float,
        future: asyncio.Future[None],
        results: dict[int, Observation],
    ) -> None:
        self.left = deque(ports)
        self.pending = len(ports)
        self.results = results
        self.timeout = timeout
        self.future = future


class _Lane:
    """What waits for one address."""

    __slots__ = ("address", "bucket", "queued", "rounds")

    def __init__(self, address: str, bucket: Bucket) -> None:
        self.address = address
        self.bucket = bucket
        self.rounds: tuple[deque[_Round], deque[_Round]] = (deque(), deque())
        self.queued = [False, False]
        """Per priority: the lane waits for its turn, or for its bucket."""


class Dispatcher:
    """Everything that one vantage sends goes through here."""

    def __init__(
        self,
        connect: Connect,
        pace: Pace,
        *,
        on_contact: Callable[[], None] | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._connect = connect
        self._pace = pace
        self._on_contact = on_contact
        self._overall = Bucket(pace.overall, pace.overall_burst, self._loop.time())
        descriptors = descriptor_limit()
        self._limit = pace.in_flight
        if descriptors is not None:
            most = min(int(descriptors * _SHARE_OF_DESCRIPTORS), descriptors - _FOR_ALL_ELSE)
            self._limit = max(1, min(self._limit, most))
        self._in_flight = 0
        self._lanes: dict[str, _Lane] = {}
        self._ready: tuple[deque[_Lane], deque[_Lane]] = (deque(), deque())
        self._resting: list[tuple[float, int, _Lane, int]] = []
        self._order = 0
        self._wakeup: asyncio.TimerHandle | None = None
        self._pumping = False
        self.contacts = 0

    async def contact(
        self,
        address: str,
        ports: Sequence[int],
        timeout: float,
        priority: int = FIRST,
        *,
        results: dict[int, Observation] | None = None,
    ) -> dict[int, Observation]:
        """Contact each port once and return what each attempt showed.

        `timeout` in seconds is each attempt's own. Cancelled: nothing more of it is started, and
        what was seen until then is in `results`, if given.
        """
        results = {} if results is None else results
        if not ports:
            return results
        this = _Round(ports, timeout, self._loop.create_future(), results)
        this.finish = self._finisher(this)
        lane = self._lane(address)
        lane.rounds[priority].append(this)
        if not lane.queued[priority]:
            lane.queued[priority] = True
            self._ready[priority].append(lane)
        self._pump_soon()
        try:
            await this.future
        finally:
            this.left.clear()
            del this.finish  # it refers back to the round, which would wait for the collector
        return results

    async def turn(self, address: str) -> None:
        """Wait until one more packet may go to this address (for what is no TCP attempt)."""
        lane = self._lane(address)
        while True:
            now = self._loop.time()
            if lane.bucket.available(now) >= 1 and self._overall.available(now) >= 1:
                lane.bucket.take(1)
                self._overall.take(1)
                self._count()
                return
            await asyncio.sleep(max(0.001, lane.bucket.wait(), self._overall.wait()))

    def slow_down(self, address: str) -> None:
        """From now on contact this address no faster than at the normal pace."""
        normal = PACES["normal"]
        if self._pace.per_target > normal.per_target:
            self._lane(address).bucket = Bucket(
                normal.per_target, normal.per_target_burst, self._loop.time()
            )

    def forget(self, address: str) -> None:
        """This address is done with."""
        self._lanes.pop(address, None)

    def _lane(self, address: str) -> _Lane:
        lane = self._lanes.get(address)
        if lane is None:
            bucket = Bucket(self._pace.per_target, self._pace.per_target_burst, self._loop.time())
            lane = self._lanes[address] = _Lane(address, bucket)
        return lane

    def _count(self) -> None:
        self.contacts += 1
        if self._on_contact:
            self._on_contact()

    def _pump_soon(self) -> None:
        if not self._pumping:
            self._pumping = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._pumping = False
        now = self._loop.time()
        while self._resting and self._resting[0][0] <= now:
            _, _, lane, priority = heapq.heappop(self._resting)
            self._ready[priority].append(lane)
        started = 0
        while self._in_flight < self._limit and started < _BEFORE_A_BREATH:
            priority = FIRST if self._ready[FIRST] else LATER
            if not self._ready[priority]:
                break
            may = min(self._limit - self._in_flight, self._overall.available(now), _AT_ONCE)
            if may < 1:
                self._wake_at(now + self._overall.wait())
                return
            lane = self._ready[priority].popleft()
            mine = min(may, lane.bucket.available(now))
            count = self._start(lane, priority, mine)
            started += count
            if not lane.rounds[priority]:
                lane.queued[priority] = False
            elif mine == may:
                self._ready[priority].append(lane)
            else:  # its own bucket is empty
                lane.bucket.available(now)
                self._order += 1
                rested = now + lane.bucket.wait()
                heapq.heappush(self._resting, (rested, self._order, lane, priority))
        if self._resting:
            self._wake_at(self._resting[0][0])
        if started >= _BEFORE_A_BREATH:
            self._pump_soon()

    def _start(self, lane: _Lane, priority: int, most: int) -> int:
        """Start up to this many attempts of a lane; return how many."""
        rounds = lane.rounds[priority]
        started = 0
        while rounds and started < most:
            this = rounds[0]
            if not this.left:
                rounds.popleft()
                continue
            port = this.left.popleft()
            started += 1
            self._in_flight += 1
            self._count()
            self._connect(lane.address, port, this.timeout, this.finish)
        while rounds and not rounds[0].left:
            rounds.popleft()
        lane.bucket.take(started)
        self._overall.take(started)
        return started

    def _finisher(self, this: _Round) -> Callable[[int, Observation], None]:
        def finish(port: int, observation: Observation) -> None:
            self._in_flight -= 1
            this.results[port] = observation
            this.pending -= 1
            if observation.signal is Signal.LOCAL_ERROR:
                self._exhausted(observation)
            if this.pending == 0 and not this.future.done():
                this.future.set_result(None)
            if not self._pumping and (self._ready[FIRST] or self._ready[LATER]):
                self._pump_soon()

        return finish

    def _exhausted(self, observation: Observation) -> None:
        """This machine ran out of something: ask less of it from now on."""
        if (observation.detail or {}).get("exhausted"):
            self._limit = max(8, min(self._limit, self._in_flight * 3 // 4))

    def _wake_at(self, when: float) -> None:
        if self._wakeup is not None:
            if self._wakeup.when() <= when and not self._wakeup.cancelled():
                return
            self._wakeup.cancel()
        self._wakeup = self._loop.call_at(when, self._woken)

    def _woken(self) -> None:
        self._wakeup = None
        self._pump_soon()
