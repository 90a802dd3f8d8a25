"""Which ports of a range to contact, and what that says of the others. No I/O.

A firewall's rules are runs of ports. So a sample that lies close enough finds every run of some
length, and where two neighbouring samples differ the edge between them is then found exactly.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import pairwise
from random import Random

from veeamcheck.model import CLEAR, Observation, Signal
from veeamcheck.ports import PortSet

FROM_BOTTOM = 16
"""Jobs use a range from its lowest port."""
SPREAD = 59
POINTS_A_STEP = 26
"""All that can lie between two samples of the documented 801 ports, so that one step does."""


def sample(ports: PortSet, random: Random) -> list[int]:
    """The first 16 ports, the last, and one at random in each of 59 equal parts of the rest.

    So no hole of more than two parts' length (3.4 % of the range) can hide.
    """
    every = list(ports)
    if len(every) <= FROM_BOTTOM + 1 + SPREAD:
        return every
    rest = every[FROM_BOTTOM:-1]
    edges = [len(rest) * part // SPREAD for part in range(SPREAD + 1)]
    spread = [rest[random.randrange(low, high)] for low, high in pairwise(edges)]
    return [*every[:FROM_BOTTOM], *spread, every[-1]]


def next_step(ports: PortSet, seen: Mapping[int, Observation]) -> list[int]:
    """Ports to contact next, to narrow every change between clear and not clear; else none."""
    every = list(ports)
    wanted: list[int] = []
    for low, high in pairwise(sorted(seen)):
        if (seen[low].signal in CLEAR) is (seen[high].signal in CLEAR):
            continue
        between = every[bisect_left(every, low) + 1 : bisect_left(every, high)]
        points = min(POINTS_A_STEP, len(between))
        wanted += [between[(place + 1) * len(between) // (points + 1)] for place in range(points)]
    return sorted(set(wanted))


def widest_gap(ports: PortSet, contacted: Iterable[int]) -> int:
    """The most neighbouring ports of which none was contacted."""
    done = set(contacted)
    widest = current = 0
    for port in ports:
        current = 0 if port in done else current + 1
        widest = max(widest, current)
    return widest


def fill(ports: PortSet, seen: Mapping[int, Observation]) -> dict[int, Observation]:
    """A signal for each port: what was seen, else what the contacted neighbours on both sides say.

    Where these differ, the weaker claim: silent where not clear, refused where clear. `seen` must
    hold something; edges have been found, so that neighbours are both clear or both not.
    """
    filled: dict[int, Observation] = {}
    contacted = sorted(seen)
    for port in ports:
        if port in seen:
            filled[port] = seen[port]
            continue
        place = bisect_left(contacted, port)
        below = seen[contacted[max(0, place - 1)]]
        above = seen[contacted[min(place, len(contacted) - 1)]]
        filled[port] = _weaker(below, above)
    return filled


def _weaker(below: Observation, above: Observation) -> Observation:
    if below.signal is above.signal:
        if below.proven and not above.proven:
            return above
        return below if below.by == above.by else below._replace(by=None, detail=None)
    if below.signal in CLEAR and above.signal in CLEAR:
        return below if below.signal is Signal.REFUSED else above
    return Observation(Signal.SILENT, attributed=below.attributed and above.attributed)
