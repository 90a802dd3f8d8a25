"""What an audit leaves to be traced, and what its traces mean for a flow's evidence. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from veeamcheck.model import (
    Evidence,
    Flow,
    Outcome,
    Place,
    Signal,
    Trace,
    Transport,
    Verdict,
)
from veeamcheck.ports import PortSet
from veeamcheck.tracing.place import Asked
from veeamcheck.verdict import RESET_TRACED

_ORDER = (Verdict.FAIL, Verdict.DEGRADED, Verdict.WAIVED, Verdict.UNPROVEN, Verdict.PASS)
_TRACED = (Signal.SILENT, Signal.REJECTED, Signal.UNREACHABLE, Signal.REFUSED)

RESET_ON_THE_WAY = "a reset that something on the way sends, as a trace shows"
_PERHAPS_TOO = "perhaps forged too: a trace shows it of a port beside it"


def to_trace(outcomes: Iterable[Outcome], accepts_all: Collection[str] = ()) -> list[Asked]:
    """What a trace could say more about, what matters most first; each once.

    Of a run of ports that showed the same, its ends are traced. A refusal is worth it only where
    an open port tells how far the target is; an address where nothing works, once.
    """
    judged = [each for each in outcomes if each.verdict in _ORDER]
    judged.sort(key=lambda each: _ORDER.index(each.verdict))
    rows = [(each.transport, row) for each in judged for row in each.evidence if row.probed]
    opened = _first_port(rows, Signal.OPEN, accepts_all)
    refused = _first_port(rows, Signal.REFUSED)
    asked: dict[tuple[str, Transport, int], Asked] = {}
    lost: set[str] = set()
    for transport, row in rows:
        address = row.address
        if row.signal not in _TRACED or (row.signal is Signal.UNREACHABLE and not row.by):
            continue
        compared = opened.get(address)
        if compared is None and row.signal is Signal.REFUSED:
            continue
        if compared is None:
            compared = refused.get(address)
        if compared is None:
            if address in lost:
                continue
            lost.add(address)
        for port in _ends(row):
            asked.setdefault(
                (address, transport, port),
                Asked(address=address, transport=transport, port=port, compared_with=compared),
            )
    return list(asked.values())


def _ends(row: Evidence) -> Iterator[int]:
    """The ports that are traced: they have been contacted, and lie furthest apart."""
    for first, last in row.ports.runs:
        yield from {first: None, last: None}


def _first_port(
    rows: Iterable[tuple[Transport, Evidence]], signal: Signal, but: Collection[str] = ()
) -> dict[str, int]:
    """Address -> a TCP port that gave this signal; one where the service was recognised first."""
    found: dict[str, tuple[bool, int]] = {}
    for transport, row in rows:
        if transport is not Transport.TCP or row.signal is not signal:
            continue
        if row.address in but and not row.proven:
            continue
        before = found.get(row.address)
        if before is None or (row.proven and not before[0]):
            found[row.address] = row.proven, row.ports.first
    return {address: port for address, (_, port) in found.items()}


def traces_of(flow: Flow, rows: Iterable[Evidence], traces: Iterable[Trace]) -> tuple[Trace, ...]:
    """Those that are about this flow's evidence."""
    rows = list(rows)
    return tuple(
        trace
        for trace in traces
        if trace.transport is flow.transport
        and any(row.address == trace.address and trace.port in row.ports for row in rows)
    )


def with_traces(rows: Iterable[Evidence], traces: Iterable[Trace]) -> tuple[Evidence, ...]:
    """A flow's evidence, and what its traces say of the refusals in it.

    Only a traced port is told to be blocked; of those beside it that is possible, and no more.
    """
    traces = list(traces)
    return tuple(part for row in rows for part in _with_traces(row, traces))


def _with_traces(row: Evidence, traces: Iterable[Trace]) -> list[Evidence]:
    own = [trace for trace in traces if trace.address == row.address and trace.port in row.ports]
    forged = PortSet.of(trace.port for trace in own if trace.place is Place.FORGED)
    refused = [trace for trace in own if trace.place is Place.REFUSED]
    if row.signal is not Signal.REFUSED or not (forged or refused):
        return [row]
    excluded = PortSet.of(trace.port for trace in refused)
    rest = row.ports - forged - excluded
    if not forged:
        return [_noting(row, RESET_TRACED, _excluded(refused, rest))]
    blocked = replace(
        row,
        ports=forged,
        probed=len(forged),
        gap=0,
        signal=Signal.REJECTED,
        by=None,
        detail={"meaning": RESET_ON_THE_WAY},
    )
    parts = [blocked]
    if excluded:
        part = replace(row, ports=excluded, probed=len(excluded), gap=0)
        parts.append(_noting(part, RESET_TRACED, _excluded(refused, PortSet())))
    if rest:
        contacted = max(row.probed - len(forged) - len(excluded), 0)
        parts.append(_noting(replace(row, ports=rest, probed=contacted), "meaning", _PERHAPS_TOO))
    return parts


def _noting(row: Evidence, key: str, value: str) -> Evidence:
    return replace(row, detail={**(row.detail or {}), key: value})


def _excluded(refused: Iterable[Trace], rest: PortSet) -> str:
    """What the traces of refused ports say of forging."""
    refused = list(refused)
    ports = PortSet.of(trace.port for trace in refused)
    routers = sorted({trace.last.address for trace in refused if trace.last})
    who = f"before {' or '.join(routers)}" if routers else "on the way"
    others = "; of the other ports nothing excludes it" if rest else ""
    return f"of {ports}: no router {who} forges the reset{others}"


def told(traces: Iterable[Trace]) -> str:
    """What traces say, for a flow's reason; those that say the same are told once."""
    alike: dict[object, list[Trace]] = {}
    for trace in traces:
        alike.setdefault((trace.place, trace.last, trace.next, trace.by), []).append(trace)
    return "; ".join(_told_once(first, others) for first, *others in alike.values())


def _told_once(first: Trace, others: Iterable[Trace]) -> str:
    ports = PortSet.of(trace.port for trace in others)
    return f"trace: {first.reason}{f' (likewise {ports})' if ports else ''}"
