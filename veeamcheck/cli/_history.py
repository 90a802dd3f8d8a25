"""What commands share that look at recorded runs, or record one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from veeamcheck.cli._exit import CommandError
from veeamcheck.cli._input import DEFAULT_INVENTORY
from veeamcheck.cli._news_text import news_lines
from veeamcheck.cli._output import say
from veeamcheck.diff import snapshot
from veeamcheck.history import KEEP, History, HistoryError, default_path
from veeamcheck.model import Inventory, Report
from veeamcheck.notify import NotifyError, notify, read_targets
from veeamcheck.watching import News, watcher_from

KEEP_DAYS = KEEP.days
_MOST_UNSENT = 1000
"""Lines that wait for somebody to become reachable again; beyond that the oldest go."""


@contextmanager
def open_history(path: Path | None, *, create: bool = False) -> Iterator[History]:
    """The history at `path` or at its usual place; CommandError where anything about it fails."""
    try:
        with History(path or default_path(), create=create) as history:
            yield history
    except HistoryError as error:
        raise CommandError(str(error)) from error


def inventory_key(file: str | Path) -> str:
    """What the runs of an inventory are found by, wherever a command is started from."""
    return os.path.abspath(file)  # noqa: PTH100 - a link stays the name it is


def recorded_inventory(history: History, path: Path | None) -> str:
    """The inventory whose runs are meant: the one named, the one here, or the only one.

    CommandError where it has no runs, or where several could be meant.
    """
    known = history.inventories()
    if path is None and inventory_key(DEFAULT_INVENTORY) in known:
        path = DEFAULT_INVENTORY
    if path is not None:
        if inventory_key(path) in known:
            return inventory_key(path)
        what = f"no run of {path} is recorded"
    elif len(known) == 1:
        return known[0]
    else:
        what = "the runs of several inventories are recorded; name one with -i"
    if not known:
        raise CommandError("no run is recorded yet; record one with: veeamcheck run --record")
    raise CommandError("\n  ".join([f"{what}; there are runs of:", *known]))


class Recorder:
    """Records the runs of one inventory, and tells what is new in each."""

    def __init__(
        self, path: Path | None, inventory: Inventory, *, keep_days: int, confirm: int = 1
    ) -> None:
        """Open the history, or make it; CommandError where that is not possible."""
        self._path = path
        self._inventory = inventory_key(inventory.file)
        self._keep = timedelta(days=keep_days)
        with open_history(path, create=True) as history:
            self._watcher = watcher_from(history, self._inventory, confirm)

    def news(self, report: Report) -> News:
        """What is new in this run, compared with those that it was asked about or are recorded."""
        return self._watcher.see(snapshot(report, "this run"))

    def record(self, report: Report) -> bool:
        """Record the run; False, after saying why, where that failed."""
        try:
            with open_history(self._path, create=True) as history:
                history.record(report, inventory=self._inventory, keep=self._keep)
        except CommandError as error:
            say(f"veeamcheck: {error}; this run is not recorded")
            return False
        return True


class Messenger:
    """Notifies the targets in a file; what can't be delivered now goes with the next."""

    def __init__(self, file: Path | None) -> None:
        """Read the targets; CommandError where that is not possible."""
        if file is None:
            raise CommandError("say with --targets or VEEAMCHECK_TARGETS which file names whom")
        try:
            self._targets = read_targets(file)
        except NotifyError as error:
            raise CommandError(str(error)) from error
        self._unsent: list[str] = []

    def send(self, title: str, lines: Sequence[str]) -> bool:
        """Deliver these lines and those that wait; False, after saying so, where that failed."""
        self._unsent = [*self._unsent, *lines][-_MOST_UNSENT:]
        if not self._unsent:
            return True
        try:
            notify(self._targets, f"veeamcheck: {title}", "\n".join(self._unsent))
        except NotifyError as error:
            say(f"veeamcheck: {error}")
            return False
        self._unsent = []
        return True


def follow(report: Report, recorder: Recorder, messenger: Messenger | None) -> bool:
    """Record a run and tell its news to those to be notified; False where one of these failed."""
    if report.run.interrupted:
        say("veeamcheck: this run was interrupted, so it is not recorded")
        return True
    lines = news_lines(recorder.news(report), report)
    recorded = recorder.record(report)
    return (messenger is None or messenger.send(report.run.inventory, lines)) and recorded
