"""What went wrong, told by its causes: thirty flows to a dead host are one finding.

Two steps. `find_causes` sorts every flow that fails, is degraded or is unproven into exactly one
group; `advice` says what that group means, and for whom. A waived flow has no cause: it is known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from veeamcheck.auditing.certificates import ANOTHER_CERTIFICATE
from veeamcheck.diagnosis.advice import Group, Kind, Trouble, Who, advise
from veeamcheck.diagnosis.seen import NO_ANSWER, Seen, network_of
from veeamcheck.model import (
    Evidence,
    Mode,
    Outcome,
    ReasonCode,
    Report,
    RuleNote,
    Signal,
    Transport,
    Verdict,
)
from veeamcheck.ports import PortSet

_WORST_FIRST = (Verdict.FAIL, Verdict.DEGRADED, Verdict.UNPROVEN)
_PLACE = {kind: place for place, kind in enumerate(Kind)}
_DROPPED_ALIKE = 3
"""So many hosts must drop the same ports before it is told as one finding."""
LEAST = 10_000
"""The weight of what no rule set names as an activity: it comes last."""
_OF_PAIRS = frozenset({Kind.NAT, Kind.BLACK_HOLE, Kind.SCAN_PROTECTION, Kind.ACCEPTS_ALL})
"""What is between two hosts, or at one of them."""
_OF_CODE: dict[ReasonCode, frozenset[Signal]] = {
    ReasonCode.PARTLY_BLOCKED: frozenset(
        {Signal.REJECTED, Signal.SILENT, Signal.UNREACHABLE, Signal.UNRESOLVED}
    ),
    # ICMP errors are rate-limited: silent ports beside rejected ones belong to the same finding.
    ReasonCode.BLOCKED_REJECTED: frozenset({Signal.REJECTED, Signal.SILENT}),
    ReasonCode.BLOCKED_SILENT: NO_ANSWER,
    ReasonCode.UNREACHABLE: NO_ANSWER,
    ReasonCode.UNRESOLVED: frozenset({Signal.UNRESOLVED}),
    ReasonCode.NO_LISTENER: frozenset({Signal.REFUSED}),
    ReasonCode.WRONG_SERVICE: frozenset({Signal.INVALID}),
    ReasonCode.SCAN_PROTECTION: frozenset({Signal.SILENT}),
    ReasonCode.LOCAL_ERROR: frozenset({Signal.LOCAL_ERROR}),
    ReasonCode.ACCEPTS_ALL: frozenset({Signal.OPEN}),
    ReasonCode.NOT_RUNNING: frozenset({*NO_ANSWER, Signal.UNRESOLVED}),
    ReasonCode.REFUSAL_UNATTRIBUTED: frozenset({Signal.REFUSED}),
    ReasonCode.IDLE_SILENT: NO_ANSWER,
}
"""The signals that a reason code speaks of."""


class Connection(NamedTuple):
    """What was tried, as a firewall request has it."""

    source: str
    source_address: str | None
    """None where a stand-in probed: its address is not the source's."""
    target: str
    address: str
    """The IP address; the name itself where it has none."""
    transport: Transport
    ports: PortSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What one or more flows have in common that are in trouble."""

    kind: Kind
    verdict: Verdict
    """The worst of its flows."""
    title: str
    """One sentence."""
    who: tuple[Who, ...]
    """Who should look, in this order."""
    what: tuple[str, ...]
    """What to do: one to three sentences."""
    flows: tuple[str, ...]
    """Their ids, in the order of the report."""
    connections: tuple[Connection, ...]
    """What to hand over: each (source, target, address, transport) once, ports joined."""
    breaks: tuple[str, ...]
    """What does not work because of it, each text once; what hurts most comes first."""
    weight: int
    """The place of the worst loss among the activities, from 1."""


def find_causes(report: Report) -> tuple[Cause, ...]:
    """Every flow that fails, is degraded or is unproven, by shared cause; the worst cause first."""
    seen = Seen.in_flows(report.flows)
    found: list[tuple[Trouble, _Finding]] = []
    for flow in report.flows:
        if flow.verdict in _WORST_FIRST:
            rows = _telling(flow)
            found.append((Trouble(flow, rows), _Finding(*_classify(flow, rows, seen))))
    groups: defaultdict[_Finding, list[Trouble]] = defaultdict(list)
    for trouble, finding in _joined(found, seen):
        groups[finding].append(trouble)
    rules = {(rule.rule_set, rule.id): rule for rule in report.rules}
    causes = [
        _cause(finding.kind, troubles, report, rules, seen) for finding, troubles in groups.items()
    ]
    return tuple(
        sorted(
            causes,
            key=lambda cause: (
                _WORST_FIRST.index(cause.verdict),
                cause.kind is not Kind.ISOLATED,  # what it hides is not known
                cause.weight,
                _PLACE[cause.kind],
                -len(cause.flows),
                cause.title,
            ),
        )
    )


class _Finding(NamedTuple):
    """What flows of one cause have in common."""

    kind: Kind
    key: str
    """Tells one finding of that kind from another."""


def _telling(flow: Outcome) -> tuple[Evidence, ...]:
    """The evidence that speaks of the flow's trouble, cut to the ports in question."""
    wanted = _OF_CODE.get(flow.reason_code)
    if flow.reason_code is ReasonCode.FAILOVER_ONLY:
        # What works is the failover; the trouble is the primary.
        return tuple(
            row for row in flow.evidence if row.ports & flow.ports and row.signal != Signal.OPEN
        )
    if wanted is None:
        return flow.evidence
    rows = tuple(row for row in flow.evidence if row.signal in wanted)
    if flow.mode is Mode.FAILOVER and flow.reason_code is ReasonCode.NO_LISTENER:
        return tuple(row for row in rows if row.ports & flow.ports) or rows
    return rows


def _joined(
    found: Sequence[tuple[Trouble, _Finding]], seen: Seen
) -> list[tuple[Trouble, _Finding]]:
    """Findings of pairs of hosts as findings of what the pairs share."""
    vantages: defaultdict[tuple[Kind, str], set[str]] = defaultdict(set)
    droppers: defaultdict[str, set[str]] = defaultdict(set)
    for (flow, rows), finding in found:
        vantages[finding.kind, flow.target].add(flow.runs_from)
        if finding.kind is Kind.DROPPED and not seen.answers_elsewhere(flow, rows):
            droppers[_dropped_ports(flow, rows)].add(flow.target)
    joined = []
    for trouble, finding in found:
        flow, rows = trouble
        if finding.kind in _OF_PAIRS:
            # Several vantages see it at one target: it is there. Else it is where they start.
            shared = len(vantages[finding.kind, flow.target]) > 1
            finding = finding._replace(
                key=f"target {flow.target}" if shared else f"vantage {flow.runs_from}"
            )
        elif finding.kind is Kind.DROPPED and not seen.answers_elsewhere(flow, rows):
            targets = sorted(droppers[_dropped_ports(flow, rows)])
            if len(targets) >= _DROPPED_ALIKE:
                key = " ".join((flow.runs_from, flow.transport, *targets))
                finding = _Finding(Kind.DROPPED_ALIKE, key)
        joined.append((trouble, finding))
    return joined


def _dropped_ports(flow: Outcome, rows: Iterable[Evidence]) -> str:
    ports = PortSet.of_runs(run for row in rows for run in row.ports.runs)
    return f"{flow.runs_from} {flow.transport} {ports}"


def _classify(flow: Outcome, rows: Sequence[Evidence], seen: Seen) -> tuple[Kind, str]:
    """The kind of trouble, and what tells one finding of that kind from another."""
    vantage, target = flow.runs_from, flow.target
    match flow.reason_code:
        case ReasonCode.INTERRUPTED:
            return Kind.INTERRUPTED, ""
        case ReasonCode.NOT_RUNNING:
            return Kind.NOT_RUNNING, ""
        case ReasonCode.LOCAL_ERROR:
            return Kind.LOCAL_ERROR, vantage
        case ReasonCode.REFUSAL_UNATTRIBUTED:
            return Kind.UNATTRIBUTED_REFUSAL, vantage
        case ReasonCode.SCAN_PROTECTION:
            return Kind.SCAN_PROTECTION, ""
        case ReasonCode.ACCEPTS_ALL:
            return Kind.ACCEPTS_ALL, ""
    signals = {row.signal for row in rows}
    if Signal.REJECTED in signals:
        # Here the vantage's own firewall is a device like any other.
        return Kind.REJECTED, next((row.by for row in rows if row.by), target)
    if signals & NO_ANSWER:
        return _classify_silence(flow, rows, seen)
    if Signal.UNRESOLVED in signals:
        names = [row.name or row.address for row in rows]
        return Kind.UNRESOLVED, " ".join(sorted(seen.unresolved[names[0]]))
    if Signal.INVALID in signals:
        causes = {(row.detail or {}).get("cause") for row in rows}
        if "nat" in causes:
            return Kind.NAT, ""
        if "mtu" in causes:
            return Kind.BLACK_HOLE, ""
        if ANOTHER_CERTIFICATE in causes:
            return Kind.INTERCEPTED, target
        if flow.service == "ntp":
            return Kind.NTP, target
        return Kind.WRONG_SERVICE, f"{target} {flow.service}"
    if Signal.REFUSED in signals:
        return Kind.NO_LISTENER, target
    return Kind.UNKNOWN, ""


def _classify_silence(flow: Outcome, rows: Sequence[Evidence], seen: Seen) -> tuple[Kind, str]:
    """No answer: is it the vantage, the whole host, the way to it, or these ports?"""
    vantage, target = flow.runs_from, flow.target
    address = rows[0].address
    if vantage in seen.isolated:
        return Kind.ISOLATED, vantage
    pair = vantage, address
    idle = flow.reason_code is ReasonCode.IDLE_SILENT
    if not seen.dead(*pair):
        if idle:
            return Kind.IDLE, ""
        # A host that answers elsewhere can be reached: the device that denies it is rejecting.
        by = _by(rows)
        if by:
            return Kind.REJECTED, by
        return Kind.DROPPED, target
    if idle and pair not in seen.failed_without_answer:
        return Kind.IDLE, ""
    if pair in seen.rejector:
        return (Kind.IDLE, "") if idle else (Kind.REJECTED, seen.rejector[pair] or target)
    if pair in seen.without_route:
        return Kind.NO_ROUTE, seen.without_route[pair] or vantage
    network = network_of(address)
    if (vantage, network) in seen.dark:
        return Kind.NETWORK_SILENT, network
    if seen.alive_to.get(address):
        return Kind.NO_WAY, f"{vantage} {target}"
    return Kind.HOST_DOWN, f"{target} {address}"


def _by(rows: Iterable[Evidence]) -> str:
    """Another device that answered in the target's place; empty if none said so."""
    return next((row.by for row in rows if row.by and row.by != row.local_address), "")


def _cause(
    kind: Kind,
    troubles: Sequence[Trouble],
    report: Report,
    rules: dict[tuple[str, str], RuleNote],
    seen: Seen,
) -> Cause:
    addresses = [row.address for trouble in troubles for row in trouble.rows]
    vantages = {trouble.flow.runs_from for trouble in troubles}
    elsewhere = dict.fromkeys(
        other
        for address in addresses
        for other in (*seen.alive_to.get(address, ()), *seen.resolved.get(address, ()))
    )
    advice = advise(
        Group(
            kind=kind,
            troubles=tuple(troubles),
            run=report.run,
            answers=tuple(other for other in elsewhere if other not in vantages),
        )
    )
    flows = [trouble.flow for trouble in troubles]
    notes = [rules[key] for flow in flows if (key := (flow.rule_set, flow.rule)) in rules]
    notes.sort(key=_weight)
    return Cause(
        kind=kind,
        verdict=min((flow.verdict for flow in flows), key=_WORST_FIRST.index),
        title=advice.title,
        who=advice.who,
        what=advice.what,
        flows=tuple(flow.id for flow in flows),
        connections=_connections(troubles),
        breaks=tuple(dict.fromkeys(note.breaks for note in notes if note.breaks)),
        weight=min(map(_weight, notes), default=LEAST),
    )


def _weight(rule: RuleNote) -> int:
    """The place of the worst loss without it."""
    return min((affected.weight for affected in rule.affects), default=LEAST)


def _connections(troubles: Iterable[Trouble]) -> tuple[Connection, ...]:
    joined: dict[tuple[str, str | None, str, str, Transport], PortSet] = {}
    for flow, rows in troubles:
        for row in rows:
            own_address = row.local_address if flow.runs_from == flow.source else None
            key = flow.source, own_address, flow.target, row.address, flow.transport
            joined[key] = joined.get(key, PortSet()) | row.ports
    return tuple(Connection(*key, ports) for key, ports in joined.items())
