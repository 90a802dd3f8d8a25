"""One row a flow, as a firewall team asks for it; spreadsheets open it without harm.

A cell that a spreadsheet could take for a formula is given an apostrophe before it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO

from veeamcheck.model import Outcome, Report, RuleNote
from veeamcheck.wording import inert

COLUMNS = (
    "source",
    "source address",
    "destination",
    "destination address",
    "protocol",
    "ports",
    "failover ports",
    "verdict",
    "reason code",
    "reason",
    "waived",
    "waived until",
    "waiver",
    "tested from",
    "rule",
    "section",
    "row",
    "purpose",
    "breaks",
    "document",
)

_FORMULA = re.compile(r"(^|[;,\"])( *)(?=[=+\-@＝＋－＠])")
"""Where a cell starts in a spreadsheet, also in one that splits at another sign than ours."""


def render(report: Report) -> str:
    """The flows in the order of the report, below a row of COLUMNS."""
    return table(COLUMNS, _rows(report))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The rows below one of their columns, every cell `guarded`."""
    file = StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(map(guarded, row) for row in rows)
    return file.getvalue()


def guarded(cell: str) -> str:
    """The text as one line, in which no spreadsheet finds a formula."""
    return _FORMULA.sub(r"\1\2'", inert(cell))


def _rows(report: Report) -> Iterator[tuple[str, ...]]:
    rules = {(rule.rule_set, rule.id): rule for rule in report.rules}
    declared = {flow.target: flow.address for flow in report.flows}
    for flow in report.flows:
        rule = rules.get((flow.rule_set, flow.rule))
        yield (
            flow.source,
            ", ".join(_own_addresses(flow) or declared.get(flow.source, ())),
            flow.target,
            ", ".join(_target_addresses(flow)),
            flow.transport,
            str(flow.ports),
            str(flow.failover_ports or ""),
            flow.verdict,
            flow.reason_code,
            flow.reason,
            *_waiver(flow),
            flow.runs_from,
            flow.rule,
            flow.section,
            str(flow.row),
            *_about(rule),
        )


def _own_addresses(flow: Outcome) -> list[str]:
    """Where the connections left from; nothing where a stand-in made them."""
    if flow.runs_from != flow.source:
        return []
    return list(dict.fromkeys(row.local_address for row in flow.evidence if row.local_address))


def _target_addresses(flow: Outcome) -> list[str]:
    """The addresses as declared; a name as what it was resolved to, where it was."""
    found: list[str] = []
    for declared in flow.address:
        resolved = [row.address for row in flow.evidence if row.name == declared]
        found += resolved or [declared]
    return list(dict.fromkeys(found))


def _waiver(flow: Outcome) -> tuple[str, str, str]:
    if not flow.waived:
        return "", "", ""
    return flow.waived.verdict, str(flow.waived.until or ""), flow.waived.reason


def _about(rule: RuleNote | None) -> tuple[str, str, str]:
    return (rule.purpose, rule.breaks, rule.document) if rule else ("", "", "")
