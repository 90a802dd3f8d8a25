"""Contacts the ports of one address until each has spoken or its silence is beyond doubt."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from random import Random

from veeamcheck.engine import ranges
from veeamcheck.engine.dispatch import FIRST, LATER, Dispatcher
from veeamcheck.engine.roundtrip import FIRST_TIMEOUT, MOST_TRIES, RoundTrip
from veeamcheck.model import CLEAR, SIGNS_OF_LIFE, Observation, Signal
from veeamcheck.ports import PortSet

_NEIGHBOUR = 3.6
"""Seconds: a neighbour that does not answer shows after about 3."""
_SCOUTS = 16
"""Ports that decide whether an address is wholly silent."""
_SCOUT_TRIES = 6
_LAST_LOOK_AFTER = 1.0
"""Seconds that outlast a burst of losses and a limit on ICMP errors."""
_LAST_LOOKS = 3
_BANNED = 5.0
"""Seconds to wait for a scan protection to relent."""
_PATIENT_TRIES = 3
"""Slow answers that are needed before the timeout may grow beyond one SYN."""

Examine = Callable[[Mapping[int, Observation]], Awaitable[Mapping[int, Observation]]]
"""Looks at what is settled and gives what is better known of some of these ports."""


class Sweep:
    """One address, seen from one vantage over one run; `seen` holds what is settled so far."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        address: str,
        *,
        random: Random,
        least_timeout: float = 0.0,
        attributes: bool = True,
        examine: Examine | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._examine = examine
        self._random = random
        self._attributes = attributes
        self.address = address
        self.roundtrip = RoundTrip(least_timeout)
        self.seen: dict[int, Observation] = {}
        """Port -> what it showed after all its attempts."""
        self.alive = False
        self.scan_protected = False
        self.came_back = False
        """After the scan protection: a proven port answered again a while later."""
        self.accepts_all = False
        self._open_when_checked = 0
        self.searched: list[PortSet] = []
        """Ranges of which every edge has been found: ports not in `seen` can be filled in."""
        self._last: dict[int, Observation] = {}
        """What a port showed that is not yet believed: unreachable, or an error of this machine."""
        self._rejected = False
        """Some port was: a firewall picks ports here, so no silence is explained by another."""
        self._unreachable: Observation | None = None
        """Why no packet gets through, where that holds for the whole address."""
        self._asked = 0.0
        """When the last of the ports that stayed silent was contacted."""
        self._slow = False
        """Answers take longer than one attempt waits for."""
        self._given_up = False
        """The address stayed wholly silent through all tries."""

    async def settle(self, ports: Iterable[int], priority: int = FIRST) -> None:
        """Contact these single ports, each as often as it takes, and a last time when silent."""
        silent = await self._rounds([p for p in ports if p not in self.seen], priority)
        silent = await self._look_again(silent, priority)
        self._settle_silent(silent)
        await self._look_closer()

    async def settle_range(self, ports: PortSet, *, full: bool) -> None:
        """Contact a range: each port, or a sample and then the edges of what it shows."""
        if full:
            await self.settle(ports, LATER)
            return
        found = {port: self.seen[port] for port in ports if port in self.seen}
        wanted = [port for port in ranges.sample(ports, self._random) if port not in found]
        for _ in range(_LAST_LOOKS):
            while wanted:
                await self._rounds(wanted, LATER)
                await self._look_closer()
                found.update({port: self._so_far(port) for port in (*found, *wanted)})
                wanted = ranges.next_step(ports, found)
            # The last look is taken at all silent ports at once, for it costs a second.
            doubtful = [port for port in found if port not in self.seen]
            await self._look_again(doubtful, LATER)
            await self._look_closer()
            found.update({port: self._so_far(port) for port in found})
            wanted = ranges.next_step(ports, found)
            if not wanted:
                break
        self._settle_silent(port for port in found if port not in self.seen)
        self.searched.append(ports)

    async def _look_closer(self) -> None:
        """What an open port is, is known before the edges are searched: it may not be clear."""
        if self._examine:
            self.seen.update(await self._examine(self.seen))

    async def check_for_accept_all(self, closed: Sequence[int]) -> None:
        """Contact ports that must be closed, once something is open: do they accept too?

        To be asked again whenever more ports may have opened; it does nothing where none has.
        """
        now_open = sum(each.signal is Signal.OPEN for each in self.seen.values())
        if self.accepts_all or now_open == self._open_when_checked:
            return
        self._open_when_checked = now_open
        opened: set[int] = set()
        for _ in range(3):
            left = [port for port in closed if port not in opened]
            answers = await self._dispatcher.contact(self.address, left, self.roundtrip.timeout)
            opened |= {port for port in left if answers[port].signal is Signal.OPEN}
            if any(answers[port].signal not in (Signal.OPEN, Signal.SILENT) for port in left):
                return
            if len(opened) == len(closed):
                self.accepts_all = True
                return

    async def check_for_scan_protection(self) -> None:
        """Where ports are silent: does a port that answered before still answer?

        If not, wait and ask again. Silence beside a proven port that fell silent too says nothing
        about a rule, so `scan_protected` stays set even when the address comes back.
        """
        if not self.alive or self.scan_protected:
            return
        if all(each.signal is not Signal.SILENT for each in self.seen.values()):
            return
        if not await self._still_answers():
            await asyncio.sleep(_BANNED)
            self.came_back = await self._still_answers()
            self.scan_protected = True

    async def _still_answers(self) -> bool:
        proven = [port for port, each in self.seen.items() if each.signal in SIGNS_OF_LIFE][:3]
        for _ in range(3):
            answers = await self._dispatcher.contact(
                self.address, proven, self.roundtrip.patient_timeout
            )
            if any(each.signal in SIGNS_OF_LIFE for each in answers.values()):
                return True
        return False

    # --- rounds ---

    async def _rounds(self, ports: Sequence[int], priority: int) -> list[int]:
        """Rounds of fresh attempts, until all have spoken or the loss is ruled out.

        Returns the ports that stayed silent: they are not settled yet.
        """
        if not ports:
            return []
        if self.alive:
            return await self._until_loss_is_ruled_out(ports, {}, priority)
        scouts = self._scouts(ports)
        tries: dict[int, int] = {}
        await self._find_life(scouts, tries, priority)
        if not self.alive:
            # One pass over the rest finds what the scouts missed. Any answer in it ends the
            # early stop: otherwise a few open ports on a lossy path would be lost.
            rest = [port for port in ports if port not in tries]
            await self._round(rest, tries, FIRST_TIMEOUT, priority)
        left = [port for port in ports if port not in self.seen]
        if self.alive:
            return await self._until_loss_is_ruled_out(left, tries, priority)
        self._given_up = True
        return left

    async def _find_life(self, scouts: Sequence[int], tries: dict[int, int], priority: int) -> None:
        """Try these ports until one shows life, or the address is given up."""
        if self._given_up:
            for _ in range(2):
                await self._scout(scouts, tries, priority)
            return
        # The patient attempt goes first: of the packets that a router holds for a missing host, it
        # answers only the first ones.
        loop = asyncio.get_running_loop()
        start = loop.time()
        patient = asyncio.ensure_future(self._wait_for_neighbour(scouts, tries, priority))
        try:
            await self._scout(scouts[1:], tries, priority)
            if scouts[0] not in self.seen:
                await asyncio.wait([patient], timeout=start + self.roundtrip.timeout - loop.time())
            if scouts[0] not in self.seen:
                await asyncio.sleep(start + self.roundtrip.timeout - loop.time())
            for _ in range(_SCOUT_TRIES - 1):
                if self.alive or self._unreachable or all(port in self.seen for port in scouts):
                    break
                await self._scout(scouts, tries, priority)
            if self.alive and not self._slow:
                patient.cancel()  # it has nothing more to tell
            await asyncio.wait([patient])
            if not patient.cancelled():
                patient.result()
        finally:
            patient.cancel()

    async def _scout(self, scouts: Sequence[int], tries: dict[int, int], priority: int) -> None:
        """One attempt at each that is left; the first answer tells how long the others may take."""
        timeout = self.roundtrip.timeout
        asking = {
            asyncio.ensure_future(self._round([port], tries, timeout, priority))
            for port in scouts
            if port not in self.seen
        }
        waiting = asking
        try:
            while waiting and not self.alive:
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if waiting:
                _, waiting = await asyncio.wait(waiting, timeout=self.roundtrip.timeout)
            for each in asking - waiting:
                each.result()
        finally:
            for each in asking:
                each.cancel()

    async def _wait_for_neighbour(
        self, scouts: Sequence[int], tries: dict[int, int], priority: int
    ) -> None:
        """One attempt at a time, kept open long: shows a missing neighbour, and a slow path."""
        told: Observation | None = None
        port = scouts[0]
        for _ in range(_PATIENT_TRIES):
            answers = await self._dispatcher.contact(self.address, [port], _NEIGHBOUR, priority)
            observation = answers[port]
            late = (observation.rtt or 0) > FIRST_TIMEOUT
            if port not in self.seen:
                self._take(answers, tries)
            if told and observation.signal in (Signal.UNREACHABLE, Signal.SILENT):
                # Silence takes nothing back: a router sends one ICMP error a second to each peer,
                # for all the missing hosts behind it.
                self._unreachable = told
                return
            if observation.signal is Signal.UNREACHABLE and late and observation.by != self.address:
                told = observation
            elif observation.signal in CLEAR and late:
                self._slow = True
            else:
                return
            left = [each for each in scouts if each not in self.seen]
            if not left:
                return
            port = left[0]

    async def _until_loss_is_ruled_out(
        self, ports: Sequence[int], tries: dict[int, int], priority: int
    ) -> list[int]:
        left = [port for port in ports if port not in self.seen]
        for attempt in range(1, MOST_TRIES + 1):
            self._random.shuffle(left)
            await self._round(left, tries, self.roundtrip.timeout, priority)
            left = [port for port in left if port not in self.seen]
            if attempt >= self.roundtrip.tries(len(left)):
                break
            if self.roundtrip.limited:
                self._dispatcher.slow_down(self.address)
        return left

    async def _look_again(self, silent: Sequence[int], priority: int) -> list[int]:
        """A last round a second later; where it is answered, loss was underestimated.

        Then the rounds go on.
        """
        left = list(silent)
        if not self.alive:
            return left
        for _ in range(_LAST_LOOKS):
            if not left:
                break
            now = asyncio.get_running_loop().time()
            await asyncio.sleep(self._asked + _LAST_LOOK_AFTER - now)
            tries = dict.fromkeys(left, 1)
            await self._round(left, tries, self.roundtrip.patient_timeout, priority)
            still = [port for port in left if port not in self.seen]
            lost = any(self.seen[p].signal in CLEAR for p in left if p in self.seen)
            left = still
            if not lost:
                break
            left = await self._until_loss_is_ruled_out(left, tries, priority)
        return left

    async def _round(
        self, ports: Sequence[int], tries: dict[int, int], timeout: float, priority: int
    ) -> None:
        """One attempt at each port; what is final goes to `seen`."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        answers: dict[int, Observation] = {}
        try:
            await self._dispatcher.contact(self.address, ports, timeout, priority, results=answers)
        finally:  # interrupted, what has answered until then counts all the same
            self._asked = loop.time() - timeout
            self._take(answers, tries)
        if any(port not in self.seen for port in ports):
            # Whoever said at once that it cannot be done gets the time that a silence takes.
            await asyncio.sleep(start + timeout - loop.time())

    def _take(self, answers: Mapping[int, Observation], tries: dict[int, int]) -> None:
        """Believe what is beyond doubt, and remember the rest."""
        for port, observation in answers.items():
            before = tries.get(port, 0)
            match observation.signal:
                case Signal.LOCAL_ERROR:
                    told = self._last.get(port)
                    if told is None or told.signal is not Signal.UNREACHABLE:
                        self._last[port] = observation
                    continue
                case Signal.SILENT:
                    told = self._last.get(port)
                    if told is not None and told.signal is Signal.LOCAL_ERROR:
                        del self._last[port]
                case Signal.UNREACHABLE:
                    # Told twice, it is believed: a router may only just be learning its routes.
                    told = self._last.get(port)
                    self._last[port] = observation
                    if told is not None and told.signal is Signal.UNREACHABLE:
                        self.seen[port] = observation
                case Signal.OPEN | Signal.REFUSED:
                    self.alive = True
                    self.roundtrip.answer(observation.rtt, before)
                    self.seen[port] = observation
                case _:
                    self._rejected |= observation.signal is Signal.REJECTED
                    self.seen[port] = observation
            tries[port] = before + 1

    def _scouts(self, ports: Collection[int]) -> list[int]:
        """Both ends and 14 at random; all, where there are no more."""
        if len(ports) <= _SCOUTS:
            return list(ports)
        ordered = sorted(ports)
        inner = self._random.sample(ordered[1:-1], _SCOUTS - 2)
        return [ordered[0], *inner, ordered[-1]]

    def _settle_silent(self, silent: Iterable[int]) -> None:
        for port in list(silent):
            self.seen[port] = self._so_far(port)

    def _so_far(self, port: int) -> Observation:
        """What is settled of a port, else what its attempts until now amount to."""
        if port in self.seen:
            return self.seen[port]
        if port in self._last:
            return self._last[port]
        if self._unreachable and not self.alive and not self._rejected:
            # A neighbour that does not answer holds for every silent port of the address.
            return self._unreachable
        return Observation(Signal.SILENT, attributed=self._attributes)
