"""Which commands take a report further: to the firewall request, and to the place of a block."""

from __future__ import annotations

from veeamcheck.diagnosis.blocked import may_be_blocked
from veeamcheck.model import Report, Signal
from veeamcheck.reports._words import inventory_option
from veeamcheck.wording import command_line, inert


def next_steps(report: Report) -> tuple[str, ...]:
    """One sentence each; empty where no firewall is in question. Commands stand in backquotes."""
    blocked = [flow for flow in report.flows if may_be_blocked(flow)]
    steps = []
    if blocked:
        steps.append(
            "`veeamcheck firewall REPORT --only failed` writes the rules to ask for; "
            "`-o json=REPORT` keeps the report."
        )
    untraced = [
        flow
        for flow in blocked
        if not flow.traces and any(row.signal is Signal.SILENT for row in flow.evidence)
    ]
    if untraced:
        first = untraced[0]
        trace = command_line("veeamcheck", "trace", *inventory_option(report.run), first.id)
        steps.append(f"`{trace}` on {inert(first.runs_from)} finds where packets get lost.")
    return tuple(steps)
