"""What a listener opens, and whom it expects. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_

from veeamcheck.expand import expand
from veeamcheck.model import Flow, InstalledBy, Inventory, Mode, Rule, RuleSet, Transport
from veeamcheck.ports import PortSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A host that must reach this one."""

    name: str
    addresses: frozenset[str]
    """Its own, and those of the host that stands in for it."""
    ports: Mapping[Transport, PortSet]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What to open at these addresses."""

    host: str | None
    addresses: tuple[str, ...]
    ports: Mapping[Transport, PortSet]
    expected: tuple[Expected, ...] = ()
    data: PortSet = field(default_factory=PortSet)
    """The TCP ports that jobs move data over: a job that finds none free fails."""
    product: PortSet = field(default_factory=PortSet)
    """TCP ports on which only the product's own services listen."""

    def without(self, ports: PortSet) -> Opening:
        """The same, but these TCP ports stay closed."""
        left = {**self.ports, Transport.TCP: self.ports[Transport.TCP] - ports}
        return Opening(host=self.host, addresses=self.addresses, ports=left, expected=self.expected)


def opening_of_host(
    inventory: Inventory,
    host: str,
    addresses: Sequence[str],
    names: Mapping[str, Sequence[str]],
) -> Opening:
    """Every port that the rules require of this host, for the hosts that they require it for.

    `addresses` are those of the host that this machine has, `names` the IP addresses of what the
    inventory declares.
    """
    flows = [flow for flow in expand(inventory).flows if host == flow.target != flow.source]
    by_source: dict[str, list[Flow]] = {}
    for flow in flows:
        by_source.setdefault(flow.source, []).append(flow)
    return Opening(
        host=host,
        addresses=tuple(addresses),
        ports=_ports(flows),
        expected=tuple(
            Expected(
                name=source,
                addresses=frozenset(
                    address
                    for end in {source, *(flow.runs_from for flow in own)}
                    for declared in inventory.hosts[end].address
                    for address in names.get(declared, ())
                ),
                ports=_ports(own),
            )
            for source, own in by_source.items()
        ),
        data=_union(map(_data_of, flows)),
        product=_product_ports(inventory.rule_sets)
        | _union(
            flow.ports
            for flow in flows
            if flow.installed_by is InstalledBy.PRODUCT and flow.mode is not Mode.RANGE
        ),
    )


def opening_of_ports(
    tcp: PortSet, udp: PortSet, addresses: Sequence[str], rule_sets: Sequence[RuleSet]
) -> Opening:
    """These ports, for whoever holds the key."""
    rules = [rule for rule_set in rule_sets for rule in rule_set.rules]
    ranges = _union(part for rule in rules for part in _parts(rule) if len(part) > 1)
    return Opening(
        host=None,
        addresses=tuple(addresses),
        ports={Transport.TCP: tcp, Transport.UDP: udp},
        data=tcp & ranges,
        product=_product_ports(rule_sets),
    )


def _ports(flows: Iterable[Flow]) -> dict[Transport, PortSet]:
    needed = {transport: PortSet() for transport in Transport}
    for flow in flows:
        needed[flow.transport] |= flow.ports | (flow.failover_ports or PortSet())
    return needed


def _data_of(flow: Flow) -> PortSet:
    data = flow.ports if flow.mode is Mode.RANGE else PortSet()
    failover = flow.failover_ports or PortSet()
    return data | failover if len(failover) > 1 else data


def _product_ports(rule_sets: Iterable[RuleSet]) -> PortSet:
    """Single TCP ports that the documents give to the product and to nobody else."""
    rules = [rule for rule_set in rule_sets for rule in rule_set.rules]
    single = {
        by: _union(
            part
            for rule in rules
            if rule.installed_by is by and rule.transport is Transport.TCP
            for part in _parts(rule)
            if len(part) == 1
        )
        for by in InstalledBy
    }
    return single[InstalledBy.PRODUCT] - single[InstalledBy.SITE]


def _parts(rule: Rule) -> tuple[PortSet, ...]:
    return (*rule.ports, *rule.failover)


def _union(sets: Iterable[PortSet]) -> PortSet:
    return reduce(or_, sets, PortSet())
