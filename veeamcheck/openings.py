"""What a firewall must let through: flows, and what was seen of them -> the fewest openings. Pure.

An opening is a product: every one of its sources may reach every one of its targets on all of its
ports. Together the openings allow each connection that the flows need and nothing else, and none
of them could be left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, reduce
from ipaddress import ip_address
from operator import or_
from typing import NamedTuple

from veeamcheck.model import (
    Evidence,
    Flow,
    Outcome,
    ReasonCode,
    RuleNote,
    Signal,
    Transport,
    Verdict,
)
from veeamcheck.ports import PortSet


class End(NamedTuple):
    """One address of a host, at either end of a connection."""

    host: str
    address: str
    """An IP address; a DNS name, or a pattern of names, where none is known; empty: nothing is."""

    @property
    def version(self) -> int | None:
        """4 or 6; None where this is no IP address."""
        return _version(self.address)


@cache  # few addresses, many connections
def _version(address: str) -> int | None:
    try:
        return ip_address(address).version
    except ValueError:
        return None


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


@dataclass(frozen=True, slots=True)
class AddressBook:
    """Who has which addresses."""

    hosts: Mapping[str, tuple[str, ...]]
    """Host name -> IP addresses and DNS names."""
    resolved: Mapping[str, tuple[str, ...]]
    """DNS name -> IP addresses."""

    def ends(self, host: str) -> list[End]:
        """The addresses of a host; one without an address where nothing is known of it."""
        found = [
            End(host, _without_zone(address))
            for declared in self.hosts.get(host, ())
            for address in self.resolved.get(declared) or (declared,)
        ]
        return list(dict.fromkeys(found)) or [End(host, "")]


def address_book(
    flows: Iterable[Flow],
    hosts: Mapping[str, tuple[str, ...]] | None = None,
    resolved: Mapping[str, tuple[str, ...]] | None = None,
) -> AddressBook:
    """All that is known of addresses: what is given, and what the flows and their evidence say.

    A source is known by the addresses that connections were seen to leave from where nothing else
    is known of it; a stand-in's addresses are never its.
    """
    declared: dict[str, tuple[str, ...]] = {}
    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    left_from: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for flow in flows:
        declared[flow.target] = flow.address
        for row in _evidence(flow):
            if row.name and _version(row.address):
                found[row.name][row.address] = None
            if row.local_address and flow.runs_from == flow.source != flow.target:
                left_from[flow.source][row.local_address] = None
    declared |= hosts or {}
    names = {name: tuple(addresses) for name, addresses in found.items()} | dict(resolved or {})
    for host, seen in left_from.items():
        own = declared.setdefault(host, tuple(seen))
        if not any(_version(address) or address in names for address in own):
            names |= dict.fromkeys(own, tuple(seen))
    return AddressBook(declared, names)


_CHANGEABLE = frozenset({Signal.SILENT, Signal.REJECTED})
"""What a firewall may have done."""
_NO_FIREWALLS_DOING = {
    ReasonCode.NO_LISTENER: "the path is clear, but nothing listens there",
    ReasonCode.WRONG_SERVICE: "something answers, but not the service",
    ReasonCode.UNREACHABLE: "a router or the host's own network says that there is no way to it; "
    "look at routing, and whether it is up",
    ReasonCode.UNRESOLVED: "its name has no address; correct the DNS or the inventory",
}
_NOT_BLOCKED = "none of these ports is silent or rejected"
_SAME_HOST = "it stays within one host, whose firewall should not filter its loopback interface"
_OTHER_FAMILY = "source and target have no addresses of the same family"
_UNKNOWN = "no address of {} is known; name the inventory too"
_PATTERN = "a pattern of names is no address; allow it where names can be, as in a proxy"
_NAME = "the address of {} is not known; a report that has contacted it knows, or resolve the name"


def may_be_blocked(flow: Outcome) -> bool:
    """Whether a firewall may be why the flow does not pass: what `failed_only` asks for."""
    return (
        flow.verdict in (Verdict.FAIL, Verdict.DEGRADED)
        and flow.reason_code not in _NO_FIREWALLS_DOING
        and any(row.signal in _CHANGEABLE and row.ports & flow.ports for row in flow.evidence)
    )


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
        note = notes.setdefault(key, _note_of(flow))
        ports = flow.ports
        if with_failover and flow.failover_ports:
            ports |= flow.failover_ports
        for source, target, why in _connections(flow, note, ports, book, failed_only):
            why = why or ("" if takes_names else _why_no_address(source, target))
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


# --- flows -> connections --------------------------------------------------------------------


def _connections(
    flow: Flow, note: RuleNote, ports: PortSet, book: AddressBook, failed_only: bool
) -> Iterator[tuple[End, End, str]]:
    """Every pair of addresses that the flow needs, and why it can't be opened (empty: it can)."""
    sources = book.ends(flow.source)
    targets = list(_targets(flow, book))
    why = ""
    if failed_only:
        assert isinstance(flow, Outcome)
        if flow.verdict not in (Verdict.FAIL, Verdict.DEGRADED):
            return
        blocked = {
            _without_zone(row.address)
            for row in flow.evidence
            if row.signal in _CHANGEABLE and row.ports & ports
        }
        why = _NO_FIREWALLS_DOING.get(flow.reason_code, "" if blocked else _NOT_BLOCKED)
        if not why:
            targets = [target for target in targets if target.address in blocked]
    if not why:
        targets += [End(pattern, pattern) for pattern in note.allow_list]
    if flow.source == flow.target:
        why = why or _SAME_HOST
    for target in targets:
        own = [source for source in sources if _same_family(source, target)]
        for source in own or sources:
            within = _SAME_HOST if source.address and source.address == target.address else ""
            yield source, target, why or within or ("" if own else _OTHER_FAMILY)


def _targets(flow: Flow, book: AddressBook) -> Iterator[End]:
    """The target's addresses; of a name what this flow's own vantage resolved, if it did."""
    for declared in flow.address:
        seen = dict.fromkeys(row.address for row in _evidence(flow) if row.name == declared)
        for address in seen or book.resolved.get(declared) or (declared,):
            yield End(flow.target, _without_zone(address))


def _evidence(flow: Flow) -> Sequence[Evidence]:
    return flow.evidence if isinstance(flow, Outcome) else ()


def _same_family(source: End, target: End) -> bool:
    return None in (source.version, target.version) or source.version == target.version


def _why_no_address(source: End, target: End) -> str:
    for end in (source, target):
        if end.version is None:
            if "*" in end.address:
                return _PATTERN
            return (_NAME if end.address else _UNKNOWN).format(end.address or end.host)
    return ""


def _without_zone(address: str) -> str:
    """``fe80::1%eth0`` as a firewall knows it: which card is meant differs from host to host."""
    return address.partition("%")[0]


def _note_of(flow: Flow) -> RuleNote:
    """What is known of a rule that the report says nothing about."""
    return RuleNote(
        id=flow.rule,
        rule_set=flow.rule_set,
        section=flow.section,
        row=flow.row,
        purpose="",
        breaks="",
        document="",
    )


# --- connections -> openings -----------------------------------------------------------------

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
