"""List the rules, or show one in full: what the vendor documents, and what breaks without it.

Examples:

    veeamcheck rules
    veeamcheck rules show worker-repository-data
    veeamcheck rules show worker-repository-data -o json
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from veeamcheck.cli import _options
from veeamcheck.cli._app import help_text, new_app
from veeamcheck.cli._exit import Status, Stop
from veeamcheck.cli._output import write_stdout
from veeamcheck.model import Rule, RuleSet
from veeamcheck.rulesets import load_rule_set, shipped
from veeamcheck.toml_text import suggest

app = new_app(help=help_text(__doc__))


@app.callback(invoke_without_command=True)
def rules(context: typer.Context, rules: _options.Rules = None) -> int:
    context.obj = _rule_sets(rules or [])
    if context.invoked_subcommand is None:
        from veeamcheck.cli._report import stdout_console
        from veeamcheck.cli._rule_text import rule_table

        for rule_set in context.obj:
            stdout_console().print(rule_table(rule_set))
    return Status.OK


@app.command()
def show(
    context: typer.Context,
    rule: Annotated[
        str, typer.Argument(metavar="ID", autocompletion=lambda: _ids())
    ],
    output: Annotated[
        Literal["text", "json"], typer.Option("--output", "-o", help="For people or programs.")
    ] = "text",
) -> int:
    """Show everything about one rule."""
    known = {each.id: (rule_set, each) for rule_set, each in _pairs(context.obj)}
    if rule not in known:
        raise Stop(f"there is no rule {rule!r}{suggest(rule, known)}; veeamcheck rules lists them")
    rule_set, found = known[rule]
    if output == "json":
        from pydantic import TypeAdapter

        write_stdout(TypeAdapter(Rule).dump_json(found, indent=2).decode())
    else:
        from veeamcheck.cli._rule_text import rule_text

        write_stdout(rule_text(rule_set, found))
    return Status.OK


def _rule_sets(files: Sequence[Path]) -> list[RuleSet]:
    """Those that ship and those in `files`, which replace a shipped one of the same id."""
    loaded = [*map(load_rule_set, shipped()), *map(load_rule_set, files)]
    return list({rule_set.id: rule_set for rule_set in loaded}.values())


def _pairs(rule_sets: Sequence[RuleSet]) -> list[tuple[RuleSet, Rule]]:
    return [(rule_set, rule) for rule_set in rule_sets for rule in rule_set.rules]


def _ids() -> list[str]:
    return [rule.id for _, rule in _pairs(_rule_sets([]))]
