"""Print a JSON Schema: of the inventory (for editors), of a report, or of a rule set.

Examples:

    veeamcheck schema inventory > inventory.schema.json
    veeamcheck schema report
"""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from veeamcheck.cli import _options
from veeamcheck.cli._app import help_text, new_app
from veeamcheck.cli._exit import Status
from veeamcheck.cli._output import write_stdout

app = new_app()


@app.command(help=help_text(__doc__))
def schema(
    what: Annotated[
        Literal["inventory", "report", "rules"], typer.Argument(help="What to describe.")
    ],
    rules: _options.Rules = None,
) -> int:
    import json

    write_stdout(json.dumps(_schema(what, rules or []), indent=2, ensure_ascii=False))
    return Status.OK
