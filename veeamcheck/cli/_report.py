"""Handing over a result: to stdout, and whole or not at all to files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from rich.console import Console

from veeamcheck.cli._exit import Status
from veeamcheck.cli._output import Output, reason_of, say, write_file, write_stdout
from veeamcheck.model import Plan, Report


def deliver(report: Report, outputs: Sequence[Output], *, quiet: bool, verbose: bool) -> int:
    """Print and write the report; the exit status of the audit, or that it could not be written."""
    from veeamcheck.reports import render

    def show(format: str) -> None:
        if format == "terminal":
            from veeamcheck.reports.terminal import print_report

            print_report(report, stdout_console(), quiet=quiet, verbose=verbose)
        else:
            write_stdout(render(format, report))

    written = _hand_over(outputs, show, lambda format: render(format, report))
    interrupted = report.run.interrupted
    return report.summary["exit_status"] if written or interrupted else Status.UNWRITTEN


def _hand_over(
    outputs: Sequence[Output], show: Callable[[str], None], render: Callable[[str], str]
) -> bool:
    """Write the files, then stdout, whatever becomes of each; False if one could not be."""
    written = True
    for format, path in sorted(outputs, key=lambda output: output.path is None):
        try:
            if path:
                write_file(path, render(format))
            else:
                show(format)
        except BrokenPipeError:
            pass  # whoever read our output has seen enough
        except OSError as error:
            say(f"veeamcheck: cannot write {path or 'to stdout'}: {reason_of(error)}")
            written = False
    return written


class _StdoutConsole(Console):
    def on_broken_pipe(self) -> None:
        """Not rich's own way out, which exits with 1: that would say that something fails."""
        raise  # noqa: PLE0704 - rich calls this while it handles the BrokenPipeError


def stdout_console() -> Console:
    """Where people read: as wide as their terminal, without colour where NO_COLOR or a pipe is."""
    return _StdoutConsole(file=sys.stdout, highlight=False)
