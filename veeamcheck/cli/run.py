"""Audit every flow that starts at this host.

Says of each what is proven, blocked, or could not be proven from here.

Which host this is follows from the addresses of this machine; --from names it where they cannot
tell. Flows that start at other hosts are listed with the command to run there.

Examples:

    veeamcheck run
    veeamcheck run -i site.toml --host 'repo*' --full-range
    veeamcheck run -o json=report.json --fail-on degraded --allow-unproven idle-silent
    veeamcheck run --record --notify changes --targets /etc/veeamcheck/targets

Exit status:

    0  everything judged passes, works by failover, or is waived
    1  something fails
    2  the command line or the inventory is wrong; nothing was probed
    3  nothing fails, but something could not be proven
    4  a report could not be written to its file, the history or those to be notified
    130  interrupted; the report of what was done is written
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

import typer

from veeamcheck.auditing import Settings, audit
from veeamcheck.cli import _options
from veeamcheck.cli._app import help_text, new_app
from veeamcheck.cli._exit import Status
from veeamcheck.cli._history import KEEP_DAYS, Messenger, Recorder, follow
from veeamcheck.cli._input import read_inventory, require_vantage, selected_plan, selection_of
from veeamcheck.cli._interrupt import run_interruptibly
from veeamcheck.cli._output import parse_outputs
from veeamcheck.cli._progress import progress_bar
from veeamcheck.cli._report import deliver, level_of
from veeamcheck.expand import expand
from veeamcheck.model import UNPROVEN_REASONS, Phase, Policy, ReasonCode, Report
from veeamcheck.reports import formats
from veeamcheck.toml_text import suggest

app = new_app()


@app.command(help=help_text(__doc__))
def run(
    inventory: _options.Inventory = None,
    vantage: _options.From = None,
    rule: _options.Rule = None,
    host: _options.Host = None,
    section: _options.Section = None,
    full_range: Annotated[
        bool, typer.Option("--full-range", help="Contact every port of a range, not a sample.")
    ] = False,
    check_failover: Annotated[
        bool,
        typer.Option(
            "--check-failover", help="Probe failover ports even where they are not needed."
        ),
    ] = False,
    checks: Annotated[
        Literal["connect", "service"],
        typer.Option(
            help="Stop at the handshake, or also ask the services that can be asked (now: NTP)."
        ),
    ] = "service",
    pace: Annotated[
        Literal["polite", "normal", "fast"],
        typer.Option(help="Contacts a second; polite stays below port-scan thresholds."),
    ] = "normal",
    phase: Annotated[
        Literal["live", "predeploy"] | None,
        typer.Option(help="Is the product installed yet? Overrides the inventory."),
    ] = None,
    output: Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FORMAT[=PATH]",
            help=f"Print, or write to a file: {', '.join(formats())}. Repeats.",
            autocompletion=formats,
        ),
    ] = None,
    fail_on: Annotated[
        Literal["fail", "degraded"],
        typer.Option(help="The mildest verdict that makes the exit status 1."),
    ] = "fail",
    allow_unproven: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-unproven",
            metavar="CODE,...",
            help="Reasons for which a flow may stay unproven: "
            f"{', '.join(UNPROVEN_REASONS)}. Repeats.",
        ),
    ] = None,
    require_complete: Annotated[
        bool,
        typer.Option(
            "--require-complete", help="Count flows that start at other hosts as unproven (3)."
        ),
    ] = False,
    record: Annotated[
        bool | None,
        typer.Option(
            "--record/--no-record", help="Add the run to the history. Else the inventory decides."
        ),
    ] = None,
    history: _options.History = None,
    keep: _options.Keep = KEEP_DAYS,
    notify: Annotated[
        Literal["changes"] | None,
        typer.Option(help="Tell the targets what changed since the recorded runs. Records, too."),
    ] = None,
    targets: _options.Targets = None,
    rules: _options.Rules = None,
    quiet: _options.Quiet = False,
    verbose: _options.Verbose = False,
) -> int:
    outputs = parse_outputs(output or [], formats(), default="terminal")
    level = level_of(quiet=quiet, verbose=verbose)
    policy = Policy(
        fail_on_degraded=fail_on == "degraded",
        allow_unproven=_reasons(allow_unproven or []),
        require_complete=require_complete,
    )
    read = read_inventory(inventory, rules or [], quiet=quiet)
    if phase:
        read = replace(read, phase=Phase(phase))
    settings = Settings(
        vantage=require_vantage(read, vantage),
        selection=selection_of(rule, host, section),
        full_range=full_range,
        check_failover=check_failover,
        checks=checks,
        pace=pace,
        policy=policy,
    )
    plan = selected_plan(expand(read, settings.vantage), settings.selection)
    messenger = Messenger(targets) if notify else None
    recorder = (
        Recorder(history, read, keep_days=keep)
        if notify or (read.record if record is None else record)
        else None
    )

    async def work(stop: asyncio.Event) -> Report:
        with progress_bar(shown=not quiet) as progress:
            return await audit(read, settings, plan=plan, progress=progress, stop=stop)

    report = run_interruptibly(work)
    status = deliver(report, outputs, level)
    if recorder and not follow(report, recorder, messenger):
        return status if status == Status.INTERRUPTED else Status.UNWRITTEN
    return status


def _reasons(texts: Sequence[str]) -> frozenset[ReasonCode]:
    """Read ``--allow-unproven``; typer.BadParameter for anything but a reason to be unproven."""
    names = [name.strip() for text in texts for name in text.split(",")]
    for name in names:
        if name not in UNPROVEN_REASONS:
            raise typer.BadParameter(
                f"{name!r} is no reason to be unproven; there are: {', '.join(UNPROVEN_REASONS)}"
                f"{suggest(name, [*map(str, UNPROVEN_REASONS)])}",
                param_hint="--allow-unproven",
            )
    return frozenset(map(ReasonCode, names))
