"""Pack a report for a ticket, names and addresses replaced.

Names, addresses and private texts are replaced, each always by the same; what stands for what is
kept beside the archive, for you alone. Of secrets nothing is packed, redacted or not. The
resolver is asked for the names in the report; nothing else is sent.

Examples:

    veeamcheck run -o json=report.json
    veeamcheck bundle report.json
    veeamcheck bundle report.json -i site.toml -o ticket-4711.zip
    veeamcheck bundle report.json --no-redact

Exit status:

    0  written
    2  the command line, the report or the inventory is wrong
    4  the archive could not be written
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from veeamcheck.cli import _options
from veeamcheck.cli._app import help_text, new_app
from veeamcheck.cli._exit import CommandError, Status
from veeamcheck.cli._input import DEFAULT_INVENTORY, find_vantage, read_inventory, read_result
from veeamcheck.cli._output import reason_of, say, write_file, write_stdout
from veeamcheck.expand import expand
from veeamcheck.model import Plan, Report
from veeamcheck.places import home
from veeamcheck.toml.text import read_text, read_toml

app = new_app()


@app.command(help=help_text(__doc__))
def bundle(
    report: Annotated[
        Path | None,
        typer.Argument(metavar="REPORT", help="A report made with -o json.", show_default=False),
    ] = None,
    inventory: _options.Inventory = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The archive to write.")
    ] = Path("veeamcheck-bundle.zip"),
    redact: Annotated[
        bool, typer.Option("--redact/--no-redact", help="Replace names and addresses.")
    ] = True,
    rules: _options.Rules = None,
    quiet: _options.Quiet = False,
) -> int:
    if report is None:
        raise CommandError(
            "name the report to pack; write one with: veeamcheck run -o json=report.json "
            "(the history keeps verdicts, but no evidence)"
        )
    from veeamcheck.bundle.archive import Sources, archive, contents, make_bundle
    from veeamcheck.bundle.surroundings import own_names, surroundings
    from veeamcheck.reports.json import read_report

    read = read_report(read_result(report), str(report))
    data, plan = _inventory(inventory, rules or [], quiet=quiet)
    names, addresses = _asked(read, plan)
    made = make_bundle(
        Sources(
            report=read,
            inventory=data,
            plan=plan,
            machine=surroundings(names, addresses),
            names=tuple(filter(None, (*own_names(), home().name))),
            public=_public(),
        ),
        redact=redact,
    )
    map_file = output.with_suffix(".map.json")
    try:
        if redact:
            write_file(map_file, f"{json.dumps(made.mapping, indent=2)}\n", private=True)
        write_file(output, archive(made.files))
    except OSError as error:
        raise CommandError(
            f"cannot write {error.filename or output}: {reason_of(error)}", Status.UNWRITTEN
        ) from None
    if not quiet:
        lines = [f"{output}:"]
        lines += [
            f"  {name:<16} {size:>10,}  {about}" for name, size, about in contents(made.files)
        ]
        write_stdout("\n".join(lines))
        say(
            f"{map_file} says what stands for what: keep it to yourself"
            if redact
            else "names and addresses are the real ones: look before you pass it on"
        )
    return Status.OK


def _inventory(
    path: Path | None, rules: list[Path], *, quiet: bool
) -> tuple[Mapping[str, Any] | None, Plan | None]:
    """The inventory's tables and its plan, where there is one: a report can be packed alone."""
    if path is None and not DEFAULT_INVENTORY.exists():
        return None, None
    inventory = read_inventory(path, rules, quiet=quiet)
    text = read_text(Path(inventory.file), inventory.file, if_missing="name an inventory with -i")
    return read_toml(text, inventory.file).data, expand(inventory, find_vantage(inventory, None))


def _asked(report: Report, plan: Plan | None) -> tuple[list[str], list[str]]:
    """The names and the addresses of the targets, each once."""
    from veeamcheck.net.names import is_literal

    flows = (*report.flows, *(plan.flows if plan else ()))
    given = dict.fromkeys(address for flow in flows for address in flow.address)
    tried = dict.fromkeys(row.address for flow in report.flows for row in flow.evidence)
    return (
        [each for each in given if not is_literal(each)],
        [each for each in {**given, **tried} if is_literal(each)],
    )


def _public() -> frozenset[str]:
    """Every text of the rule sets that ship: anybody can read them."""
    from veeamcheck.rulesets import shipped

    def texts(value: Any) -> list[str]:
        if isinstance(value, str):
            return [value]
        children = value.values() if isinstance(value, Mapping) else value
        if not isinstance(value, Mapping | list):
            return []
        return [text for child in children for text in texts(child)] + (
            list(value) if isinstance(value, Mapping) else []
        )

    return frozenset(
        text
        for name, file in shipped().items()
        for text in texts(read_toml(read_text(file, name, if_missing="install again"), name).data)
    )
