"""What went wrong, told by its causes: thirty flows to a dead host are one finding.

Two steps. `find_causes` sorts every flow that fails, is degraded or is unproven into exactly one
group; `advice` says what that group means, and for whom. A waived flow has no cause: it is known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from veeamcheck.certificates import ANOTHER_CERTIFICATE
from veeamcheck.diagnosis.advice import Group, Kind, Trouble, Who, advise
from veeamcheck.model import (
    SIGNS_OF_LIFE,
    Evidence,
    Mode,
    Outcome,
    ReasonCode,
    Report,
    Signal,
    Transport,
    Verdict,
)
from veeamcheck.ports import PortSet

_WORST_FIRST = (Verdict.FAIL, Verdict.DEGRADED, Verdict.UNPROVEN)
_PLACE = {kind: place for place, kind in enumerate(Kind)}
_NO_ANSWER = frozenset({Signal.SILENT, Signal.UNREACHABLE})
_ISOLATED_FROM = 3
"""So many targets must all stay without an answer before their vantage itself is suspected."""

_OF_CODE: dict[ReasonCode, frozenset[Signal]] = {
    ReasonCode.PARTLY_BLOCKED: frozenset(
        {Signal.REJECTED, Signal.SILENT, Signal.UNREACHABLE, Signal.UNRESOLVED}
    ),
    # ICMP errors are rate-limited: silent ports beside rejected ones belong to the same finding.
    ReasonCode.BLOCKED_REJECTED: frozenset({Signal.REJECTED, Signal.SILENT}),
    ReasonCode.BLOCKED_SILENT: _NO_ANSWER,
    ReasonCode.UNREACHABLE: _NO_ANSWER,
    ReasonCode.UNRESOLVED: frozenset({Signal.UNRESOLVED}),
    ReasonCode.NO_LISTENER: frozenset({Signal.REFUSED}),
    ReasonCode.WRONG_SERVICE: frozenset({Signal.INVALID}),
    ReasonCode.SCAN_PROTECTION: frozenset({Signal.SILENT}),
    ReasonCode.LOCAL_ERROR: frozenset({Signal.LOCAL_ERROR}),
    ReasonCode.ACCEPTS_ALL: frozenset({Signal.OPEN}),
    ReasonCode.NOT_RUNNING: frozenset({*_NO_ANSWER, Signal.UNRESOLVED}),
    ReasonCode.REFUSAL_UNATTRIBUTED: frozenset({Signal.REFUSED}),
    ReasonCode.IDLE_SILENT: _NO_ANSWER,
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
    """What does not work because of it, each text once."""


def find_causes(report: Report) -> tuple[Cause, ...]:
    """Every flow that fails, is degraded or is unproven, by shared cause; the worst cause first."""
    seen = _Seen.in_flows(report.flows)
    groups: defaultdict[tuple[Kind, str], list[Trouble]] = defaultdict(list)
    for flow in report.flows:
        if flow.verdict in _WORST_FIRST:
            rows = _telling(flow)
            groups[_classify(flow, rows, seen)].append(Trouble(flow, rows))
    breaks = {(rule.rule_set, rule.id): rule.breaks for rule in report.rules}
    causes = [
        _cause(kind, troubles, report, breaks, seen) for (kind, _), troubles in groups.items()
    ]
    return tuple(
        sorted(
            causes,
            key=lambda cause: (
                _WORST_FIRST.index(cause.verdict),
                _PLACE[cause.kind],
                -len(cause.flows),
                cause.title,
            ),
        )
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """What all flows together show, by vantage and address."""

    signals: dict[tuple[str, str], set[Signal]] = field(default_factory=dict)
    rejector: dict[tuple[str, str], str] = field(default_factory=dict)
    alive_to: dict[str, list[str]] = field(default_factory=dict)
    """Address -> the vantages that it gave a sign of life."""
    failed_without_answer: set[tuple[str, str]] = field(default_factory=set)
    """Vantage and address where silence counts as a failure of some flow."""
    isolated: set[str] = field(default_factory=set)

    @classmethod
    def in_flows(cls, flows: Iterable[Outcome]) -> _Seen:
        seen = cls()
        targets: defaultdict[str, set[str]] = defaultdict(set)
        answered: set[str] = set()
        for flow in flows:
            vantage = flow.runs_from
            failed = flow.verdict is Verdict.FAIL
            for row in flow.evidence:
                pair = vantage, row.address
                seen.signals.setdefault(pair, set()).add(row.signal)
                if row.by and row.signal in (Signal.REJECTED, Signal.UNREACHABLE):
                    answered.add(vantage)
                if row.signal is Signal.REJECTED:
                    seen.rejector.setdefault(pair, row.by or "")
                if row.signal in SIGNS_OF_LIFE:
                    answered.add(vantage)
                    vantages = seen.alive_to.setdefault(row.address, [])
                    if vantage not in vantages:
                        vantages.append(vantage)
                if failed and row.signal in _NO_ANSWER:
                    seen.failed_without_answer.add(pair)
                    targets[vantage].add(flow.target)
        for vantage, without_answer in targets.items():
            if vantage not in answered and len(without_answer) >= _ISOLATED_FROM:
                seen.isolated.add(vantage)
        return seen

    def dead(self, vantage: str, address: str) -> bool:
        """Nothing that this vantage tried there gave a sign of life."""
        return not self.signals.get((vantage, address), set()) & SIGNS_OF_LIFE


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


def _classify(flow: Outcome, rows: Sequence[Evidence], seen: _Seen) -> tuple[Kind, str]:
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
            return Kind.SCAN_PROTECTION, target
        case ReasonCode.ACCEPTS_ALL:
            return Kind.ACCEPTS_ALL, target
    signals = {row.signal for row in rows}
    if Signal.REJECTED in signals:
        return Kind.REJECTED, _by(rows) or target
    if signals & _NO_ANSWER:
        return _classify_silence(flow, rows, seen)
    if Signal.UNRESOLVED in signals:
        return Kind.UNRESOLVED, vantage
    if Signal.INVALID in signals:
        causes = {(row.detail or {}).get("cause") for row in rows}
        if "nat" in causes:
            return Kind.NAT, f"{vantage} {target}"
        if "mtu" in causes:
            return Kind.BLACK_HOLE, f"{vantage} {target}"
        if ANOTHER_CERTIFICATE in causes:
            return Kind.INTERCEPTED, target
        if flow.service == "ntp":
            return Kind.NTP, target
        return Kind.WRONG_SERVICE, f"{target} {flow.service}"
    if Signal.REFUSED in signals:
        return Kind.NO_LISTENER, target
    return Kind.UNKNOWN, ""


def _classify_silence(flow: Outcome, rows: Sequence[Evidence], seen: _Seen) -> tuple[Kind, str]:
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
    breaks: dict[tuple[str, str], str],
    seen: _Seen,
) -> Cause:
    addresses = [row.address for trouble in troubles for row in trouble.rows]
    vantages = {trouble.flow.runs_from for trouble in troubles}
    elsewhere = dict.fromkeys(
        other for address in addresses for other in seen.alive_to.get(address, ())
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
    texts = (breaks.get((flow.rule_set, flow.rule), "") for flow in flows)
    return Cause(
        kind=kind,
        verdict=min((flow.verdict for flow in flows), key=_WORST_FIRST.index),
        title=advice.title,
        who=advice.who,
        what=advice.what,
        flows=tuple(flow.id for flow in flows),
        connections=_connections(troubles),
        breaks=tuple(dict.fromkeys(text for text in texts if text)),
    )


def _connections(troubles: Iterable[Trouble]) -> tuple[Connection, ...]:
    joined: dict[tuple[str, str | None, str, str, Transport], PortSet] = {}
    for flow, rows in troubles:
        for row in rows:
            own_address = row.local_address if flow.runs_from == flow.source else None
            key = flow.source, own_address, flow.target, row.address, flow.transport
            joined[key] = joined.get(key, PortSet()) | row.ports
    return tuple(Connection(*key, ports) for key, ports in joined.items())
