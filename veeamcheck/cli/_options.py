"""Options that several commands share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from veeamcheck.model import UNPROVEN_REASONS
from veeamcheck.reports import formats


def outputs(
    choices: Sequence[str], what: str = "Print, or write to a file", form: str = "FORMAT[=PATH]"
) -> Any:
    """The option ``-o``: what is made of a result, in which of these formats."""
    return typer.Option(
        "--output",
        "-o",
        metavar=form,
        help=f"{what}: {', '.join(choices)}. Repeats.",
        autocompletion=lambda: list(choices),
    )


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
        help="The inventory host that this machine is, found by its addresses where it can be; "
        "or one with `ssh`, to audit from there.",
    ),
]
All = Annotated[
    bool,
    typer.Option("--all", help="Audit from this host and, over SSH, from all that have `ssh`."),
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
Phase = Annotated[
    Literal["live", "predeploy"] | None,
    typer.Option(help="Is the product installed yet? Overrides the inventory."),
]
FullRange = Annotated[
    bool, typer.Option("--full-range", help="Contact every port of a range, not a sample.")
]
CheckFailover = Annotated[
    bool,
    typer.Option("--check-failover", help="Probe failover ports even where they are not needed."),
]
Checks = Annotated[
    Literal["connect", "service"],
    typer.Option(help="Stop at the handshake, or also ask whether the right service answers."),
]
Pace = Annotated[
    Literal["polite", "normal", "fast"],
    typer.Option(help="Contacts a second; polite stays below port-scan thresholds."),
]
Output = Annotated[list[str] | None, outputs(formats())]
TextOrJson = Annotated[
    Literal["text", "json"], typer.Option("--output", "-o", help="For people or programs.")
]
FailOn = Annotated[
    Literal["fail", "degraded"],
    typer.Option(help="The mildest verdict that makes the exit status 1."),
]
AllowUnproven = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-unproven",
        metavar="CODE,...",
        help=f"Reasons for which a flow may stay unproven: {', '.join(UNPROVEN_REASONS)}. Repeats.",
    ),
]
RequireComplete = Annotated[
    bool,
    typer.Option(
        "--require-complete", help="Count flows that start at other hosts as unproven (3)."
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        metavar="FILE",
        help="The key that listeners share, where it is not in its usual place.",
    ),
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
