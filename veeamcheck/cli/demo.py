"""See it work: a real audit of a small deployment on loopback.

Starts real listeners, needs no root, no network and a few seconds. The inventory that it used
is left behind as an example to learn from.

Example:

    veeamcheck demo
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from veeamcheck.cli import _options
from veeamcheck.cli._app import help_text, new_app
from veeamcheck.cli._exit import CommandError, Status
from veeamcheck.cli._interrupt import run_interruptibly
from veeamcheck.cli._output import Output, reason_of, say, write_file
from veeamcheck.cli._progress import progress_bar
from veeamcheck.cli._report import deliver, level_of
from veeamcheck.demo.site import DemoError, audit_demo, differences
from veeamcheck.model import Report

app = new_app()


@app.command(help=help_text(__doc__))
def demo(
    keep: Annotated[
        Path, typer.Option("--keep", metavar="FILE", help="Where the demo's inventory is left.")
    ] = Path("veeamcheck-demo.toml"),
    quiet: _options.Quiet = False,
    verbose: _options.Verbose = False,
) -> int:
    level = level_of(quiet=quiet, verbose=verbose)

    async def work(stop: asyncio.Event) -> tuple[str, Report]:
        with progress_bar(shown=not quiet) as progress:
            return await audit_demo(str(keep), progress=progress, stop=stop)

    try:
        text, report = run_interruptibly(work)
    except DemoError as error:
        raise CommandError(str(error)) from error
    status = deliver(report, [Output("terminal", None)], level)
    if status in (Status.INTERRUPTED, Status.UNWRITTEN):
        return status
    if unlike := differences(report):
        raise CommandError(
            "the demo did not show what it should: " + "; ".join(unlike), Status.DEFECT
        )
    kept = _keep(keep, text)
    if not quiet:
        say(f"\nThis was a demo on loopback; as a real audit it would exit with {status}.")
        say(f"Its inventory {'is in' if kept else 'differs from the file that is in'} {keep}.")
        say("Next, your own hosts: veeamcheck init")
    return Status.OK


def _keep(path: Path, text: str) -> bool:
    """Leave the inventory at `path`; a file that is there already is only replaced if asked."""
    try:
        if path.exists():
            if path.read_text(encoding="utf-8", errors="replace") == text:
                return True
            if not sys.stdin.isatty() or not typer.confirm(f"Replace {path}?", err=True):
                return False
        write_file(path, text)
    except OSError as error:
        raise CommandError(
            f"cannot leave the inventory in {path}: {reason_of(error)}", Status.UNWRITTEN
        ) from error
    return True
