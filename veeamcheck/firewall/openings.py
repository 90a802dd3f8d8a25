"""What a firewall must let through: the connections that flows need -> the fewest openings. Pure.

An opening is a product: every one of its sources may reach every one of its targets on all of its
ports. Together the openings allow each connection that the flows need and nothing else, and none
of them could be left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import NamedTuple

from veeamcheck.firewall.connections import AddressBook, End, connections
from veeamcheck.model import Flow, RuleNote, Transport
from veeamcheck.ports import PortSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Connections to allow; the IP addresses of both ends are of one family."""

    sources: tuple[End, ...]
    targets: tuple[End, ...]
    transport: Transport
    ports: PortSet
    rules: tuple[RuleNote, ...]
    """Why: the documented rules that need it, in the order of their documents."""

    @property
    def version(self) -> int | None:
        """4 or 6; None where neither end has an IP address."""
        return next((end.version for end in (*self.sources, *self.targets) if end.version), None)


class LeftOut(NamedTuple):
    """What the flows need, but no opening can bring about or describe."""

    opening: Opening
    why: str


class Openings(NamedTuple):
    openings: tuple[Opening, ...]
    left_out: tuple[LeftOut, ...]


def find_openings(
    flows: Iterable[Flow],
    rules: Iterable[RuleNote],
    book: AddressBook,
    *,
    failed_only: bool = False,
    with_failover: bool = False,
    takes_names: bool = False,
) -> Openings:
    """The fewest openings for these flows, and what had to be left out, with the reason.

    `failed_only`: only for flows that fail or are degraded (so these must be outcomes), and of
    these only what a firewall may have blocked. `with_failover`: the failover ports, too; the
    primary ones alone make a flow pass. `takes_names`: an opening may have a DNS name for an
    address.
    """
    notes = {(note.rule_set, note.id): note for note in rules}
    needed: defaultdict[tuple[str, int], dict[_Axes, _Pairs]] = defaultdict(dict)
    for flow in flows:
        key = flow.rule_set, flow.rule
        note = notes.setdefault(key, RuleNote.unexplained(flow))
        ports = flow.ports
        if with_failover and flow.failover_ports:
            ports |= flow.failover_ports
        for source, target, why in connections(
            flow,
            ports,
            book,
            allow_list=note.allow_list,
            failed_only=failed_only,
            takes_names=takes_names,
        ):
            group = needed[why, source.version or target.version or 0]
            pairs = group.setdefault(_Axes(key, flow.transport, ports), {})
            pairs.setdefault(source, {})[target] = None
    places = {key: place for place, key in enumerate(notes)}
    minimal = {
        about: sorted(
            _joined(_without_covered(_products(group))),
            key=lambda piece: (min(map(places.__getitem__, piece.rules)), sorted(piece.sources)),
        )
        for about, group in needed.items()
    }
    return Openings(
        tuple(
            _opening(piece, notes) for (why, _), pieces in minimal.items() if not why
            for piece in pieces
        ),
        tuple(
            LeftOut(_opening(piece, notes), why) for (why, _), pieces in minimal.items() if why
            for piece in pieces
        ),
    )  # fmt: skip


_RuleKey = tuple[str, str]
"""Rule set and rule."""
_Pairs = dict[End, dict[End, None]]
"""Source -> its targets."""


class _Axes(NamedTuple):
    """What all connections of one rule on the same ports share."""

    rule: _RuleKey
    transport: Transport
    ports: PortSet


@dataclass(frozen=True, slots=True)
class _Piece:
    """An opening while it is made."""

    transport: Transport
    sources: frozenset[End]
    targets: frozenset[End]
    ports: PortSet
    rules: tuple[_RuleKey, ...]

    def pairs(self) -> Iterator[tuple[End, End]]:
        return ((source, target) for source in self.sources for target in self.targets)


_JOINABLE = ("ports", "targets", "sources")


def _products(group: Mapping[_Axes, _Pairs]) -> list[_Piece]:
    """For each rule the fewest products: sources with the same targets belong together."""
    pieces = []
    for axes, pairs in group.items():
        sources: defaultdict[frozenset[End], set[End]] = defaultdict(set)
        for source, targets in pairs.items():
            sources[frozenset(targets)].add(source)
        pieces += [
            _Piece(axes.transport, frozenset(own), targets, axes.ports, (axes.rule,))
            for targets, own in sources.items()
        ]
    return pieces


def _without_covered(pieces: Iterable[_Piece]) -> list[_Piece]:
    """Those that the others do not cover, also not together. Who covers one takes over its rules.

    The smallest are looked at first, for they are the most likely to be covered.
    """
    kept = dict(enumerate(pieces))
    at: defaultdict[tuple[Transport, End, End], list[int]] = defaultdict(list)
    for number, piece in kept.items():
        for pair in piece.pairs():
            at[piece.transport, *pair].append(number)
    for number in sorted(kept, key=lambda n: len(kept[n].sources) * len(kept[n].targets)):
        piece = kept[number]
        covering: set[int] = set()
        for pair in piece.pairs():
            others = [n for n in at[piece.transport, *pair] if n in kept and n != number]
            if piece.ports - reduce(or_, (kept[n].ports for n in others), PortSet()):
                break
            covering.update(n for n in others if kept[n].ports & piece.ports)
        else:
            del kept[number]
            for n in covering:
                kept[n] = replace(kept[n], rules=_united(kept[n].rules, piece.rules))
    return list(kept.values())


def _joined(pieces: list[_Piece]) -> list[_Piece]:
    """As few as possible: two that differ in one axis only are one, as often as that happens."""
    before = None
    while before != len(pieces):
        before = len(pieces)
        for axis in _JOINABLE:
            pieces = _joined_along(axis, pieces)
    return pieces


def _joined_along(axis: str, pieces: Iterable[_Piece]) -> list[_Piece]:
    others = [other for other in ("transport", *_JOINABLE) if other != axis]
    alike: defaultdict[tuple[object, ...], list[_Piece]] = defaultdict(list)
    for piece in pieces:
        alike[tuple(getattr(piece, other) for other in others)].append(piece)
    return [
        replace(
            same[0],
            rules=_united(*(piece.rules for piece in same)),
            **{axis: reduce(or_, (getattr(piece, axis) for piece in same))},
        )
        for same in alike.values()
    ]


def _united(*rules: Iterable[_RuleKey]) -> tuple[_RuleKey, ...]:
    return tuple(dict.fromkeys(key for own in rules for key in own))


def _opening(piece: _Piece, notes: Mapping[_RuleKey, RuleNote]) -> Opening:
    return Opening(
        sources=tuple(sorted(piece.sources)),
        targets=tuple(sorted(piece.targets)),
        transport=piece.transport,
        ports=piece.ports,
        rules=tuple(note for key, note in notes.items() if key in piece.rules),
    )
