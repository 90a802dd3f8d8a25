"""What the page says beside its flows, as `page.html` prints it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from veeamcheck.diagnosis.causes import Cause
from veeamcheck.diagnosis.impact import Impact, find_impact, lines
from veeamcheck.model import Outcome, Phase, ReasonCode, Report, RunNote, Skipped, Verdict
from veeamcheck.reports._words import (
    SIGNS,
    command,
    conclusion,
    duration,
    impact_title,
    place,
    ports_text,
)
from veeamcheck.reports.html.data import link
from veeamcheck.wording import counted

_FIRST_LOSSES = 10
"""So many lines of what does not work are shown at once; the others on demand."""
_FIRST_CAUSES = 10
"""So many causes are shown at once; the others on demand."""
_FIRST_LINES = 4
"""So many connections of a cause are shown at once; the others on demand."""
_MOST_LINES = 50
"""So many connections of a cause are in the page at all: its flows tell the others."""

_MEANINGS = {
    Verdict.FAIL: "Blocked, or nothing listens: jobs that need it do not work.",
    Verdict.DEGRADED: "Only the documented failover ports work.",
    Verdict.UNPROVEN: "Tried, but what came back proves it neither way.",
    Verdict.PASS: "Proven: every port that it needs can be reached.",
    Verdict.WAIVED: "Not proven, but known and accepted in the inventory.",
    Verdict.UNTESTED: "Not tried: it starts at another host. Never taken for passed.",
}


class Tile(NamedTuple):
    """A verdict, and how many flows have it."""

    verdict: str
    sign: str
    flows: int
    meaning: str


class Loss(NamedTuple):
    """What does not work, or may not, at one or more hosts."""

    verdict: str
    sign: str
    what: str
    how: str


class Card(NamedTuple):
    """A cause, as it is shown."""

    number: int
    verdict: str
    sign: str
    title: str
    flows: str
    who: str
    what: Sequence[str]
    tried: Sequence[str]
    tried_also: Sequence[str]
    untold: int
    """Connections that are only told by the cause's flows."""
    breaks: Sequence[str]


class Elsewhere(NamedTuple):
    """What remains to be tested from a host."""

    host: str
    flows: str
    command: str


def page_content(report: Report, causes: Sequence[Cause]) -> dict[str, Any]:
    """The template's variables."""
    verdict, text = conclusion(report)
    impacts = find_impact(report, causes)
    losses = _losses(impacts)
    cards = [_card(number, cause) for number, cause in enumerate(causes, 1)]
    return {
        "report": report,
        "run": report.run,
        "sign": SIGNS[verdict],
        "verdict": verdict,
        "headline": text,
        "facts": _facts(report.run),
        "tiles": [
            Tile(each, sign, report.summary.get(each, 0), _MEANINGS[each])
            for each, sign in SIGNS.items()
        ],
        "impact_title": impact_title(impacts),
        "losses": losses[:_FIRST_LOSSES],
        "more_losses": losses[_FIRST_LOSSES:],
        "cards": cards[:_FIRST_CAUSES],
        "more_cards": cards[_FIRST_CAUSES:],
        "sections": list(dict.fromkeys(rule.section for rule in report.rules)),
        "elsewhere": _elsewhere(report),
        "allowed": [(pattern, rule.id) for rule in report.rules for pattern in rule.allow_list],
        "skipped": _by_reason(report.skipped),
        "link": link,
    }


def _facts(run: RunNote) -> list[tuple[str, str]]:
    """How the audit was made: name and value."""
    facts = [
        ("Inventory", run.inventory),
        ("Tested from", ", ".join(run.vantages) or "nowhere"),
        ("Started", f"{run.start:%Y-%m-%d %H:%M:%S %Z}".strip()),
        ("Took", duration(run.end - run.start)),
        ("Ranges", "every port" if run.full_range else "sampled, edges exact"),
        ("Pace", str(run.pace)),
    ]
    if run.phase is not Phase.LIVE:
        facts.append(("Phase", f"{run.phase}: the product need not listen yet"))
    if run.checks == "connect":
        facts.append(("Checks", "connections only, no services"))
    return facts


def _losses(impacts: Sequence[Impact]) -> list[Loss]:
    return [
        Loss(line.state.verdict, SIGNS[line.state.verdict], line.what, line.how)
        for line in lines(impacts)
    ]


def _card(number: int, cause: Cause) -> Card:
    tried = [
        f"{place(each.source, filter(None, [each.source_address]))} → "
        f"{place(each.target, [each.address])}  {each.transport} {ports_text(each.ports)}"
        for each in cause.connections[:_MOST_LINES]
    ]
    return Card(
        number=number,
        verdict=cause.verdict,
        sign=SIGNS[cause.verdict],
        title=cause.title,
        flows=counted(len(cause.flows), "flow"),
        who=", then ".join(cause.who),
        what=cause.what,
        tried=tried[:_FIRST_LINES],
        tried_also=tried[_FIRST_LINES:],
        untold=max(len(cause.connections) - _MOST_LINES, 0),
        breaks=() if cause.verdict is Verdict.UNPROVEN else cause.breaks,
    )


def _elsewhere(report: Report) -> list[Elsewhere]:
    by_host: dict[str, list[Outcome]] = {}
    for flow in report.flows:
        if flow.verdict is Verdict.UNTESTED and flow.reason_code is not ReasonCode.SAME_HOST:
            by_host.setdefault(flow.runs_from, []).append(flow)
    return [
        Elsewhere(host, counted(len(flows), "flow"), command(report.run, host))
        for host, flows in by_host.items()
    ]


def _by_reason(skipped: Iterable[Skipped]) -> dict[str, dict[str, int]]:
    """Reason -> rule -> how many pairs it was skipped for."""
    reasons: dict[str, dict[str, int]] = {}
    for each in skipped:
        rules = reasons.setdefault(each.reason, {})
        rules[each.rule] = rules.get(each.rule, 0) + bool(each.source or each.target)
    return reasons
