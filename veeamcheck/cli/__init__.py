"""The command line: one file a command, found by its name.

A command's module docstring is its help text, and its `app` is what runs; it returns its exit
status. Modules whose names begin with an underscore are what the commands share.
"""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """The entry point: runs the command line of this process and exits with its status."""
    try:
        from veeamcheck.cli._frame import run_command_line

        sys.exit(run_command_line(sys.argv[1:]))
    except KeyboardInterrupt:  # so early, or so late, that nobody else was there to take it
        sys.exit(130)
