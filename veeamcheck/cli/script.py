"""Write a probe script for a host without SSH and Python.

It contacts what that host must reach, over TCP, and prints what each port showed; `merge`
judges it. `sh` needs bash or nc beside coreutils, `powershell` Windows PowerShell 5.1.

Examples:

    veeamcheck script --from sql1 --format powershell -i site.toml > sql1.ps1
    veeamcheck script --from pve1 --format sh > pve1.sh

Then, on that host, and with its result back here:

    sh pve1.sh > pve1-observations.json
    veeamcheck merge vbr1.json pve1-observations.json
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from veeamcheck import script as scripts
from veeamcheck.auditing.contacts import contacts_of
from veeamcheck.cli import _options
from veeamcheck.cli._app import help_text, new_app
from veeamcheck.cli._exit import CommandError, Status
from veeamcheck.cli._input import find_vantage, read_inventory
from veeamcheck.toml.text import suggest

app = new_app()


@app.command(help=help_text(__doc__))
def script(
    vantage: Annotated[
        str, typer.Option("--from", metavar="HOST", help="The host that the script is for.")
    ],
    dialect: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help=f"What it is written in: {', '.join(scripts.dialects())}.",
            autocompletion=scripts.dialects,
        ),
    ],
    inventory: _options.Inventory = None,
    full_range: _options.FullRange = False,
    rules: _options.Rules = None,
    quiet: _options.Quiet = False,
) -> int:
    known = scripts.dialects()
    if dialect not in known:
        raise typer.BadParameter(
            f"{dialect!r} is no format; there are: {', '.join(known)}{suggest(dialect, known)}",
            param_hint="--format",
        )
    read = read_inventory(inventory, rules or [], quiet=quiet)
    find_vantage(read, vantage)  # it must be a host of the inventory
    contacts = contacts_of(read, vantage, full_range=full_range)
    if not contacts.contacts:
        raise CommandError(f"no flow that a script could test runs from {vantage}")
    # As bytes: a shell's script has its own line ends wherever it is written.
    sys.stdout.flush()
    sys.stdout.buffer.write(scripts.render(dialect, contacts).encode())
    sys.stdout.buffer.flush()
    return Status.OK
