"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from veeamcheck.reports import formats

Inventory = Annotated[
    Path | None,
    typer.Option(
        "--inventory",
        "-i",
        envvar="VEEAMCHECK_INVENTORY",
        metavar="FILE",
        help="The inventory; ./inventory.toml where none is named.",
    ),
]
Rules = Annotated[
    list[Path] | None,
    typer.Option(
        "--rules",
        metavar="FILE",
        help="A rule set of your own, beside or instead of a shipped one of the same id. Repeats.",
    ),
]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="HOST",
        help="The inventory host that this machine is; found by its addresses where it can be.",
    ),
]
Rule = Annotated[
    list[str] | None,
    typer.Option("--rule", metavar="GLOB", help="Only these rules. Repeats."),
]
Host = Annotated[
    list[str] | None,
    typer.Option("--host", metavar="GLOB", help="Only flows with such a host at an end. Repeats."),
]
Section = Annotated[
    list[str] | None,
    typer.Option("--section", metavar="GLOB", help="Only these tables of the document. Repeats."),
]
Output = Annotated[
    list[str] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FORMAT[=PATH]",
        help=f"Print, or write to a file: {', '.join(formats())}. Repeats.",
        autocompletion=formats,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="No progress, no messages, and the report's essence."),
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="All the evidence, and what was skipped and why.")
]
