"""List every flow and the host to test it from; sends nothing.

Examples:

    veeamcheck plan
    veeamcheck plan -i site.toml --from vbr1 --section Workers
    veeamcheck plan -o json=plan.json
"""

from __future__ import annotations

from typing import Annotated

from veeamcheck.cli import _options
from veeamcheck.cli._app import help_text, new_app
from veeamcheck.cli._input import (
    find_vantage,
    is_over_ssh,
    read_inventory,
    selected_plan,
    selection_of,
)
from veeamcheck.cli._output import parse_outputs, say
from veeamcheck.cli._report import PLAN_FORMATS, deliver_plan
from veeamcheck.expand import expand

app = new_app()


@app.command(help=help_text(__doc__))
def plan(
    inventory: _options.Inventory = None,
    vantage: _options.From = None,
    rule: _options.Rule = None,
    host: _options.Host = None,
    section: _options.Section = None,
    output: Annotated[list[str] | None, _options.outputs(PLAN_FORMATS)] = None,
    rules: _options.Rules = None,
    quiet: _options.Quiet = False,
) -> int:
    outputs = parse_outputs(output or [], PLAN_FORMATS, default="table")
    read = read_inventory(inventory, rules or [], quiet=quiet)
    here = find_vantage(read, vantage)
    if here is None and not quiet:
        say("which of these hosts this machine is cannot be told; --from HOST says so")
    selected = selected_plan(expand(read, here), selection_of(rule, host, section))
    over_ssh = here is not None and is_over_ssh(read, here)
    return deliver_plan(selected, outputs, over_ssh=over_ssh)
