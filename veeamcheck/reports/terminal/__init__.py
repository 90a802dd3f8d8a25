"""The report for people, on a terminal or as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO

from rich.console import Console

from veeamcheck.model import Plan, Report, Trace
from veeamcheck.reports._level import Level
from veeamcheck.reports.terminal.blocks import Page
from veeamcheck.reports.terminal.plan import plan_blocks
from veeamcheck.reports.terminal.report import report_blocks
from veeamcheck.reports.terminal.trace import trace_blocks

__all__ = [
    "Level",
    "print_plan",
    "print_report",
    "print_traces",
    "render",
    "render_plan",
    "render_traces",
]

_WIDTH = 100


def render(report: Report) -> str:
    """The report as plain text for a file: 100 columns, no colour."""
    file = StringIO()
    print_report(report, _plain(file))
    return file.getvalue()


def render_plan(plan: Plan, *, over_ssh: bool = False) -> str:
    """The plan as plain text for a file: 100 columns, no colour."""
    file = StringIO()
    print_plan(plan, _plain(file), over_ssh=over_ssh)
    return file.getvalue()


def render_traces(traces: Sequence[Trace]) -> str:
    """Traces as plain text for a file: 100 columns, no colour."""
    file = StringIO()
    print_traces(traces, _plain(file))
    return file.getvalue()


def print_report(report: Report, console: Console, *, level: Level = Level.NORMAL) -> None:
    """Print the report as wide, colourful and Unicode as the console is."""
    console.print(Page(report_blocks(report, level)), end="")


def print_plan(plan: Plan, console: Console, *, over_ssh: bool = False) -> None:
    """Print every flow and where it runs from, and what was skipped and why.

    `over_ssh`: the plan's vantage is not this machine, but a host that is probed from over SSH.
    """
    console.print(Page(plan_blocks(plan, over_ssh=over_ssh)), end="")


def print_traces(traces: Sequence[Trace], console: Console) -> None:
    """Print every trace hop by hop, and what follows from it."""
    console.print(Page(trace_blocks(traces)), end="")


def _plain(file: StringIO) -> Console:
    return Console(
        file=file,
        width=_WIDTH,
        color_system=None,
        force_terminal=False,
        force_jupyter=False,
        legacy_windows=False,
    )
