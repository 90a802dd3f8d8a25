"""The exit statuses, and how a command ends before its end."""

import signal
import sys
from enum import IntEnum


class Status(IntEnum):
    """What the process exits with; scripts rely on the numbers."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNPROVEN = 3
    UNWRITTEN = 4
    DEFECT = 70
    INTERRUPTED = 130


END_SIGNALS: tuple[signal.Signals, ...] = (signal.SIGTERM,)
"""By which a service manager ends a program."""
if sys.platform == "win32":  # Ctrl-Break, a closed console, the end of the session
    END_SIGNALS = (*END_SIGNALS, signal.SIGBREAK)


class CommandError(Exception):
    """Ends the command: `message` goes to stderr, `status` to the caller. Never a traceback."""

    def __init__(self, message: str, status: Status = Status.USAGE) -> None:
        super().__init__(message)
        self.status = status
