"""Telling somebody who is elsewhere: by mail, chat or whatever else apprise speaks.

The targets hold passwords and decide who hears what, so they come from a file that nobody else
can write.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apprise import Apprise

FORM = "one target a line, as apprise writes them (mailto://…, slack://…); # begins a comment"


class NotifyError(Exception):
    """Why nobody could be told, and what to do. Never says what a target is: it holds secrets."""


def read_targets(path: Path) -> tuple[str, ...]:
    """The targets in this file; NotifyError where it holds none or somebody else can write it.

    Who can write a directory on the way to it could put another file in its place, so they count
    too. Not checked on Windows: what decides there is no mode.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:  # Windows' editors begin with a mark
            if sys.platform != "win32":
                _require_ours(path, os.fstat(file.fileno()))
                for directory in path.resolve().parents:
                    _require_ours(directory, directory.stat())
            lines = [line.strip() for line in file]
    except UnicodeDecodeError:
        raise NotifyError(f"{path} is not UTF-8 text; write {FORM}") from None
    except OSError as error:
        raise NotifyError(f"cannot read {path}: {error.strerror or error}") from None
    targets = tuple(line for line in lines if line and not line.startswith("#"))
    if not targets:
        raise NotifyError(f"{path} names no target; write {FORM}")
    _apprise(targets, path)
    return targets


def notify(targets: Sequence[str], title: str, body: str) -> None:
    """Tell all targets, as plain text; NotifyError if one of them could not be told.

    Takes as long as the slowest target does.
    """
    from apprise import NotifyFormat, NotifyType

    told = _apprise(targets).notify(
        title=title, body=body, body_format=NotifyFormat.TEXT, notify_type=NotifyType.WARNING
    )
    if not told:
        raise NotifyError("not everybody could be told")


def _apprise(targets: Sequence[str], path: Path | None = None) -> Apprise:
    try:
        import apprise
    except ImportError:
        raise NotifyError(
            "notifications need apprise; install it with: pip install 'veeamcheck[notify]'"
        ) from None
    made = apprise.Apprise()
    for number, target in enumerate(targets, 1):
        if not made.add(target):
            raise NotifyError(f"{path}: target {number} is none that apprise knows; write {FORM}")
    return made


def _require_ours(path: Path, status: os.stat_result) -> None:
    """NotifyError where anybody but this user and root can write it."""
    if sys.platform == "win32":
        return
    if status.st_uid not in (0, os.geteuid()):
        raise NotifyError(f"{path} belongs to somebody else, who could change who is told")
    others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
    if others and not sticky:
        raise NotifyError(
            f"others can write {path}, and so change who is told; remedy: chmod go-w {path}"
        )
