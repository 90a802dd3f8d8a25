"""List the documented rules, or show one in full.

A rule says who must reach whom on which ports, why, and what breaks without it.

Examples:

    veeamcheck rules
    veeamcheck rules show worker-repository-data
    veeamcheck rules show worker-repository-data -o json
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from veeamcheck.cli import _options
from veeamcheck.cli._app import help_text, new_app
from veeamcheck.cli._exit import CommandError, Status
from veeamcheck.cli._input import all_rule_sets
from veeamcheck.cli._output import write_stdout
from veeamcheck.cli._rule_text import rule_text, rules_text
from veeamcheck.model import Rule, RuleSet
from veeamcheck.toml.text import suggest

app = new_app(help=help_text(__doc__))


def _ids() -> list[str]:
    return [rule.id for _, rule in _pairs(all_rule_sets([]))]


@app.callback(invoke_without_command=True)
def rules(context: typer.Context, rules: _options.Rules = None) -> int:
    context.obj = all_rule_sets(rules or [])
    if context.invoked_subcommand is None:
        write_stdout("\n\n".join(map(rules_text, context.obj)))
    return Status.OK


@app.command()
def show(
    context: typer.Context,
    rule: Annotated[str, typer.Argument(metavar="ID", help="Its id.", autocompletion=_ids)],
    output: _options.TextOrJson = "text",
) -> int:
    """Show everything about one rule."""
    known = {each.id: (rule_set, each) for rule_set, each in _pairs(context.obj)}
    if rule not in known:
        raise CommandError(
            f"there is no rule {rule!r}; veeamcheck rules lists them{suggest(rule, known)}"
        )
    rule_set, found = known[rule]
    if output == "json":
        from pydantic import TypeAdapter

        write_stdout(TypeAdapter(Rule).dump_json(found, indent=2).decode())
    else:
        write_stdout(rule_text(rule_set, found))
    return Status.OK


def _pairs(rule_sets: Sequence[RuleSet]) -> list[tuple[RuleSet, Rule]]:
    return [(rule_set, rule) for rule_set in rule_sets for rule in rule_set.rules]
