"""The progress bar: on stderr, only on a terminal, gone when the audit ends."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from veeamcheck.model import Progress


@contextmanager
def progress_bar(*, shown: bool) -> Iterator[Callable[[Progress], None] | None]:
    """Give the callback that the audit reports its progress to, or None where none is shown."""
    if not (shown and sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    bar = Bar(
        TextColumn("Probing"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} ports"),
        TextColumn("[dim]{task.fields[contacts]:,} contacts{task.fields[left]}"),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=None, start=True, visible=False, contacts=0, left="")

        def show(progress: Progress) -> None:
            bar.update(
                task,
                visible=progress.ports_total > 0,
                completed=progress.ports_done,
                total=progress.ports_total,
                contacts=progress.contacts,
                left=f", {time_left(progress.seconds_left)}",
            )

        yield show


def time_left(seconds: float | None) -> str:
    """For people: ``about 40 s left``, ``about 3 min left``."""
    if seconds is None:
        return "estimating the time left"
    if seconds < 1:
        return "a moment left"
    if seconds < 100:
        return f"about {seconds:.0f} s left"
    return f"about {seconds / 60:.0f} min left"
