"""Markdown (GitHub's, GitLab's), for a ticket: what to do first, then every flow.

Names, ports and commands are code, sentences are text; `_markdown` sees to it that they stay so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from veeamcheck.diagnosis.causes import Cause, Connection, find_causes
from veeamcheck.diagnosis.impact import find_impact, lines
from veeamcheck.model import Outcome, ReasonCode, Report, RuleNote, RunNote, Verdict
from veeamcheck.reports._markdown import code, link, section, table, text
from veeamcheck.reports._next_steps import next_steps
from veeamcheck.reports._words import (
    SIGNS,
    command,
    conclusion,
    duration,
    impact_title,
    needs,
    ports_text,
    seen,
)
from veeamcheck.wording import counted


def render(report: Report) -> str:
    """The report as one Markdown page."""
    return "\n\n".join(_blocks(report)) + "\n"


# --- the page --------------------------------------------------------------------------------


def _blocks(report: Report) -> Iterator[str]:
    verdict, sentence = conclusion(report)
    yield f"# veeamcheck: {SIGNS[verdict]} {text(sentence)}"
    yield _run(report.run)
    yield table(
        ("", "Verdict", "Flows"),
        [
            (sign, verdict, f"{report.summary[verdict]:,}")
            for verdict, sign in SIGNS.items()
            if report.summary.get(verdict)
        ],
    )
    causes = find_causes(report)
    impacts = find_impact(report, causes)
    if impacts:
        yield f"## {impact_title(impacts)}"
        yield "\n".join(
            f"- {SIGNS[line.state.verdict]} **{text(line.what)}:** {text(line.how)}"
            for line in lines(impacts)
        )
    if causes:
        yield "## What to do first"
    for number, cause in enumerate(causes, 1):
        yield from _cause(number, cause)
    yield from section("For what is blocked", map(text, next_steps(report)))
    yield from _flows(report)
    yield from _untested(report)
    yield from _limits(report)


def _run(run: RunNote) -> str:
    facts = [
        f"Inventory {code(run.inventory)}",
        f"from {', '.join(map(code, run.vantages)) or 'nowhere'}",
        f"{run.start:%Y-%m-%d %H:%M} UTC, {duration(run.end - run.start)}",
        f"phase {run.phase}",
        f"veeamcheck {text(run.version)}",
    ]
    documents = [
        link(f"{note.id} {note.product_version}, revision {note.revision}", note.document)
        for note in run.rule_sets
    ]
    return " · ".join([*facts, *documents])


def _cause(number: int, cause: Cause) -> Iterator[str]:
    flows = counted(len(cause.flows), "flow")
    yield f"### {number}. {SIGNS[cause.verdict]} {text(cause.title)} ({flows})"
    items = [f"**Ask:** {', then '.join(cause.who)}"]
    items.append(f"**Do:** {' '.join(map(text, cause.what))}")
    if cause.breaks and cause.verdict is not Verdict.UNPROVEN:
        items.append(f"**Breaks:** {' '.join(map(text, cause.breaks))}")
    yield "\n".join(f"- {item}" for item in items)
    if cause.connections:
        yield _connections(cause.connections)


def _connections(connections: Sequence[Connection]) -> str:
    return table(
        ("Source", "Source address", "Destination", "Destination address", "Protocol", "Ports"),
        [
            (
                code(each.source),
                code(each.source_address or ""),
                code(each.target),
                code(each.address),
                each.transport,
                ports_text(each.ports),
            )
            for each in connections
        ],
    )


def _flows(report: Report) -> Iterator[str]:
    order = list(SIGNS)
    rules = {(rule.rule_set, rule.id): rule for rule in report.rules}
    judged = [
        flow for flow in report.flows if flow.verdict not in (Verdict.WAIVED, Verdict.UNTESTED)
    ]
    if judged:
        yield "## Flows"
        yield table(
            ("Verdict", "Source", "Destination", "Seen", "Reason", "Rule", "Document"),
            [
                (
                    f"{SIGNS[flow.verdict]} {flow.verdict}",
                    _source(flow),
                    code(flow.target),
                    text(seen(flow)),
                    text(flow.reason),
                    code(flow.rule),
                    _row(flow, rules.get((flow.rule_set, flow.rule))),
                )
                for flow in sorted(judged, key=lambda flow: order.index(flow.verdict))
            ],
        )
    waived = [(flow, flow.waived) for flow in report.flows if flow.waived]
    if waived:
        yield "## Waived: known and accepted"
        yield table(
            ("Flow", "Without the waiver", "Seen", "Until", "Why"),
            [
                (
                    code(flow.id),
                    f"{SIGNS[waiver.verdict]} {waiver.verdict}",
                    text(seen(flow)),
                    str(waiver.until or "no end"),
                    text(waiver.reason),
                )
                for flow, waiver in waived
            ],
        )


def _source(flow: Outcome) -> str:
    if flow.runs_from == flow.source:
        return code(flow.source)
    return f"{code(flow.source)} (probed from {code(flow.runs_from)})"


def _row(flow: Outcome, rule: RuleNote | None) -> str:
    label = f"{flow.section}, row {flow.row}"
    return link(label, rule.document) if rule else text(label)


def _untested(report: Report) -> Iterator[str]:
    untested = [flow for flow in report.flows if flow.verdict is Verdict.UNTESTED]
    by_host: dict[str, list[Outcome]] = {}
    for flow in untested:
        if flow.reason_code is not ReasonCode.SAME_HOST:
            by_host.setdefault(flow.runs_from, []).append(flow)
    if by_host:
        yield "## Not tested yet: run these there"
        yield table(
            ("Host", "Command", "Flows"),
            [
                (code(host), code(command(report.run, host)), f"{len(flows):,}")
                for host, flows in by_host.items()
            ],
        )
    if untested:
        yield "## Untested flows"
        yield table(
            ("Source", "Destination", "Needs", "Rule", "Reason"),
            [
                (
                    _source(flow),
                    code(flow.target),
                    text(needs(flow)),
                    code(flow.rule),
                    text(flow.reason),
                )
                for flow in untested
            ],
        )


def _limits(report: Report) -> Iterator[str]:
    """What a reader must not take this report for."""
    yield from section("Warnings", map(text, report.warnings))
    yield from section(
        "What could not be told apart from here", map(text, report.run.missing_evidence)
    )
    allowed = {pattern: rule for rule in report.rules for pattern in rule.allow_list}
    yield from section(
        "Names to allow in proxies and firewalls, never contacted",
        (f"{code(pattern)} for {code(rule.id)}" for pattern, rule in allowed.items()),
    )
    yield from section(
        "Not covered by the document, so not checked",
        (link(note.what, note.where) for note in report.run.not_covered),
    )
