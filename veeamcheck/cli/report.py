"""Make other formats of a report that was kept as JSON.

Every format is made from the report and from nothing else: it is the same as if `veeamcheck run`
had written it. Nothing is probed.

Examples:

    veeamcheck report report.json
    veeamcheck report report.json -o html=report.html -o csv=flows.csv
    veeamcheck report report.json -o nagios

Exit status:

    0  written, whatever the report says; with -o nagios as monitoring knows it (0 to 3)
    2  the command line or the report is wrong
    4  a format could not be written to its file
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from veeamcheck.cli import _options
from veeamcheck.cli._app import help_text, new_app
from veeamcheck.cli._exit import Status
from veeamcheck.cli._input import read_result
from veeamcheck.cli._output import is_plugin, parse_outputs
from veeamcheck.cli._report import deliver, level_of, write_report
from veeamcheck.reports import formats

app = new_app()


@app.command(help=help_text(__doc__))
def report(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A report made with -o json.")],
    output: _options.Output = None,
    quiet: _options.Quiet = False,
    verbose: _options.Verbose = False,
) -> int:
    outputs = parse_outputs(output or [], formats(), default="terminal")
    level = level_of(quiet=quiet, verbose=verbose)
    from veeamcheck.reports.json import read_report

    read = read_report(read_result(file), str(file))
    if is_plugin(outputs):
        return deliver(read, outputs, level)
    return Status.OK if write_report(read, outputs, level) else Status.UNWRITTEN
