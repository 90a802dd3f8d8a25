"""Ctrl-C and SIGTERM during an audit: the first lets the report be written, the second does not."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import NoReturn, TypeVar

from veeamcheck.cli._exit import END_SIGNALS, Status
from veeamcheck.cli._output import say

T = TypeVar("T")
_SIGNALS = (signal.SIGINT, *END_SIGNALS)
_STOPPING = "stopping; the report of what was done follows (again: end at once)"


def run_interruptibly(
    work: Callable[[asyncio.Event], Awaitable[T]], *, message: str = _STOPPING
) -> T:
    """Run `work` to its end; the event it is given is set when it should come to one early.

    `message` tells the user then what comes next.
    """
    return asyncio.run(_with_signals(work, message))


async def _with_signals(work: Callable[[asyncio.Event], Awaitable[T]], message: str) -> T:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    asked = False

    def ask_to_stop() -> None:
        say(f"veeamcheck: {message}")
        stop.set()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            _end_at_once()
        asked = True
        loop.call_soon_threadsafe(ask_to_stop)

    # Not loop.add_signal_handler: that does not exist on Windows.
    before = {number: signal.signal(number, on_signal) for number in _SIGNALS}
    try:
        return await work(stop)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_at_once() -> NoReturn:
    """Leave without unwinding: what has not stopped when it was asked may not unwind either."""
    if sys.stderr.isatty():
        os.write(2, b"\x1b[?25h\r\n")  # the progress bar hides the cursor
    os._exit(Status.INTERRUPTED)
