"""What came back from one port, by how many hops its packets were allowed; and what to ask next."""

from __future__ import annotations

from collections.abc import Iterator

from veeamcheck.model import HopAnswer, Observation, Signal
from veeamcheck.net.errors import expired_at

WHOLE = 64
"""Hops that every path has: such a packet goes all the way."""
MOST = 30
"""Hops that are looked at one by one."""
TRIES = 6
"""Packets without an answer before a hop counts as silent.

Routers send about one ICMP error a second to each of us, so a missing answer alone says nothing.
"""
_TRIES_ASIDE = 3
"""Where nothing follows from a silence."""
_AGREEING = 2
"""Answers of the compared port on which a conclusion may rest."""
_AHEAD = 5
"""Hops asked beyond the furthest that has answered."""

_TELLING = (Signal.OPEN, Signal.REJECTED, Signal.UNREACHABLE, Signal.REFUSED)
"""What ends a path; the first of these that came counts."""


class Lane:
    """All that packets to one port have brought back so far."""

    def __init__(self) -> None:
        self._answers: dict[int, list[Observation]] = {}

    def add(self, ttl: int, seen: Observation) -> None:
        self._answers.setdefault(ttl, []).append(seen)

    def asked(self, ttl: int) -> int:
        return len(self._answers.get(ttl, ()))

    def routers(self, ttl: int) -> frozenset[str]:
        """Where packets with this TTL expired; several where they take several ways."""
        return frozenset(filter(None, map(expired_at, self._answers.get(ttl, ()))))

    def final(self, ttl: int) -> Observation | None:
        """What came from beyond the routers that only count hops: the end of the path."""
        found = [seen for seen in self._answers.get(ttl, ()) if not expired_at(seen)]
        return next((each for kind in _TELLING for each in found if each.signal is kind), None)

    def finals(self) -> list[Observation]:
        """Every answer that ends the path, whatever its TTL."""
        return [
            seen
            for answers in self._answers.values()
            for seen in answers
            if seen.signal in _TELLING and not expired_at(seen)
        ]

    def answers(self, ttl: int) -> int:
        """How many packets with this TTL had an answer, of whatever kind."""
        return sum(seen.signal in _TELLING for seen in self._answers.get(ttl, ()))

    def is_silent(self, ttl: int) -> bool:
        """Whether nobody answers here, after patient asking."""
        answers = self._answers.get(ttl, ())
        silences = sum(seen.signal is Signal.SILENT for seen in answers)
        return silences >= TRIES and silences == len(answers)

    @property
    def asked_up_to(self) -> int:
        return max((ttl for ttl in self._answers if ttl <= MOST), default=0)

    @property
    def last(self) -> int:
        """The furthest hop at which a packet expired; 0: none."""
        return max((ttl for ttl in self._answers if self.routers(ttl)), default=0)

    @property
    def end(self) -> int | None:
        """The fewest hops with which the path's end answers; None: it does not."""
        return min((ttl for ttl in self._answers if ttl <= MOST and self.final(ttl)), default=None)

    def next_after(self, last: int) -> int | None:
        """The first hop behind `last` that answers."""
        return min(
            (ttl for ttl in self._answers if last < ttl <= MOST and self.answers(ttl)), default=None
        )

    def local_error(self) -> str:
        """Why this machine could not even try, if that is so; else empty."""
        for answers in self._answers.values():
            for seen in answers:
                if seen.signal is Signal.LOCAL_ERROR:
                    return str((seen.detail or {}).get("meaning", "an error of this machine"))
        return ""

    def row(self, ttl: int) -> HopAnswer | None:
        """All answers to this TTL as one; None where it was not asked."""
        answers = self._answers.get(ttl)
        if not answers:
            return None
        final, routers = self.final(ttl), self.routers(ttl)
        rtts = [each.rtt for each in answers if each.rtt is not None]
        silent = None if routers else answers[0].signal
        return HopAnswer(
            routers=tuple(sorted(routers)),
            signal=final.signal if final else silent,
            by=final.by if final else None,
            asked=len(answers),
            rtt_ms=round(min(rtts) * 1000, 3) if rtts else None,
        )


Asks = list[tuple[Lane, int]]
"""Which lane to ask with which TTL; where it stands twice, twice."""


def next_asks(port: Lane, compared: Lane | None) -> Asks:
    """What to ask in the next round; nothing where all is known that can be."""
    if port.end and any(seen.signal is Signal.OPEN for seen in port.finals()):
        return []
    top = _top(port, compared)
    asks = [(port, ttl) for ttl in _of_port(port, top)]
    if compared:
        asks += [(compared, ttl) for ttl in _of_compared(port, compared, top)]
    return asks


def _top(port: Lane, compared: Lane | None) -> int:
    """The furthest hop to ask for: where the path ends, or a few beyond the last answer."""
    if compared and compared.end:
        return compared.end
    lanes = [lane for lane in (port, compared) if lane]
    asked = max(lane.asked_up_to for lane in lanes)
    furthest = max(ttl for lane in lanes for ttl in (lane.last, lane.end or 0))
    ends_later = any(lane.final(WHOLE) and not lane.end for lane in lanes)
    if ends_later or furthest > asked - _AHEAD:
        return min(asked + _AHEAD, MOST)
    return asked


def _of_port(port: Lane, top: int) -> Iterator[int]:
    finals = port.finals()
    rejecters = {seen.by for seen in finals if seen.signal is not Signal.REFUSED}
    hops = {router for ttl in range(1, MOST + 1) for router in port.routers(ttl)}
    if rejecters and rejecters <= hops:
        return  # who rejects, and where that is, is known
    last, end = port.last, port.end
    for ttl in range(1, min(end or top + 1, top + 1)):
        if not port.answers(ttl) and port.asked(ttl) < (TRIES if ttl > last else _TRIES_ASIDE):
            yield ttl
    if not finals:
        for _ in range(port.asked(WHOLE), _TRIES_ASIDE):
            yield WHOLE  # all at once: where there are several ways, they take more than one


def _of_compared(port: Lane, compared: Lane, top: int) -> Iterator[int]:
    last = port.last
    telling = {compared.end, compared.next_after(last)}
    for ttl in range(1, top + 1):
        answers, asked = compared.answers(ttl), compared.asked(ttl)
        enough = answers >= (_AGREEING if ttl in telling else 1)
        if not enough and asked < (TRIES if ttl > last else _TRIES_ASIDE):
            yield ttl
    if not compared.finals() and compared.asked(WHOLE) < _TRIES_ASIDE:
        yield WHOLE


def agrees(compared: Lane, ttl: int) -> bool:
    """Whether enough answers of the compared port say the same of this hop."""
    return compared.answers(ttl) >= _AGREEING
