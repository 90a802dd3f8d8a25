"""Where output goes: stdout carries the report and nothing else, stderr everything else."""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import typer

from veeamcheck.cli._exit import Status


class Output(NamedTuple):
    """A format, and the file for it; None is stdout."""

    format: str
    path: Path | None


def parse_outputs(texts: Sequence[str], formats: Sequence[str], default: str) -> list[Output]:
    """Read ``-o FORMAT[=PATH]`` options; one of the result, the default if need be, is stdout's.

    Raises typer.BadParameter for an unknown format, two for stdout, or a file named twice.
    """
    from veeamcheck.toml.text import suggest

    outputs = []
    for text in texts:
        name, equals, file = text.partition("=")
        if name not in formats:
            raise typer.BadParameter(
                f"{name!r} is no format; there are: {', '.join(formats)}{suggest(name, formats)}",
                param_hint="-o",
            )
        if equals and not file:
            raise typer.BadParameter(f"{text!r} names no file after the =", param_hint="-o")
        outputs.append(Output(name, Path(file) if file else None))
    paths = [output.path for output in outputs]
    if paths.count(None) > 1:
        raise typer.BadParameter(
            "only one format can go to stdout; give the others a file: -o FORMAT=PATH",
            param_hint="-o",
        )
    for path in paths:
        if path and paths.count(path) > 1:
            raise typer.BadParameter(f"{path} is named twice", param_hint="-o")
    return outputs if None in paths else [Output(default, None), *outputs]


def is_plugin(outputs: Sequence[Output]) -> bool:
    """Whether a monitoring system reads stdout: its plugins' exit statuses hold then."""
    return Output("nagios", None) in outputs


def asks_for_plugin(args: Sequence[str]) -> bool:
    """`is_plugin` of a command line that may be too wrong to be read."""
    return any(
        re.fullmatch(r"(-[a-z]*o|--output=)nagios", word)
        or (word == "nagios" and re.fullmatch(r"-[a-z]*o|--output", before))
        for before, word in pairwise(["", *args])
    )


def say(text: str) -> None:
    """A message for the user, on stderr."""
    try:
        typer.echo(text, err=True)
    except OSError:  # nobody reads stderr any more: then there is nobody to tell
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 - lives as long as we


def write_stdout(text: str) -> None:
    """Print a report: always UTF-8, so that it is the same file however it is redirected."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode() if text.endswith("\n") else f"{text}\n".encode())
    sys.stdout.buffer.flush()


def open_streams() -> None:
    """Give a process that was started without stdout or stderr somewhere to write to."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123 - lives as long as it


def write_file(path: Path, content: str | bytes, *, private: bool = False) -> None:
    """Replace the file as a whole or, raising OSError, leave it as it was.

    A `private` file is its owner's alone (on Windows what the directory grants).
    """
    data = content.encode() if isinstance(content, str) else content
    target = Path(os.path.realpath(path))  # a link stays a link
    if target.exists() and not target.is_file():
        # A device or pipe cannot be replaced, only written to (a directory: the error says so).
        target.write_bytes(data)
        return
    # Not by the process's number: in containers that is always the same.
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(draft, "xb", opener=_open_private if private else None) as file:
            # Windows' mode is only whether it can be written, and then also whether removed.
            if sys.platform != "win32" and target.exists() and not private:
                draft.chmod(target.stat().st_mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def reason_of(error: OSError) -> str:
    """An operating system's error in its own words, without number and file name."""
    return error.strerror or str(error)


def close_stdout() -> int:
    """Flush stdout; 0, or the exit status where what was printed could not be delivered.

    A reader that has left (``| head``) is no error. Afterwards the interpreter's own flush at
    exit cannot fail.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            say(f"veeamcheck: cannot write to stdout: {reason_of(error)}")
            return Status.UNWRITTEN
    return Status.OK
