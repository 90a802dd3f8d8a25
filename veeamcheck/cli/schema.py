"""Print the JSON Schema of inventories, reports or rule sets.

An editor completes and checks an inventory whose first line is
#:schema ./inventory.schema.json

Examples:

    veeamcheck schema inventory > inventory.schema.json
    veeamcheck schema report
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from veeamcheck.cli import _options
from veeamcheck.cli._app import help_text, new_app
from veeamcheck.cli._exit import Status
from veeamcheck.cli._input import all_rule_sets
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


def _schema(what: str, files: Sequence[Path]) -> dict[str, Any]:
    match what:
        case "inventory":
            from veeamcheck.inventory_schema import inventory_schema

            return inventory_schema(all_rule_sets(files))
        case "report":
            from veeamcheck.reports.json import report_schema

            return report_schema()
        case _:
            from veeamcheck.rule_set_schema import rule_set_schema

            return rule_set_schema()
