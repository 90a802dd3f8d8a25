"""What a probe script printed -> a report, judged as if veeamcheck had probed from there itself."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from veeamcheck.auditing.conclusion import conclude
from veeamcheck.auditing.contacts import fingerprint, is_same_host, needs
from veeamcheck.auditing.seen import Seen
from veeamcheck.auditing.settings import Settings
from veeamcheck.engine.fold import fold
from veeamcheck.engine.ranges import next_step
from veeamcheck.expand import expand
from veeamcheck.model import (
    CLEAR,
    SIGNS_OF_LIFE,
    Evidence,
    Flow,
    InputError,
    Inventory,
    Observation,
    PairFacts,
    Policy,
    Problem,
    Report,
    Signal,
    Transport,
)
from veeamcheck.net.names import is_literal
from veeamcheck.ports import PortSet
from veeamcheck.verdict import needs_failover

_NO_UDP = Observation(
    Signal.LOCAL_ERROR, detail={"meaning": "a script cannot test UDP; run veeamcheck there for it"}
)
_NO_ICMP = "ICMP errors are not visible to a script: who rejected is not known"
_UNATTRIBUTED = ", and a refusal may be a firewall's reject"
_MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one port showed after all its attempts."""

    address: str
    port: Annotated[int, Field(ge=1, le=65535)]
    signal: Literal["open", "refused", "silent", "unreachable", "local-error"]
    said: str = ""
    """The error in the words of the host."""
    rtt_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """All that one script has seen."""

    schema_version: Literal[1]
    kind: Literal["observations"]
    version: str
    vantage: str
    fingerprint: str
    """Of the flows that the script was made for."""
    means: str
    attributes: bool
    """A reset can be told from an ICMP reject there."""
    full_range: bool
    start: AwareDatetime
    end: AwareDatetime
    own_addresses: tuple[str, ...] = ()
    """Those of the machine that the script ran on; empty: not known."""
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    closed: tuple[int, ...]
    """Ports that must be closed everywhere."""
    results: tuple[Result, ...]


_OBSERVATIONS = TypeAdapter(Observations)


def is_observations(text: str) -> bool:
    """Whether a script printed this, however whole or broken it is."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(data, dict) and data.get("kind") == "observations"


def read_observations(text: str, file: str) -> Observations:
    """What a script printed; InputError says what is wrong with a text that none did."""
    try:
        return _OBSERVATIONS.validate_json(text.encode(errors="replace"))
    except ValidationError as error:
        raise InputError(
            [
                Problem(file, 1, ".".join(map(str, each["loc"])), each["msg"])
                for each in error.errors(include_url=False)[:_MOST_PROBLEMS]
            ]
        ) from None


def judge_observations(
    inventory: Inventory, observations: Observations, file: str, policy: Policy
) -> Report:
    """The report that an audit from the script's host would have given.

    InputError where the script was made for other flows, or its result is not whole.
    """
    name = observations.vantage
    plan = expand(inventory, name if name in inventory.hosts else None)
    if name not in inventory.hosts or observations.fingerprint != fingerprint(
        inventory, plan, name
    ):
        what = (
            f"the script that gave this was made for other flows from {name!r} than "
            f"{inventory.file} has now; write and run it again, or name the inventory it was "
            "made with (-i)"
        )
        raise InputError([Problem(file, 1, "fingerprint", what)])
    flows = [flow for flow in plan.flows if flow.runs_from == name]
    seen = _Reader(inventory, observations, file).seen(flows)
    settings = Settings(
        vantage=name, full_range=observations.full_range, checks="connect", policy=policy
    )
    report = conclude(
        inventory,
        plan,
        settings,
        {name: seen},
        start=observations.start,
        end=observations.end,
    )
    return replace(report, warnings=(*report.warnings, *_wrong_machine(inventory, observations)))


class _Reader:
    """Sorts what a script has seen by the flows that need it."""

    def __init__(self, inventory: Inventory, observations: Observations, file: str) -> None:
        self._inventory = inventory
        self._observations = observations
        self._file = file
        self._by_address = _by_address(observations)

    def seen(self, flows: Iterable[Flow]) -> Seen:
        """What an audit from there would have seen of these flows."""
        observations = self._observations
        missing = _NO_ICMP + ("" if observations.attributes else _UNATTRIBUTED)
        seen = Seen(missing_evidence=(f"{observations.vantage}: {missing}",))
        seen.names = {name: found for name, found in observations.names.items() if found}
        seen.unresolved = {
            name: "the resolver there knows no address for it"
            for name, found in observations.names.items()
            if not found
        }
        seen.accepts_all = {address for address in self._by_address if self._accepts_all(address)}
        own = {*_ran_on(observations), *self._inventory.hosts[observations.vantage].address}
        for flow in flows:
            addresses = [(name, each) for name in flow.address for each in self._addresses(name)]
            if is_same_host(flow, own, (address for _, address in addresses)):
                seen.same_host.add(flow.id)
            elif flow.transport is Transport.UDP:
                seen.evidence[flow.id] = {
                    (name, name): self._untested(flow, name) for name in flow.address
                }
            else:
                seen.evidence[flow.id] = {
                    (name, address): self._rows(flow, name, address) for name, address in addresses
                }
        return seen

    def _addresses(self, declared: str) -> tuple[str, ...]:
        return (declared,) if is_literal(declared) else self._observations.names.get(declared, ())

    def _accepts_all(self, address: str) -> bool:
        of_address = self._by_address[address]
        return all(
            port in of_address and of_address[port].signal is Signal.OPEN
            for port in self._observations.closed
        )

    def _untested(self, flow: Flow, name: str) -> tuple[Evidence, ...]:
        return self._folded(flow.ports, dict.fromkeys(flow.ports, _NO_UDP), name, name)

    def _rows(self, flow: Flow, name: str, address: str) -> tuple[Evidence, ...]:
        of_address = self._by_address.get(address, {})
        facts = PairFacts(
            vantage=self._observations.vantage,
            target=flow.target,
            alive=any(each.signal in SIGNS_OF_LIFE for each in of_address.values()),
        )
        primary, *failover = (
            self._settled(ports, is_range, name, address) for ports, is_range in needs(flow)
        )
        if failover and needs_failover(flow, primary, facts, self._inventory.phase):
            return (*primary, *failover[0])
        return primary

    def _settled(
        self, ports: PortSet, is_range: bool, name: str, address: str
    ) -> tuple[Evidence, ...]:
        of_address = self._by_address.get(address, {})
        own = {port: of_address[port] for port in ports if port in of_address}
        ends = {port for run in ports.runs for port in run} if is_range else set(ports)
        if not ends <= own.keys() or (is_range and next_step(ports, own)):
            what = f"the results of {address} are not complete; run the script again, to its end"
            raise InputError([Problem(self._file, 1, "results", what)])
        return self._folded(ports, own, name, address, searched=is_range)

    def _folded(
        self,
        ports: PortSet,
        own: Mapping[int, Observation],
        name: str,
        address: str,
        *,
        searched: bool = False,
    ) -> tuple[Evidence, ...]:
        return fold(
            ports,
            own,
            address=address,
            local_address=None,
            name=None if is_literal(name) else name,
            means=self._observations.means,
            searched=(ports,) if searched else (),
        )


def _by_address(observations: Observations) -> dict[str, dict[int, Observation]]:
    """Address -> port -> what it showed; of a port contacted twice, what was clear."""
    found: dict[str, dict[int, Observation]] = {}
    for each in observations.results:
        of_address = found.setdefault(each.address, {})
        if each.port not in of_address or Signal(each.signal) in CLEAR:
            of_address[each.port] = Observation(
                Signal(each.signal),
                attributed=observations.attributes,
                rtt=None if each.rtt_ms is None else each.rtt_ms / 1000,
                detail={"meaning": each.said} if each.said else None,
            )
    return found


def _wrong_machine(inventory: Inventory, observations: Observations) -> tuple[str, ...]:
    """A warning where the script ran on a machine with none of its host's addresses."""
    declared = inventory.hosts[observations.vantage].address
    ran_on = _ran_on(observations)
    if not ran_on or not all(map(is_literal, declared)) or not ran_on.isdisjoint(declared):
        return ()
    return (
        f"the script for {observations.vantage} ran on a machine that has none of its addresses "
        f"({', '.join(declared)}), but {', '.join(sorted(ran_on))}",
    )


def _ran_on(observations: Observations) -> set[str]:
    """The addresses of the machine that the script ran on, in their one spelling."""
    found = {each.partition("%")[0] for each in observations.own_addresses}
    literals = map(ipaddress.ip_address, filter(is_literal, found))
    return {str(each) for each in literals if not each.is_loopback}
