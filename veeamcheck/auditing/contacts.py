"""What a host without veeamcheck has to contact: the flows that run from it, as lists of ports."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from veeamcheck.auditing.vantage import ports_that_must_be_closed
from veeamcheck.engine.ranges import sample
from veeamcheck.expand import expand
from veeamcheck.model import Flow, Inventory, Mode, Plan, Transport
from veeamcheck.net.names import is_literal
from veeamcheck.ports import PortSet

SINGLES = 0
"""The group of ports that are no range."""


class Contact(NamedTuple):
    """Ports of one address to contact."""

    group: int
    """Ports of one run share a number: where two neighbours differ, contact what lies between."""
    address: str
    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contacts:
    """All that one host has to contact over TCP, failover ports included."""

    vantage: str
    fingerprint: str
    """Of the flows that this was made for."""
    full_range: bool
    names: tuple[str, ...]
    """Those addresses that are names, to be resolved there."""
    closed: tuple[int, ...]
    """Ports that must be closed everywhere: what accepts them too accepts for everybody."""
    contacts: tuple[Contact, ...]
    """Single ports first."""


def contacts_of(inventory: Inventory, vantage: str, *, full_range: bool = False) -> Contacts:
    """What `vantage` has to contact; the same inventory always gives the same."""
    random = Random(0)
    closed = ports_that_must_be_closed(inventory, random)
    plan = expand(inventory, vantage)
    own = inventory.hosts[vantage].address
    flows = [
        flow
        for flow in plan.flows
        if flow.runs_from == vantage
        and flow.transport is Transport.TCP
        and not is_same_host(flow, own)
    ]
    singles: dict[str, PortSet] = {}
    runs: dict[tuple[str, PortSet], None] = {}
    for flow in flows:
        for address in flow.address:
            for ports, is_range in needs(flow):
                if is_range:
                    runs |= dict.fromkeys((address, PortSet((run,))) for run in ports.runs)
                else:
                    singles[address] = singles.get(address, PortSet.of(closed)) | ports
                singles.setdefault(address, PortSet.of(closed))
    return Contacts(
        vantage=vantage,
        fingerprint=fingerprint(inventory, plan, vantage),
        full_range=full_range,
        names=tuple(address for address in singles if not is_literal(address)),
        closed=closed,
        contacts=(
            *(Contact(SINGLES, address, tuple(ports)) for address, ports in singles.items()),
            *(
                Contact(number, address, tuple(run if full_range else sample(run, random)))
                for number, (address, run) in enumerate(runs, SINGLES + 1)
            ),
        ),
    )


def is_same_host(flow: Flow, own: Collection[str], addresses: Iterable[str] = ()) -> bool:
    """Whether whoever has the addresses `own` is the target, so that nothing crosses a network.

    `addresses` are what the target's names were resolved to.
    """
    if flow.source == flow.target:
        return False  # a rule about the host itself: real, and only testable there
    return any(address in own for address in (*flow.address, *addresses))


def needs(flow: Flow) -> Iterator[tuple[PortSet, bool]]:
    """The flow's sets of ports, and whether each is a range."""
    yield flow.ports, flow.mode is Mode.RANGE
    if flow.failover_ports:
        yield flow.failover_ports, len(flow.failover_ports) > 1


def fingerprint(inventory: Inventory, plan: Plan, vantage: str) -> str:
    """Equal where the same flows of the same documents run from `vantage`."""
    known = [
        [(each.id, each.product_version, each.revision) for each in inventory.rule_sets],
        [
            (flow.id, flow.address, flow.transport, str(flow.ports), str(flow.failover_ports or ""))
            for flow in plan.flows
            if flow.runs_from == vantage
        ],
    ]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()
