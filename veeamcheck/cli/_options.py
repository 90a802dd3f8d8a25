"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

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
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="No progress, no messages, and the report's essence."),
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="All the evidence, and what was skipped and why.")
]
History = Annotated[
    Path | None,
    typer.Option(
        "--history",
        envvar="VEEAMCHECK_HISTORY",
        metavar="FILE",
        help="The history; a file of this user's own where none is named.",
    ),
]
Keep = Annotated[
    int,
    typer.Option(
        "--keep", min=1, max=36500, metavar="DAYS", help="Drop recorded runs that are older."
    ),
]
Targets = Annotated[
    Path | None,
    typer.Option(
        "--targets",
        envvar="VEEAMCHECK_TARGETS",
        metavar="FILE",
        help="Who is notified: apprise URLs, one a line. Nobody else may be able to write it.",
    ),
]
