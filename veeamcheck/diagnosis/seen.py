"""What all flows of a report showed together, from each vantage: one flow alone cannot tell."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from veeamcheck.model import SIGNS_OF_LIFE, Evidence, Outcome, Signal, Transport, Verdict
from veeamcheck.net.errors import NO_ROUTE
from veeamcheck.ports import PortSet
from veeamcheck.verdict import meaning

NO_ANSWER = frozenset({Signal.SILENT, Signal.UNREACHABLE})
_ISOLATED_FROM = 3
"""So many targets must all stay without an answer before their vantage itself is suspected."""
_DARK_HOSTS = 2
"""So many hosts of a network must all stay silent before the way there is suspected."""
_PREFIX = {4: 24, 6: 64}
"""What is taken for a network: the real masks are not known."""

_NO_ROUTE_ICMP = frozenset({(3, 0), (1, 0), (11, 0)})
"""ICMP type and code by which a router says that it has no way, or only one in a loop; IPv6's
loop is (3, 0) too. An unreachable *host* is another matter: there the route was found."""


@lru_cache(maxsize=65_536)
def network_of(address: str) -> str:
    """The network that the address is taken to be in; empty for what is no address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    return str(ipaddress.ip_network((parsed, _PREFIX[parsed.version]), strict=False))


def _vantages_by_name() -> defaultdict[str, dict[str, None]]:
    return defaultdict(dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """What all flows together show, by vantage and address."""

    signals: dict[tuple[str, str], set[Signal]] = field(default_factory=dict)
    rejector: dict[tuple[str, str], str] = field(default_factory=dict)
    alive_to: dict[str, list[str]] = field(default_factory=dict)
    """Address -> the vantages that it gave a sign of life."""
    failed_without_answer: set[tuple[str, str]] = field(default_factory=set)
    """Vantage and address where silence counts as a failure of some flow."""
    isolated: set[str] = field(default_factory=set)
    without_route: dict[tuple[str, str], str] = field(default_factory=dict)
    """Vantage and address -> the router that has no route there; empty for the vantage itself."""
    resolved: defaultdict[str, dict[str, None]] = field(default_factory=_vantages_by_name)
    """Name -> the vantages that found an address for it."""
    unresolved: defaultdict[str, dict[str, None]] = field(default_factory=_vantages_by_name)
    ports_alive: dict[tuple[str, Transport], PortSet] = field(default_factory=dict)
    """Vantage and transport -> the ports on which any host gave a sign of life."""
    dark: set[tuple[str, str]] = field(default_factory=set)
    """Vantage and network of which no host that was tried answers it."""

    @classmethod
    def in_flows(cls, flows: Sequence[Outcome]) -> Seen:
        seen = cls()
        targets: defaultdict[str, set[str]] = defaultdict(set)
        answered: set[str] = set()
        alive: defaultdict[tuple[str, Transport], list[PortSet]] = defaultdict(list)
        for flow in flows:
            vantage = flow.runs_from
            failed = flow.verdict is Verdict.FAIL
            for row in flow.evidence:
                pair = vantage, row.address
                if row.signal is Signal.UNRESOLVED:
                    seen.unresolved[row.name or row.address][vantage] = None
                elif row.name:
                    seen.resolved[row.name][vantage] = None
                seen.signals.setdefault(pair, set()).add(row.signal)
                if row.by and row.signal in (Signal.REJECTED, Signal.UNREACHABLE):
                    answered.add(vantage)
                speaker = _without_route(row)
                if speaker is not None:
                    # Routers send only a few such messages: other ports just stay silent.
                    seen.without_route.setdefault(pair, speaker)
                if row.signal is Signal.REJECTED:
                    seen.rejector.setdefault(pair, row.by or "")
                if row.signal in SIGNS_OF_LIFE:
                    answered.add(vantage)
                    alive[vantage, flow.transport].append(row.ports)
                    vantages = seen.alive_to.setdefault(row.address, [])
                    if vantage not in vantages:
                        vantages.append(vantage)
                if failed and row.signal in NO_ANSWER:
                    seen.failed_without_answer.add(pair)
                    targets[vantage].add(flow.target)
        for vantage, without_answer in targets.items():
            if vantage not in answered and len(without_answer) >= _ISOLATED_FROM:
                seen.isolated.add(vantage)
        for place, ports in alive.items():
            seen.ports_alive[place] = PortSet.of_runs(run for each in ports for run in each.runs)
        seen._find_dark_networks(flows)
        return seen

    def _find_dark_networks(self, flows: Iterable[Outcome]) -> None:
        """Networks beyond a router, all silent: among its own neighbours a vantage needs none."""
        own = {
            (flow.runs_from, network_of(row.local_address or ""))
            for flow in flows
            for row in flow.evidence
        }
        tried: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for vantage, address in self.signals:
            tried[vantage, network_of(address)].add(address)
        for (vantage, network), addresses in tried.items():
            pairs = [(vantage, address) for address in addresses]
            if (
                network
                and (vantage, network) not in own
                and all(self.signals[pair] == {Signal.SILENT} for pair in pairs)
                and len(self.failed_without_answer.intersection(pairs)) >= _DARK_HOSTS
            ):
                self.dark.add((vantage, network))

    def answers_elsewhere(self, flow: Outcome, rows: Iterable[Evidence]) -> bool:
        """Whether any host gave the flow's vantage a sign of life on ports dropped here."""
        alive = self.ports_alive.get((flow.runs_from, flow.transport), PortSet())
        return any(row.ports & alive for row in rows)

    def dead(self, vantage: str, address: str) -> bool:
        """Nothing that this vantage tried there gave a sign of life."""
        return not self.signals.get((vantage, address), set()) & SIGNS_OF_LIFE


def _without_route(row: Evidence) -> str | None:
    """The router that has no route, empty for the vantage itself; None where nobody says so."""
    if row.signal is not Signal.UNREACHABLE:
        return None
    detail = row.detail or {}
    if row.by and (detail.get("icmp_type"), detail.get("icmp_code")) in _NO_ROUTE_ICMP:
        return row.by
    return "" if row.by is None and meaning(row) == NO_ROUTE else None
