"""The flows as the data that the page's script draws from; `script/data.js` reads it.

Small: every text is there once, and flows and evidence name it by its number. Inert: control and
invisible characters are made visible, as everywhere in the page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from veeamcheck.diagnosis.causes import Cause
from veeamcheck.model import Evidence, Outcome, Report, RuleNote, Signal
from veeamcheck.reports._words import SIGNS, needs, ports_text
from veeamcheck.wording import counted, inert

_VERDICTS = {verdict: number for number, verdict in enumerate(SIGNS)}


class _Texts:
    """Every text once, inert, in the order of its first use."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        return self._numbers.setdefault(text, len(self._numbers))

    def all(self) -> list[str]:
        return [inert(text) for text in self._numbers]


def page_data(report: Report, causes: Sequence[Cause]) -> dict[str, Any]:
    """The report's flows, rules and causes as what JSON can hold."""
    texts = _Texts()
    rules = {(rule.rule_set, rule.id): rule for rule in report.rules}
    for flow in report.flows:
        rules.setdefault((flow.rule_set, flow.rule), RuleNote.unexplained(flow))
    number_of = {rule: number for number, rule in enumerate(rules)}
    cause_of = {flow: number for number, cause in enumerate(causes) for flow in cause.flows}
    flows = [
        _flow(flow, number_of[flow.rule_set, flow.rule], cause_of.get(flow.id), texts)
        for flow in sorted(report.flows, key=lambda flow: _VERDICTS[flow.verdict])
    ]
    return {
        "verdicts": [[str(verdict), sign] for verdict, sign in SIGNS.items()],
        "rules": [_rule(rule) for rule in rules.values()],
        "causes": [_cause(cause) for cause in causes],
        "flows": flows,
        "texts": texts.all(),
    }


def link(address: str) -> str:
    """The address if it is a web page's; empty for anything that a click could run or open."""
    return inert(address) if address.startswith(("https://", "http://")) else ""


def _rule(rule: RuleNote) -> dict[str, Any]:
    return {
        "id": inert(rule.id),
        "section": inert(rule.section),
        "row": rule.row,
        "purpose": inert(rule.purpose),
        "breaks": inert(rule.breaks),
        "document": inert(rule.document),
        "link": link(rule.document),
    }


def _cause(cause: Cause) -> dict[str, Any]:
    return {
        "title": inert(cause.title),
        "who": [str(who) for who in cause.who],
        "what": [inert(text) for text in cause.what],
    }


def _flow(flow: Outcome, rule: int, cause: int | None, texts: _Texts) -> list[Any]:
    """A flow; its id is told by rule and ends."""
    waived = flow.waived
    return [
        rule,
        texts.number(flow.source),
        texts.number(flow.target),
        texts.number(flow.runs_from),
        texts.number(", ".join(flow.address)),
        _VERDICTS[flow.verdict],
        texts.number(flow.reason_code),
        texts.number(flow.reason),
        texts.number(needs(flow)),
        flow.contacted,
        flow.total,
        cause,
        waived and [_VERDICTS[waived.verdict], texts.number(waived.reason), _day(waived.until)],
        [_evidence(row, texts) for row in flow.evidence],
    ]


def _day(day: object) -> str:
    return str(day) if day else ""


def _evidence(row: Evidence, texts: _Texts) -> list[Any]:
    rtt = row.rtt_ms
    return [
        texts.number(f"{row.name} = {row.address}" if row.name else row.address),
        texts.number(ports_text(row.ports, None)),
        texts.number(row.signal),
        row.probed,
        len(row.ports),
        round(rtt, 3) if rtt is not None and math.isfinite(rtt) else None,
        texts.number(row.local_address or ""),
        texts.number("; ".join(_remarks(row))),
    ]


def _remarks(row: Evidence) -> list[str]:
    """What else a piece of evidence tells."""
    remarks = [f"by {row.by}"] if row.by else []
    if row.signal is Signal.REFUSED and not row.attributed:
        remarks.append("a reset could not be told from an ICMP reject")
    if row.proven:
        remarks.append("the service was recognised")
    if row.gap:
        remarks.append(f"at most {counted(row.gap, 'port')} in a row not contacted")
    remarks += [
        f"{value}" if key == "meaning" else f"{key} {value}"
        for key, value in (row.detail or {}).items()
        if value is not None
    ]
    return remarks
