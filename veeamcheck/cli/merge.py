"""Make one report of several, and of what probe scripts printed.

Of each flow the better-evidenced result counts; contradictions become warnings. Results of
`veeamcheck script` are judged first, which takes the inventory that the scripts were made with.

Examples:

    veeamcheck merge vbr1.json pve1.json
    veeamcheck merge vbr1.json sql1-observations.json -i site.toml -o json=all.json

Exit status: that of `veeamcheck run`, for the flows of the merged report.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from veeamcheck.cli import _options
from veeamcheck.cli._app import help_text, new_app
from veeamcheck.cli._exit import CommandError
from veeamcheck.cli._input import policy_of, read_inventory, read_result
from veeamcheck.cli._output import parse_outputs
from veeamcheck.cli._report import deliver, level_of
from veeamcheck.merge import MergeError
from veeamcheck.merge import merge as merge_reports
from veeamcheck.model import Phase, Report
from veeamcheck.observations import is_observations, judge_observations, read_observations
from veeamcheck.reports import formats
from veeamcheck.reports.json import read_report

app = new_app()


@app.command(help=help_text(__doc__))
def merge(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="JSON reports, and what probe scripts printed."),
    ],
    inventory: _options.Inventory = None,
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
    texts = {file: read_result(file) for file in files}
    scripted = {
        file: read_observations(text, str(file))
        for file, text in texts.items()
        if is_observations(text)
    }
    reports: list[Report] = [
        read_report(text, str(file)) for file, text in texts.items() if file not in scripted
    ]
    if scripted:
        read = read_inventory(inventory, rules or [], quiet=quiet)
        if phase:
            read = replace(read, phase=Phase(phase))
        reports += [
            judge_observations(read, observations, str(file), policy)
            for file, observations in scripted.items()
        ]
    try:
        merged = merge_reports(reports, policy)
    except MergeError as error:
        raise CommandError(str(error)) from error
    return deliver(merged, outputs, level)
