"""Check an inventory: every mistake at once, with its line.

Prints what the inventory amounts to; mistakes go to stderr and make the exit status 2.

Example:

    veeamcheck validate -i site.toml
"""

from __future__ import annotations

import typer

from veeamcheck.cli import _options
from veeamcheck.cli._app import help_text, new_app
from veeamcheck.cli._exit import Status
from veeamcheck.cli._input import read_inventory
from veeamcheck.cli._output import say
from veeamcheck.expand import expand
from veeamcheck.wording import counted

app = new_app()


@app.command(help=help_text(__doc__))
def validate(
    inventory: _options.Inventory = None,
    rules: _options.Rules = None,
    quiet: _options.Quiet = False,
) -> int:
    read = read_inventory(inventory, rules or [], quiet=True)
    plan = expand(read)
    for warning in plan.warnings:
        say(f"warning: {warning}")
    if not quiet:
        typer.echo(
            f"{read.file} is valid: {counted(len(read.hosts), 'host')}, "
            f"{counted(len(plan.flows), 'flow')}, {counted(len(plan.warnings), 'warning')}"
        )
    return Status.OK
