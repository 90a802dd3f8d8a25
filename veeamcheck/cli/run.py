"""Audit every flow that starts here, or over SSH at other hosts.

Says of each what is proven, blocked, or could not be proven from here.

Which host this is follows from the addresses of this machine; --from names it where they cannot
tell. A host that is not this machine and has `ssh` in the inventory is probed from over SSH: one
with --from, all with --all. Flows that start elsewhere are listed with the command to run there.

Examples:

    veeamcheck run
    veeamcheck run --all
    veeamcheck run --from pve1
    veeamcheck run -i site.toml --host 'repo*' --full-range
    veeamcheck run -o json=report.json --fail-on degraded --allow-unproven idle-silent
    veeamcheck run --trace
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

from typing import Annotated, Literal

import typer

from veeamcheck.cli import _options
from veeamcheck.cli._app import help_text, new_app
from veeamcheck.cli._auditor import auditor_of, carry_out
from veeamcheck.cli._exit import Status
from veeamcheck.cli._history import KEEP_DAYS, Messenger, Recorder, follow
from veeamcheck.cli._input import policy_of, read_inventory
from veeamcheck.cli._output import parse_outputs
from veeamcheck.cli._report import deliver, level_of
from veeamcheck.reports import formats

app = new_app()


@app.command(help=help_text(__doc__))
def run(
    inventory: _options.Inventory = None,
    vantage: _options.From = None,
    everywhere: _options.All = False,
    rule: _options.Rule = None,
    host: _options.Host = None,
    section: _options.Section = None,
    full_range: _options.FullRange = False,
    check_failover: _options.CheckFailover = False,
    checks: _options.Checks = "service",
    trace: Annotated[
        bool,
        typer.Option(
            "--trace", help="Find where on the path the blocked ports are (see veeamcheck trace)."
        ),
    ] = False,
    pace: _options.Pace = "normal",
    phase: _options.Phase = None,
    output: _options.Output = None,
    fail_on: _options.FailOn = "fail",
    allow_unproven: _options.AllowUnproven = None,
    require_complete: _options.RequireComplete = False,
    key_file: _options.KeyFile = None,
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
    policy = policy_of(fail_on, allow_unproven, require_complete=require_complete)
    read = read_inventory(inventory, rules or [], quiet=quiet)
    prepared = auditor_of(
        read,
        vantage=vantage,
        everywhere=everywhere,
        rule=rule,
        host=host,
        section=section,
        full_range=full_range,
        check_failover=check_failover,
        checks=checks,
        trace=trace,
        pace=pace,
        phase=phase,
        key_file=key_file,
        policy=policy,
    ).prepare(read)
    messenger = Messenger(targets) if notify else None
    recorder = (
        Recorder(history, read, keep_days=keep)
        if notify or (read.record if record is None else record)
        else None
    )

    report = carry_out(prepared, quiet=quiet)
    status = deliver(report, outputs, level)
    if recorder and not follow(report, recorder, messenger):
        return status if status == Status.INTERRUPTED else Status.UNWRITTEN
    return status
