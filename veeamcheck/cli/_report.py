"""Handing over a result: to stdout, and whole or not at all to files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from veeamcheck import reports
from veeamcheck.cli._exit import Status
from veeamcheck.cli._output import Output, is_plugin, reason_of, say, write_file, write_stdout
from veeamcheck.model import Plan, Report, Trace, Traces
from veeamcheck.reports._level import Level

if TYPE_CHECKING:
    from rich.console import Console

PLAN_FORMATS = ("json", "table")


def level_of(*, quiet: bool, verbose: bool) -> Level:
    """How much ``--quiet`` and ``--verbose`` let the terminal report say."""
    if quiet and verbose:
        raise typer.BadParameter("--quiet and --verbose exclude each other")
    return Level.QUIET if quiet else Level.VERBOSE if verbose else Level.NORMAL


def deliver(report: Report, outputs: Sequence[Output], level: Level) -> int:
    """Print and write the report; the audit's exit status, or that it could not be written.

    Where monitoring reads stdout, the status is the one that it knows for the report's state.
    """
    written = write_report(report, outputs, level)
    if is_plugin(outputs):
        from veeamcheck.diagnosis.causes import find_causes
        from veeamcheck.diagnosis.health import Health, health

        return health(report, find_causes(report)) if written else Health.UNKNOWN
    status = report.summary["exit_status"]
    return status if written or status == Status.INTERRUPTED else Status.UNWRITTEN


def write_report(report: Report, outputs: Sequence[Output], level: Level) -> bool:
    """Print and write the report; False if it could not be written somewhere."""

    def show(console: Console) -> None:
        from veeamcheck.reports.terminal import print_report

        print_report(report, console, level=level)

    def render(name: str) -> str:
        return reports.render(name, report)

    return _hand_over(outputs, "terminal", show, render)


def deliver_plan(plan: Plan, outputs: Sequence[Output], *, over_ssh: bool) -> int:
    """Print and write the plan, in PLAN_FORMATS; `over_ssh`: how its vantage is probed from."""

    def show(console: Console) -> None:
        from veeamcheck.reports.terminal import print_plan

        print_plan(plan, console, over_ssh=over_ssh)

    def render(name: str) -> str:
        if name == "table":
            from veeamcheck.reports.terminal import render_plan

            return render_plan(plan, over_ssh=over_ssh)
        from veeamcheck.reports import json

        return json.render(plan)

    written = _hand_over(outputs, "table", show, render)
    return Status.OK if written else Status.UNWRITTEN


def deliver_traces(traces: Sequence[Trace], outputs: Sequence[Output]) -> bool:
    """Print and write traces; False if that could not be done somewhere."""

    def show(console: Console) -> None:
        from veeamcheck.reports.terminal import print_traces

        print_traces(traces, console)

    def render(name: str) -> str:
        if name == "table":
            from veeamcheck.reports.terminal import render_traces

            return render_traces(traces)
        from veeamcheck.reports import json

        return json.render(Traces(traces=tuple(traces)))

    return _hand_over(outputs, "table", show, render)


def _hand_over(
    outputs: Sequence[Output],
    for_people: str,
    show: Callable[[Console], None],
    render: Callable[[str], str],
) -> bool:
    """Write the files, then stdout, whatever becomes of each; False if one could not be written.

    `for_people` is the format that `show` suits to the terminal where it goes to stdout.
    """
    written = True
    for name, path in sorted(outputs, key=lambda output: output.path is None):
        try:
            with suppress(BrokenPipeError):  # whoever read our output has seen enough
                if path:
                    write_file(path, render(name))
                elif name == for_people:
                    from veeamcheck.cli._console import StdoutConsole

                    show(StdoutConsole())
                    sys.stdout.flush()
                else:
                    write_stdout(render(name))
        except OSError as error:
            say(f"veeamcheck: cannot write {path or 'to stdout'}: {reason_of(error)}")
            written = False
    return written
