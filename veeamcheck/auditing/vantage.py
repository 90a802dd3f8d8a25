"""All the probing that leaves from one host: what to contact, contacting it, and its evidence."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from veeamcheck.auditing.seen import Seen
from veeamcheck.auditing.services import Expected, Services
from veeamcheck.auditing.settings import Settings
from veeamcheck.engine.dispatch import Dispatcher
from veeamcheck.engine.fold import fold
from veeamcheck.engine.pace import PACES
from veeamcheck.engine.ranges import FROM_BOTTOM, SPREAD
from veeamcheck.engine.sweep import Sweep
from veeamcheck.farside.recognise import Recogniser, recognise_datagram
from veeamcheck.model import (
    Evidence,
    Flow,
    Inventory,
    Mode,
    Observation,
    PairFacts,
    Signal,
    Transport,
)
from veeamcheck.net.interface import Network, UnresolvedError
from veeamcheck.net.names import is_literal
from veeamcheck.ports import PortSet
from veeamcheck.probes import find_probe
from veeamcheck.probes.interface import Turn
from veeamcheck.verdict import needs_failover

_ADDRESSES_AT_ONCE = 256
"""Bounds memory; a dead address takes its time without holding up the others."""
_AT_HOME = 16
"""Runs of ports of which the vantage asks its own host's first whether our listener is up there."""
_CONVERSATIONS = 256
"""Open ports that are asked at once what answers there."""
_NO_ANSWER = (Signal.SILENT, Signal.LOCAL_ERROR)
_BLOCKED_IF_UP = (Signal.SILENT, Signal.REFUSED)
_SAMPLED = FROM_BOTTOM + 1 + SPREAD


@dataclass(slots=True)
class Target:
    """What one address must be asked."""

    address: str
    singles: PortSet = field(default_factory=PortSet)
    ranges: list[PortSet] = field(default_factory=list)
    datagrams: set[tuple[str, int]] = field(default_factory=set)
    """(service, port)"""
    flows: list[tuple[Flow, str]] = field(default_factory=list)
    """With the declared address that led here."""


class Vantage:
    """All the probing that leaves from one host."""

    def __init__(
        self,
        name: str,
        inventory: Inventory,
        settings: Settings,
        *,
        network: Network,
        flows: Sequence[Flow],
        seen: Seen,
        home: PortSet,
    ) -> None:
        """`home`: TCP ports that others need of the vantage's own host."""
        self._name = name
        self._inventory = inventory
        self._settings = settings
        self._network = network
        self._flows = flows
        self._seen = seen
        self._home = home
        self._random = Random()
        self._dispatcher = Dispatcher(network.connect, PACES[settings.pace], on_contact=self._count)
        self._conversations = asyncio.Semaphore(_CONVERSATIONS)
        self._closed = ports_that_must_be_closed(inventory, self._random)

    async def probe(self) -> None:
        """Fill in what is seen; may be cancelled at any time."""
        if not self._seen.only_home:
            self._seen.missing_evidence = self._network.missing_evidence
        await self._resolve()
        targets = self._targets()
        self._seen.ports_total = sum(
            len(target.singles) + len(target.datagrams) + sum(map(self._cost, target.ranges))
            for target in targets
        )
        free = asyncio.Semaphore(_ADDRESSES_AT_ONCE)
        at_home = await self._meet_listeners_at_home()
        try:
            async with asyncio.TaskGroup() as group:
                for target in targets:
                    await free.acquire()
                    group.create_task(self._probe_target(target)).add_done_callback(
                        lambda _: free.release()
                    )
        finally:
            for target in targets:
                self._gather_evidence(target)
        await asyncio.gather(*(self._know_listener(*each) for each in at_home.items()))

    def _count(self) -> None:
        self._seen.contacts += 1

    # --- names ---

    async def _resolve(self) -> None:
        """Every name once, all at the same time, before anything is timed."""
        names = {name for flow in self._flows for name in flow.address}
        names |= set(self._inventory.hosts[self._name].address)
        await asyncio.gather(*(self._resolve_one(name) for name in sorted(names)))

    async def _resolve_one(self, name: str) -> None:
        try:
            addresses = await self._network.resolve(name)
        except UnresolvedError as error:
            self._seen.unresolved[name] = str(error)
            return
        routed = tuple(a for a in addresses if self._network.local_address(a) is not None)
        if routed and len(routed) < len(addresses):
            self._seen.left_out[name] = tuple(a for a in addresses if a not in routed)
            addresses = routed
        self._seen.names[name] = addresses

    def _is_this_host(self, address: str) -> bool:
        """Whether nothing would cross a network on the way to this address."""
        own = self._seen.names
        if any(address in own.get(mine, ()) for mine in self._inventory.hosts[self._name].address):
            return True
        if not is_literal(address) or ipaddress.ip_address(address).is_loopback:
            return False
        return self._network.local_address(address) == address

    # --- what to contact ---

    def _targets(self) -> list[Target]:
        """The addresses to contact, each with what its flows need from the start."""
        targets: dict[str, Target] = {}
        for flow in self._flows:
            if self._is_same_host(flow):
                self._seen.same_host.add(flow.id)
                continue
            for name in flow.address:
                for address in self._seen.names.get(name, ()):
                    target = targets.setdefault(address, Target(address))
                    target.flows.append((flow, name))
                    self._need(target, flow, flow.ports, flow.mode is Mode.RANGE)
                    if flow.failover_ports and self._settings.check_failover:
                        self._need(target, flow, flow.failover_ports, len(flow.failover_ports) > 1)
        return list(targets.values())

    def _is_same_host(self, flow: Flow) -> bool:
        """Whether the vantage is the target, so that nothing crosses a network."""
        if flow.source == flow.target:
            return False  # a rule about the host itself: real, and only testable there
        if flow.target == self._name:
            return True
        addresses = [a for name in flow.address for a in self._seen.names.get(name, ())]
        return any(self._is_this_host(address) for address in addresses)

    def _need(self, target: Target, flow: Flow, ports: PortSet, is_range: bool) -> None:
        if flow.transport is Transport.UDP:
            target.datagrams |= {(flow.service, port) for port in ports}
        elif not is_range:
            target.singles |= ports
        elif ports not in target.ranges:
            target.ranges.append(ports)

    def _cost(self, ports: PortSet) -> int:
        return len(ports) if self._settings.full_range else min(len(ports), _SAMPLED)

    # --- contacting it ---

    async def _probe_target(self, target: Target) -> None:
        async with asyncio.TaskGroup() as group:
            for service, port in sorted(target.datagrams):
                group.create_task(self._probe_datagram(target.address, service, port))
            if target.singles or target.ranges:
                group.create_task(self._probe_ports(target))
        self._gather_evidence(target)
        self._dispatcher.forget(target.address)

    async def _probe_datagram(self, address: str, service: str, port: int) -> None:
        asked = asyncio.ensure_future(self._ask_service(address, service, port))
        try:
            listener = await self._find_listener(address, port, asked)
            self._seen.datagrams[address, service, port] = listener or await asked
        finally:
            asked.cancel()
        self._seen.ports_folded += 1

    async def _ask_service(self, address: str, service: str, port: int) -> Observation:
        probe = find_probe(service)
        if probe is None:
            return Observation(
                Signal.LOCAL_ERROR, detail={"meaning": f"no probe for the UDP service {service!r}"}
            )
        return await probe(self._network, address, port, self._turn(address))

    async def _find_listener(
        self, address: str, port: int, asked: asyncio.Future[Observation]
    ) -> Observation | None:
        """Ask for our listener beside the service, whose silence takes long; one of them answers.

        None: it is not there, or the service has answered.
        """
        key = self._key
        if not key:
            return None
        meeting = asyncio.ensure_future(
            recognise_datagram(self._network, address, port, key, self._turn(address))
        )
        try:
            waited: list[asyncio.Future[Any]] = [meeting, asked]
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            answered = asked.done() and asked.result().signal not in _NO_ANSWER
            met = None if answered else await meeting
        finally:
            meeting.cancel()
        return met.observation if met else None

    @property
    def _key(self) -> bytes | None:
        return self._settings.key if self._settings.checks == "service" else None

    def _turn(self, address: str) -> Turn:
        return lambda: self._dispatcher.turn(address)

    # --- our listeners ---

    def _recogniser(self, address: str) -> Recogniser | None:
        if not self._key:
            return None
        return Recogniser(
            self._network, address, self._key, self._turn(address), self._conversations
        )

    async def _meet_listeners_at_home(self) -> dict[str, Recogniser]:
        """Our listeners at the vantage's own addresses, to which no network leads.

        That proves no path, but what is silent from everywhere else is then known to be blocked.
        """
        ports = [first for first, _ in self._home.runs][:_AT_HOME]
        declared = self._inventory.hosts[self._name].address
        own = {address for name in declared for address in self._seen.names.get(name, ())}
        found = {a: each for a in own if ports and (each := self._recogniser(a))}
        await asyncio.gather(*(each.meet(ports) for each in found.values()))
        return found

    async def _know_listener(self, address: str, recogniser: Recogniser) -> None:
        """Keep where our listener was up all the time."""
        if await recogniser.still_up():
            for transport, ports in recogniser.up.items():
                self._seen.listening[address, transport] = ports

    async def _probe_ports(self, target: Target) -> None:
        recogniser = self._recogniser(target.address)
        if self._settings.checks == "service":
            self._seen.services[target.address] = Services(
                self._network, target.address, self._turn(target.address), self._conversations
            )
        sweep = self._seen.sweeps[target.address] = Sweep(
            self._dispatcher,
            target.address,
            random=self._random,
            least_timeout=self._network.least_timeout,
            attributes=self._network.attributes,
            examine=recogniser.examine if recogniser else None,
        )
        await sweep.settle(target.singles)
        # Not only at the end: a run that is interrupted later shows what is open now as passed.
        await sweep.check_for_accept_all(self._closed)
        await self._ask_services(target, sweep)
        await sweep.check_for_scan_protection()
        for ports in target.ranges:
            await sweep.settle_range(ports, full=self._settings.full_range)
        for ports in self._failover_needed(target, sweep):
            if ports not in target.ranges:
                self._seen.ports_total += self._cost(ports)
                await sweep.settle_range(ports, full=self._settings.full_range)
        await self._ask_services(target, sweep)
        await sweep.check_for_accept_all(self._closed)
        await sweep.check_for_scan_protection()
        if recogniser:
            await self._know_listener(target.address, recogniser)

    async def _ask_services(self, target: Target, sweep: Sweep) -> None:
        """Ask what answers on the ports that are open now."""
        services = self._seen.services.get(target.address)
        if services is None:
            return
        wanted = [
            (_expected(flow, name), flow.ports | (flow.failover_ports or PortSet()))
            for flow, name in target.flows
            if flow.transport is Transport.TCP
        ]
        await services.ask(wanted, sweep.seen)

    def _failover_needed(self, target: Target, sweep: Sweep) -> list[PortSet]:
        needed: list[PortSet] = []
        for flow, name in target.flows:
            ports = flow.failover_ports
            if ports is None or ports in needed:
                continue
            if self._needs_failover(flow, self._rows(flow, name, sweep, flow.ports)):
                needed.append(ports)
        return needed

    # --- evidence ---

    def _rows(self, flow: Flow, name: str, sweep: Sweep, ports: PortSet) -> tuple[Evidence, ...]:
        services = self._seen.services.get(sweep.address)
        seen: Mapping[int, Observation] = sweep.seen
        if services:
            pin = self._inventory.hosts[flow.target].tls
            seen = services.overlaid(
                seen, _expected(flow, name), pin, accepts_all=sweep.accepts_all
            )
        return fold(
            ports,
            seen,
            address=sweep.address,
            local_address=self._network.local_address(sweep.address),
            name=None if is_literal(name) else name,
            means=self._network.means,
            searched=sweep.searched,
        )

    def _gather_evidence(self, target: Target) -> None:
        """Fold what an address showed into its flows' evidence, and let go of the rest."""
        seen = self._seen
        sweep = seen.sweeps.pop(target.address, None)
        for flow, name in target.flows:
            rows: tuple[Evidence, ...] = ()
            if flow.transport is Transport.UDP:
                own = {
                    port: seen.datagrams[target.address, flow.service, port]
                    for port in flow.ports
                    if (target.address, flow.service, port) in seen.datagrams
                }
                rows = fold(
                    flow.ports,
                    own,
                    address=target.address,
                    local_address=self._network.local_address(target.address),
                    name=None if is_literal(name) else name,
                    means=self._network.means,
                )
            elif sweep:
                rows = self._rows(flow, name, sweep, flow.ports)
                if flow.failover_ports and (
                    self._settings.check_failover or self._needs_failover(flow, rows)
                ):
                    rows += self._rows(flow, name, sweep, flow.failover_ports)
            if rows:
                seen.evidence.setdefault(flow.id, {})[name, target.address] = rows
        seen.services.pop(target.address, None)
        if sweep:
            seen.ports_folded += len(sweep.seen)
            if sweep.accepts_all:
                seen.accepts_all.add(target.address)
            if sweep.scan_protected:
                seen.scan_protected.add(target.address)

    def _needs_failover(self, flow: Flow, rows: Sequence[Evidence]) -> bool:
        if self._key and any(row.signal in _BLOCKED_IF_UP for row in rows):
            # Any vantage may find our listener up there: then it was a block after all.
            return flow.failover_ports is not None
        if self._settings.trace and any(row.signal is Signal.REFUSED for row in rows):
            return flow.failover_ports is not None  # a trace may find the reset forged
        # Another address of a transient target may yet show life, and then this one counts.
        facts = PairFacts(vantage=self._name, target=flow.target, alive=True)
        return needs_failover(flow, rows, facts, self._inventory.phase)


def _expected(flow: Flow, name: str) -> Expected:
    """What a flow expects to answer at this declared address."""
    return Expected(flow.service, None if is_literal(name) else name)


def ports_that_must_be_closed(inventory: Inventory, random: Random) -> tuple[int, int]:
    """Two ports that no rule names: whoever accepts on both accepts for everybody."""
    named = PortSet.of_runs(
        run
        for rule_set in inventory.rule_sets
        for rule in rule_set.rules
        for ports in (*rule.ports, *rule.failover)
        for run in ports.runs
    )
    for host in inventory.hosts.values():
        for ports in host.ports.values():
            named |= ports
    free = PortSet(((1025, 65535),)) - named
    first, second = random.sample(list(free), 2)
    return first, second
