"""Reading a log as text, whatever wrote it."""

from __future__ import annotations

import codecs
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from veeamcheck.cli._exit import CommandError
from veeamcheck.cli._output import reason_of, say


@contextmanager
def open_log(path: Path | None) -> Iterator[TextIO]:
    """A log's text, read as it is asked for; None is standard input.

    UTF-8, or UTF-16 as Windows writes it with a mark at the beginning; bytes that are neither
    become replacement characters. CommandError where it cannot be read, now or later.
    """
    if path is None and sys.stdin is None:  # the process was started without one
        raise CommandError("there is no standard input; name a file")
    if path is None and sys.stdin.isatty():
        say("reading a log from standard input; Ctrl-D (Windows: Ctrl-Z, Enter) ends it")
    try:
        with path.open("rb") if path else sys.stdin.buffer as file:
            peeked = file.peek(2) if isinstance(file, io.BufferedReader) else b""
            wide = peeked.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
            yield io.TextIOWrapper(file, "utf-16" if wide else "utf-8-sig", errors="replace")
    except OSError as error:
        name = path or "standard input"
        raise CommandError(f"cannot read {name}: {reason_of(error)}") from None
