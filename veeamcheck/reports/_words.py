"""What the reports for people say in the same words: the result, places, ports and evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from veeamcheck.diagnosis.explanation import RuleFact
from veeamcheck.diagnosis.impact import Impact, State
from veeamcheck.model import Evidence, Flow, Outcome, Phase, Report, RunNote, Signal, Verdict
from veeamcheck.ports import PortSet
from veeamcheck.wording import command_line, counted, inert

_MOST_RUNS = 8
"""So many runs of ports are shown of one signal; --verbose shows all."""


SIGNS = {
    Verdict.FAIL: "✗",
    Verdict.DEGRADED: "!",
    Verdict.UNPROVEN: "?",
    Verdict.PASS: "✓",
    Verdict.WAIVED: "~",
    Verdict.UNTESTED: "-",
}
"""Every verdict, in the order in which people should see them."""


def conclusion(report: Report) -> tuple[Verdict, str]:
    """What the report comes to, in one sentence, and the verdict that it stands for."""
    counts = report.summary
    fail, degraded, unproven, passed, waived = (
        counts.get(verdict, 0)
        for verdict in (
            Verdict.FAIL,
            Verdict.DEGRADED,
            Verdict.UNPROVEN,
            Verdict.PASS,
            Verdict.WAIVED,
        )
    )
    tested = fail + degraded + unproven + passed + waived
    if not tested:
        verdict, text = Verdict.UNTESTED, "Nothing was tested from here."
    elif fail:
        verdict = Verdict.FAIL
        text = f"{fail:,} of {counted(tested, 'tested flow')} {_do(fail, 'fail')}."
    elif unproven:
        verdict = Verdict.UNPROVEN
        text = f"Nothing failed, but {counted(unproven, 'flow')} could not be proven."
    elif degraded:
        verdict = Verdict.DEGRADED
        text = f"All that was tested works, {degraded:,} only over failover ports."
    else:
        verdict = Verdict.PASS
        text = f"All {tested:,} tested flows work." if tested > 1 else "The one tested flow works."
        if waived:
            text = "All that was tested works or is waived."
    untested = counts.get(Verdict.UNTESTED, 0)
    if untested:
        text += f" {counted(untested, 'flow')} {_do(untested, 'remain')} untested."
    if report.run.interrupted:
        text = f"Interrupted. {text}"
    return verdict, text


def _do(count: int, verb: str) -> str:
    return f"{verb}s" if count == 1 else verb


def command(run: RunNote, host: str) -> str:
    """What to type on a host to test the flows that start there, and judge them alike."""
    phase = () if run.phase is Phase.LIVE else ("--phase", run.phase)
    return command_line("veeamcheck", "run", *inventory_option(run), "--from", inert(host), *phase)


def inventory_option(run: RunNote) -> tuple[str, ...]:
    """How a command names the run's inventory; not at all where the report does not."""
    return ("-i", inert(run.inventory)) if run.inventory else ()


def impact_title(impacts: Iterable[Impact]) -> str:
    """The heading of what follows from the flows in trouble."""
    sure = any(impact.state is not State.MAY_FAIL for impact in impacts)
    return "What does not work" if sure else "What may not work"


def duration(time: timedelta) -> str:
    """``0.4 s``, ``12 s``, ``3 min 5 s``."""
    seconds = max(time.total_seconds(), 0.0)
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def milliseconds(number: float) -> str:
    return f"{number:,.1f} ms" if number >= 0.1 else "<0.1 ms"


def ports_text(ports: PortSet, most: int | None = _MOST_RUNS) -> str:
    """The runs with room to break a line between them, no more than `most` of them."""
    runs = str(ports).split(",")
    if most is None or len(runs) <= most:
        return ", ".join(runs)
    return f"{', '.join(runs[:most])} and {len(runs) - most} more runs"


def needs(flow: Flow | RuleFact) -> str:
    """What the flow, or the rule, needs: ``tcp 6162 (failover 2500-3300)``."""
    text = f"{flow.transport} {ports_text(flow.ports)}"
    if flow.failover_ports:
        text += f" (failover {ports_text(flow.failover_ports)})"
    return text


def place(name: str, addresses: Iterable[str]) -> str:
    """``repo1 (10.0.30.5)``; a name that is its own address stands alone."""
    others = [inert(address) for address in addresses if address != name]
    return f"{inert(name)} ({', '.join(others)})" if others else inert(name)


def ends(flow: Flow) -> str:
    """``worker1 (probed from pve2) → repo1 (10.0.30.5)``."""
    source = inert(flow.source)
    if flow.runs_from != flow.source:
        source += f" (probed from {inert(flow.runs_from)})"
    return f"{source} → {place(flow.target, flow.address)}"


def seen(flow: Outcome) -> str:
    """The evidence of a flow, folded: ``tcp 2500-2899 open; 2900-3000 silent``."""
    if not flow.evidence:
        return f"{needs(flow)}: nothing was contacted"
    addresses = list(dict.fromkeys(row.address for row in flow.evidence))
    parts = []
    for address in addresses:
        rows = [row for row in flow.evidence if row.address == address]
        part = "; ".join(_folded(rows, flow.ports))
        parts.append(f"{inert(address)}: {part}" if len(addresses) > 1 else part)
    if 0 < flow.contacted < flow.total:
        parts.append(f"contacted {flow.contacted:,} of {counted(flow.total, 'port')}")
    return f"{flow.transport} {'; '.join(parts)}"


def _folded(rows: Sequence[Evidence], primary: PortSet) -> list[str]:
    """Rows of one address that showed the same as one, the primary ports first."""
    joined: dict[tuple[Signal, str], list[Evidence]] = {}
    for row in rows:
        joined.setdefault((row.signal, row.by or ""), []).append(row)
    folded: list[tuple[bool, int, str]] = []
    for (signal, by), same in joined.items():
        ports = PortSet.of_runs(run for row in same for run in row.ports.runs)
        text = f"{ports_text(ports)} {signal}" + (f" by {inert(by)}" if by else "")
        if len(same) == 1 and same[0].rtt_ms is not None:
            text += f" ({milliseconds(same[0].rtt_ms)})"
        folded.append((not ports & primary, ports.first if ports else 0, text))
    return [text for *_, text in sorted(folded)]


def in_full(row: Evidence, flow: Outcome) -> str:
    """Everything that a piece of evidence holds."""
    name = f"{row.name} = " if row.name else ""
    parts = [
        f"{name}{row.address} {flow.transport} {ports_text(row.ports, None)}: {row.signal}"
        + (f" by {row.by}" if row.by else "")
    ]
    if row.local_address:
        parts.append(f"from {row.local_address}")
    parts.append(f"contacted {row.probed:,} of {len(row.ports):,}")
    if row.rtt_ms is not None:
        parts.append(milliseconds(row.rtt_ms))
    if row.signal is Signal.REFUSED and not row.attributed:
        parts.append("a reset could not be told from an ICMP reject")
    if row.proven:
        parts.append("recognised")
    parts += [f"{key} {value}" for key, value in (row.detail or {}).items() if value is not None]
    return inert(", ".join(parts))
