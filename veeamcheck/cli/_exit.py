"""The exit statuses, and how a command ends before its end."""

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


class CommandError(Exception):
    """Ends the command: `message` goes to stderr, `status` to the caller. Never a traceback."""

    def __init__(self, message: str, status: Status = Status.USAGE) -> None:
        super().__init__(message)
        self.status = status
