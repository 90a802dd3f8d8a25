"""Compare two runs: what failed, was fixed, changed or is gone.

OLD and NEW are recorded runs (a number of `veeamcheck history --runs`, `latest` or `previous`) or
JSON reports. Without them the last two recorded runs are compared, of the inventory that is named
or here.

Examples:

    veeamcheck diff
    veeamcheck diff 12
    veeamcheck diff before.json after.json -o json

Exit status: 1 if something got worse, else 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from veeamcheck.cli import _options
from veeamcheck.cli._app import help_text, new_app
from veeamcheck.cli._exit import CommandError, Status
from veeamcheck.cli._history import open_history, recorded_inventory
from veeamcheck.cli._news_text import time_text, what_changed
from veeamcheck.cli._output import write_stdout
from veeamcheck.diff import Change, Kind, Snapshot, compare, snapshot
from veeamcheck.history import History
from veeamcheck.model import Report

if TYPE_CHECKING:
    from rich.console import RenderableType

app = new_app()

_PLACES = ("latest", "previous")
_HEADINGS = {
    Kind.FAILED: "New failures",
    Kind.WORSE: "Worse",
    Kind.UNTESTED: "No longer judged",
    Kind.FIXED: "Fixed",
    Kind.BETTER: "Better",
    Kind.TESTED: "Judged now, not before",
    Kind.CHANGED: "Changed",
    Kind.APPEARED: "Appeared",
    Kind.GONE: "Gone",
}


@app.command(help=help_text(__doc__))
def diff(
    old: Annotated[str, typer.Argument(help="The run to compare with.")] = "previous",
    new: Annotated[str, typer.Argument(help="The run to compare.")] = "latest",
    inventory: _options.Inventory = None,
    history: _options.History = None,
    output: _options.TextOrJson = "text",
) -> int:
    with ExitStack() as stack:
        opened: list[History] = []

        def recorded() -> History:
            """The history, opened when the first recorded run is asked for."""
            if not opened:
                opened.append(stack.enter_context(open_history(history)))
            return opened[0]

        before, after = (
            snapshot(_report(Path(name)), name)
            if _is_file(name)
            else _recorded(recorded(), name, inventory)
            for name in (old, new)
        )
    changes = compare(before, after)
    if output == "json":
        write_stdout(_json(before, after, changes))
    else:
        from veeamcheck.cli._console import StdoutConsole
        from veeamcheck.reports.terminal.blocks import Page

        StdoutConsole().print(Page(_blocks(before, after, changes)), end="")
    return Status.FAILED if any(change.worse for change in changes) else Status.OK


def _is_file(name: str) -> bool:
    return name not in _PLACES and not name.isdecimal()


def _report(path: Path) -> Report:
    from veeamcheck.reports.json import read_report
    from veeamcheck.toml.text import read_text

    remedy = "write one with: veeamcheck run -o json=report.json"
    return read_report(read_text(path, str(path), if_missing=remedy), str(path))


def _recorded(history: History, name: str, inventory: Path | None) -> Snapshot:
    if name.isdecimal():
        return history.snapshot(int(name))
    runs = history.runs(recorded_inventory(history, inventory), len(_PLACES))
    place = _PLACES.index(name)
    if place >= len(runs):
        raise CommandError("only one run is recorded yet; there is nothing to compare it with")
    return history.snapshot(runs[place].number)


def _json(before: Snapshot, after: Snapshot, changes: tuple[Change, ...]) -> str:
    import json

    document = {
        "schema_version": 1,
        "kind": "diff",
        "old": _named(before),
        "new": _named(after),
        "changes": [
            {
                "id": change.flow,
                "kind": change.kind,
                "worse": change.worse,
                "old": change.old and change.old._asdict(),
                "new": change.new and change.new._asdict(),
            }
            for change in changes
        ],
    }
    return json.dumps(document, indent=2)


def _named(run: Snapshot) -> dict[str, str]:
    return {"run": run.title, "start": run.start.isoformat()}


def _blocks(
    before: Snapshot, after: Snapshot, changes: tuple[Change, ...]
) -> Iterator[RenderableType]:
    from veeamcheck.reports.terminal.blocks import Entry, heading, paragraph, text_of
    from veeamcheck.wording import inert

    was, now = (f"{inert(run.title)} ({time_text(run.start)})" for run in (before, after))
    yield paragraph(("veeamcheck diff", "bold"), f" · {was} → {now}")
    if not changes:
        yield paragraph(f"Nothing changed in {len(after.flows):,} flows.")
    for (kind, worse), group in groupby(changes, key=lambda change: (change.kind, change.worse)):
        same = list(group)
        yield from heading(f"{_HEADINGS[kind]} ({len(same):,})")
        style = "bold red" if worse else "green" if kind is Kind.FIXED else "bold"
        for change in same:
            yield Entry(text_of((inert(change.flow), style)), text_of(what_changed(change)), 2, 4)
