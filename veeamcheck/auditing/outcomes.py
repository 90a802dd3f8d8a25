"""What the vantages saw -> an outcome for every flow, and what pairs showed beside it. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from veeamcheck.auditing.certificates import differences
from veeamcheck.auditing.seen import Seen
from veeamcheck.engine.fold import unresolved
from veeamcheck.farside.knowledge import Listening, with_listeners
from veeamcheck.model import (
    SIGNS_OF_LIFE,
    Evidence,
    Flow,
    Inventory,
    Outcome,
    PairFacts,
    Phase,
    Plan,
    ReasonCode,
    Transport,
    Verdict,
)
from veeamcheck.ports import PortSet
from veeamcheck.tracing.audited import told, traces_of, with_traces
from veeamcheck.verdict import Judgement, judge, outcome


class Judged(NamedTuple):
    outcomes: tuple[Outcome, ...]
    pairs: tuple[PairFacts, ...]
    """Those with something to say beyond their flows' evidence."""
    warnings: tuple[str, ...]


def judge_all(inventory: Inventory, plan: Plan, seen: Mapping[str, Seen]) -> Judged:
    """Judge every flow of the plan from what its own vantage has seen."""
    waivers = {waiver.flow: waiver for waiver in inventory.waive}
    listening = _listening(seen.values())
    rows_of = {
        flow.id: with_listeners(flow, _rows(flow, seen[flow.runs_from]), listening)
        for flow in plan.flows
        if flow.runs_from in seen
    }
    traces = {
        flow.id: traces_of(flow, rows_of[flow.id], seen[flow.runs_from].traces)
        for flow in plan.flows
        if flow.id in rows_of
    }
    rows_of = {name: with_traces(rows, traces[name]) for name, rows in rows_of.items()}
    facts = {
        (name, target): each
        for name, one in seen.items()
        for target, each in _pair_facts(name, plan.flows, rows_of, one).items()
    }
    outcomes = []
    for flow in plan.flows:
        rows, own = rows_of.get(flow.id, ()), traces.get(flow.id, ())
        one = seen.get(flow.runs_from)
        judgement = _untested(inventory, flow, rows, one)
        if judgement:
            rows = own = ()
        else:
            pair = facts[flow.runs_from, flow.target]
            judgement = judge(flow, rows, pair, inventory.phase)
            if judgement.code is ReasonCode.INTERRUPTED and one and one.unreached:
                judgement = judgement._replace(reason=f"{judgement.reason} ({one.unreached})")
            if flow.runs_from != flow.source and judgement.verdict is not Verdict.UNTESTED:
                judgement = judgement._replace(
                    reason=f"{judgement.reason} (from {flow.runs_from}, "
                    f"standing in for {flow.source})"
                )
            if own and judgement.verdict is not Verdict.PASS:
                judgement = judgement._replace(reason=f"{judgement.reason}; {told(own)}")
        made = outcome(flow, judgement, rows, waivers.get(flow.id))
        outcomes.append(replace(made, traces=own))
    telling = (
        each for each in facts.values() if each.accepts_all or each.scan_protected or each.left_out
    )
    warnings = (
        *_unreached(seen),
        *_wrong_cards(inventory, outcomes, seen),
        *differences(outcomes),
    )
    return Judged(tuple(outcomes), tuple(telling), warnings)


def _untested(
    inventory: Inventory, flow: Flow, rows: Sequence[Evidence], seen: Seen | None
) -> Judgement | None:
    """Why a flow cannot be judged at all; None where it can."""
    if seen and flow.id in seen.same_host:
        return Judgement(
            Verdict.UNTESTED,
            ReasonCode.SAME_HOST,
            f"{flow.runs_from} is the target itself: nothing would cross a network",
        )
    if seen is None or (seen.unreached and not any(row.probed for row in rows)):
        host = flow.runs_from
        phase = "" if inventory.phase is Phase.LIVE else f" --phase {inventory.phase}"
        reason = f"run `veeamcheck run -i {inventory.file} --from {host}{phase}` on {host}"
        if seen is None:
            reason = f"starts at {flow.source}: {reason}"
        else:  # the same for all flows of this host, so that they can be told together
            reason = f"{_no_way_in(host, seen)}; or {reason}"
        return Judgement(Verdict.UNTESTED, ReasonCode.OTHER_VANTAGE, reason)
    return None


def _no_way_in(host: str, seen: Seen) -> str:
    wanted = "asked" if seen.only_home else "used"
    what = " whether our listener is up there" if seen.only_home else ""
    return f"{host} could not be {wanted} over SSH{what}: {seen.unreached}"


def _unreached(seen: Mapping[str, Seen]) -> tuple[str, ...]:
    """Hosts that were to be probed from: why there is nothing from them."""
    return tuple(_no_way_in(host, each) for host, each in seen.items() if each.unreached)


def _listening(seen: Iterable[Seen]) -> Listening:
    """Where our listeners are up, whichever vantage met them."""
    met: dict[tuple[str, Transport], PortSet] = {}
    for one in seen:
        for place, ports in one.listening.items():
            met[place] = met.get(place, PortSet()) | ports
    return met


def _rows(flow: Flow, seen: Seen) -> tuple[Evidence, ...]:
    own = seen.evidence.get(flow.id, {})
    contacted = (row for name_and_address in sorted(own) for row in own[name_and_address])
    return (*contacted, *_unresolved_rows(flow, seen))


def _pair_facts(
    vantage: str, flows: Iterable[Flow], rows_of: Mapping[str, Sequence[Evidence]], seen: Seen
) -> dict[str, PairFacts]:
    """What all probes from one vantage to one target showed together, by target host."""
    rows_by_target: dict[str, list[Evidence]] = {}
    names: dict[str, tuple[str, ...]] = {}
    for flow in flows:
        if flow.runs_from == vantage:
            rows_by_target.setdefault(flow.target, []).extend(rows_of[flow.id])
            names[flow.target] = flow.address
    return {
        target: PairFacts(
            vantage=vantage,
            target=target,
            alive=any(row.signal in SIGNS_OF_LIFE for row in rows),
            accepts_all=_among(rows, seen.accepts_all),
            scan_protected=_among(rows, seen.scan_protected),
            left_out=tuple(a for name in names[target] for a in seen.left_out.get(name, ())),
        )
        for target, rows in rows_by_target.items()
    }


def _among(rows: Iterable[Evidence], addresses: set[str]) -> tuple[str, ...]:
    return tuple(sorted({row.address for row in rows} & addresses))


def _unresolved_rows(flow: Flow, seen: Seen) -> list[Evidence]:
    """A name without an address blocks every port of the flow."""
    ports = flow.ports | (flow.failover_ports or PortSet())
    return [
        unresolved(name, ports, seen.unresolved[name])
        for name in flow.address
        if name in seen.unresolved
    ]


def _wrong_cards(
    inventory: Inventory, outcomes: Iterable[Outcome], seen: Mapping[str, Seen]
) -> tuple[str, ...]:
    """Probes that left from an address that the inventory does not give to their vantage."""
    strange: dict[tuple[str, str], str] = {}
    for each in outcomes:
        for row in each.evidence:
            local = row.local_address
            if local is None or ipaddress.ip_address(local).is_loopback:
                continue
            host = inventory.hosts[each.runs_from]
            names = seen[each.runs_from].names
            if local not in {a for name in host.address for a in names.get(name, (name,))}:
                strange.setdefault((host.name, local), each.target)
    return tuple(
        f"probes to {target} left from {local}, which is no address of {name} in the "
        f"inventory: the wrong network card, or this is not {name}"
        for (name, local), target in strange.items()
    )
