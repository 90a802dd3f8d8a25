"""The command line: one file a command, found by its name.

A command's module docstring is its help text, and its `app` is what runs; it returns its exit
status. Modules whose names begin with an underscore are what the commands share.
"""

import os
import sys
from typing import NoReturn

_INTERRUPTED = 130


def main() -> NoReturn:
    """The entry point: runs the command line of this process and exits with its status."""
    try:
        from veeamcheck.cli._frame import run_command_line

        status = run_command_line(sys.argv[1:])
    except KeyboardInterrupt:  # so early, or so late, that nobody else was there to take it
        status = _INTERRUPTED
    if status == _INTERRUPTED:
        # Not by sys.exit: an interrupt inside of an exec(), as dataclasses are made with, stays
        # noted in CPython, and `python -m` then ends by the signal, whoever took it.
        os._exit(status)
    sys.exit(status)
