"""Who reaches a listener, while it happens: a table on a terminal, else a line a newcomer."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from veeamcheck.cli._output import say
from veeamcheck.farside.visits import Visits
from veeamcheck.model import Transport
from veeamcheck.ports import PortSet

if TYPE_CHECKING:
    from rich.table import Table

_LOOK = 0.5
"""Seconds."""
_MOST_PORTS = 60
"""Characters of a list of ports."""


async def watch(visits: Visits) -> None:
    """Show who comes, until cancelled; on stderr."""
    if not sys.stderr.isatty():
        await _tell_newcomers(visits)
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), auto_refresh=False, transient=True) as live:
        shown = -1
        while True:
            if visits.version != shown:
                shown = visits.version
                live.update(_table(visits), refresh=True)
            await asyncio.sleep(_LOOK)


async def _tell_newcomers(visits: Visits) -> None:
    told: set[str] = set()
    while True:
        for name, _, came in rows(visits):
            if came and name not in told:
                told.add(name)
                say(f"{name} came")
        await asyncio.sleep(_LOOK)


def rows(visits: Visits) -> list[tuple[str, str, bool]]:
    """(Who, which ports it reached, whether it came at all), expected sources first."""
    known = [
        (
            each.name,
            ports_text({t: visits.reached(each, t) for t in Transport}.items()),
            bool(visits.of(each)),
        )
        for each in visits.expected
    ]
    others = [
        (
            each.address + ("" if each.held_key else " (without the key)"),
            ports_text((t, each.reached(t)) for t in Transport),
            True,
        )
        for each in visits.strangers
    ]
    return known + others


def ports_text(ports: Iterable[tuple[Transport, PortSet]]) -> str:
    """``tcp 6162,2500-3300``, cut where it grows long."""
    text = ", ".join(f"{transport} {own}" for transport, own in ports if own)
    return text if len(text) <= _MOST_PORTS else f"{text[: _MOST_PORTS - 1]}…"


def _table(visits: Visits) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table("who", "reached", box=None, padding=(0, 2, 0, 0))
    for name, reached, came in rows(visits):
        table.add_row(escape(name), reached if came else "[dim]not yet[/dim]")
    return table
