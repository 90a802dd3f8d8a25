"""Show since when flows fail, how often, and which flap.

Says it of the flows that don't pass or that flap; --verbose of all, with each change. The
runs are those of `veeamcheck run --record` and `veeamcheck watch`. FLOW is a glob over the ids.

Examples:

    veeamcheck history
    veeamcheck history 'worker-*@*>repo1' --verbose
    veeamcheck history --runs
    veeamcheck history -o json
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any

import typer

from veeamcheck.cli import _options
from veeamcheck.cli._app import help_text, new_app
from veeamcheck.cli._exit import CommandError, Status
from veeamcheck.cli._history import inventory_key, open_history, recorded_inventory
from veeamcheck.cli._news_text import time_text
from veeamcheck.cli._output import write_stdout
from veeamcheck.history import FlowHistory, Run
from veeamcheck.model import Verdict
from veeamcheck.wording import counted

if TYPE_CHECKING:
    from rich.console import RenderableType

app = new_app()

_COLUMN = 12
"""Wide enough for any verdict."""


@app.command(help=help_text(__doc__))
def history(
    flow: Annotated[
        list[str] | None, typer.Argument(metavar="[FLOW]...", help="Only these flows.")
    ] = None,
    inventory: _options.Inventory = None,
    history: _options.History = None,
    runs: Annotated[
        bool, typer.Option("--runs", help="List the recorded runs instead, of all inventories.")
    ] = False,
    output: _options.TextOrJson = "text",
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="All flows, and each change.")
    ] = False,
) -> int:
    with open_history(history) as opened:
        if runs:
            found = opened.runs(inventory_key(inventory) if inventory else None)
            _show(_runs_json(found), _run_blocks(found), output)
            return Status.OK
        name = recorded_inventory(opened, inventory)
        flows = _matching(opened.flows(name), flow or [])
    _show(_flows_json(name, flows), _flow_blocks(name, flows, verbose=verbose), output)
    return Status.OK


def _matching(flows: Sequence[FlowHistory], globs: Sequence[str]) -> list[FlowHistory]:
    """Those that match any glob, without regard to case; CommandError where none does."""
    found = [
        each
        for each in flows
        if not globs or any(fnmatchcase(each.flow.lower(), glob.lower()) for glob in globs)
    ]
    if globs and not found:
        raise CommandError(f"none of {counted(len(flows), 'recorded flow')} matches")
    return found


def _show(data: dict[str, Any], blocks: Iterable[RenderableType], output: str) -> None:
    if output == "json":
        import json

        write_stdout(json.dumps({"schema_version": 1, "kind": "history", **data}, indent=2))
    else:
        from veeamcheck.cli._console import StdoutConsole
        from veeamcheck.reports.terminal.blocks import Page

        StdoutConsole().print(Page(blocks), end="")


# --- flows -----------------------------------------------------------------------------------


def _flows_json(inventory: str, flows: Sequence[FlowHistory]) -> dict[str, Any]:
    return {
        "inventory": inventory,
        "flows": [
            {
                "id": each.flow,
                **each.standing._asdict(),
                "since": each.since.isoformat(),
                "last": each.last.isoformat(),
                "runs": each.runs,
                "failures": each.failures,
                "changes": each.changes,
                "flapping": each.flapping,
                "spans": [
                    {
                        **span.standing._asdict(),
                        "first": span.first.isoformat(),
                        "last": span.last.isoformat(),
                        "runs": span.runs,
                    }
                    for span in each.spans
                ],
            }
            for each in flows
        ],
    }


def _flow_blocks(
    inventory: str, flows: Sequence[FlowHistory], *, verbose: bool
) -> Iterator[RenderableType]:
    from veeamcheck.reports.terminal.blocks import Entry, paragraph, text_of
    from veeamcheck.reports.terminal.words import LOOKS, verdict_piece
    from veeamcheck.wording import inert

    order = list(LOOKS)
    shown = [each for each in flows if verbose or _needs_a_look(each)]
    yield paragraph(
        ("veeamcheck history", "bold"), f" · {inert(inventory)} · {counted(len(flows), 'flow')}"
    )
    for each in sorted(shown, key=lambda each: order.index(each.standing.verdict)):
        sign = text_of(verdict_piece(each.standing.verdict))
        yield text_of("")
        yield Entry(sign, text_of((inert(each.flow), "bold")), 0, _COLUMN)
        yield paragraph(_story(each), indent=_COLUMN)
        for span in each.spans if verbose else ():
            verdict, code, reason = span.standing
            when = f"{time_text(span.first)} to {time_text(span.last)}"
            what = f"{verdict} ({code}), {counted(span.runs, 'run')}: {inert(reason)}"
            yield Entry(text_of((when, "dim")), text_of(what), _COLUMN, len(when) + 2)
    others = len(flows) - len(shown)
    if others:
        ever = sum(each.changes > 0 for each in flows if not _needs_a_look(each))
        always = f"; {ever:,} of them not always" if ever else " in every run"
        yield text_of("")
        yield paragraph((f"{counted(others, 'more flow')} passed{always} (-v)", "dim"))


def _needs_a_look(each: FlowHistory) -> bool:
    return each.standing.verdict is not Verdict.PASS or each.flapping


def _story(each: FlowHistory) -> str:
    """Since when, how often, and whether it flaps, as one sentence."""
    parts = [f"{each.standing.reason_code} since {time_text(each.since)}"]
    if each.failures:
        parts.append(f"failed in {each.failures:,} of {counted(each.runs, 'run')}")
    else:
        parts.append(f"never failed in {counted(each.runs, 'run')}")
    if each.changes:
        parts.append(f"changed {counted(each.changes, 'time')}")
    if each.flapping:
        parts.append("flapping")
    return ", ".join(parts)


# --- runs ------------------------------------------------------------------------------------


def _runs_json(runs: Sequence[Run]) -> dict[str, Any]:
    return {
        "runs": [
            {
                "number": run.number,
                "inventory": run.inventory,
                "start": run.start.isoformat(),
                "end": run.end.isoformat(),
                "vantages": run.vantages,
                "summary": {str(verdict): run.counts.get(verdict, 0) for verdict in Verdict},
            }
            for run in runs
        ]
    }


def _run_blocks(runs: Sequence[Run]) -> Iterator[RenderableType]:
    from veeamcheck.reports.terminal.blocks import Entry, text_of
    from veeamcheck.wording import inert

    for run in runs:
        counts = ", ".join(f"{run.counts[each]} {each}" for each in Verdict if each in run.counts)
        where = f" from {inert(', '.join(run.vantages))}" if run.vantages else ""
        yield Entry(
            text_of((f"{run.number:>5}", "bold")),
            text_of(f"{time_text(run.start)}  {counts}{where}  ", (inert(run.inventory), "dim")),
            0,
            7,
        )
