"""The report as a page: what to do first, then every flow once, then what it does not say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rich.console import RenderableType
from rich.text import Text

from veeamcheck.diagnosis.causes import Cause, Connection, find_causes
from veeamcheck.diagnosis.impact import Impact, find_impact, lines
from veeamcheck.model import Outcome, ReasonCode, Report, RuleNote, RunNote, Verdict
from veeamcheck.reports._level import Level
from veeamcheck.reports._next_steps import next_steps
from veeamcheck.reports._words import (
    command,
    conclusion,
    duration,
    ends,
    impact_title,
    in_full,
    place,
    ports_text,
    seen,
)
from veeamcheck.reports.terminal.blocks import Entry, Piece, heading, labelled, paragraph, text_of
from veeamcheck.reports.terminal.rows import flow_rows
from veeamcheck.reports.terminal.skipped import skipped_blocks
from veeamcheck.reports.terminal.words import LOOKS, verdict_piece
from veeamcheck.wording import counted, inert

_MOST = 5
"""So many connections and consequences are listed of one cause; --verbose lists all."""
_MOST_IMPACTS = 8
"""So many lines of what does not work; --verbose has all."""
_MOST_UNTESTED = 20
"""So many flows are listed of one host to run on; --verbose lists all."""
_VERDICT_COLUMN = 12
_WORST_FIRST = list(LOOKS)


class Sections(NamedTuple):
    """Every flow of a report exactly once, by where it is shown."""

    judged: tuple[Outcome, ...]
    waived: tuple[Outcome, ...]
    elsewhere: tuple[Outcome, ...]
    """To be tested from another host, or again."""
    untestable: tuple[Outcome, ...]
    """Source and target are one host."""


def sections(flows: Iterable[Outcome]) -> Sections:
    by_section: dict[str, list[Outcome]] = {name: [] for name in Sections._fields}
    for flow in flows:
        match flow.verdict:
            case Verdict.WAIVED:
                name = "waived"
            case Verdict.UNTESTED if flow.reason_code is ReasonCode.SAME_HOST:
                name = "untestable"
            case Verdict.UNTESTED:
                name = "elsewhere"
            case _:
                name = "judged"
        by_section[name].append(flow)
    return Sections(**{name: tuple(flows) for name, flows in by_section.items()})


def report_blocks(report: Report, level: Level) -> Iterator[RenderableType]:
    """The page, block by block."""
    verbose = level is Level.VERBOSE
    causes = find_causes(report)
    yield from _summary(report)
    yield from _impact(find_impact(report, causes), verbose)
    yield from _causes(causes, verbose)
    if level is not Level.QUIET:
        yield from _next_steps(report)
        parts = sections(report.flows)
        yield from _judged(parts.judged, verbose)
        yield from _waived(parts.waived)
        yield from _rules(report.rules, parts.judged)
        yield from _elsewhere(parts.elsewhere, report.run, verbose)
        yield from _untestable(parts.untestable, verbose)
        yield from _limits(report)
        if verbose:
            yield from skipped_blocks(report.skipped)
        yield Text()
        yield _conclusion(report)


# --- the first screen ------------------------------------------------------------------------


def _summary(report: Report) -> Iterator[RenderableType]:
    run = report.run
    phase = "" if run.phase == "live" else f" · phase {run.phase}"
    yield paragraph(
        ("veeamcheck", "bold"),
        f" · {inert(run.inventory)}",
        f" · from {inert(', '.join(run.vantages) or 'nowhere')}{phase}",
        (f" · {duration(run.end - run.start)}", "dim"),
    )
    yield Text()
    yield _conclusion(report)
    counts = {verdict: report.summary.get(verdict, 0) for verdict in LOOKS}
    pieces: list[Piece] = []
    for verdict, count in counts.items():
        if count:
            look = LOOKS[verdict]
            pieces += [(f"{look.sign} {count:,} {verdict}", look.style), "   "]
    yield paragraph(*pieces, indent=2)
    if report.warnings:
        yield paragraph(
            (f"! {counted(len(report.warnings), 'warning')}, see below", "yellow"), indent=2
        )


def _conclusion(report: Report) -> RenderableType:
    verdict, sentence = conclusion(report)
    look = LOOKS[verdict]
    return paragraph((f"{look.sign} {sentence}", look.style))


def _impact(impacts: Sequence[Impact], verbose: bool) -> Iterator[RenderableType]:
    if not impacts:
        return
    yield from heading(impact_title(impacts))
    told = lines(impacts)
    shown = told if verbose else told[:_MOST_IMPACTS]
    for line in shown:
        look = LOOKS[line.state.verdict]
        yield Entry(
            text_of((look.sign, look.style)),
            text_of((f"{inert(line.what)}: ", "bold"), inert(line.how)),
            indent=2,
            column=2,
        )
    for rest in _more(len(told) - len(shown), "line"):
        yield paragraph(rest, indent=4)


def _causes(causes: Sequence[Cause], verbose: bool) -> Iterator[RenderableType]:
    if not causes:
        return
    yield from heading("What to do first")
    column = len(str(len(causes))) + 2
    for number, cause in enumerate(causes, 1):
        if number > 1:
            yield Text()
        look = LOOKS[cause.verdict]
        yield Entry(
            text_of((f"{number}", "bold")),
            text_of(
                (f"{look.sign} ", look.style),
                (inert(cause.title), "bold"),
                (f"  ({counted(len(cause.flows), 'flow')})", "dim"),
            ),
            column=column,
        )
        yield from _cause_details(cause, column + 2, verbose)


def _next_steps(report: Report) -> Iterator[RenderableType]:
    steps = next_steps(report)
    if steps:
        yield from heading("For what is blocked")
        for step in steps:
            yield _item(inert(step))


def _cause_details(cause: Cause, indent: int, verbose: bool) -> Iterator[RenderableType]:
    yield labelled("ask", ", then ".join(cause.who), indent=indent)
    yield from _lines("do", map(inert, cause.what), indent)
    most = None if verbose else _MOST
    lines = [_connection(each) for each in cause.connections[:most]]
    lines += _more(len(cause.connections) - len(lines), "connection")
    yield from _lines("tried", lines, indent)
    if cause.verdict is not Verdict.UNPROVEN:
        lines = [inert(text) for text in cause.breaks[:most]]
        lines += _more(len(cause.breaks) - len(lines), "consequence")
        yield from _lines("breaks", lines, indent)


def _lines(label: str, lines: Iterable[str], indent: int) -> Iterator[RenderableType]:
    """Entries of which only the first bears the label."""
    for number, line in enumerate(lines):
        yield labelled("" if number else label, line, indent=indent)


def _connection(connection: Connection) -> str:
    source = place(connection.source, filter(None, [connection.source_address]))
    target = place(connection.target, [connection.address])
    return f"{source} → {target}  {connection.transport} {ports_text(connection.ports)}"


def _more(count: int, noun: str) -> list[str]:
    return [f"and {counted(count, f'more {noun}')} (--verbose)"] if count > 0 else []


# --- every flow ------------------------------------------------------------------------------


def _pairs(flows: Iterable[Outcome]) -> list[list[Outcome]]:
    """The flows by source, vantage and target; pairs with the worst verdict first."""
    pairs: dict[tuple[str, str, str], list[Outcome]] = {}
    for flow in flows:
        pairs.setdefault((flow.source, flow.runs_from, flow.target), []).append(flow)
    for pair in pairs.values():
        pair.sort(key=_place)
    return sorted(pairs.values(), key=lambda pair: _place(pair[0]))


def _place(flow: Outcome) -> int:
    return _WORST_FIRST.index(flow.verdict)


def _judged(flows: Sequence[Outcome], verbose: bool) -> Iterator[RenderableType]:
    if not flows:
        return
    yield from heading("Every tested flow")
    for number, pair in enumerate(_pairs(flows)):
        if number:
            yield Text()
        yield paragraph((ends(pair[0]), "bold"))
        column = min(max((len(flow.rule) for flow in pair if _is_pass(flow)), default=0), 40)
        for flow in pair:
            label = text_of(verdict_piece(flow.verdict))
            if _is_pass(flow):
                body = text_of(f"{inert(flow.rule):<{column}}  ", (seen(flow), "dim"))
            else:
                body = text_of((inert(flow.id), "bold"))
            yield Entry(label, body, 2, _VERDICT_COLUMN)
            indent = 2 + _VERDICT_COLUMN
            if not _is_pass(flow):
                yield paragraph(inert(flow.reason), indent=indent)
            if flow.origin and (verbose or not _is_pass(flow)):
                yield paragraph((f"from the run of {inert(flow.origin)}", "dim"), indent=indent)
            if verbose:
                for row in flow.evidence:
                    yield paragraph((in_full(row, flow), "dim"), indent=indent)
            elif not _is_pass(flow):
                yield paragraph((seen(flow), "dim"), indent=indent)


def _is_pass(flow: Outcome) -> bool:
    return flow.verdict is Verdict.PASS


def _waived(flows: Sequence[Outcome]) -> Iterator[RenderableType]:
    if not flows:
        return
    yield from heading("Waived: known and accepted")
    for flow in flows:
        label = text_of(verdict_piece(flow.verdict))
        yield Entry(label, text_of((inert(flow.id), "bold")), 2, _VERDICT_COLUMN)
        indent = 2 + _VERDICT_COLUMN
        if flow.waived:
            until = f", until {flow.waived.until}" if flow.waived.until else ""
            yield paragraph(f"{inert(flow.waived.reason)}{until}", indent=indent)
            look = LOOKS[flow.waived.verdict]
            verdict = (f"{look.sign} {flow.waived.verdict}", look.style)
            yield paragraph("without the waiver: ", verdict, f": {seen(flow)}", indent=indent)
        yield paragraph((inert(flow.reason), "dim"), indent=indent)


def _rules(rules: Sequence[RuleNote], judged: Sequence[Outcome]) -> Iterator[RenderableType]:
    """Each rule of which a flow fails or is degraded, once, however many flows that are."""
    bad = {
        (flow.rule_set, flow.rule)
        for flow in judged
        if flow.verdict in (Verdict.FAIL, Verdict.DEGRADED)
    }
    shown = [rule for rule in rules if (rule.rule_set, rule.id) in bad]
    if not shown:
        return
    yield from heading("What the failed and degraded flows are for")
    by_document: dict[str, list[RuleNote]] = {}
    for rule in shown:
        by_document.setdefault(rule.document, []).append(rule)
    for document, notes in by_document.items():
        for rule in notes:
            yield paragraph(
                (inert(rule.id), "bold"), (f"  {inert(rule.section)}, row {rule.row}", "dim")
            )
            yield labelled("for", inert(rule.purpose), indent=2)
            yield labelled("breaks", inert(rule.breaks), indent=2)
            yield Text()
        yield paragraph(("Rows of ", "dim"), inert(document))


# --- what remains ----------------------------------------------------------------------------


def _elsewhere(flows: Sequence[Outcome], run: RunNote, verbose: bool) -> Iterator[RenderableType]:
    if not flows:
        return
    yield from heading("Not tested yet: run these there")
    by_host: dict[str, list[Outcome]] = {}
    for flow in flows:
        by_host.setdefault(flow.runs_from, []).append(flow)
    for number, (host, own) in enumerate(by_host.items()):
        if number:
            yield Text()
        again = ", again" if host in run.vantages else ""
        count = counted(len(own), "flow")
        yield paragraph("On ", (inert(host), "bold"), f"{again}: {count}")
        yield paragraph((command(run, host), "bold green"), indent=2)
        yield from _untested_rows(own, verbose)


def _untested_rows(flows: Sequence[Outcome], verbose: bool) -> Iterator[RenderableType]:
    shown = flows if verbose else flows[:_MOST_UNTESTED]
    yield from flow_rows(shown)
    for line in _more(len(flows) - len(shown), "flow"):
        yield paragraph(line, indent=2)


def _untestable(flows: Sequence[Outcome], verbose: bool) -> Iterator[RenderableType]:
    if not flows:
        return
    yield from heading("Not testable: source and target are one host here")
    yield from _untested_rows(flows, verbose)


def _limits(report: Report) -> Iterator[RenderableType]:
    """What a reader must not take this report for."""
    if report.warnings:
        yield from heading("Warnings")
        for warning in report.warnings:
            yield Entry(text_of(("!", "yellow")), text_of(inert(warning)), 2, 2)
    if report.run.missing_evidence:
        yield from heading("What could not be told apart from here")
        for sentence in report.run.missing_evidence:
            yield _item(inert(sentence))
    allowed = {pattern: rule for rule in report.rules for pattern in rule.allow_list}
    if allowed:
        yield from heading("Names to allow in proxies and firewalls, never contacted")
        for pattern, rule in allowed.items():
            yield _item(inert(pattern), (f"  for {inert(rule.id)}", "dim"))
    if report.run.not_covered:
        yield from heading("Not covered by the document, so not checked")
        for note in report.run.not_covered:
            yield _item(inert(note.what), (f"  {inert(note.where)}", "dim"))


def _item(*pieces: Piece) -> Entry:
    return Entry(Text("·"), text_of(*pieces), 2, 2)
