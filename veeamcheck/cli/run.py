"""Audit every flow that starts at this host.

Says of each what is proven, blocked, or could not be proven from here.

Which host this is follows from the addresses of this machine; --from names it where they cannot
tell. Flows that start at other hosts are listed with the command to run there.

Examples:

    veeamcheck run
    veeamcheck run -i site.toml --host 'repo*' --full-range
    veeamcheck run -o json=report.json --fail-on degraded --allow-unproven idle-silent

Exit status:

    0  everything judged passes, works by failover, or is waived
    1  something fails
    2  the command line or the inventory is wrong; nothing was probed
    3  nothing fails, but something could not be proven
    4  a report could not be written to its file
    130  interrupted; the report of what was done is written
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated, Literal

import typer

from veeamcheck.auditing import Settings, audit
from veeamcheck.cli import _options
from veeamcheck.cli._app import help_text, new_app
from veeamcheck.cli._input import (
    policy_of,
    read_inventory,
    require_vantage,
    selected_plan,
    selection_of,
)
from veeamcheck.cli._interrupt import run_interruptibly
from veeamcheck.cli._output import parse_outputs
from veeamcheck.cli._progress import progress_bar
from veeamcheck.cli._report import deliver, level_of
from veeamcheck.expand import expand
from veeamcheck.model import Phase, Report
from veeamcheck.reports import formats

app = new_app()


@app.command(help=help_text(__doc__))
def run(
    inventory: _options.Inventory = None,
    vantage: _options.From = None,
    rule: _options.Rule = None,
    host: _options.Host = None,
    section: _options.Section = None,
    full_range: _options.FullRange = False,
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
    phase: _options.Phase = None,
    output: _options.Output = None,
    fail_on: _options.FailOn = "fail",
    allow_unproven: _options.AllowUnproven = None,
    require_complete: _options.RequireComplete = False,
    rules: _options.Rules = None,
    quiet: _options.Quiet = False,
    verbose: _options.Verbose = False,
) -> int:
    outputs = parse_outputs(output or [], formats(), default="terminal")
    level = level_of(quiet=quiet, verbose=verbose)
    policy = policy_of(fail_on, allow_unproven, require_complete=require_complete)
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

    async def work(stop: asyncio.Event) -> Report:
        with progress_bar(shown=not quiet) as progress:
            return await audit(read, settings, plan=plan, progress=progress, stop=stop)

    return deliver(run_interruptibly(work), outputs, level)
