"""Where each platform keeps what programs are told and what they remember, for their user."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def config_directory() -> Path:
    """For what the user tells us; it need not exist."""
    return _directory("XDG_CONFIG_HOME", ".config")


def data_directory() -> Path:
    """For what we remember; it need not exist."""
    return _directory("XDG_DATA_HOME", ".local/share")


def _directory(variable: str, below_home: str) -> Path:
    """Windows and macOS have one place for both."""
    if sys.platform == "win32":
        base = _named("LOCALAPPDATA") or home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = home() / "Library" / "Application Support"
    else:
        base = _named(variable) or home() / below_home
    return base / "veeamcheck"


def _named(variable: str) -> Path | None:
    """The directory in this variable; the XDG specification wants a relative one to be ignored."""
    path = Path(os.environ.get(variable, ""))
    return path if path.is_absolute() else None


def home() -> Path:
    """A user that the system does not know, as containers have them, has none but the root."""
    try:
        return Path.home()
    except RuntimeError:
        return Path(os.path.abspath(os.sep))  # noqa: PTH100 - of the current drive


def expanded(path: str) -> Path:
    """The path with `~` as its user's home; as it is, where the system does not know that."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)
