"""The terminal that people read reports on."""

from __future__ import annotations

import sys

from rich.console import Console


class StdoutConsole(Console):
    """Stdout, as wide as its terminal, without colour where NO_COLOR says so or it is piped."""

    def __init__(self) -> None:
        super().__init__(file=sys.stdout, highlight=False)

    def on_broken_pipe(self) -> None:
        """Not rich's own way out, which exits with 1: that would say that something fails."""
        raise  # noqa: PLE0704 - rich calls this while it handles the BrokenPipeError
