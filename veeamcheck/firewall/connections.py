"""Flows, and what was seen of them -> the connections that they need, between addresses. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from typing import NamedTuple

from veeamcheck.diagnosis.blocked import FIREWALLS_DOING, NO_FIREWALLS_DOING
from veeamcheck.model import Evidence, Flow, Outcome, Verdict
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


_NOT_BLOCKED = "none of these ports is silent or rejected"
_SAME_HOST = "it stays within one host, whose firewall should not filter its loopback interface"
_OTHER_FAMILY = "source and target have no addresses of the same family"
_UNKNOWN = "no address of {} is known; name the inventory too"
_PATTERN = "a pattern of names is no address; allow it where names can be, as in a proxy"
_NAME = "the address of {} is not known; a report that has contacted it knows, or resolve the name"


def connections(
    flow: Flow,
    ports: PortSet,
    book: AddressBook,
    *,
    allow_list: Iterable[str],
    failed_only: bool,
    takes_names: bool,
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
            if row.signal in FIREWALLS_DOING and row.ports & ports
        }
        why = NO_FIREWALLS_DOING.get(flow.reason_code, "" if blocked else _NOT_BLOCKED)
        if not why:
            targets = [target for target in targets if target.address in blocked]
    if not why:
        targets += [End(pattern, pattern) for pattern in allow_list]
    if flow.source == flow.target:
        why = why or _SAME_HOST
    for target in targets:
        own = [source for source in sources if _same_family(source, target)]
        for source in own or sources:
            within = _SAME_HOST if source.address and source.address == target.address else ""
            told = why or within or ("" if own else _OTHER_FAMILY)
            yield source, target, told or ("" if takes_names else _why_no_address(source, target))


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
